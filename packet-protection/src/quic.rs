//! rustls' view of it: the keys of packets and of their headers (RFC 9001, sections 5.3 and 5.4).

use core::array::from_fn;

use rustls::crypto::CryptoProvider;
use rustls::crypto::cipher::{AeadKey, Iv, Nonce};
use rustls::quic::{self, Tag};
use rustls::{CipherSuite, CipherSuiteCommon, Error, SupportedCipherSuite, Tls13CipherSuite};

use crate::aead::{Key, NONCE_LENGTH, TAG_LENGTH};
use crate::chacha20::word;

/// Bytes of ciphertext that a header's mask is made of.
const SAMPLE_LENGTH: usize = 16;
const MAX_PACKET_NUMBER_LENGTH: usize = 4;

/// How rustls makes the keys of QUIC packets with TLS_CHACHA20_POLY1305_SHA256.
pub static CHACHA20_POLY1305: &dyn quic::Algorithm = &Algorithm;

/// Gives the provider's cipher suite TLS_CHACHA20_POLY1305_SHA256, where it has it, this crate's packet protection. In
/// WebAssembly: elsewhere the provider's own is faster, and stays.
pub fn install(provider: &mut CryptoProvider) {
    if !cfg!(target_arch = "wasm32") {
        return;
    }
    for suite in &mut provider.cipher_suites {
        match suite.tls13() {
            Some(tls13) if tls13.common.suite == CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => {
                *suite = with_ours(tls13)
            }
            _ => (),
        }
    }
}

/// rustls wants its suites for ever. A provider is made once for a server, and a suite is a few dozen bytes.
fn with_ours(suite: &'static Tls13CipherSuite) -> SupportedCipherSuite {
    let CipherSuiteCommon { suite: name, hash_provider, confidentiality_limit } = suite.common;
    SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite {
        common: CipherSuiteCommon { suite: name, hash_provider, confidentiality_limit },
        hkdf_provider: suite.hkdf_provider,
        aead_alg: suite.aead_alg,
        quic: Some(CHACHA20_POLY1305),
    })))
}

struct Algorithm;

impl quic::Algorithm for Algorithm {
    fn packet_key(&self, key: AeadKey, iv: Iv) -> Box<dyn quic::PacketKey> {
        Box::new(PacketKey { key: of(&key), iv })
    }

    fn header_protection_key(&self, key: AeadKey) -> Box<dyn quic::HeaderProtectionKey> {
        Box::new(HeaderProtectionKey(of(&key)))
    }

    fn aead_key_len(&self) -> usize {
        32
    }
}

fn of(key: &AeadKey) -> Key {
    Key::new(key.as_ref().try_into().expect("the key has the length that was asked for"))
}

struct PacketKey {
    key: Key,
    iv: Iv,
}

impl quic::PacketKey for PacketKey {
    fn encrypt_in_place(&self, packet_number: u64, header: &[u8], payload: &mut [u8]) -> Result<Tag, Error> {
        if payload.len() as u64 > Key::MAX_DATA {
            return Err(Error::EncryptError);
        }
        let nonce = Nonce::new(&self.iv, packet_number).0;
        Ok(Tag::from(&self.key.seal(&nonce, header, payload)[..]))
    }

    fn decrypt_in_place<'a>(
        &self,
        packet_number: u64,
        header: &[u8],
        payload: &'a mut [u8],
    ) -> Result<&'a [u8], Error> {
        let (data, tag) = payload.split_last_chunk_mut::<TAG_LENGTH>().ok_or(Error::DecryptError)?;
        if data.len() as u64 > Key::MAX_DATA {
            return Err(Error::DecryptError);
        }
        let nonce = Nonce::new(&self.iv, packet_number).0;
        self.key.open(&nonce, header, data, tag).map_err(|_| Error::DecryptError)?;
        Ok(data)
    }

    fn tag_len(&self) -> usize {
        TAG_LENGTH
    }

    /// RFC 9001, section 6.6: more than there are packet numbers.
    fn confidentiality_limit(&self) -> u64 {
        u64::MAX
    }

    /// RFC 9001, section 6.6.
    fn integrity_limit(&self) -> u64 {
        1 << 36
    }
}

struct HeaderProtectionKey(Key);

impl HeaderProtectionKey {
    /// The first byte's mask has its four lowest bits (long header) or five, and the packet number's as many bytes as the
    /// two lowest say: before the first byte is masked, or after it is unmasked.
    fn apply(&self, sample: &[u8], first: &mut u8, number: &mut [u8], is_masked: bool) -> Result<(), Error> {
        let error = if is_masked { Error::DecryptError } else { Error::EncryptError };
        let Ok(sample) = <&[u8; SAMPLE_LENGTH]>::try_from(sample) else { return Err(error) };
        if number.len() > MAX_PACKET_NUMBER_LENGTH {
            return Err(error);
        }
        let nonce: [u8; NONCE_LENGTH] = from_fn(|i| sample[SAMPLE_LENGTH - NONCE_LENGTH + i]);
        let block = self.0.block(word(sample, 0), &nonce);
        let mask = block[0] & if *first & 0x80 == 0 { 0x1f } else { 0x0f };
        let unmasked = if is_masked { *first ^ mask } else { *first };
        *first ^= mask;
        for (byte, mask) in number.iter_mut().zip(&block[1..]).take(usize::from(unmasked & 3) + 1) {
            *byte ^= mask;
        }
        Ok(())
    }
}

impl quic::HeaderProtectionKey for HeaderProtectionKey {
    fn encrypt_in_place(&self, sample: &[u8], first: &mut u8, packet_number: &mut [u8]) -> Result<(), Error> {
        self.apply(sample, first, packet_number, false)
    }

    fn decrypt_in_place(&self, sample: &[u8], first: &mut u8, packet_number: &mut [u8]) -> Result<(), Error> {
        self.apply(sample, first, packet_number, true)
    }

    fn sample_len(&self) -> usize {
        SAMPLE_LENGTH
    }
}
