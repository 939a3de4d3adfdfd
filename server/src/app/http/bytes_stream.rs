//! The body of `/bytes/N`: a reproducible stream, so that a client can check a download against its own computation.

use bytes::Bytes;

/// The most bytes that a client can ask for: 1 GiB.
const MAX: u64 = 1 << 30;
/// Bytes made at a time: what one download holds in memory beside the stream's own send buffer.
const CHUNK: usize = 64 << 10;

/// Chunks of at most 64 KiB of little-endian 64-bit words; word k is SplitMix64's finaliser of
/// (k + 1) · 0x9E3779B97F4A7C15, that is, SplitMix64 seeded with 0 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
#[derive(Clone, Debug)]
pub struct BytesStream {
    next_word: u64,
    left: u64,
}

impl BytesStream {
    /// The first `length` bytes of the stream.
    #[must_use]
    pub fn new(length: u64) -> Self {
        Self { next_word: 0, left: length }
    }

    /// The stream at a path, `/bytes/N`; None at another, or if N is no length, or more than 1 GiB.
    #[must_use]
    pub fn at(path: &str) -> Option<Self> {
        length(path.strip_prefix("/bytes/")?).map(Self::new)
    }
}

/// A length that can be asked for.
pub(super) fn length(digits: &str) -> Option<u64> {
    // `parse` alone would take a sign.
    let all = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|&length| all && length <= MAX)
}

/// What word k has been made of k + 1 of.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

fn finish(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Iterator for BytesStream {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.left == 0 {
            return None;
        }
        let length = CHUNK.min(usize::try_from(self.left).unwrap_or(CHUNK));
        // Whole words, of which the vector knows how many there are: byte by byte its growing took five times as long as the
        // words where this is compiled for size, and with room that is cleared first the clearing half as long.
        let words = length.div_ceil(8);
        let mut state = self.next_word.wrapping_mul(STEP);
        let chunk: Vec<[u8; 8]> = (0..words)
            .map(|_| {
                state = state.wrapping_add(STEP);
                finish(state).to_le_bytes()
            })
            .collect();
        self.next_word += words as u64;
        let mut chunk = chunk.into_flattened();
        chunk.truncate(length);
        self.left -= length as u64;
        Some(chunk.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_splitmix64_seeded_with_zero() {
        // The first outputs of the reference implementation.
        let expected = [0xE220_A839_7B1D_CDAF_u64, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F];
        let bytes: Vec<u8> = BytesStream::new(24).flatten().collect();
        assert_eq!(bytes, expected.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>());
    }

    #[test]
    fn any_length_is_a_prefix_of_a_longer_one() {
        let long: Vec<u8> = BytesStream::new(200_000).flatten().collect();
        for length in [0, 1, 7, 8, 9, 65_535, 65_536, 65_537, 131_073] {
            let short: Vec<u8> = BytesStream::new(length).flatten().collect();
            assert_eq!(short, long[..length as usize], "{length} bytes");
        }
    }
}
