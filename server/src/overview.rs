//! What is told of single connections, on request: who they are and what they cost. Taking it is `driver`'s.

use std::cmp::Reverse;
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

    /// What [`to_json`](Self::to_json) has made; None: it has not.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let busiest = value["busiest"].as_array()?.iter().map(ConnectionInfo::from_json).collect::<Option<_>>()?;
        Some(Self { total: value["total"].as_u64()?.try_into().ok()?, busiest })
    }

    /// Adds those of another worker; the `limit` busiest of all stay.
    pub(crate) fn merge(&mut self, other: Self, limit: usize) {
        self.total += other.total;
        self.busiest.extend(other.busiest);
        self.busiest.sort_unstable_by_key(|one| (Reverse(one.bytes_sent.saturating_add(one.bytes_received)), one.id));
        self.busiest.truncate(limit);
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

    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            id: value["id"].as_u64()?,
            remote: value["remote"].as_str()?.parse().ok()?,
            alpn: value["alpn"].as_str().map(str::to_owned),
            age: Duration::from_millis(value["age_ms"].as_u64()?),
            bytes_sent: value["bytes_sent"].as_u64()?,
            bytes_received: value["bytes_received"].as_u64()?,
            rtt: value["rtt_ms"]
                .as_f64()
                .map(|milliseconds| Duration::from_micros((milliseconds * 1e3).round() as u64)),
            lost_packets: value["lost_packets"].as_u64()?,
            sessions: value["sessions"].as_u64()?.try_into().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_of_all_workers_are_listed() {
        let one = |id, bytes_sent| ConnectionInfo {
            id,
            remote: "127.0.0.1:1".parse().unwrap(),
            alpn: None,
            age: Duration::ZERO,
            bytes_sent,
            bytes_received: 0,
            rtt: None,
            lost_packets: 0,
            sessions: 0,
        };
        let mut all = Overview { total: 5, busiest: vec![one(1, 30), one(3, 10)] };
        all.merge(Overview { total: 2, busiest: vec![one(2, 20), one(4, 5)] }, 3);
        assert_eq!((all.total, all.busiest.iter().map(|one| one.id).collect()), (7, vec![1, 2, 3]));
    }
}
