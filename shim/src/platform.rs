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

/// Bytes of freed memory that a process keeps for its next use, after [`keep_freed_memory`].
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_MEMORY: i32 = 64 << 20;

/// Keeps up to 64 MiB of freed memory where the allocator would give it back to the system at once: glibc does so with
/// what is more than 128 KiB, and a server whose connections fill and empty their buffers has the kernel clear the same
/// pages over and over. WebAssembly's memory is kept in any case. For a program, not a library, to call.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes two numbers, and may be called at any time.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_MEMORY);
    }
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

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    /// Pages that this thread had to be given.
    fn page_faults() -> i64 {
        // SAFETY: all bytes of the structure are integers, and the call fills it.
        unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage), 0);
            usage.ru_minflt
        }
    }

    /// Fills half of what is kept, in pieces as a connection's buffers have them, and frees it.
    fn fill_and_free() -> i64 {
        let before = page_faults();
        let pieces: Vec<_> = (0..KEPT_MEMORY / 2 / 65_536).map(|_| vec![1_u8; 65_536]).collect();
        assert!(pieces.iter().all(|piece| piece[65_535] == 1));
        drop(pieces);
        page_faults() - before
    }

    #[test]
    fn memory_that_was_freed_is_there_for_the_next_use() {
        keep_freed_memory();
        let first = fill_and_free();
        let second = fill_and_free();
        assert!(second < first / 10, "{first} pages at first, {second} the second time");
    }
}
