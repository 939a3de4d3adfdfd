//! From [`Config`] to quinn-proto's and rustls' configuration.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn_proto::crypto::rustls::QuicServerConfig;
use quinn_proto::{
    AckFrequencyConfig, ConnectionId, Dir, EndpointConfig, MtuDiscoveryConfig, ServerConfig, TransportConfig,
    ValidationTokenConfig, VarInt,
};
use ring::{hkdf, hmac};
use rustls::crypto::CryptoProvider;
use rustls::{CipherSuite, version::TLS13};

use crate::certificates::Resolver;
use crate::congestion::Congestion;
use crate::connection::{Limits, at_first};
use crate::connection_ids::ConnectionIds;
use crate::provider::provider;
use crate::tickets::{MAX_TICKET_LIFETIME, Secrets, TicketingConfig, Tickets};
use crate::{Certificate, Config, app, qlog};

/// What Ethernet carries behind IPv6 and UDP headers, without extensions.
const ETHERNET_MTU: u16 = 1452;
/// The largest payload that clients are told they may send (max_udp_payload_size, RFC 9000, section 18.2): a tenth of what
/// one call gives the kernel over IPv4. quinn gives it ten datagrams a call whatever their size, and where they are more
/// than that all ten are lost without a word (EMSGSIZE), though each probe of its path MTU discovery arrives. It takes that
/// for a path that no longer carries them, and goes back to 1200 bytes for a minute.
const MAX_UDP_PAYLOAD: u16 = 65_507 / 10;
/// The largest payload tried between programs of one machine. A datagram costs the same whatever its size where each is
/// one call to the browser, so larger ones carry more a second.
pub const LOOPBACK_MTU: u16 = 16_384;

/// The least change of a datagram's size that is looked for on loopback, in bytes.
const MTU_STEP: u16 = 128;

/// QUIC version 1 (RFC 9000). quinn-proto 0.11 speaks it and the drafts before it, which nobody does any more, and has
/// no version 2 (RFC 9369): a client that asks for that is told of version 1.
const VERSIONS: [u32; 1] = [1];

/// What clients are asked for that know how (draft-ietf-quic-ack-frequency; quinn does): an acknowledgement after so many
/// packets, or after so long. RFC 9000 has one after two packets or 25 ms. To receive one costs a server in Chromium as
/// much as to send a datagram, and a download of 32 MiB in datagrams of 1452 bytes brought 12,700 of them for 28,700
/// packets. The time also bounds what a loss at the end of a burst costs, and what a client's first window waits for, which
/// is ten packets.
const ACK_AFTER: u32 = 16;
const ACK_DELAY: Duration = Duration::from_millis(5);

/// The least memory of a connection: a datagram of the largest kind must fit each of its parts.
const MIN_CONNECTION_MEMORY: u32 = 1 << 20;

/// How long a client may bring back an address token (NEW_TOKEN, RFC 9000, section 8.1.3).
const ADDRESS_TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Address tokens given to a client after its handshake: one for its next connection, and one more.
const ADDRESS_TOKENS: u32 = 2;

/// quinn-proto's configuration, for clients on the network and for those on this machine.
pub(crate) struct ServerConfigs {
    config: Config,
    network: Arc<ServerConfig>,
    loopback: Arc<ServerConfig>,
    pub(crate) endpoint: EndpointConfig,
    pub(crate) connection_ids: ConnectionIds,
    /// What controls the congestion of all their connections.
    pub(crate) congestion: Congestion,
    pub(crate) tickets: Arc<Tickets>,
    /// What handshakes are answered with.
    pub(crate) certificate: Arc<Resolver>,
}

impl ServerConfigs {
    /// # Errors
    ///
    /// When the certificate and its key don't fit each other, or a value is out of range.
    pub(crate) fn new(
        config: &Config,
        certificate: &Certificate,
        secrets: Secrets,
        worker: u8,
    ) -> Result<Self, String> {
        if config.ticket_lifetime > MAX_TICKET_LIFETIME {
            return Err(format!("a ticket lives for at most {} s (RFC 8446)", MAX_TICKET_LIFETIME.as_secs()));
        }
        if config.connection_memory < MIN_CONNECTION_MEMORY {
            return Err(format!("a connection needs at least {MIN_CONNECTION_MEMORY} bytes of memory"));
        }
        if let Some(directory) = &config.qlog {
            qlog::prepare(directory)?;
        }
        let connection_ids = ConnectionIds::new(&secrets.secret("connection IDs"), worker);
        let endpoint = endpoint(&secrets, connection_ids.clone());
        let tickets = Arc::new(Tickets::new(config.ticket_lifetime, &limits(config), secrets.clone(), worker));
        let certificate = Resolver::new(certificate)?;

        let crypto: Arc<dyn quinn_proto::crypto::ServerConfig> = {
            let inner = Arc::new(tls(config, &certificate, &tickets));
            let protocols = config.clone();
            let takes_early_data = Box::new(move |alpn: &[u8]| protocols.takes_early_data(alpn));
            Arc::new(TicketingConfig { inner, tickets: tickets.clone(), takes_early_data })
        };
        let token_key = hkdf::Salt::new(hkdf::HKDF_SHA256, b"").extract(&secrets.secret("address tokens"));
        let mut address_tokens = ValidationTokenConfig::default();
        address_tokens.lifetime(ADDRESS_TOKEN_LIFETIME).log(secrets.address_tokens()).sent(ADDRESS_TOKENS);
        let mut network = ServerConfig::new(crypto, Arc::new(token_key));
        network.validation_token_config(address_tokens);
        let mut loopback = network.clone();
        let congestion = Congestion::new(config.congestion);
        network.transport_config(Arc::new(transport(config, ETHERNET_MTU, &congestion)?));
        loopback.transport_config(Arc::new(transport(config, LOOPBACK_MTU, &congestion)?));
        Ok(Self {
            config: config.clone(),
            network: Arc::new(network),
            loopback: Arc::new(loopback),
            endpoint,
            connection_ids,
            congestion,
            tickets,
            certificate,
        })
    }

    /// The one for a client at `remote`.
    fn shared(&self, remote: IpAddr) -> (&Arc<ServerConfig>, u16) {
        // An IPv6 socket has IPv4 clients at mapped addresses.
        let loopback = remote.to_canonical().is_loopback();
        if loopback { (&self.loopback, LOOPBACK_MTU) } else { (&self.network, ETHERNET_MTU) }
    }

    /// The one that the endpoint answers with before it is known who asks.
    pub(crate) fn default(&self) -> Arc<ServerConfig> {
        self.network.clone()
    }

    /// The one for a client at `remote` whose first packet has the connection ID `original`.
    pub(crate) fn for_client(&self, remote: IpAddr, original: ConnectionId) -> Arc<ServerConfig> {
        let (shared, mtu) = self.shared(remote);
        let Some(directory) = &self.config.qlog else { return shared.clone() };
        // A log of its own needs a configuration of its own.
        let stream = qlog::stream(directory, original);
        let mut transport = transport(&self.config, mtu, &self.congestion).expect("the configuration was made before");
        transport.qlog_stream(stream);
        let mut config = ServerConfig::clone(shared);
        config.transport_config(Arc::new(transport));
        Arc::new(config)
    }

    /// Whether the server, or one that shares its secret, has made a connection ID; garbage is taken for one now and then.
    pub(crate) fn is_ours(&self, id: &[u8]) -> bool {
        self.connection_ids.owner(id).is_some()
    }

    /// What a connection may have at most.
    pub(crate) fn limits(&self) -> Limits {
        Limits { max_streams: self.config.max_streams, send_window: Memory::of(&self.config).send }
    }

    /// Whether connections of an application protocol take early data.
    pub(crate) fn takes_early_data(&self, alpn: &[u8]) -> bool {
        self.config.takes_early_data(alpn)
    }
}

fn tls(config: &Config, certificate: &Arc<Resolver>, tickets: &Arc<Tickets>) -> QuicServerConfig {
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(crypto_provider(config)))
        .with_protocol_versions(&[&TLS13])
        .expect("the provider has TLS 1.3 cipher suites")
        .with_no_client_auth()
        .with_cert_resolver(certificate.clone());
    tls.alpn_protocols = app::ALPN.iter().map(|name| name.to_vec()).collect();
    tls.ignore_client_order = true;
    if config.ticket_lifetime.is_zero() {
        tls.send_tls13_tickets = 0;
    } else {
        tls.session_storage = tickets.clone();
        // All or nothing, in QUIC (RFC 9001, section 4.6.1): its own limits bound the data.
        tls.max_early_data_size = if config.early_data { u32::MAX } else { 0 };
    }
    QuicServerConfig::try_from(tls).expect("the provider has the Initial cipher suite")
}

/// The parts of a connection's memory.
struct Memory {
    /// Data that a client may send ahead of the application reading it, on all streams and on one.
    receive: u32,
    stream: u32,
    /// Data that an application may write ahead of acknowledgements.
    send: u64,
    /// Datagrams, in each direction.
    datagrams: usize,
}

impl Memory {
    fn of(config: &Config) -> Self {
        let whole = config.connection_memory;
        let receive = whole / 8 * 3;
        Self { receive, stream: receive / 3, send: u64::from(whole / 2), datagrams: (whole / 16) as usize }
    }
}

/// The limits that a client remembers, and that early data must find again (RFC 9000, section 7.4.1), and which protocols
/// take it. Whoever has changed them, in whichever direction, starts over with full handshakes.
fn limits(config: &Config) -> String {
    let Memory { receive, stream, datagrams, .. } = Memory::of(config);
    let protocols: Vec<_> = app::ALPN.iter().map(|alpn| config.takes_early_data(alpn)).collect();
    format!(
        "receive {receive} stream {stream} datagrams {datagrams} streams {} {} early {protocols:?}",
        at_first(config.max_streams, Dir::Bi),
        at_first(config.max_streams, Dir::Uni),
    )
}

fn transport(config: &Config, mtu: u16, congestion: &Congestion) -> Result<TransportConfig, String> {
    let idle_timeout = config
        .idle_timeout
        .try_into()
        .map_err(|_| format!("an idle timeout of {} s is too long", config.idle_timeout.as_secs()))?;
    let mtu = config.max_datagram.unwrap_or(mtu);
    let mut discovery = MtuDiscoveryConfig::default();
    // Each step of the search is a datagram of padding: on loopback the search ends with the first that is so near. A client
    // may take less than the network does, though, and the whole way from 1200 to the 1,472 of a browser is little more.
    discovery.upper_bound(mtu).minimum_change(MTU_STEP.min(mtu / 64).max(20));
    let mut acknowledgements = AckFrequencyConfig::default();
    acknowledgements.ack_eliciting_threshold(ACK_AFTER.into()).max_ack_delay(Some(ACK_DELAY));
    let memory = Memory::of(config);
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(at_first(config.max_streams, Dir::Bi).into())
        .max_concurrent_uni_streams(at_first(config.max_streams, Dir::Uni).into())
        .stream_receive_window(memory.stream.into())
        .receive_window(memory.receive.into())
        .send_window(memory.send)
        .datagram_receive_buffer_size(Some(memory.datagrams))
        .datagram_send_buffer_size(memory.datagrams)
        .mtu_discovery_config(Some(discovery))
        .ack_frequency_config(Some(acknowledgements))
        .congestion_controller_factory(Arc::new(congestion.clone()))
        .keep_alive_interval(config.keep_alive)
        .max_idle_timeout(Some(idle_timeout));
    Ok(transport)
}

/// The endpoint's part: what holds for all connections. Made of secrets that outlive the process where the tickets do, so
/// that the next one can tell clients of this one that it is gone (a stateless reset, RFC 9000, section 10.3).
fn endpoint(secrets: &Secrets, connection_ids: ConnectionIds) -> EndpointConfig {
    let reset_key = hmac::Key::new(hmac::HMAC_SHA256, &secrets.secret("stateless resets"));
    let mut endpoint = EndpointConfig::new(Arc::new(reset_key));
    endpoint.cid_generator(move || Box::new(connection_ids.clone()));
    // The default says Ethernet's MTU.
    endpoint.max_udp_payload_size(MAX_UDP_PAYLOAD).expect("the size is in the range of RFC 9000, section 18.2");
    endpoint.supported_versions(VERSIONS.to_vec());
    endpoint
}

/// ring, with the cipher suites in the order of preference. All three stay: QUIC protects Initial packets with AES-128-GCM
/// (RFC 9001, section 5.2), and a client may lack any of the others. AES-256 comes with SHA-384, for which processors have
/// no instructions that ring knows: the key schedule was a tenth of a handshake's time.
fn crypto_provider(config: &Config) -> CryptoProvider {
    let mut provider = provider();
    socket_iwa_packet_protection::install(&mut provider);
    let first = if config.prefer_chacha20 {
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
    } else {
        CipherSuite::TLS13_AES_128_GCM_SHA256
    };
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != first);
    provider
}

/// The error code of a close that is no error, per application protocol (RFC 9114, section 8.1: H3_NO_ERROR).
pub(crate) fn no_error(alpn: Option<&[u8]>) -> VarInt {
    if alpn == Some(app::H3) { VarInt::from_u32(0x100) } else { VarInt::from_u32(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets::open(Duration::ZERO, None).unwrap()
    }

    fn configs(config: &Config) -> Result<ServerConfigs, String> {
        ServerConfigs::new(config, &Certificate::generate(["localhost".into()]).unwrap(), secrets(), 0)
    }

    #[test]
    fn chacha20_comes_first_where_it_is_preferred_and_aes_128_elsewhere() {
        let suites = |prefer_chacha20| {
            let provider = crypto_provider(&Config { prefer_chacha20, ..Config::default() });
            provider.cipher_suites.iter().map(|suite| suite.suite()).collect::<Vec<_>>()
        };
        use CipherSuite::*;
        let (chacha20, aes128, aes256) =
            (TLS13_CHACHA20_POLY1305_SHA256, TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384);
        assert_eq!(suites(true)[0], chacha20);
        assert_eq!(suites(false), [aes128, aes256, chacha20]);
    }

    #[test]
    fn clients_on_this_machine_get_their_own_configuration() {
        let configs = configs(&Config::default()).unwrap();
        let id = ConnectionId::new(&[1; 8]);
        for loopback in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(Arc::ptr_eq(&configs.for_client(loopback.parse().unwrap(), id), &configs.loopback), "{loopback}");
        }
        for network in ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
            assert!(Arc::ptr_eq(&configs.for_client(network.parse().unwrap(), id), &configs.network), "{network}");
        }
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let mut certificate = Certificate::generate(["localhost".into()]).unwrap();
        certificate.key = Certificate::generate(["localhost".into()]).unwrap().key;
        assert!(
            ServerConfigs::new(&Config::default(), &certificate, secrets(), 0).err().unwrap().contains("can't be used")
        );
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let lifetime = Config { ticket_lifetime: MAX_TICKET_LIFETIME + Duration::from_secs(1), ..Config::default() };
        assert!(configs(&lifetime).err().unwrap().contains("604800 s"));
        let memory = Config { connection_memory: MIN_CONNECTION_MEMORY - 1, ..Config::default() };
        assert!(configs(&memory).err().unwrap().contains("1048576 bytes"));
    }

    #[test]
    fn what_early_data_relies_on_is_part_of_a_ticket() {
        let limits = |config: Config| super::limits(&config);
        let usual = limits(Config::default());
        assert_ne!(limits(Config { max_streams: 1, ..Config::default() }), usual);
        assert_ne!(limits(Config { connection_memory: 1 << 20, ..Config::default() }), usual);
        assert_ne!(limits(Config { echo_early_data: true, ..Config::default() }), usual);
        assert_eq!(limits(Config { max_connections: 1, ..Config::default() }), usual);
    }
}
