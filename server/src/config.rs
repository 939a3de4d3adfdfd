//! From what a user asks for to quinn-proto's and rustls' configuration.

use std::sync::Arc;
use std::time::Duration;

use quinn_proto::crypto::rustls::QuicServerConfig;
use quinn_proto::{EndpointConfig, ServerConfig, TransportConfig, VarInt};
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::{CipherSuite, version::TLS13};

use crate::{Certificate, app};

/// What a server allows and prefers. Sizes are in bytes.
#[derive(Clone, Debug)]
pub struct Config {
    /// A connection without traffic for this long is closed (RFC 9000, section 10.1).
    pub idle_timeout: Duration,
    /// Connections at once; more are refused with CONNECTION_REFUSED.
    pub max_connections: usize,
    /// Streams of each direction that one client may have open at once.
    pub max_streams: u32,
    /// The largest request body; more is answered with 413, or cut off with H3_EXCESSIVE_LOAD.
    pub max_body: u64,
    /// Offer ChaCha20-Poly1305 before AES-GCM. The server's order decides, not the client's.
    pub prefer_chacha20: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(30),
            max_connections: 10_000,
            max_streams: 256,
            max_body: 64 << 20,
            prefer_chacha20: socket_iwa::platform::DEFAULTS.prefer_chacha20,
        }
    }
}

/// Bytes of a stream that a client may send ahead of the application reading them.
const STREAM_WINDOW: u32 = 1 << 20;
/// The same for a whole connection: what one client can make the server hold.
const RECEIVE_WINDOW: u32 = 4 << 20;
/// Bytes an application may write ahead of acknowledgements: what a client that stops reading can make it hold.
const SEND_WINDOW: u64 = 4 << 20;

impl Config {
    /// # Errors
    ///
    /// When the certificate and its key don't fit each other, or the idle timeout is out of range.
    pub(crate) fn server(&self, certificate: &Certificate) -> Result<ServerConfig, String> {
        let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(self.crypto_provider()))
            .with_protocol_versions(&[&TLS13])
            .expect("the provider has TLS 1.3 cipher suites")
            .with_no_client_auth()
            .with_single_cert(certificate.chain.clone(), certificate.key.clone_key())
            .map_err(|error| format!("the certificate and its key can't be used: {error}"))?;
        tls.alpn_protocols = app::ALPN.iter().map(|name| name.to_vec()).collect();
        tls.ignore_client_order = true;
        let crypto = QuicServerConfig::try_from(tls).expect("the provider has the Initial cipher suite");

        let mut transport = TransportConfig::default();
        transport
            .max_concurrent_bidi_streams(self.max_streams.into())
            .max_concurrent_uni_streams(self.max_streams.into())
            .stream_receive_window(STREAM_WINDOW.into())
            .receive_window(RECEIVE_WINDOW.into())
            .send_window(SEND_WINDOW)
            .max_idle_timeout(Some(
                self.idle_timeout
                    .try_into()
                    .map_err(|_| format!("an idle timeout of {:?} is too long", self.idle_timeout))?,
            ));
        let mut server = ServerConfig::with_crypto(Arc::new(crypto));
        server.transport_config(Arc::new(transport));
        Ok(server)
    }

    /// The endpoint's part: what holds for all connections.
    pub(crate) fn endpoint(&self) -> EndpointConfig {
        EndpointConfig::default()
    }

    /// ring, with the cipher suites in the order of preference. All three stay: QUIC protects Initial packets with
    /// AES-128-GCM (RFC 9001, section 5.2), and a client may lack any of the others.
    fn crypto_provider(&self) -> CryptoProvider {
        let mut provider = provider::default_provider();
        if self.prefer_chacha20 {
            provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
        }
        provider
    }
}

/// The error code of a close that is no error, per application protocol (RFC 9114, section 8.1: H3_NO_ERROR).
pub(crate) fn no_error(alpn: Option<&[u8]>) -> VarInt {
    if alpn == Some(app::H3) { VarInt::from_u32(0x100) } else { VarInt::from_u32(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chacha20_comes_first_where_it_is_preferred() {
        let first = |prefer_chacha20| {
            Config { prefer_chacha20, ..Config::default() }.crypto_provider().cipher_suites[0].suite()
        };
        assert_eq!(first(true), CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
        assert_ne!(first(false), CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let mut certificate = Certificate::generate(["localhost".into()]).unwrap();
        certificate.key = Certificate::generate(["localhost".into()]).unwrap().key;
        assert!(Config::default().server(&certificate).unwrap_err().contains("can't be used"));
    }
}
