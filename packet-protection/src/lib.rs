//! QUIC packet protection (RFC 9001, section 5) with ChaCha20-Poly1305 (RFC 8439) for rustls, on the 128-bit vectors of
//! WebAssembly.
//!
//! Why it exists: rustls' ciphers are ring's, and ring has ChaCha20 and Poly1305 in WebAssembly as portable code only,
//! one block at a time. On Node 26 (EPYC, packets of 16 KiB; the best of 200 slices of each, in turn) that seals 450 MB/s,
//! this crate 1,000. Others were no faster than ring: RustCrypto's chacha20poly1305 0.11 (no backend for WebAssembly)
//! 370, libcrux (HACL*) 430, chacha20-poly1305 0.2 370 and cryptoxide 0.6 290; graviola and aws-lc have assembler for
//! other processors only. libsodium 1.0.22 uses these vectors for Argon2 alone; its code for SSSE3, made to compile by
//! Emscripten's headers, sealed 640. Tried here and slower: Poly1305 on the vectors too (700: what multiplies two lanes
//! is three instructions in V8), rotations by byte shuffles (V8 builds their mask anew each time), and relaxed SIMD's
//! shuffle (1 % faster). WebAssembly's wide arithmetic is not there yet.
//!
//! What makes it fast: four blocks of ChaCha20 at once, and Poly1305 on scalars while they are made, which leaves the
//! processor neither kind of unit idle (1,000 MB/s, one after the other 800).
//!
//! Natively [`install`] changes nothing: ring's assembler is faster there. The code compiles on every platform all the
//! same, so that its tests run there too. No branch and no address depends on a secret.

mod aead;
mod chacha20;
mod lanes;
mod poly1305;
mod quic;

pub use aead::{Key, NONCE_LENGTH, Refused, TAG_LENGTH};
pub use quic::{CHACHA20_POLY1305, install};
