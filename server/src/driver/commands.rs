//! What the loop does for who runs the server: tells of single connections, and closes one.

use std::cmp::Reverse;
use std::time::Instant;

use super::{Clients, Entry, Server};
use crate::command::Command;
use crate::overview::{ConnectionInfo, Overview};
use crate::quic_config::no_error;

impl Server {
    /// Does what a line of standard input asks for.
    pub(super) fn obey(&mut self, line: &str) {
        match line.parse() {
            Ok(Command::Connections(limit)) => self.list(limit),
            Ok(Command::Close(id)) => self.close_connection(id),
            Err(error) => tracing::warn!("{error}"),
        }
    }
}

impl Clients {
    /// The `limit` busiest connections.
    pub(super) fn overview(&self, limit: usize) -> Overview {
        let now = Instant::now();
        let mut by_bytes: Vec<(u64, &Entry)> = self.open().map(|entry| (entry.bytes(), entry)).collect();
        let total = by_bytes.len();
        by_bytes.sort_unstable_by_key(|(bytes, entry)| (Reverse(*bytes), entry.id));
        by_bytes.truncate(limit);
        Overview { total, busiest: by_bytes.into_iter().map(|(_, entry)| entry.info(now)).collect() }
    }

    /// Closes a connection as a stopping server would, answers that are under way included. False: there is none.
    pub(super) fn close(&self, id: u64) -> bool {
        let Some(Entry { connection, .. }) = self.open().find(|entry| entry.id == id) else { return false };
        connection.close(no_error(connection.alpn().as_deref()), b"closed by the server's operator");
        true
    }

    /// Those that are not closed yet; one that is waits a little for the client's last packets.
    fn open(&self) -> impl Iterator<Item = &Entry> {
        self.connections.values().filter(|entry| !entry.connection.with_proto(|proto| proto.is_closed()))
    }
}

impl Entry {
    fn bytes(&self) -> u64 {
        let stats = self.connection.with_proto(|proto| proto.stats());
        stats.udp_tx.bytes + stats.udp_rx.bytes
    }

    fn info(&self, now: Instant) -> ConnectionInfo {
        let (stats, rtt) = self.connection.with_proto(|proto| (proto.stats(), proto.rtt()));
        ConnectionInfo {
            id: self.id,
            remote: self.connection.remote_address(),
            alpn: self.connection.alpn().map(|alpn| String::from_utf8_lossy(&alpn).into_owned()),
            age: now.saturating_duration_since(self.since),
            bytes_sent: stats.udp_tx.bytes,
            bytes_received: stats.udp_rx.bytes,
            rtt: self.connection.is_established().then_some(rtt),
            lost_packets: stats.path.lost_packets,
            sessions: self.connection.sessions(),
        }
    }
}
