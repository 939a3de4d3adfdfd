//! ChaCha20 (RFC 8439, section 2.3), four blocks at once: each vector has one word of the state of four blocks.

use core::array::from_fn;

use crate::lanes::{Lanes, WIDTH};

/// Bytes of four blocks.
pub(crate) const GROUP: usize = 4 * 64;
/// How often [`State::four_blocks`] lets something else be done.
pub(crate) const DOUBLE_ROUNDS: usize = 10;

/// "expand 32-byte k"
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// Step by step in turn: none waits for the one before.
macro_rules! quarter_rounds {
    ($x:ident, $([$a:literal, $b:literal, $c:literal, $d:literal]),*) => {
        $($x[$a] = $x[$a].add($x[$b]);)*
        $($x[$d] = $x[$d].xor($x[$a]).rotate_left::<16>();)*
        $($x[$c] = $x[$c].add($x[$d]);)*
        $($x[$b] = $x[$b].xor($x[$c]).rotate_left::<12>();)*
        $($x[$a] = $x[$a].add($x[$b]);)*
        $($x[$d] = $x[$d].xor($x[$a]).rotate_left::<8>();)*
        $($x[$c] = $x[$c].add($x[$d]);)*
        $($x[$b] = $x[$b].xor($x[$c]).rotate_left::<7>();)*
    };
}

/// Key and nonce.
pub(crate) struct State {
    /// The block counter's word is 0.
    words: [u32; 16],
}

/// The key stream of four blocks, in order.
pub(crate) struct Stream([[Lanes; 4]; 4]);

impl State {
    pub(crate) fn new(key: &[u32; 8], nonce: &[u8; 12]) -> Self {
        let mut words = [0; 16];
        words[..4].copy_from_slice(&CONSTANTS);
        words[4..12].copy_from_slice(key);
        words[13..].copy_from_slice(&[0, 4, 8].map(|at| word(nonce, at)));
        Self { words }
    }

    /// The bytes of the blocks from number `counter` on, for what is no bulk of data.
    #[inline(never)]
    pub(crate) fn bytes(&self, counter: u32) -> [u8; GROUP] {
        self.four_blocks(counter, || ()).bytes()
    }

    /// The blocks from number `counter` on. `meanwhile` is called [`DOUBLE_ROUNDS`] times: work on scalars finds the
    /// processor's units for them unused.
    #[inline(always)]
    pub(crate) fn four_blocks(&self, counter: u32, mut meanwhile: impl FnMut()) -> Stream {
        let counters = Lanes::new([0, 1, 2, 3].map(|block| counter.wrapping_add(block)));
        let mut x: [Lanes; 16] = from_fn(|i| Lanes::splat(self.words[i]));
        x[12] = counters;
        for _ in 0..DOUBLE_ROUNDS {
            quarter_rounds!(x, [0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]);
            quarter_rounds!(x, [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]);
            meanwhile();
        }
        let word = |i: usize| x[i].add(if i == 12 { counters } else { Lanes::splat(self.words[i]) });
        let words = |first: usize| Lanes::transpose([word(first), word(first + 1), word(first + 2), word(first + 3)]);
        // Neither a loop nor an index that varies: the compiler would keep the state in memory.
        let (a, b, c, d) = (words(0), words(4), words(8), words(12));
        Stream([[a[0], b[0], c[0], d[0]], [a[1], b[1], c[1], d[1]], [a[2], b[2], c[2], d[2]], [a[3], b[3], c[3], d[3]]])
    }
}

impl Stream {
    #[inline(always)]
    fn bytes(&self) -> [u8; GROUP] {
        let mut bytes = [0; GROUP];
        for (bytes, lanes) in bytes.chunks_exact_mut(WIDTH).zip(self.0.as_flattened()) {
            bytes.copy_from_slice(&lanes.to_bytes());
        }
        bytes
    }

    /// Encrypts or decrypts up to [`GROUP`] bytes.
    #[inline(always)]
    pub(crate) fn apply(&self, data: &mut [u8]) {
        if let Ok(data) = <&mut [u8; GROUP]>::try_from(&mut *data) {
            for (data, lanes) in data.chunks_exact_mut(WIDTH).zip(self.0.as_flattened()) {
                let data: &mut [u8; WIDTH] = data.try_into().expect("a chunk has the width");
                *data = Lanes::from_bytes(data).xor(*lanes).to_bytes();
            }
        } else {
            apply(&self.bytes(), data);
        }
    }
}

/// Encrypts or decrypts with a key stream.
#[inline(always)]
pub(crate) fn apply(stream: &[u8], data: &mut [u8]) {
    for (data, stream) in data.iter_mut().zip(stream) {
        *data ^= stream;
    }
}

/// The little-endian number at an index of bytes.
pub(crate) fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(from_fn(|i| bytes[at + i]))
}
