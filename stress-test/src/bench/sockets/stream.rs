//! The reproducible stream of bulk transfers, as subject.c and bare.js have it.

/// It repeats after so many bytes, a prime: a piece that is lost or doubled shifts all that follows.
const PERIOD: usize = 1_048_573;
/// The longest piece that `at` gives.
pub(super) const PIECE: usize = 1 << 20;

/// The stream, from any position.
pub(super) struct Stream(Vec<u8>);

impl Stream {
    pub(super) fn new() -> Self {
        let byte = |index: usize| {
            let k = (index as u32).wrapping_mul(2_654_435_761);
            ((k >> 24) ^ (k >> 13)) as u8
        };
        let period: Vec<u8> = (0..PERIOD).map(byte).collect();
        Self([&period[..], &period.repeat(2)[..PIECE]].concat())
    }

    /// The `length` bytes from `position` on, PIECE at most.
    pub(super) fn at(&self, position: u64, length: usize) -> &[u8] {
        let start = (position % PERIOD as u64) as usize;
        &self.0[start..start + length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_one_from_any_position() {
        let stream = Stream::new();
        let far = 7 * PERIOD as u64;
        assert_eq!(stream.at(far + 5, 1000), stream.at(5, 1000));
        let end = PERIOD as u64 - 10;
        assert_eq!(stream.at(end, 20)[10..], *stream.at(0, 10));
        assert_ne!(stream.at(0, 1000), stream.at(1000, 1000));
    }
}
