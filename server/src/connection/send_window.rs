//! How much of what an application writes a connection keeps: what it can send soon.
//!
//! quinn-proto takes as much as its send window says, however slowly the client reads. Of a hundred downloads of 640 KB it
//! had all of them in memory before the first datagram was acknowledged, and of large ones 4 MiB each, on a path that
//! carries a hundredth of that a second. Whoever writes can as well wait.

/// What a connection keeps at least, in bytes: two chunks of a body.
const LEAST: u64 = 128 << 10;

/// The send window for a congestion window, both in bytes, where an application may write `most` bytes ahead of
/// acknowledgements: what is under way, and as much again, to leave when that is acknowledged.
pub(super) fn send_window(congestion_window: u64, most: u64) -> u64 {
    congestion_window.saturating_mul(2).max(LEAST).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_twice_the_congestion_window_within_its_bounds() {
        assert_eq!(send_window(12_000, 4 << 20), LEAST);
        assert_eq!(send_window(1 << 20, 4 << 20), 2 << 20);
        assert_eq!(send_window(3 << 20, 4 << 20), 4 << 20);
        assert_eq!(send_window(u64::MAX, 4 << 20), 4 << 20);
        assert_eq!(send_window(12_000, 1000), 1000);
    }
}
