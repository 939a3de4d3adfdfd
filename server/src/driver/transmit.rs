//! The loop's way out: what connections have to send, and the endpoint's own answers.

use std::io;
use std::time::Instant;

use quinn_proto::{ConnectionHandle, Transmit};
use socket_iwa::{Segments, UdpSocket};

use super::Server;
use crate::connection::Connection;
use crate::stats::{Stats, add};

/// Datagrams given to the socket at once; quinn sends at most ten.
const MAX_SEGMENTS: usize = 32;
/// Bytes given to the socket at once: the kernel takes a run of segments as one UDP payload.
const MAX_TRANSMIT: usize = 65_000;
/// Transmits of one connection before the next one gets its turn.
const TRANSMITS_A_TURN: usize = 4;

/// A transmit that the socket had no room for.
pub(super) struct Unsent {
    transmit: Transmit,
    /// Bytes of the buffer that are sent.
    sent: usize,
}

impl Server {
    /// Sends what the dirty connections have, in turns, until the socket is full or each has had its turn.
    pub(super) fn transmit(&mut self) {
        if !self.flush_unsent() {
            return;
        }
        let queue = std::mem::take(&mut self.clients.queues.borrow_mut().dirty);
        let mut queue = queue.into_iter();
        while let Some(handle) = queue.next() {
            let Some(entry) = self.clients.connections.get(&handle) else {
                continue;
            };
            let connection = entry.connection.clone();
            connection.clear_dirty();
            let before = self.clients.context.stats.bytes_sent.get();
            let more = self.transmit_connection(&connection);
            self.age_keys(handle, self.clients.context.stats.bytes_sent.get() - before);
            if more {
                connection.mark_unsent();
            }
            if self.unsent.is_some() {
                // The rest keeps its mark, and its place before what becomes dirty later.
                self.clients.queues.borrow_mut().dirty.splice(0..0, queue);
                break;
            }
            self.settle(handle, &connection);
        }
        self.clients.count();
    }

    /// One connection's turn. Returns whether it has more to send.
    fn transmit_connection(&mut self, connection: &Connection) -> bool {
        let mtu = usize::from(connection.with_proto(|proto| proto.current_mtu()));
        let max_segments = self.socket.max_segments().min(MAX_SEGMENTS).min(MAX_TRANSMIT / mtu).max(1);
        for _ in 0..TRANSMITS_A_TURN {
            self.buffer.clear();
            let buffer = &mut self.buffer;
            let now = Instant::now();
            let transmit = connection.with_proto(|proto| {
                if proto.is_closed() {
                    self.clients.configs.congestion.open(|| proto.poll_transmit(now, max_segments, buffer))
                } else {
                    proto.poll_transmit(now, max_segments, buffer)
                }
            });
            let Some(transmit) = transmit else { return false };
            self.unsent = Some(Unsent { transmit, sent: 0 });
            if !self.flush_unsent() {
                return true;
            }
        }
        true
    }

    /// Sends what is left of the current transmit. Returns whether nothing is left.
    fn flush_unsent(&mut self) -> bool {
        while let Some(Unsent { transmit, sent }) = &mut self.unsent {
            let segments = segments(transmit, &self.buffer[*sent..transmit.size]);
            match self.socket.send_segments(&segments) {
                Ok(bytes) => {
                    count_sent(&self.clients.context.stats, &segments, bytes);
                    *sent += bytes;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => {
                    // Lost, as on the network: the protocol repairs it.
                    tracing::debug!(destination = %transmit.destination, "send: {error}");
                    add(&self.clients.context.stats.send_errors, 1);
                    *sent += segments.segment_size.unwrap_or(transmit.size).min(segments.contents.len());
                }
            }
            if *sent >= transmit.size {
                self.unsent = None;
            }
        }
        true
    }

    /// Changes a connection's keys when they have protected enough.
    fn age_keys(&mut self, handle: ConnectionHandle, bytes: u64) {
        let Some(limit) = self.key_update_after else { return };
        let Some(entry) = self.clients.connections.get_mut(&handle) else { return };
        entry.sent_under_keys += bytes;
        // Before the handshake is complete there are no keys to change.
        if entry.sent_under_keys >= limit && entry.connection.is_established() {
            entry.sent_under_keys = 0;
            entry.connection.with_proto(quinn_proto::Connection::force_key_update);
            add(&self.clients.context.stats.key_updates_total, 1);
        }
    }

    /// After a turn: tells the endpoint what the connection has for it, notes its timer, forgets it when it is over.
    fn settle(&mut self, handle: ConnectionHandle, connection: &Connection) {
        let drained = connection.with_proto(|proto| {
            let mut drained = false;
            while let Some(event) = proto.poll_endpoint_events() {
                drained |= event.is_drained();
                if let Some(event) = self.clients.endpoint.handle_event(handle, event) {
                    proto.handle_event(event);
                }
            }
            drained
        });
        if drained {
            self.deadlines.set(handle, None);
            if self.clients.connections.remove(&handle).is_some_and(|entry| entry.handshake.is_some()) {
                self.clients.handshakes -= 1;
            }
            return;
        }
        self.deadlines.set(handle, connection.with_proto(quinn_proto::Connection::poll_timeout));
    }
}

/// Sends an endpoint's own answer. Where the socket has no room it is dropped: whoever caused it asks again.
pub(super) fn answer(socket: &UdpSocket, stats: &Stats, transmit: &Transmit, contents: &[u8]) {
    let segments = segments(transmit, &contents[..transmit.size]);
    match socket.send_segments(&segments) {
        Ok(bytes) => count_sent(stats, &segments, bytes),
        Err(_) => add(&stats.send_errors, 1),
    }
}

fn segments<'a>(transmit: &Transmit, contents: &'a [u8]) -> Segments<'a> {
    Segments {
        destination: transmit.destination,
        source_ip: transmit.src_ip,
        ecn: transmit.ecn.map(|ecn| ecn as u8),
        contents,
        segment_size: transmit.segment_size,
    }
}

fn count_sent(stats: &Stats, segments: &Segments<'_>, bytes: usize) {
    add(&stats.bytes_sent, bytes as u64);
    add(&stats.datagrams_sent, bytes.div_ceil(segments.segment_size.unwrap_or(bytes).max(1)) as u64);
}
