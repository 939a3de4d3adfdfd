//! What is told of single connections, on request: who they are and what they cost. Taking it is `driver`'s.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

/// Connections that one overview lists at most.
pub const MAX_LISTED: usize = 100;

/// The connections that have moved the most bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// Connections open, those not listed and handshakes in flight included.
    pub total: usize,
    /// At most [`MAX_LISTED`], the busiest first.
    pub busiest: Vec<ConnectionInfo>,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// Its number among all that the server has accepted, from 1: never used twice.
    pub id: u64,
    /// The client's address now.
    pub remote: SocketAddr,
    /// The application protocol; none while the handshake has not come to it.
    pub alpn: Option<String>,
    /// Since the client's first packet.
    pub age: Duration,
    /// UDP payload bytes.
    pub bytes_sent: u64,
    /// UDP payload bytes.
    pub bytes_received: u64,
    /// The smoothed round-trip time (RFC 9002, section 5.3); none while the handshake is not complete.
    pub rtt: Option<Duration>,
    /// Packets that were sent and never acknowledged.
    pub lost_packets: u64,
    /// WebTransport sessions and WebSockets open.
    pub sessions: usize,
}

impl Overview {
    /// As one JSON object; times in milliseconds.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "total": self.total, "busiest": self.busiest.iter().map(ConnectionInfo::to_json).collect::<Vec<_>>() })
    }
}

impl ConnectionInfo {
    fn to_json(&self) -> Value {
        // Microseconds are all the precision there is.
        let milliseconds = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        json!({
            "id": self.id,
            "remote": self.remote.to_string(),
            "alpn": self.alpn,
            "age_ms": u64::try_from(self.age.as_millis()).unwrap_or(u64::MAX),
            "bytes_sent": self.bytes_sent,
            "bytes_received": self.bytes_received,
            "rtt_ms": self.rtt.map(milliseconds),
            "lost_packets": self.lost_packets,
            "sessions": self.sessions,
        })
    }
}
