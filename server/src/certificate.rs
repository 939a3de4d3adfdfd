//! The server's certificate: made at start, or read from PEM files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

/// How long a generated certificate is valid. `serverCertificateHashes` of WebTransport accepts a certificate without
/// a known issuer only if it is valid for at most two weeks and its key is ECDSA P-256 (W3C WebTransport, custom
/// certificate requirements).
pub const GENERATED_VALIDITY: Duration = Duration::from_secs(13 * 24 * 60 * 60);
/// Validity starts this long before now, for clients whose clocks are behind.
const CLOCK_SKEW: Duration = Duration::from_secs(60 * 60);

/// A certificate chain and its private key.
#[derive(Debug)]
pub struct Certificate {
    /// The chain, the server's own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the first certificate.
    pub key: PrivateKeyDer<'static>,
}

impl Clone for Certificate {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

/// Why there is no certificate.
#[derive(Debug)]
pub enum CertificateError {
    /// A PEM file can't be read, or holds nothing of the kind.
    Pem {
        /// The file.
        path: PathBuf,
        /// What was expected of it.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Making one failed.
    Generate(rcgen::Error),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem { path, expected, reason } => {
                write!(f, "{}: no {expected} in PEM format: {reason}", path.display())
            }
            Self::Generate(error) => write!(f, "making a certificate failed: {error}"),
        }
    }
}

impl std::error::Error for CertificateError {}

impl Certificate {
    /// Makes a self-signed ECDSA P-256 certificate for `names` (DNS names or IP addresses), valid for 13 days.
    ///
    /// # Errors
    ///
    /// When a name is neither, or there is no randomness.
    pub fn generate(names: impl IntoIterator<Item = String>) -> Result<Self, CertificateError> {
        Self::generate_for(names, GENERATED_VALIDITY)
    }

    /// As [`generate`](Self::generate), but valid for another time from now, and an hour back.
    ///
    /// # Errors
    ///
    /// When a name is neither, or there is no randomness.
    pub fn generate_for(names: impl IntoIterator<Item = String>, validity: Duration) -> Result<Self, CertificateError> {
        let generate = || {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
            let mut params = CertificateParams::new(names.into_iter().collect::<Vec<_>>())?;
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, "Socket.IWA server");
            params.not_before = OffsetDateTime::now_utc() - CLOCK_SKEW;
            params.not_after = params.not_before + CLOCK_SKEW + validity;
            let certificate = params.self_signed(&key)?;
            Ok(Self {
                chain: vec![certificate.der().clone()],
                key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            })
        };
        generate().map_err(CertificateError::Generate)
    }

    /// Reads a chain and a key (PKCS #8, PKCS #1 or SEC 1) from PEM files.
    ///
    /// # Errors
    ///
    /// When a file can't be read or holds no certificate or key.
    pub fn from_pem_files(chain: &Path, key: &Path) -> Result<Self, CertificateError> {
        let pem = |path: &Path, expected, reason: String| CertificateError::Pem { path: path.into(), expected, reason };
        let certificates = CertificateDer::pem_file_iter(chain)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| pem(chain, "certificate", error.to_string()))?;
        if certificates.is_empty() {
            return Err(pem(chain, "certificate", "the file holds none".into()));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| pem(key, "private key", error.to_string()))?;
        Ok(Self { chain: certificates, key })
    }

    /// SHA-256 of the server's own certificate in DER, as `serverCertificateHashes` wants it: lower-case hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.chain[0]);
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The key in PEM.
    pub(crate) fn key_pem(&self) -> String {
        let label = match self.key {
            PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
            PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
            _ => "PRIVATE KEY",
        };
        pem_encode(label, self.key.secret_der())
    }

    /// What [`to_pem`](Self::to_pem) and [`key_pem`](Self::key_pem) have made. None: they have not.
    pub(crate) fn from_pem(chain: &str, key: &str) -> Option<Self> {
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>().ok()?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).ok()?;
        (!chain.is_empty()).then_some(Self { chain, key })
    }

    /// The chain in PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.chain.iter().map(|certificate| pem_encode("CERTIFICATE", certificate)).collect()
    }
}

/// RFC 7468 textual encoding with lines of 64 characters.
fn pem_encode(label: &str, der: &[u8]) -> String {
    pem::encode_config(&pem::Pem::new(label, der), pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_certificate_survives_the_way_through_pem_files() {
        let made = Certificate::generate(["localhost".into(), "127.0.0.1".into()]).unwrap();
        let directory = std::env::temp_dir().join(format!("socket-iwa-certificate-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (chain, key) = (directory.join("cert.pem"), directory.join("key.pem"));
        std::fs::write(&chain, made.to_pem()).unwrap();
        std::fs::write(&key, made.key_pem()).unwrap();
        let read = Certificate::from_pem_files(&chain, &key).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(read.chain, made.chain);
        assert_eq!(read.key, made.key);
        assert_eq!(read.sha256(), made.sha256());
        assert_eq!(made.sha256().len(), 64);
    }

    #[test]
    fn a_file_that_is_not_pem_is_named() {
        let path = std::env::temp_dir().join(format!("socket-iwa-not-pem-{}", std::process::id()));
        std::fs::write(&path, "not a certificate").unwrap();
        let error = Certificate::from_pem_files(&path, &path).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(error.starts_with(&path.display().to_string()), "{error}");
        assert!(error.contains("no certificate in PEM format"), "{error}");
    }
}
