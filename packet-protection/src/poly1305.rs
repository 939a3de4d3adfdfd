//! Poly1305 (RFC 8439, section 2.5) on 64-bit scalars: numbers are five limbs of 26 bits, and two blocks share one
//! reduction.

use core::array::from_fn;

use subtle::{Choice, ConditionallySelectable};

use crate::aead::TAG_LENGTH;

/// Bytes of a block.
const BLOCK: usize = 16;
/// Bytes of the two blocks that [`Poly1305::pair`] takes.
pub(crate) const PAIR: usize = 2 * BLOCK;

const BITS: u32 = 26;
const MASK: u64 = (1 << BITS) - 1;

/// A number modulo 2^130 - 5. A limb of a reduced one may be a little longer than 26 bits.
type Limbs = [u64; 5];

#[derive(Clone, Copy)]
pub(crate) struct Poly1305 {
    r: Limbs,
    r_squared: Limbs,
    sum: Limbs,
    /// What is added at the end.
    s: (u64, u64),
}

impl Poly1305 {
    /// From a key for one message.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        const CLAMP: (u64, u64) = (0x0fff_fffc_0fff_ffff, 0x0fff_fffc_0fff_fffc);
        let (r, s) = key.split_at(BLOCK);
        let (low, high) = halves(r);
        let r = limbs((low & CLAMP.0, high & CLAMP.1), 0);
        Self { r, r_squared: reduce(multiply(&r, &r)), sum: [0; 5], s: halves(s) }
    }

    /// Two blocks.
    #[inline(always)]
    pub(crate) fn pair(&mut self, blocks: &[u8; PAIR]) {
        let block = |at: usize| limbs(halves(&blocks[at..at + BLOCK]), 1);
        let first = multiply(&add(&self.sum, &block(0)), &self.r_squared);
        let second = multiply(&block(BLOCK), &self.r);
        self.sum = reduce(add(&first, &second));
    }

    /// Any bytes, and zeros up to a whole block.
    pub(crate) fn padded(&mut self, data: &[u8]) {
        let mut pairs = data.chunks_exact(PAIR);
        for pair in pairs.by_ref() {
            self.pair(pair.try_into().expect("two blocks"));
        }
        for bytes in pairs.remainder().chunks(BLOCK) {
            let mut block = [0; BLOCK];
            block[..bytes.len()].copy_from_slice(bytes);
            let sum = add(&self.sum, &limbs(halves(&block), 1));
            self.sum = reduce(multiply(&sum, &self.r));
        }
    }

    pub(crate) fn tag(self) -> [u8; TAG_LENGTH] {
        // Twice: the first carry may make the lowest limb too long again.
        let mut sum = self.sum;
        for _ in 0..2 {
            let top = carry(&mut sum);
            sum[0] += 5 * top;
        }
        carry(&mut sum);
        // The sum is less than 2^130. Where it is not less than 2^130 - 5, adding 5 carries out of the top.
        let mut reduced = sum;
        reduced[0] += 5;
        let is_larger = Choice::from(carry(&mut reduced) as u8);
        let sum: Limbs = from_fn(|i| u64::conditional_select(&sum[i], &reduced[i], is_larger));
        let whole = sum.iter().rev().fold(0_u128, |whole, limb| (whole << BITS) | u128::from(*limb));
        whole.wrapping_add(u128::from(self.s.1) << 64 | u128::from(self.s.0)).to_le_bytes()
    }
}

/// The lower and the upper half.
#[inline(always)]
fn halves(block: &[u8]) -> (u64, u64) {
    let half = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("half a block"));
    (half(&block[..8]), half(&block[8..]))
}

/// A block with the bit above it.
#[inline(always)]
fn limbs(block: (u64, u64), above: u64) -> Limbs {
    let (low, high) = block;
    [
        low & MASK,
        (low >> 26) & MASK,
        ((low >> 52) | (high << 12)) & MASK,
        (high >> 14) & MASK,
        (high >> 40) | (above << 24),
    ]
}

#[inline(always)]
fn add(a: &Limbs, b: &Limbs) -> Limbs {
    from_fn(|i| a[i] + b[i])
}

/// Not reduced. A sum of two reduced numbers times a reduced one has limbs below 2^59.
#[inline(always)]
fn multiply(a: &Limbs, b: &Limbs) -> Limbs {
    // What is above 2^130 is worth five times as much below.
    let five: Limbs = b.map(|limb| 5 * limb);
    [
        a[0] * b[0] + a[1] * five[4] + a[2] * five[3] + a[3] * five[2] + a[4] * five[1],
        a[0] * b[1] + a[1] * b[0] + a[2] * five[4] + a[3] * five[3] + a[4] * five[2],
        a[0] * b[2] + a[1] * b[1] + a[2] * b[0] + a[3] * five[4] + a[4] * five[3],
        a[0] * b[3] + a[1] * b[2] + a[2] * b[1] + a[3] * b[0] + a[4] * five[4],
        a[0] * b[4] + a[1] * b[3] + a[2] * b[2] + a[3] * b[1] + a[4] * b[0],
    ]
}

/// Two chains of carries at once, each longer than a whole round: what is left over is a few bits.
#[inline(always)]
fn reduce(number: Limbs) -> Limbs {
    let [a, b, c, d, e] = number;
    let (b, a) = (b + (a >> BITS), a & MASK);
    let (e, d) = (e + (d >> BITS), d & MASK);
    let (c, b) = (c + (b >> BITS), b & MASK);
    let (a, e) = (a + 5 * (e >> BITS), e & MASK);
    let (d, c) = (d + (c >> BITS), c & MASK);
    let (b, a) = (b + (a >> BITS), a & MASK);
    let (e, d) = (e + (d >> BITS), d & MASK);
    [a, b, c, d, e]
}

/// Makes each limb 26 bits, and returns what is above the highest.
fn carry(number: &mut Limbs) -> u64 {
    let mut over = 0;
    for limb in number {
        *limb += over;
        over = *limb >> BITS;
        *limb &= MASK;
    }
    over
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(r: &[u8], s: u8, data: &[u8]) -> [u8; TAG_LENGTH] {
        let mut key = [s; 32];
        key[..16].fill(0);
        key[..r.len()].copy_from_slice(r);
        let mut mac = Poly1305::new(&key);
        mac.padded(data);
        mac.tag()
    }

    fn with(length: usize, first: u8, rest: u8) -> Vec<u8> {
        let mut bytes = vec![rest; length];
        bytes[0] = first;
        bytes
    }

    /// RFC 8439, appendix A.3, vectors 7 to 13: sums around the modulus, which no keys of packets lead to in a test.
    #[test]
    fn sums_around_the_modulus_are_reduced() {
        assert_eq!(tag(&[2], 0, &[0xff; 16])[..], with(16, 3, 0));
        assert_eq!(tag(&[2], 0xff, &with(16, 2, 0))[..], with(16, 3, 0));
        let carries = [vec![0xff; 16], with(16, 0xf0, 0xff), with(16, 0x11, 0)].concat();
        assert_eq!(tag(&[1], 0, &carries)[..], with(16, 5, 0));
        let modulus = [vec![0xff; 16], with(16, 0xfb, 0xfe), vec![1; 16]].concat();
        assert_eq!(tag(&[1], 0, &modulus), [0; 16]);
        assert_eq!(tag(&[2], 0, &with(16, 0xfd, 0xff))[..], with(16, 0xfa, 0xff));

        let r = [1, 0, 0, 0, 0, 0, 0, 0, 4];
        let two = [
            [0xe3, 0x35, 0x94, 0xd7, 0x50, 0x5e, 0x43, 0xb9, 0, 0, 0, 0, 0, 0, 0, 0],
            [0x33, 0x94, 0xd7, 0x50, 0x5e, 0x43, 0x79, 0xcd, 1, 0, 0, 0, 0, 0, 0, 0],
            [0; 16],
        ];
        let two = two.as_flattened();
        let mut expected = with(16, 0x14, 0);
        expected[8] = 0x55;
        assert_eq!(tag(&r, 0, &[two, &with(16, 1, 0)].concat())[..], expected);
        assert_eq!(tag(&r, 0, two)[..], with(16, 0x13, 0));
    }
}
