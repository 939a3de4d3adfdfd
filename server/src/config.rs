//! From what a user asks for to quinn-proto's and rustls' configuration.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn_proto::crypto::rustls::QuicServerConfig;
use quinn_proto::{EndpointConfig, MtuDiscoveryConfig, ServerConfig, TransportConfig, VarInt};
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::{CipherSuite, version::TLS13};

use crate::congestion::Congestion;
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
    /// The largest datagram payload that path MTU discovery (RFC 9000, section 14.3) tries, from 1200 to 65527;
    /// `None`: what Ethernet carries, and on the loopback interface, whose own MTU is larger, [`LOOPBACK_MTU`].
    pub max_datagram: Option<u16>,
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
            max_datagram: None,
            prefer_chacha20: socket_iwa::platform::DEFAULTS.prefer_chacha20,
        }
    }
}

/// What Ethernet carries behind IPv6 and UDP headers, without extensions.
const ETHERNET_MTU: u16 = 1452;
/// The most that a UDP datagram carries over IPv6, and the largest value QUIC has a use for.
const MAX_UDP_PAYLOAD: u16 = 65_527;
/// The largest payload tried between programs of one machine. A datagram costs the same whatever its size where each is
/// one call to the browser, so larger ones carry more a second.
pub const LOOPBACK_MTU: u16 = 16_384;

/// Bytes of a stream that a client may send ahead of the application reading them.
const STREAM_WINDOW: u32 = 1 << 20;
/// The same for a whole connection: what one client can make the server hold.
const RECEIVE_WINDOW: u32 = 4 << 20;
/// Bytes an application may write ahead of acknowledgements: what a client that stops reading can make it hold.
const SEND_WINDOW: u64 = 4 << 20;

/// quinn-proto's configuration, for clients on the network and for those on this machine.
#[derive(Debug)]
pub(crate) struct ServerConfigs {
    network: Arc<ServerConfig>,
    loopback: Arc<ServerConfig>,
    /// What controls the congestion of all their connections.
    pub(crate) congestion: Congestion,
}

impl ServerConfigs {
    /// The one for a client at `remote`.
    pub(crate) fn for_client(&self, remote: IpAddr) -> Arc<ServerConfig> {
        // An IPv6 socket has IPv4 clients at mapped addresses.
        if remote.to_canonical().is_loopback() { self.loopback.clone() } else { self.network.clone() }
    }
}

impl Config {
    /// # Errors
    ///
    /// When the certificate and its key don't fit each other, or the idle timeout is out of range.
    pub(crate) fn server(&self, certificate: &Certificate) -> Result<ServerConfigs, String> {
        let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(self.crypto_provider()))
            .with_protocol_versions(&[&TLS13])
            .expect("the provider has TLS 1.3 cipher suites")
            .with_no_client_auth()
            .with_single_cert(certificate.chain.clone(), certificate.key.clone_key())
            .map_err(|error| format!("the certificate and its key can't be used: {error}"))?;
        tls.alpn_protocols = app::ALPN.iter().map(|name| name.to_vec()).collect();
        tls.ignore_client_order = true;
        let crypto = QuicServerConfig::try_from(tls).expect("the provider has the Initial cipher suite");

        let mut network = ServerConfig::with_crypto(Arc::new(crypto));
        let mut loopback = network.clone();
        let congestion = Congestion::default();
        network.transport_config(Arc::new(self.transport(ETHERNET_MTU, &congestion)?));
        loopback.transport_config(Arc::new(self.transport(LOOPBACK_MTU, &congestion)?));
        Ok(ServerConfigs { network: Arc::new(network), loopback: Arc::new(loopback), congestion })
    }

    fn transport(&self, mtu: u16, congestion: &Congestion) -> Result<TransportConfig, String> {
        let idle_timeout = self
            .idle_timeout
            .try_into()
            .map_err(|_| format!("an idle timeout of {} s is too long", self.idle_timeout.as_secs()))?;
        let mtu = self.max_datagram.unwrap_or(mtu);
        let mut discovery = MtuDiscoveryConfig::default();
        // A search that ends within a 64th of its range is near enough, and has six steps.
        discovery.upper_bound(mtu).minimum_change((mtu / 64).max(20));
        let mut transport = TransportConfig::default();
        transport
            .max_concurrent_bidi_streams(self.max_streams.into())
            .max_concurrent_uni_streams(self.max_streams.into())
            .stream_receive_window(STREAM_WINDOW.into())
            .receive_window(RECEIVE_WINDOW.into())
            .send_window(SEND_WINDOW)
            .mtu_discovery_config(Some(discovery))
            .congestion_controller_factory(Arc::new(congestion.clone()))
            .max_idle_timeout(Some(idle_timeout));
        Ok(transport)
    }

    /// The endpoint's part: what holds for all connections.
    pub(crate) fn endpoint(&self) -> EndpointConfig {
        let mut endpoint = EndpointConfig::default();
        // Whatever the network carries can be received; the default says Ethernet's MTU.
        endpoint.max_udp_payload_size(MAX_UDP_PAYLOAD).expect("the size is in the range of RFC 9000, section 18.2");
        endpoint
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
    fn clients_on_this_machine_get_their_own_configuration() {
        let configs = Config::default().server(&Certificate::generate(["localhost".into()]).unwrap()).unwrap();
        for loopback in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(Arc::ptr_eq(&configs.for_client(loopback.parse().unwrap()), &configs.loopback), "{loopback}");
        }
        for network in ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
            assert!(Arc::ptr_eq(&configs.for_client(network.parse().unwrap()), &configs.network), "{network}");
        }
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let mut certificate = Certificate::generate(["localhost".into()]).unwrap();
        certificate.key = Certificate::generate(["localhost".into()]).unwrap().key;
        assert!(Config::default().server(&certificate).unwrap_err().contains("can't be used"));
    }
}
