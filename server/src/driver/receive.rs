//! The loop's way in: datagrams to their connections, and new clients in or away.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use quinn_proto::{DatagramEvent, EcnCodepoint, Incoming, Transmit};
use socket_iwa::{Datagram, UdpSocket};

use super::knocks::is_knock;
use super::transmit::answer;
use super::{Clients, Entry, Server};
use crate::admission::{Load, Verdict};
use crate::connection::Connection;
use crate::logged;
use crate::stats::add;
use crate::workers::message::{Forwarded, Message};

/// Datagrams are received for so long before the applications and timers get their turn: a flood must not keep them from it.
const RECEIVE_TIME: Duration = Duration::from_millis(4);
/// Errors of the socket in a row, without a datagram between them, that end the server: it is broken.
const MAX_RECEIVE_ERRORS: u32 = 1000;

impl Server {
    pub(super) fn receive(&mut self) -> io::Result<()> {
        let Self { socket, received, clients, knocks, crew, .. } = self;
        let mut response = Vec::new();
        let mut in_order = knocks.in_order(clients.is_ordinary());
        let begun = Instant::now();
        let mut now = begun;
        while now < begun + RECEIVE_TIME {
            let outcome = socket.receive(received, |datagram| {
                clients.count_datagram(&datagram);
                if let Some(crew) = crew
                    && let Some(owner) = clients.configs.connection_ids.elsewhere(datagram.payload)
                    && crew.peers.has(owner)
                {
                    add(&clients.context.stats.datagrams_forwarded, 1);
                    crew.peers.tell(owner, &Message::Datagram(Forwarded::from(&datagram)));
                    return;
                }
                let received = Received::from(&datagram);
                if !is_knock(datagram.payload, |id| clients.configs.is_ours(id)) {
                    clients.answer(socket, now, received, &mut response);
                    return;
                }
                if in_order.has_left() {
                    let begun = Instant::now();
                    clients.answer(socket, begun, received, &mut response);
                    in_order.took(begun.elapsed());
                } else {
                    let passed_over = knocks.wait(datagram.remote, received);
                    add(&clients.context.stats.initials_dropped_total, passed_over.into());
                }
            });
            match outcome {
                Ok(_) => self.receive_errors = 0,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if self.receive_errors >= MAX_RECEIVE_ERRORS => return Err(error),
                // An ICMP error of an earlier send, say: it says nothing of this socket.
                Err(error) => {
                    logged::debug("receive", &error);
                    self.receive_errors += 1;
                }
            }
            now = Instant::now();
        }
        clients.count();
        Ok(())
    }

    /// Answers those who have waited for it.
    pub(super) fn answer_knocks(&mut self) {
        let Self { socket, clients, knocks, .. } = self;
        let mut response = Vec::new();
        let ordinary = clients.is_ordinary();
        knocks.answer(ordinary, Instant::now, |now, knock| clients.answer(socket, now, knock, &mut response));
        clients.count();
    }
}

/// A datagram with memory of its own.
pub(super) struct Received {
    remote: SocketAddr,
    local_ip: Option<IpAddr>,
    ecn: Option<EcnCodepoint>,
    payload: BytesMut,
}

impl From<&Datagram<'_>> for Received {
    fn from(&Datagram { remote, local_ip, ecn, payload }: &Datagram<'_>) -> Self {
        Self { remote, local_ip, ecn: ecn.and_then(EcnCodepoint::from_bits), payload: payload.into() }
    }
}

impl From<Forwarded> for Received {
    fn from(Forwarded { remote, local_ip, ecn, payload }: Forwarded) -> Self {
        Self { remote, local_ip, ecn, payload }
    }
}

impl Clients {
    /// Whether no more handshakes are in flight than an ordinary day has.
    fn is_ordinary(&self) -> bool {
        self.admission.is_ordinary(self.handshakes)
    }

    fn count_datagram(&self, datagram: &Datagram<'_>) {
        let stats = &self.context.stats;
        add(&stats.datagrams_received, 1);
        add(&stats.bytes_received, datagram.payload.len() as u64);
        add(&stats.datagrams_ecn, datagram.ecn.and_then(EcnCodepoint::from_bits).is_some().into());
    }

    /// Gives a datagram to whom it belongs, and sends what the endpoint itself answers; `response` is room for that.
    pub(super) fn answer(&mut self, socket: &UdpSocket, now: Instant, datagram: Received, response: &mut Vec<u8>) {
        response.clear();
        if let Some(transmit) = self.handle_datagram(now, datagram, response) {
            answer(socket, &self.context.stats, &transmit, response);
        }
    }

    /// Gives a datagram to whom it belongs. Returns what the endpoint itself answers, its bytes in `response`.
    fn handle_datagram(&mut self, now: Instant, datagram: Received, response: &mut Vec<u8>) -> Option<Transmit> {
        let Received { remote, local_ip, ecn, payload } = datagram;
        // Nothing can be sent to port 0, so nothing from there is worth a connection's state.
        if remote.port() == 0 {
            add(&self.context.stats.send_errors, 1);
            return None;
        }
        match self.endpoint.handle(now, remote, local_ip, ecn, payload, response)? {
            DatagramEvent::ConnectionEvent(handle, event) => {
                if let Some(Entry { connection, .. }) = self.connections.get(&handle) {
                    connection.with_proto(|proto| proto.handle_event(event));
                    connection.mark_dirty();
                }
                None
            }
            DatagramEvent::NewConnection(incoming) => {
                response.clear();
                self.handle_knock(now, incoming, response)
            }
            DatagramEvent::Response(transmit) => Some(transmit),
        }
    }

    /// Lets a new client in, or says why not.
    fn handle_knock(&mut self, now: Instant, incoming: Incoming, response: &mut Vec<u8>) -> Option<Transmit> {
        let load = Load { connections: self.connections.len(), handshakes: self.handshakes, stopping: self.stopping };
        let stats = &self.context.stats;
        match self.admission.decide(load, incoming.remote_address_validated()) {
            Verdict::Accept => {}
            Verdict::Retry => {
                add(&stats.retries_total, 1);
                // It can be done: the address is not validated.
                return self.endpoint.retry(incoming, response).ok();
            }
            Verdict::Refuse => {
                add(&stats.refused_total, 1);
                return Some(self.endpoint.refuse(incoming, response));
            }
        }
        let config = self.configs.for_client(incoming.remote_address().ip(), *incoming.orig_dst_cid());
        match self.endpoint.accept(incoming, now, response, Some(config)) {
            Ok((handle, proto)) => {
                let limits = self.configs.limits();
                let connection = Connection::new(handle, proto, self.queues.clone(), stats.clone(), limits);
                connection.mark_dirty();
                add(&stats.connections_total, 1);
                let due = now + self.handshake_timeout;
                let id = self.numbering.id(stats.connections_total.get());
                self.connections.insert(handle, Entry::new(connection, id, now, due));
                self.handshakes += 1;
                self.handshakes_due.push_back((due, handle));
                None
            }
            Err(error) => {
                tracing::debug!("accept: {}", error.cause);
                error.response
            }
        }
    }
}
