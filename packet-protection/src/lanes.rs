//! Four 32-bit numbers at once: WebAssembly's vectors where the build has them (`+simd128`), an array elsewhere.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) use simd128::Lanes;

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub(crate) use portable::Lanes;

/// Bytes of one.
pub(crate) const WIDTH: usize = 16;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128 {
    use core::arch::wasm32::{
        i8x16_shuffle, i32x4_add, i32x4_shuffle, i64x2_shuffle, u32x4, u32x4_shl, u32x4_shr, u32x4_splat, u64x2,
        u64x2_extract_lane, v128, v128_or, v128_xor,
    };

    use super::WIDTH;

    #[derive(Clone, Copy)]
    pub(crate) struct Lanes(v128);

    impl Lanes {
        #[inline(always)]
        pub(crate) fn new([a, b, c, d]: [u32; 4]) -> Self {
            Self(u32x4(a, b, c, d))
        }

        #[inline(always)]
        pub(crate) fn splat(value: u32) -> Self {
            Self(u32x4_splat(value))
        }

        /// Little-endian.
        #[inline(always)]
        pub(crate) fn from_bytes(bytes: &[u8; WIDTH]) -> Self {
            let half = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("half of 16 bytes"));
            Self(u64x2(half(&bytes[..8]), half(&bytes[8..])))
        }

        /// Little-endian.
        #[inline(always)]
        pub(crate) fn to_bytes(self) -> [u8; WIDTH] {
            let mut bytes = [0; WIDTH];
            bytes[..8].copy_from_slice(&u64x2_extract_lane::<0>(self.0).to_le_bytes());
            bytes[8..].copy_from_slice(&u64x2_extract_lane::<1>(self.0).to_le_bytes());
            bytes
        }

        /// Modulo 2^32.
        #[inline(always)]
        pub(crate) fn add(self, other: Self) -> Self {
            Self(i32x4_add(self.0, other.0))
        }

        #[inline(always)]
        pub(crate) fn xor(self, other: Self) -> Self {
            Self(v128_xor(self.0, other.0))
        }

        #[inline(always)]
        pub(crate) fn rotate_left<const BITS: u32>(self) -> Self {
            if BITS == 16 {
                // As a shuffle of 16-bit halves it is two instructions in V8. Any other shuffle of bytes is more than the
                // three of shifts.
                return Self(i8x16_shuffle::<2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13>(self.0, self.0));
            }
            Self(v128_or(u32x4_shl(self.0, BITS), u32x4_shr(self.0, 32 - BITS)))
        }

        /// Rows become columns.
        #[inline(always)]
        pub(crate) fn transpose([a, b, c, d]: [Self; 4]) -> [Self; 4] {
            let ab = [i32x4_shuffle::<0, 4, 1, 5>(a.0, b.0), i32x4_shuffle::<2, 6, 3, 7>(a.0, b.0)];
            let cd = [i32x4_shuffle::<0, 4, 1, 5>(c.0, d.0), i32x4_shuffle::<2, 6, 3, 7>(c.0, d.0)];
            [
                Self(i64x2_shuffle::<0, 2>(ab[0], cd[0])),
                Self(i64x2_shuffle::<1, 3>(ab[0], cd[0])),
                Self(i64x2_shuffle::<0, 2>(ab[1], cd[1])),
                Self(i64x2_shuffle::<1, 3>(ab[1], cd[1])),
            ]
        }
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod portable {
    use core::array::from_fn;

    use super::WIDTH;

    #[derive(Clone, Copy)]
    pub(crate) struct Lanes([u32; 4]);

    impl Lanes {
        #[inline(always)]
        pub(crate) fn new(lanes: [u32; 4]) -> Self {
            Self(lanes)
        }

        #[inline(always)]
        pub(crate) fn splat(value: u32) -> Self {
            Self([value; 4])
        }

        /// Little-endian.
        #[inline(always)]
        pub(crate) fn from_bytes(bytes: &[u8; WIDTH]) -> Self {
            Self(from_fn(|lane| u32::from_le_bytes(from_fn(|i| bytes[4 * lane + i]))))
        }

        /// Little-endian.
        #[inline(always)]
        pub(crate) fn to_bytes(self) -> [u8; WIDTH] {
            from_fn(|i| self.0[i / 4].to_le_bytes()[i % 4])
        }

        /// Modulo 2^32.
        #[inline(always)]
        pub(crate) fn add(self, other: Self) -> Self {
            Self(from_fn(|lane| self.0[lane].wrapping_add(other.0[lane])))
        }

        #[inline(always)]
        pub(crate) fn xor(self, other: Self) -> Self {
            Self(from_fn(|lane| self.0[lane] ^ other.0[lane]))
        }

        #[inline(always)]
        pub(crate) fn rotate_left<const BITS: u32>(self) -> Self {
            Self(self.0.map(|lane| lane.rotate_left(BITS)))
        }

        /// Rows become columns.
        #[inline(always)]
        pub(crate) fn transpose(rows: [Self; 4]) -> [Self; 4] {
            from_fn(|column| Self(from_fn(|row| rows[row].0[column])))
        }
    }
}
