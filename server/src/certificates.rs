//! The certificate that handshakes are answered with, over time: made again before it expires, or read again when asked.
//! Connections keep the one they began with, and live on.
//!
//! A page that trusts a certificate by its hash (`serverCertificateHashes`) needs the next one's hash before that is
//! used. So the next one is made half a lifetime ahead of the current one's end, its hash published beside the current
//! one's, and it takes over when a quarter is left.

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::provider::provider;
use crate::workers::message::CertificateNews;
use crate::{Certificate, CertificateError};

/// The longest wait: the clock of a machine that slept goes on, that of a wait may not have.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Where a server's certificate comes from.
#[derive(Clone, Debug)]
pub enum CertificateSource {
    /// Made here, self-signed, for these DNS names and IP addresses.
    Generated {
        /// The names.
        names: Vec<String>,
        /// How long each is valid; at most two weeks for `serverCertificateHashes`.
        validity: Duration,
    },
    /// PEM files, read again when the server is asked to.
    Files {
        /// The chain, the server's own certificate first.
        chain: PathBuf,
        /// The first one's key.
        key: PathBuf,
    },
}

impl CertificateSource {
    /// Makes or reads a certificate.
    ///
    /// # Errors
    ///
    /// As [`Certificate::generate`] and [`Certificate::from_pem_files`].
    pub fn load(&self) -> Result<Certificate, CertificateError> {
        match self {
            Self::Generated { names, validity } => Certificate::generate_for(names.clone(), *validity),
            Self::Files { chain, key } => Certificate::from_pem_files(chain, key),
        }
    }
}

/// What clients may be told of a server's certificates: SHA-256 hashes in lower-case hexadecimal, and PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The one that handshakes are answered with.
    pub sha256: String,
    /// Its chain.
    pub pem: String,
    /// The one that will be next, once it is made.
    pub next_sha256: Option<String>,
}

impl Published {
    fn new(current: &Certificate, next: Option<&Certificate>) -> Self {
        Self { sha256: current.sha256(), pem: current.to_pem(), next_sha256: next.map(Certificate::sha256) }
    }
}

/// Answers handshakes with whatever certificate is in force.
pub(crate) struct Resolver(Mutex<Arc<CertifiedKey>>);

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn certified(certificate: &Certificate) -> Result<Arc<CertifiedKey>, String> {
    let key = certificate.key.clone_key();
    CertifiedKey::from_der(certificate.chain.clone(), key, &provider())
        .map(Arc::new)
        .map_err(|error| format!("the certificate and its key can't be used: {error}"))
}

impl Resolver {
    /// # Errors
    ///
    /// When the certificate and its key don't fit each other.
    pub(crate) fn new(certificate: &Certificate) -> Result<Arc<Self>, String> {
        Ok(Arc::new(Self(Mutex::new(certified(certificate)?))))
    }

    fn set(&self, certificate: &Certificate) -> Result<(), String> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = certified(certificate)?;
        Ok(())
    }
}

/// A server's certificates, now and next.
pub(crate) struct Certificates {
    resolver: Arc<Resolver>,
    source: Option<CertificateSource>,
    /// Shared with the applications.
    pub(crate) published: Rc<RefCell<Published>>,
    current: Dated,
    next: Option<Dated>,
}

struct Dated {
    certificate: Certificate,
    made: SystemTime,
}

impl Certificates {
    /// With one that stays until there is a source.
    pub(crate) fn new(resolver: Arc<Resolver>, certificate: &Certificate) -> Self {
        let published = Rc::new(RefCell::new(Published::new(certificate, None)));
        let current = Dated { certificate: certificate.clone(), made: SystemTime::now() };
        Self { resolver, source: None, published, current, next: None }
    }

    pub(crate) fn set_source(&mut self, source: CertificateSource) {
        self.source = Some(source);
    }

    /// How long until there is something to do, as far as is known; None: nothing ever comes due.
    pub(crate) fn wait(&self, now: SystemTime) -> Option<Duration> {
        let due = self.due()?;
        Some(due.duration_since(now).unwrap_or_default().min(LONGEST_WAIT))
    }

    /// When the next one is made, or takes over.
    fn due(&self) -> Option<SystemTime> {
        let Some(CertificateSource::Generated { validity, .. }) = &self.source else { return None };
        Some(self.current.made + if self.next.is_some() { *validity * 3 / 4 } else { *validity / 2 })
    }

    /// Does what has come due. True if something was, and is published.
    ///
    /// # Errors
    ///
    /// When none can be made; the current one stays, and the next call tries again.
    pub(crate) fn advance(&mut self, now: SystemTime) -> Result<bool, String> {
        if self.due().is_none_or(|due| now < due) {
            return Ok(false);
        }
        match self.next.take() {
            Some(next) => {
                self.resolver.set(&next.certificate)?;
                self.current = next;
            }
            None => self.next = Some(Dated { certificate: self.load()?, made: now }),
        }
        self.publish();
        Ok(true)
    }

    /// Reads the files again. True if there are some.
    ///
    /// # Errors
    ///
    /// When they can't be used; the current certificate stays.
    pub(crate) fn reload(&mut self) -> Result<bool, String> {
        let Some(CertificateSource::Files { .. }) = &self.source else { return Ok(false) };
        let certificate = self.load()?;
        self.resolver.set(&certificate)?;
        self.current = Dated { certificate, made: SystemTime::now() };
        self.publish();
        Ok(true)
    }

    /// What other workers have to know of them.
    pub(crate) fn news(&self) -> CertificateNews {
        let Dated { certificate, .. } = &self.current;
        let next_sha256 = self.next.as_ref().map(|next| next.certificate.sha256());
        CertificateNews { chain: certificate.to_pem(), key: certificate.key_pem(), next_sha256 }
    }

    /// Does as the first worker, which has the source.
    ///
    /// # Errors
    ///
    /// When what it says can't be used.
    pub(crate) fn follow(&mut self, news: &CertificateNews) -> Result<(), String> {
        let certificate = news.certificate()?;
        self.resolver.set(&certificate)?;
        *self.published.borrow_mut() =
            Published { next_sha256: news.next_sha256.clone(), ..Published::new(&certificate, None) };
        self.current = Dated { certificate, made: SystemTime::now() };
        Ok(())
    }

    fn load(&self) -> Result<Certificate, String> {
        let source = self.source.as_ref().ok_or("there is no source of certificates")?;
        source.load().map_err(|error| error.to_string())
    }

    fn publish(&self) {
        let next = self.next.as_ref().map(|next| &next.certificate);
        *self.published.borrow_mut() = Published::new(&self.current.certificate, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn certificates() -> Certificates {
        let source = CertificateSource::Generated { names: vec!["localhost".into()], validity: 12 * DAY };
        let certificate = source.load().unwrap();
        let mut certificates = Certificates::new(Resolver::new(&certificate).unwrap(), &certificate);
        certificates.set_source(source);
        certificates
    }

    /// Whether handshakes are answered with the current one.
    fn is_served(certificates: &Certificates) -> bool {
        certificates.resolver.0.lock().unwrap().cert == certificates.current.certificate.chain
    }

    #[test]
    fn the_next_one_is_published_before_it_takes_over() {
        let mut certificates = certificates();
        assert!(is_served(&certificates));
        let start = certificates.current.made;
        let published = |certificates: &Certificates| certificates.published.borrow().clone();
        let first = published(&certificates);
        assert_eq!(first.next_sha256, None);
        assert_eq!(certificates.advance(start + 6 * DAY - DAY / 24), Ok(false));

        assert_eq!(certificates.advance(start + 6 * DAY), Ok(true));
        let announced = published(&certificates);
        assert_eq!(announced.sha256, first.sha256);
        assert!(is_served(&certificates));
        let next = announced.next_sha256.unwrap();
        assert_ne!(next, first.sha256);
        assert_eq!(certificates.advance(start + 8 * DAY), Ok(false));

        assert_eq!(certificates.advance(start + 9 * DAY), Ok(true));
        assert_eq!(published(&certificates).sha256, next);
        assert_eq!(published(&certificates).next_sha256, None);
        assert!(is_served(&certificates));
        // Made on day 6, it is half-way through its own life on day 12.
        assert_eq!(certificates.advance(start + 11 * DAY), Ok(false));
        assert_eq!(certificates.advance(start + 12 * DAY), Ok(true));
    }

    #[test]
    fn a_wait_is_never_so_long_that_a_sleeping_machine_misses_the_time() {
        let certificates = certificates();
        let start = certificates.current.made;
        assert_eq!(certificates.wait(start), Some(LONGEST_WAIT));
        assert_eq!(certificates.wait(start + 6 * DAY - Duration::from_secs(1)), Some(Duration::from_secs(1)));
        assert_eq!(certificates.wait(start + 7 * DAY), Some(Duration::ZERO));
    }

    #[test]
    fn files_are_read_again_when_asked_and_kept_when_they_can_t_be_used() {
        let directory = std::env::temp_dir().join(format!("socket-iwa-reload-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (chain, key) = (directory.join("cert.pem"), directory.join("key.pem"));
        let write = || {
            let made = Certificate::generate(["localhost".into()]).unwrap();
            std::fs::write(&chain, made.to_pem()).unwrap();
            std::fs::write(&key, made.key_pem()).unwrap();
            made.sha256()
        };
        let first = write();
        let source = CertificateSource::Files { chain: chain.clone(), key: key.clone() };
        let certificate = source.load().unwrap();
        let mut certificates = Certificates::new(Resolver::new(&certificate).unwrap(), &certificate);
        certificates.set_source(source);
        assert_eq!(certificates.wait(SystemTime::now()), None);
        assert_eq!(certificates.published.borrow().sha256, first);
        let second = write();
        assert_eq!(certificates.reload(), Ok(true));
        assert_eq!(certificates.published.borrow().sha256, second);
        assert!(is_served(&certificates));
        std::fs::write(&chain, "nothing").unwrap();
        assert!(certificates.reload().unwrap_err().contains("cert.pem"));
        assert_eq!(certificates.published.borrow().sha256, second);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
