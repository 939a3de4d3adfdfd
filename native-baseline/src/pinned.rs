//! Trust in certificates, by the SHA-256 of their DER.

use std::str::FromStr;
use std::sync::{Arc, Mutex};

use rustls::DigitallySignedStruct;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

/// SHA-256 of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin([u8; 32]);

/// Trust in several certificates, more of which may be added while it is in use; it counts how often a server had to show
/// one, which it has not when a session is resumed.
#[derive(Clone, Debug, Default)]
pub struct Pins(Arc<Mutex<Trust>>);

#[derive(Debug, Default)]
struct Trust {
    pins: Vec<Pin>,
    verified: usize,
}

impl Pins {
    /// Trusts the certificate `pin`.
    pub fn add(&self, pin: Pin) {
        self.trust().pins.push(pin);
    }

    /// How many certificates were verified so far.
    #[must_use]
    pub fn verified(&self) -> usize {
        self.trust().verified
    }

    /// Verifies certificates by these pins.
    #[must_use]
    pub fn verifier(&self) -> Arc<dyn ServerCertVerifier> {
        Arc::new(PinnedVerifier { pins: self.clone(), algorithms: algorithms() })
    }

    fn trust(&self) -> std::sync::MutexGuard<'_, Trust> {
        self.0.lock().expect("nothing panics with the pins locked")
    }
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    rustls::crypto::ring::default_provider().signature_verification_algorithms
}

impl FromStr for Pin {
    type Err = String;

    /// From 64 hexadecimal digits; colons between them are ignored.
    fn from_str(text: &str) -> Result<Self, String> {
        let digits: Vec<u32> = text.chars().filter(|&char| char != ':').filter_map(|char| char.to_digit(16)).collect();
        let length = text.chars().filter(|&char| char != ':').count();
        if digits.len() != 64 || length != 64 {
            return Err("a SHA-256 has 64 hexadecimal digits".into());
        }
        Ok(Self(std::array::from_fn(|byte| (digits[2 * byte] * 16 + digits[2 * byte + 1]) as u8)))
    }
}

impl Pin {
    /// Verifies certificates by this pin.
    #[must_use]
    pub fn verifier(self) -> Arc<dyn ServerCertVerifier> {
        let pins = Pins::default();
        pins.add(self);
        pins.verifier()
    }
}

#[derive(Debug)]
struct PinnedVerifier {
    pins: Pins,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let digest = ring::digest::digest(&ring::digest::SHA256, end_entity);
        let mut trust = self.pins.trust();
        trust.verified += 1;
        if trust.pins.iter().any(|pin| digest.as_ref() == pin.0) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General("the server's certificate has another SHA-256".into()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_64_hexadecimal_digits_with_or_without_colons() {
        let plain: Pin = "0123456789abcdef".repeat(4).parse().unwrap();
        let colons: Pin = ["01:23:45:67:89:AB:CD:EF"; 4].join(":").parse().unwrap();
        assert_eq!(plain, colons);
        assert_eq!(plain.0[..3], [0x01, 0x23, 0x45]);
        for wrong in ["", "0123", &"g".repeat(64), &"0".repeat(65), &format!("{}é", "0".repeat(63))] {
            assert!(wrong.parse::<Pin>().is_err(), "{wrong}");
        }
    }
}
