//! `socketpair()` in WebAssembly, and with it [`UnixStream::pair`](std::os::unix::net::UnixStream::pair) and
//! `UnixDatagram::pair`: what emscripten-lib/socketpair.c is to C. Emscripten's libc has a stub for this call, ENOSYS, which
//! the linker would take before a function of a JavaScript library.

use std::ffi::c_int;

unsafe extern "C" {
    /// Of libdirectsockets.js: 0, or the negative errno.
    fn __directsockets_socketpair(domain: c_int, kind: c_int, protocol: c_int, descriptors: isize) -> c_int;
}

/// What libc's `socketpair` calls.
#[unsafe(no_mangle)]
extern "C" fn __syscall_socketpair(
    domain: c_int,
    kind: c_int,
    protocol: c_int,
    descriptors: isize,
    _unused1: c_int,
    _unused2: c_int,
) -> c_int {
    // SAFETY: the library checks the pointer as the kernel would.
    unsafe { __directsockets_socketpair(domain, kind, protocol, descriptors) }
}
