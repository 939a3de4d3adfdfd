//! The cryptography behind TLS, without what only those need who verify others.

use rustls::Error;
use rustls::crypto::{CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use std::sync::Arc;

/// ring's, as rustls' own `default_provider()`, but for the verification of signatures: clients are asked for no
/// certificate, so there never is one to verify. Linked all the same, its algorithms are 3 % of what a browser loads
/// (docs/size.md).
pub(crate) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: ring::DEFAULT_CIPHER_SUITES.to_vec(),
        kx_groups: ring::DEFAULT_KX_GROUPS.to_vec(),
        signature_verification_algorithms: WebPkiSupportedAlgorithms { all: &[], mapping: &[] },
        secure_random: &Ring,
        key_provider: &Ring,
    }
}

#[derive(Debug)]
struct Ring;

impl SecureRandom for Ring {
    fn fill(&self, into: &mut [u8]) -> Result<(), GetRandomFailed> {
        use ::ring::rand::SecureRandom;
        ::ring::rand::SystemRandom::new().fill(into).map_err(|_| GetRandomFailed)
    }
}

impl KeyProvider for Ring {
    fn load_private_key(&self, key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        ring::sign::any_supported_type(&key)
    }
}
