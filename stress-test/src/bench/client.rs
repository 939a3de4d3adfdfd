//! The load on QUIC servers: quinn with large buffers, and as large datagrams as it is told to take.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use quinn::{
    Connecting, Connection, Endpoint, EndpointConfig, MtuDiscoveryConfig, TokioRuntime, TransportConfig, VarInt,
};
use rustls::client::Resumption;
use socket_iwa_native::{Http, Pins, quic, tls};
use socket2::SockRef;

use super::servers::Server;
use super::sockets::enlarge;
use super::{Error, Result, fail};

/// Ethernet's: what a datagram carries without discovery, and behind a real network at the most.
pub(super) const ETHERNET: u16 = 1452;
/// The most that a datagram carries.
pub(super) const ANY: u16 = 65_527;
/// What is under way is never limited by this end.
const WINDOW: u32 = 64 << 20;
/// As many as rustls keeps of one server.
const TICKETS: usize = 8;
const SEND_BUFFER: usize = 4 << 20;
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);
/// Of a request; the longest download of the slowest runtime takes less.
const LIMIT: Duration = Duration::from_secs(120);

pub(super) struct Client {
    endpoint: Endpoint,
    address: std::net::SocketAddr,
    tls: rustls::ClientConfig,
    pins: Pins,
    transport: Arc<TransportConfig>,
}

impl Client {
    /// A client of `server` that takes datagrams of up to `payload` bytes. Needs a tokio runtime.
    pub(super) fn new(server: &Server, payload: u16) -> Result<Self> {
        Self::at(server, server.address, payload)
    }

    /// The same, and it looks for how large those that it sends may be. Without anything to send in them that is no use:
    /// eleven datagrams of padding, half a megabyte, which the server has to read.
    pub(super) fn that_uploads(server: &Server, payload: u16) -> Result<Self> {
        Ok(Self { transport: Arc::new(transport(payload)), ..Self::new(server, payload)? })
    }

    /// The same behind a relay at `address`.
    pub(super) fn at(server: &Server, address: std::net::SocketAddr, payload: u16) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        enlarge(&socket)?;
        SockRef::from(&socket).set_send_buffer_size(SEND_BUFFER)?;
        let mut config = EndpointConfig::default();
        config
            .max_udp_payload_size(payload)
            .map_err(|error| Error(format!("datagrams of {payload} bytes: {error}")))?;
        let endpoint = Endpoint::new(config, None, socket, Arc::new(TokioRuntime))?;
        let pins = Pins::default();
        pins.add(server.pin);
        let mut tls = tls(pins.verifier());
        tls.enable_early_data = true;
        Ok(Self { endpoint, address, tls, pins, transport: Arc::new(transport(ETHERNET)) })
    }

    /// Begins a handshake; `configured` is made once for many.
    pub(super) fn start(&self, configured: &quinn::ClientConfig) -> Result<Connecting> {
        let started = self.endpoint.connect_with(configured.clone(), self.address, "localhost");
        started.map_err(|error| Error(format!("connect: {error}")))
    }

    /// For connections with an application protocol. Those of one configuration share their tickets, if they `resume`.
    pub(super) fn configured(&self, alpn: &str, resume: bool) -> quinn::ClientConfig {
        let mut tls = self.tls.clone();
        tls.alpn_protocols = vec![alpn.into()];
        tls.resumption = if resume { Resumption::in_memory_sessions(TICKETS) } else { Resumption::disabled() };
        let mut config = quic(tls);
        config.transport_config(Arc::clone(&self.transport));
        config
    }

    pub(super) async fn connect(&self, alpn: &str) -> Result<Connection> {
        self.connect_with(&self.configured(alpn, false)).await
    }

    pub(super) async fn connect_with(&self, configured: &quinn::ClientConfig) -> Result<Connection> {
        let connecting = self.start(configured)?;
        match tokio::time::timeout(HANDSHAKE_LIMIT, connecting).await {
            Ok(connected) => connected.map_err(|error| Error(format!("connect: {error}"))),
            Err(_) => Err(Error(format!("no handshake within {} s", HANDSHAKE_LIMIT.as_secs()))),
        }
    }

    /// Certificates that were shown so far: none by a session that is resumed.
    pub(super) fn certificates(&self) -> usize {
        self.pins.verified()
    }

    /// Closes what is open and waits until the server has heard of it.
    pub(super) async fn finish(self) {
        self.endpoint.close(VarInt::from_u32(0), b"");
        // One that does not answer is no matter here.
        let _ = tokio::time::timeout(Duration::from_secs(3), self.endpoint.wait_idle()).await;
    }
}

/// Datagrams grow to `payload` bytes as far as the server takes them.
fn transport(payload: u16) -> TransportConfig {
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(payload);
    let mut transport = TransportConfig::default();
    transport
        .stream_receive_window(WINDOW.into())
        .receive_window(WINDOW.into())
        .send_window(WINDOW.into())
        .mtu_discovery_config(Some(discovery))
        .max_idle_timeout(Some(VarInt::from_u32(300_000).into()));
    transport
}

/// `GET /bytes/LENGTH` in HTTP/0.9 (ALPN hq-interop), all of it read.
pub(super) async fn download(connection: &Connection, length: u64) -> Result<()> {
    let got = within(read(connection, length, &mut |_| true)).await?;
    if got == length { Ok(()) } else { Err(Error(format!("{got} bytes of {length} arrived"))) }
}

/// The same, as long as `more` wants the next bytes, whose number it gets. Bytes that came.
pub(super) async fn read(connection: &Connection, length: u64, more: &mut dyn FnMut(u64) -> bool) -> Result<u64> {
    let failed = |error: &dyn std::fmt::Display| Error(format!("GET /bytes/{length}: {error}"));
    let (mut send, mut recv) = connection.open_bi().await.map_err(|error| failed(&error))?;
    send.write_all(format!("GET /bytes/{length}\r\n").as_bytes()).await.map_err(|error| failed(&error))?;
    send.finish().map_err(|error| failed(&error))?;
    let mut received = 0;
    // In the order of arrival: putting it in order is no work that is measured.
    while let Some(chunk) = recv.read_chunk(usize::MAX, false).await.map_err(|error| failed(&error))? {
        received += chunk.bytes.len() as u64;
        if !more(chunk.bytes.len() as u64) {
            let _ = recv.stop(VarInt::from_u32(0));
            break;
        }
    }
    Ok(received)
}

/// What a server of this project counts, as it tells it at `/metrics`.
pub(super) struct Counters(String);

impl Counters {
    /// By a connection for HTTP/3.
    pub(super) async fn read(connection: Connection) -> Result<Self> {
        let failed = |error: socket_iwa_native::Error| Error(error.to_string());
        let http = Http::new(connection).await.map_err(failed)?;
        let response = within(async { http.request(Method::GET, "/metrics", "").await.map_err(failed) }).await?;
        if response.status != StatusCode::OK {
            return fail(format!("GET /metrics: {}", response.status));
        }
        Ok(Self(String::from_utf8_lossy(&response.body).into_owned()))
    }

    /// None where the server has no such number.
    pub(super) fn get(&self, name: &str) -> Option<f64> {
        let value = |line: &str| line.strip_prefix("socket_iwa_")?.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        self.0.lines().find_map(value)
    }

    pub(super) fn since(&self, earlier: &Self, name: &str) -> Result<f64> {
        let both = self.get(name).zip(earlier.get(name));
        both.map(|(now, then)| now - then).ok_or_else(|| Error(format!("GET /metrics: there is no {name}")))
    }
}

/// What takes longer hangs.
pub(super) async fn within<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(LIMIT, work).await {
        Ok(done) => done,
        Err(_) => Err(Error(format!("it takes more than {} s", LIMIT.as_secs()))),
    }
}

/// Runs a measurement on this thread.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
