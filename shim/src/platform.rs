//! The defaults that differ between the platforms, so that programs need not ask which one they run on.

/// What suits this platform best where a program's user has not said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// Browser sockets that one UDP port may be spread over; 1 where a socket is not limited to one write at a time.
    pub stripes: u32,
    /// Bytes of received datagrams that a socket may hold.
    pub receive_buffer: usize,
    /// Whether ChaCha20-Poly1305 beats AES-GCM: true where the processor's AES instructions are out of reach.
    pub prefer_chacha20: bool,
}

/// Browser sockets that a port opens with, where it may have more (`udp-port.js`).
pub const STRIPES_AT_FIRST: u32 = 4;

/// Whether a program can start threads: WebAssembly's are there only where it is compiled for shared memory. A constant, so
/// that what needs them is left out of the program where there are none.
pub const THREADS: bool = cfg!(any(not(target_family = "wasm"), target_feature = "atomics"));

/// Bytes of WebAssembly's memory, used or not; it never shrinks. None natively, where the system tells of a process.
#[must_use]
pub fn wasm_memory() -> Option<u64> {
    #[cfg(target_family = "wasm")]
    return Some(core::arch::wasm32::memory_size::<0>() as u64 * 65_536);
    #[cfg(not(target_family = "wasm"))]
    None
}

/// The defaults for the platform this was compiled for.
///
/// In Chromium a datagram's `write()` is one IPC round trip, so writes on several sockets of one port go out in parallel, and
/// what is sent together is taken together. The library opens four and adds to them while sending needs more
/// (docs/performance.md has what sixteen save).
///
/// In WebAssembly ring seals about six times faster with ChaCha20-Poly1305 than with AES-128-GCM; natively it is the other
/// way round.
pub const DEFAULTS: Defaults = if cfg!(target_family = "wasm") {
    Defaults { stripes: 16, receive_buffer: 4 << 20, prefer_chacha20: true }
} else {
    Defaults { stripes: 1, receive_buffer: 16 << 20, prefer_chacha20: false }
};
