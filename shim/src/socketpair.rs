//! `socketpair()` in WebAssembly, and with it [`UnixStream::pair`](std::os::unix::net::UnixStream::pair) and
//! `UnixDatagram::pair`: what emscripten-lib/libc.c is to C. Emscripten's libc has the function, on a stub (ENOSYS),
//! and the linker takes what is native before what a JavaScript library has.

use std::ffi::c_int;

unsafe extern "C" {
    /// Of libdirectsockets.js: 0, or the negative errno.
    fn __directsockets_socketpair(domain: c_int, kind: c_int, protocol: c_int, descriptors: *mut c_int) -> c_int;
}

/// In the place of libc's. Not of the system call that it makes, which the linker may have from libc's stubs before it looks
/// here.
#[unsafe(no_mangle)]
unsafe extern "C" fn socketpair(domain: c_int, kind: c_int, protocol: c_int, descriptors: *mut c_int) -> c_int {
    // SAFETY: the library checks the pointer as the kernel would.
    let result = unsafe { __directsockets_socketpair(domain, kind, protocol, descriptors) };
    if result >= 0 {
        return result;
    }
    // SAFETY: it is this thread's own.
    unsafe { *libc::__errno_location() = -result };
    -1
}
