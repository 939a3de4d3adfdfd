//! Sockets for WebAssembly (in progress).
