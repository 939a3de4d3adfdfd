//! A client that says what no well-behaved one does in packets that only it can protect: quinn makes a packet, and just before
//! it is encrypted other frames take the place of its own. It knows quinn-proto's crypto traits, and no frame.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::BytesMut;
use quinn::crypto::rustls::QuicClientConfig;
use quinn_proto::crypto::{self, CryptoError, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, Session};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectError, ConnectionId, Side, TransportError};

/// Which packets (RFC 9000, section 12.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Handshake,
    OneRtt,
}

/// What one packet has to say.
#[derive(Clone, Debug)]
pub(crate) struct Forgery {
    pub(crate) level: Level,
    /// Followed by PADDING up to the length that the packet has.
    pub(crate) frames: Vec<u8>,
    /// Bits that are set in the packet's first byte, beside its own.
    pub(crate) first_byte: u8,
}

/// The forgery that waits for a packet it fits into. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forger(Arc<Mutex<Option<Forgery>>>);

impl Forger {
    pub(crate) fn plan(&self, forgery: Forgery) {
        *self.waiting() = Some(forgery);
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Forgery>> {
        self.0.lock().expect("nothing panics with the forgery locked")
    }

    /// quinn's configuration with that of TLS, for connections whose packets are forged.
    pub(crate) fn quic(&self, tls: rustls::ClientConfig) -> quinn::ClientConfig {
        let inner = QuicClientConfig::try_from(tls).expect("the provider has the Initial cipher suite");
        quinn::ClientConfig::new(Arc::new(Config { inner: Arc::new(inner), forger: self.clone() }))
    }

    fn key(&self, inner: Box<dyn PacketKey>, level: Level) -> Box<dyn PacketKey> {
        Box::new(Key { inner, level, forger: self.clone() })
    }
}

struct Config {
    inner: Arc<QuicClientConfig>,
    forger: Forger,
}

impl crypto::ClientConfig for Config {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        let inner = self.inner.clone().start_session(version, server_name, params)?;
        Ok(Box::new(Forging { inner, forger: self.forger.clone(), next: Level::Handshake }))
    }
}

/// A session whose keys forge. All else is the inner one's.
struct Forging {
    inner: Box<dyn Session>,
    forger: Forger,
    /// Which keys come next.
    next: Level,
}

impl Session for Forging {
    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        self.inner.initial_keys(dst_cid, side)
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        self.inner.handshake_data()
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        self.inner.peer_identity()
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        self.inner.early_crypto()
    }

    fn early_data_accepted(&self) -> Option<bool> {
        self.inner.early_data_accepted()
    }

    fn is_handshaking(&self) -> bool {
        self.inner.is_handshaking()
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        self.inner.read_handshake(buf)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        self.inner.transport_parameters()
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        let Keys { header, packet: KeyPair { local, remote } } = self.inner.write_handshake(buf)?;
        let local = self.forger.key(local, self.next);
        self.next = Level::OneRtt;
        Some(Keys { header, packet: KeyPair { local, remote } })
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        let KeyPair { local, remote } = self.inner.next_1rtt_keys()?;
        Some(KeyPair { local: self.forger.key(local, Level::OneRtt), remote })
    }

    fn is_valid_retry(&self, orig_dst_cid: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        self.inner.is_valid_retry(orig_dst_cid, header, payload)
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        self.inner.export_keying_material(output, label, context)
    }
}

struct Key {
    inner: Box<dyn PacketKey>,
    level: Level,
    forger: Forger,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("level", &self.level).finish_non_exhaustive()
    }
}

impl PacketKey for Key {
    fn encrypt(&self, packet: u64, buf: &mut [u8], header_len: usize) {
        let end = buf.len() - self.inner.tag_len();
        let fits = |forgery: &mut Forgery| forgery.level == self.level && forgery.frames.len() <= end - header_len;
        if let Some(Forgery { frames, first_byte, .. }) = self.forger.waiting().take_if(fits) {
            // The header is protected after this, with what stands here as its associated data.
            buf[0] |= first_byte;
            buf[header_len..end].fill(0);
            buf[header_len..header_len + frames.len()].copy_from_slice(&frames);
        }
        self.inner.encrypt(packet, buf, header_len);
    }

    fn decrypt(&self, packet: u64, header: &[u8], payload: &mut BytesMut) -> Result<(), CryptoError> {
        self.inner.decrypt(packet, header, payload)
    }

    fn tag_len(&self) -> usize {
        self.inner.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.inner.confidentiality_limit()
    }

    fn integrity_limit(&self) -> u64 {
        self.inner.integrity_limit()
    }
}
