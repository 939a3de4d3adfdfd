//! The server's certificate: made at start, or read from PEM files.

mod self_signed;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

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
    /// Making one failed, for this reason.
    Generate(String),
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
        let names: Vec<_> = names.into_iter().collect();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (from, until) = (now.saturating_sub(CLOCK_SKEW), now.saturating_add(validity));
        let (certificate, key) = self_signed::make(&names, from, until).map_err(CertificateError::Generate)?;
        Ok(Self { chain: vec![certificate.into()], key: PrivatePkcs8KeyDer::from(key).into() })
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

/// RFC 7468 textual encoding, in Base64 (RFC 4648, section 4) with lines of 64 characters.
fn pem_encode(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        for group in line.chunks(3) {
            let mut bits = [0; 4];
            bits[1..=group.len()].copy_from_slice(group);
            let bits = u32::from_be_bytes(bits);
            for (index, shift) in [18, 12, 6, 0].into_iter().enumerate() {
                let digit = DIGITS[(bits >> shift & 0x3f) as usize];
                pem.push(if index <= group.len() { digit.into() } else { '=' });
            }
        }
        pem.push('\n');
    }
    pem + "-----END " + label + "-----\n"
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
    fn pem_of_any_length_is_what_others_make_of_it() {
        for length in [1, 2, 3, 47, 48, 49, 96, 1000] {
            let der: Vec<u8> = (0..length).map(|byte| (byte * 167) as u8).collect();
            let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
            assert_eq!(pem_encode("A KEY", &der), pem::encode_config(&pem::Pem::new("A KEY", der), config));
        }
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
