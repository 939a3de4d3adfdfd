//! `main` under the name by which Emscripten's start of a program with threads calls it. clang gives that name to every
//! `main` with arguments, rustc leaves its own as it is, and Emscripten takes that for the same only without
//! `-sPROXY_TO_PTHREAD`: `undefined symbol: main` (crt1_proxy_main.c of Emscripten 6.0.5, rustc 1.99).

use std::ffi::{c_char, c_int};

unsafe extern "C" {
    /// What rustc makes of the program's own.
    fn main(count: c_int, arguments: *mut *mut c_char) -> c_int;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap___main_argc_argv(count: c_int, arguments: *mut *mut c_char) -> c_int {
    // SAFETY: the same function, with what it is called with.
    unsafe { main(count, arguments) }
}
