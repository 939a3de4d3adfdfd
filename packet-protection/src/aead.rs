//! ChaCha20-Poly1305 (RFC 8439, section 2.8), in place.

use core::array::from_fn;

use subtle::ConstantTimeEq;

use crate::chacha20::{DOUBLE_ROUNDS, GROUP, State, apply, word};
use crate::poly1305::{PAIR, Poly1305};

/// Bytes of a nonce.
pub const NONCE_LENGTH: usize = 12;
/// Bytes of a tag.
pub const TAG_LENGTH: usize = 16;

/// The first block of the key stream is the key of Poly1305, the data begins with the second.
const FIRST: usize = 64;

/// What is sealed was not sealed with this key, nonce and additional data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// A key of ChaCha20-Poly1305.
pub struct Key([u32; 8]);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Seal,
    Open,
}

impl Key {
    /// The most bytes of data that the block counter of 32 bits allows (RFC 8439, section 2.8).
    pub const MAX_DATA: u64 = (u32::MAX as u64) * 64;

    /// From its 32 bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(from_fn(|i| word(bytes, 4 * i)))
    }

    /// Encrypts `data` in place and returns the tag. A nonce serves for one message with a key, never for another.
    ///
    /// # Panics
    ///
    /// When there is more than [`Key::MAX_DATA`].
    pub fn seal(&self, nonce: &[u8; NONCE_LENGTH], aad: &[u8], data: &mut [u8]) -> [u8; TAG_LENGTH] {
        self.crypt(nonce, aad, data, Direction::Seal)
    }

    /// Decrypts `data` in place.
    ///
    /// # Errors
    ///
    /// When the tag does not fit. `data` is then worthless, and not what it was.
    ///
    /// # Panics
    ///
    /// When there is more than [`Key::MAX_DATA`].
    pub fn open(
        &self,
        nonce: &[u8; NONCE_LENGTH],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG_LENGTH],
    ) -> Result<(), Refused> {
        let expected = self.crypt(nonce, aad, data, Direction::Open);
        // In constant time: how many bytes fit would help to forge a tag.
        if bool::from(expected.ct_eq(tag)) { Ok(()) } else { Err(Refused) }
    }

    /// The block of a sample (RFC 9001, section 5.4.4), of which the first five bytes are a header's mask.
    pub(crate) fn block(&self, counter: u32, nonce: &[u8; NONCE_LENGTH]) -> [u8; GROUP] {
        State::new(&self.0, nonce).bytes(counter)
    }

    /// Encrypts or decrypts, and returns the tag.
    fn crypt(&self, nonce: &[u8; NONCE_LENGTH], aad: &[u8], data: &mut [u8], direction: Direction) -> [u8; TAG_LENGTH] {
        assert!(data.len() as u64 <= Self::MAX_DATA, "too much data for one nonce");
        let state = State::new(&self.0, nonce);
        let stream = state.bytes(0);
        let mut mac = Poly1305::new(&from_fn(|i| stream[i]));
        mac.padded(aad);

        let length = data.len();
        let (head, groups) = data.split_at_mut(length.min(GROUP - FIRST));
        if direction == Direction::Open {
            mac.padded(head);
        }
        apply(&stream[FIRST..], head);
        // Sealed, not authenticated yet: whole pairs of blocks, but for the last group.
        let mut sealed: &[u8] = head;
        let mut counter = 4;
        for data in groups.chunks_mut(GROUP) {
            group(&state, counter, &mut mac, (direction == Direction::Seal).then_some(sealed), data);
            sealed = data;
            // The counter may wrap behind the last group that is allowed.
            counter = counter.wrapping_add(4);
        }
        if direction == Direction::Seal {
            mac.padded(sealed);
        }

        let mut lengths = [0; 16];
        lengths[..8].copy_from_slice(&(aad.len() as u64).to_le_bytes());
        lengths[8..].copy_from_slice(&(length as u64).to_le_bytes());
        mac.padded(&lengths);
        mac.tag()
    }
}

/// Encrypts or decrypts up to a group of blocks, and authenticates as much: `sealed`, or what `data` is before.
#[inline(never)]
fn group(state: &State, counter: u32, mac: &mut Poly1305, sealed: Option<&[u8]>, data: &mut [u8]) {
    const { assert!(GROUP / PAIR <= DOUBLE_ROUNDS, "a group is authenticated while another is made") };
    let mut pairs = sealed.unwrap_or(data).chunks_exact(PAIR);
    // Of a copy the compiler knows that nobody else looks at it, and keeps it out of memory.
    let mut copy = *mac;
    let stream = state.four_blocks(counter, || {
        if let Some(pair) = pairs.next() {
            copy.pair(pair.try_into().expect("a pair of blocks"));
        }
    });
    *mac = copy;
    mac.padded(pairs.remainder());
    stream.apply(data);
}
