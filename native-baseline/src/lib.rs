//! A client of Socket.IWA's server that shares nothing with it above `quinn-proto`: quinn on tokio, and h3-quinn. It
//! trusts one certificate, by its hash, as a browser does with WebTransport's `serverCertificateHashes`.

pub mod cases;
pub mod check;
mod forged;
mod http3;
pub mod initial;
pub mod interop;
mod pinned;
pub mod request;
pub mod session;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;

pub use http3::{Http, Response};
pub use pinned::{Pin, Pins};

/// What went wrong, with what was tried.
#[derive(Debug)]
pub struct Error(String);

impl Error {
    /// Names what was tried, and keeps the reason's text.
    pub fn new(tried: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self(format!("{tried}: {reason}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// How long a handshake may take: a server that isn't there says nothing.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// A UDP socket to connect from.
#[derive(Clone)]
pub struct Client {
    endpoint: quinn::Endpoint,
    pin: Pin,
    transport: Option<Arc<quinn::TransportConfig>>,
    /// Address tokens that servers gave it, by server name: every server's is `localhost` here.
    tokens: Arc<quinn::TokenMemoryCache>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.endpoint).field("pin", &self.pin).finish_non_exhaustive()
    }
}

impl Client {
    /// A client for a server at an address of `server`'s family, whose certificate has the hash `pin`. Needs a tokio
    /// runtime.
    ///
    /// # Errors
    ///
    /// When no socket can be had.
    pub fn new(server: SocketAddr, pin: Pin) -> Result<Self, Error> {
        let local = match server {
            SocketAddr::V4(_) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
            SocketAddr::V6(_) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0),
        };
        let bind = || {
            let mut config = quinn::EndpointConfig::default();
            // As large as the server likes to send them; the default says Ethernet's MTU.
            config.max_udp_payload_size(65_527).expect("the size is in the range of RFC 9000, section 18.2");
            let socket = std::net::UdpSocket::bind(local)?;
            quinn::Endpoint::new(config, None, socket, Arc::new(quinn::TokioRuntime))
        };
        let endpoint = bind().map_err(|error| Error::new(format!("bind {local}"), error))?;
        Ok(Self { endpoint, pin, transport: None, tokens: Arc::default() })
    }

    /// With another transport configuration than quinn's own.
    #[must_use]
    pub fn with_transport(mut self, transport: quinn::TransportConfig) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Connects with the application protocols `alpn`, the most wanted first.
    ///
    /// # Errors
    ///
    /// When the handshake fails or takes more than ten seconds.
    pub async fn connect(&self, server: SocketAddr, alpn: &[&[u8]]) -> Result<quinn::Connection, Error> {
        let alpn = alpn.iter().map(|name| name.to_vec()).collect();
        let tried = || format!("connect to {server}");
        match tokio::time::timeout(HANDSHAKE_DEADLINE, self.start(server, alpn)?).await {
            Ok(connected) => connected.map_err(|error| Error::new(tried(), error)),
            Err(_) => Err(Error::new(tried(), "no handshake within 10 s; is the server running?")),
        }
    }

    /// Sends the first packet of a connection.
    pub(crate) fn start(&self, server: SocketAddr, alpn: Vec<Vec<u8>>) -> Result<quinn::Connecting, Error> {
        let mut tls = tls(self.pin.verifier());
        tls.alpn_protocols = alpn;
        self.start_with(server, quic(tls))
    }

    /// Sends the first packet of a connection with a configuration of its own.
    pub(crate) fn start_with(
        &self,
        server: SocketAddr,
        mut config: quinn::ClientConfig,
    ) -> Result<quinn::Connecting, Error> {
        config.token_store(self.tokens.clone());
        if let Some(transport) = &self.transport {
            config.transport_config(transport.clone());
        }
        let connecting = self.endpoint.connect_with(config, server, "localhost");
        connecting.map_err(|error| Error::new(format!("connect to {server}"), error))
    }

    /// Closes its connections, and waits for a second at most until that is told.
    pub async fn close(&self) {
        self.endpoint.close(0u32.into(), b"");
        let _ = tokio::time::timeout(Duration::from_secs(1), self.endpoint.wait_idle()).await;
    }

    /// The socket and its connections.
    pub(crate) fn endpoint(&self) -> &quinn::Endpoint {
        &self.endpoint
    }

    /// Goes on with another socket, at another address; so do its connections.
    ///
    /// # Errors
    ///
    /// When no socket can be had.
    pub fn move_elsewhere(&self) -> Result<(), Error> {
        let rebind = || {
            let local = SocketAddr::new(self.endpoint.local_addr()?.ip(), 0);
            self.endpoint.rebind(std::net::UdpSocket::bind(local)?)
        };
        rebind().map_err(|error| Error::new("move to another address", error))
    }

    /// Waits until the connections' ends are known to the server.
    pub async fn finish(self) {
        self.endpoint.wait_idle().await;
    }
}

/// TLS 1.3 with the trust of `verifier`.
#[must_use]
pub fn tls(verifier: Arc<dyn rustls::client::danger::ServerCertVerifier>) -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has TLS 1.3 cipher suites")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth()
}

/// quinn's configuration with that of TLS.
#[must_use]
pub fn quic(tls: rustls::ClientConfig) -> quinn::ClientConfig {
    let crypto = QuicClientConfig::try_from(tls).expect("the provider has the Initial cipher suite");
    quinn::ClientConfig::new(Arc::new(crypto))
}
