//! Sockets for programs that run as WebAssembly in a Chrome Isolated Web App, and natively on Linux.
//!
//! Depending on this crate links `libdirectsockets.js` into a `wasm32-unknown-emscripten` program: `std::net` then
//! works there on Chrome's Direct Sockets, unchanged, with blocking calls that suspend the wasm stack (JSPI). Nothing
//! needs to be called for that; `use socket_iwa as _;` is enough to keep the dependency.
//!
//! Beyond it, for programs that move many datagrams, the crate offers one API on both platforms:
//!
//! - [`UdpSocket`]: receive many datagrams a call, send a run of equal segments a call, wait with a deadline.
//! - [`Stop`]: what ends a server's wait from outside: a signal, the end of standard input, or another thread.
//! - [`inherited_stream`]: a connection to whoever started the program, which a socket's wait watches too.
//! - [`platform`]: the few defaults that differ between the platforms.
//!
//! What differs, and why: natively segmentation offload, ECN and the local address of a datagram come from
//! `quinn-udp`; Direct Sockets (Chromium 156) offers none of the three, so there a segment is a datagram, ECN is
//! absent and the local address is unknown.

mod inherited;
mod lines;
pub mod platform;
// With threads alone: without them Emscripten finds main by itself.
#[cfg(all(target_os = "emscripten", target_feature = "atomics"))]
mod proxied_main;
#[cfg(target_os = "emscripten")]
mod socketpair;
mod stop;
mod udp;
mod wait;

pub use inherited::inherited_stream;
pub use stop::{Stop, Stopper};
pub use udp::{Buffers, Datagram, Options, Segments, Sharing, UdpSocket};
pub use wait::{Beside, MAX_BESIDE, Ready};
