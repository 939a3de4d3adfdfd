//! What a user asks of the server. `quic_config.rs` makes quinn-proto's and rustls' configuration of it.

use std::path::PathBuf;
use std::time::Duration;

use crate::app;

/// What a server allows and prefers. Sizes are in bytes.
#[derive(Clone, Debug)]
pub struct Config {
    /// A connection without traffic for this long is closed (RFC 9000, section 10.1).
    pub idle_timeout: Duration,
    /// Keep connections alive: send something when there was no traffic for this long. Less than the idle timeout of both
    /// sides, or it is too late. None leaves that to clients, who know whether they still want the connection.
    pub keep_alive: Option<Duration>,
    /// Connections at once; more are refused with CONNECTION_REFUSED.
    pub max_connections: usize,
    /// Handshakes in flight; more are refused with CONNECTION_REFUSED.
    pub max_handshakes: usize,
    /// A handshake that takes longer is given up, without a word.
    pub handshake_timeout: Duration,
    /// Streams of each direction that one client may have open at once; one more is a STREAM_LIMIT_ERROR. A client has 100 and 8
    /// of them at first, and the others when it uses more than half of those: each takes memory, open or not.
    pub max_streams: u32,
    /// What one connection can make the server hold: data that no application has read yet, and data that is not
    /// acknowledged. A client that sends more than it may ends with a FLOW_CONTROL_ERROR.
    pub connection_memory: u32,
    /// How long a client may take for a header section, and for each KiB of a body, before its request is given up; zero: as
    /// long as it likes.
    pub request_timeout: Duration,
    /// A connection on which its client has had nothing open, and sent no datagram, for so long is closed, though it keeps it
    /// alive; zero: it may last for ever.
    pub unused_timeout: Duration,
    /// The largest request body; more is answered with 413, or cut off with H3_EXCESSIVE_LOAD.
    pub max_body: u64,
    /// The directory whose files are served. None: there are none.
    pub root: Option<PathBuf>,
    /// Whose address is checked before a connection gets any state.
    pub retry: Retry,
    /// What decides how much may be in flight.
    pub congestion: CongestionControl,
    /// The largest datagram payload that path MTU discovery (RFC 9000, section 14.3) tries, from 1200 to 65527;
    /// `None`: what Ethernet carries, and on the loopback interface, whose own MTU is larger, [`LOOPBACK_MTU`].
    ///
    /// [`LOOPBACK_MTU`]: crate::LOOPBACK_MTU
    pub max_datagram: Option<u16>,
    /// Offer ChaCha20-Poly1305 before AES-GCM. The server's order decides, not the client's.
    pub prefer_chacha20: bool,
    /// Change a connection's keys when it has sent this much under them (RFC 9001, section 6). None leaves it to the
    /// limits of the ciphers, and to clients.
    pub key_update_after: Option<u64>,
    /// How long a session ticket is good for, up to [`MAX_TICKET_LIFETIME`](crate::MAX_TICKET_LIFETIME); zero: there are
    /// none.
    pub ticket_lifetime: Duration,
    /// Where the keys of tickets, stateless resets and address tokens outlive the process. None: they end with it.
    pub ticket_keys: Option<PathBuf>,
    /// Take early data (0-RTT), for requests that may be replayed without harm.
    pub early_data: bool,
    /// Take early data for ALPN `echo` too.
    pub echo_early_data: bool,
    /// How long a server that is asked to stop waits for what clients have asked for already.
    pub drain_timeout: Duration,
    /// Where to write a qlog file for each connection.
    pub qlog: Option<PathBuf>,
}

/// When a client has to prove its address by a Retry packet (RFC 9000, section 8.1.2), at the price of a round trip, if
/// it brings no token from an earlier connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Each time.
    Always,
    /// While 32 handshakes are in flight, or half of those allowed.
    UnderLoad,
    /// Never.
    Never,
}

/// A congestion control algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CongestionControl {
    /// RFC 9438.
    Cubic,
    /// Bottleneck bandwidth and round-trip time; experimental in quinn-proto.
    Bbr,
    /// RFC 9002, section 7.
    NewReno,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(30),
            keep_alive: None,
            max_connections: 10_000,
            max_handshakes: 1000,
            handshake_timeout: Duration::from_secs(10),
            max_streams: 256,
            connection_memory: 8 << 20,
            request_timeout: Duration::from_secs(30),
            unused_timeout: Duration::from_secs(300),
            max_body: 64 << 20,
            root: None,
            retry: Retry::UnderLoad,
            congestion: CongestionControl::Cubic,
            max_datagram: None,
            prefer_chacha20: socket_iwa::platform::DEFAULTS.prefer_chacha20,
            key_update_after: None,
            ticket_lifetime: Duration::from_secs(12 * 60 * 60),
            ticket_keys: None,
            early_data: true,
            echo_early_data: false,
            drain_timeout: Duration::from_secs(3),
            qlog: None,
        }
    }
}

impl Config {
    /// A worker's share of what is allowed to `workers` together.
    pub(crate) fn share(&self, workers: usize) -> Self {
        Self {
            max_connections: self.max_connections.div_ceil(workers),
            max_handshakes: self.max_handshakes.div_ceil(workers),
            ..self.clone()
        }
    }

    /// Whether connections of an application protocol take early data. Of `hq-interop` every request is a GET.
    pub(crate) fn takes_early_data(&self, alpn: &[u8]) -> bool {
        self.early_data && (alpn == app::H3 || alpn == app::HQ || (alpn == app::ECHO && self.echo_early_data))
    }
}
