//! The loop: it owns the socket and the clock, feeds quinn-proto and the applications, and sends what they make.
//! It knows nothing of any application protocol beyond its name.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use futures_executor::LocalPool;
use quinn_proto::{ConnectionHandle, DatagramEvent, EcnCodepoint, Endpoint, Incoming, ServerConfig, Transmit};
use socket_iwa::{Buffers, Segments, Stop, UdpSocket};

use crate::config::{ServerConfigs, no_error};
use crate::connection::{Connection, Dirty};
use crate::stats::{Stats, add};
use crate::{Certificate, Config, app};

/// Batches received before the applications and timers get their turn: a flood must not keep them from it.
const RECEIVE_BATCHES: usize = 8;
/// Errors of the socket in a row, without a datagram between them, that end the server: it is broken.
const MAX_RECEIVE_ERRORS: u32 = 1000;
/// Datagrams given to the socket at once; quinn sends at most ten.
const MAX_SEGMENTS: usize = 32;
/// Bytes given to the socket at once: the kernel takes a run of segments as one UDP payload.
const MAX_TRANSMIT: usize = 65_000;
/// Transmits of one connection before the next one gets its turn.
const TRANSMITS_A_TURN: usize = 4;
/// How long a stopping server waits for its connections to be drained, which takes three probe timeouts: a few
/// milliseconds on this machine, longer than anybody wants to wait for a client that is gone.
const CLOSE_DEADLINE: Duration = Duration::from_millis(500);

/// A server bound to its socket.
pub struct Server {
    socket: UdpSocket,
    received: Buffers,
    receive_errors: u32,
    endpoint: Endpoint,
    connections: HashMap<ConnectionHandle, Entry>,
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    dirty: Dirty,
    pool: LocalPool,
    context: Rc<app::Context>,
    max_connections: usize,
    configs: ServerConfigs,
    /// Where quinn-proto puts the datagrams of one transmit.
    buffer: Vec<u8>,
    /// Of the transmit in `buffer`, what the socket had no room for.
    unsent: Option<Unsent>,
}

/// A connection and the timer it last asked for. The heap keeps superseded timers until they come up.
struct Entry {
    connection: Connection,
    timer: Option<Instant>,
}

struct Unsent {
    transmit: Transmit,
    /// Bytes of the buffer that are sent.
    sent: usize,
}

impl Server {
    /// A server on `socket`.
    ///
    /// # Errors
    ///
    /// When the certificate or a value of `config` can't be used.
    pub fn new(socket: UdpSocket, certificate: &Certificate, config: &Config) -> Result<Self, String> {
        let configs = config.server(certificate)?;
        let default = configs.for_client(std::net::Ipv4Addr::UNSPECIFIED.into());
        let endpoint = Endpoint::new(Arc::new(config.endpoint()), Some(default), true, None);
        let pool = LocalPool::new();
        let context = Rc::new(app::Context {
            stats: Rc::new(Stats::default()),
            spawner: pool.spawner(),
            max_body: config.max_body,
        });
        Ok(Self {
            socket,
            received: Buffers::default(),
            receive_errors: 0,
            endpoint,
            connections: HashMap::new(),
            timers: BinaryHeap::new(),
            dirty: Dirty::default(),
            pool,
            context,
            max_connections: config.max_connections,
            configs,
            buffer: Vec::new(),
            unsent: None,
        })
    }

    /// The address it serves.
    ///
    /// # Errors
    ///
    /// As `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// What it has counted so far.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.context.stats
    }

    /// Serves until `stop`, then closes every connection. Calls `tick` every `interval`, if there is one.
    ///
    /// # Errors
    ///
    /// When the socket itself fails; errors of single datagrams are counted and survived.
    pub fn run(&mut self, stop: &Stop, interval: Option<Duration>, mut tick: impl FnMut(&Stats)) -> io::Result<()> {
        let mut next_tick = interval.map(|interval| Instant::now() + interval);
        loop {
            let deadline = self.deadline(next_tick);
            let ready = self.socket.wait(self.unsent.is_some(), deadline, Some(stop))?;
            if ready.stopped {
                return self.close();
            }
            self.turn(ready.readable)?;
            if let (Some(due), Some(interval)) = (next_tick, interval)
                && Instant::now() >= due
            {
                self.context.stats.datagrams_dropped.set(self.socket.drops());
                tick(&self.context.stats);
                next_tick = Some(Instant::now() + interval);
            }
        }
    }

    /// When the wait has to end: at once while there is something to transmit and room for it.
    fn deadline(&mut self, tick: Option<Instant>) -> Option<Instant> {
        if self.unsent.is_none() && !self.dirty.borrow().is_empty() {
            return Some(Instant::now());
        }
        while let Some(&Reverse((due, handle))) = self.timers.peek() {
            if self.connections.get(&ConnectionHandle(handle)).is_some_and(|entry| entry.timer == Some(due)) {
                return Some(tick.map_or(due, |tick| tick.min(due)));
            }
            self.timers.pop();
        }
        tick
    }

    /// One turn of the loop after a wait.
    fn turn(&mut self, readable: bool) -> io::Result<()> {
        if readable {
            self.receive()?;
        }
        self.expire_timers(Instant::now());
        self.handle_events();
        self.pool.run_until_stalled();
        self.transmit();
        Ok(())
    }

    // --- receiving ---------------------------------------------------------------------------------------------------

    fn receive(&mut self) -> io::Result<()> {
        for _ in 0..RECEIVE_BATCHES {
            let now = Instant::now();
            let Self { socket, received, endpoint, connections, context, max_connections, configs, dirty, .. } = self;
            let mut response = Vec::new();
            let outcome = socket.receive(received, |datagram| {
                add(&context.stats.datagrams_received, 1);
                add(&context.stats.bytes_received, datagram.payload.len() as u64);
                // Nothing can be sent to port 0, so nothing from there is worth a connection's state.
                if datagram.remote.port() == 0 {
                    return add(&context.stats.send_errors, 1);
                }
                let ecn = datagram.ecn.and_then(EcnCodepoint::from_bits);
                let payload = BytesMut::from(datagram.payload);
                response.clear();
                let event = endpoint.handle(now, datagram.remote, datagram.local_ip, ecn, payload, &mut response);
                match event {
                    Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                        if let Some(Entry { connection, .. }) = connections.get(&handle) {
                            connection.with_proto(|proto| proto.handle_event(event));
                            connection.mark_dirty();
                        }
                    }
                    Some(DatagramEvent::NewConnection(incoming)) => {
                        response.clear();
                        let config = (connections.len() < *max_connections)
                            .then(|| configs.for_client(incoming.remote_address().ip()));
                        match accept(endpoint, incoming, now, config, &mut response) {
                            Ok((handle, proto)) => {
                                let connection = Connection::new(handle, proto, dirty.clone(), context.stats.clone());
                                connection.mark_dirty();
                                connections.insert(handle, Entry { connection, timer: None });
                                add(&context.stats.connections_total, 1);
                            }
                            Err(Some(transmit)) => answer(socket, &context.stats, &transmit, &response),
                            Err(None) => {}
                        }
                    }
                    Some(DatagramEvent::Response(transmit)) => answer(socket, &context.stats, &transmit, &response),
                    None => {}
                }
            });
            match outcome {
                Ok(_) => self.receive_errors = 0,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if self.receive_errors >= MAX_RECEIVE_ERRORS => return Err(error),
                // An ICMP error of an earlier send, say: it says nothing of this socket.
                Err(error) => {
                    tracing::debug!("receive: {error}");
                    self.receive_errors += 1;
                }
            }
        }
        self.context.stats.connections.set(self.connections.len() as u64);
        Ok(())
    }

    // --- timers and events -------------------------------------------------------------------------------------------

    fn expire_timers(&mut self, now: Instant) {
        while let Some(&Reverse((due, handle))) = self.timers.peek() {
            if due > now {
                break;
            }
            self.timers.pop();
            if let Some(entry) = self.connections.get_mut(&ConnectionHandle(handle))
                && entry.timer == Some(due)
            {
                entry.timer = None;
                entry.connection.with_proto(|proto| proto.handle_timeout(now));
                entry.connection.mark_dirty();
            }
        }
    }

    /// Passes the dirty connections' events to the endpoint and the applications.
    fn handle_events(&mut self) {
        let handles = self.dirty.borrow().clone();
        for handle in handles {
            let Some(entry) = self.connections.get(&handle) else {
                continue;
            };
            let connection = entry.connection.clone();
            let events = connection.handle_events();
            if events.connected {
                tracing::debug!(id = handle.0, remote = %connection.remote_address(), "connected");
                app::start(&self.context, connection);
            }
            if let Some(reason) = events.lost {
                tracing::debug!(id = handle.0, %reason, "lost");
            }
        }
    }

    // --- transmitting ------------------------------------------------------------------------------------------------

    /// Sends what the dirty connections have, in turns, until the socket is full or each has had its turn.
    fn transmit(&mut self) {
        if !self.flush_unsent() {
            return;
        }
        let queue = std::mem::take(&mut *self.dirty.borrow_mut());
        let mut queue = queue.into_iter();
        while let Some(handle) = queue.next() {
            let Some(entry) = self.connections.get(&handle) else {
                continue;
            };
            let connection = entry.connection.clone();
            connection.clear_dirty();
            let more = self.transmit_connection(&connection);
            if more {
                connection.mark_dirty();
            }
            if self.unsent.is_some() {
                // The rest keeps its mark, and its place before what becomes dirty later.
                let mut dirty = self.dirty.borrow_mut();
                dirty.splice(0..0, queue);
                break;
            }
            self.settle(handle, &connection);
        }
        self.context.stats.connections.set(self.connections.len() as u64);
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
                    self.configs.congestion.open(|| proto.poll_transmit(now, max_segments, buffer))
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
                    count_sent(&self.context.stats, &segments, bytes);
                    *sent += bytes;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => {
                    // Lost, as on the network: the protocol repairs it.
                    tracing::debug!(destination = %transmit.destination, "send: {error}");
                    add(&self.context.stats.send_errors, 1);
                    *sent += segments.segment_size.unwrap_or(transmit.size).min(segments.contents.len());
                }
            }
            if *sent >= transmit.size {
                self.unsent = None;
            }
        }
        true
    }

    /// After a turn: tells the endpoint what the connection has for it, notes its timer, forgets it when it is over.
    fn settle(&mut self, handle: ConnectionHandle, connection: &Connection) {
        let drained = connection.with_proto(|proto| {
            let mut drained = false;
            while let Some(event) = proto.poll_endpoint_events() {
                drained |= event.is_drained();
                if let Some(event) = self.endpoint.handle_event(handle, event) {
                    proto.handle_event(event);
                }
            }
            drained
        });
        if drained {
            self.connections.remove(&handle);
            return;
        }
        let timer = connection.with_proto(quinn_proto::Connection::poll_timeout);
        let entry = self.connections.get_mut(&handle).expect("the connection is not drained");
        if entry.timer != timer {
            entry.timer = timer;
            if let Some(due) = timer {
                self.timers.push(Reverse((due, handle.0)));
            }
        }
    }

    // --- stopping ----------------------------------------------------------------------------------------------------

    /// Closes every connection, and says so again to whoever still sends, until all are drained (RFC 9000, section
    /// 10.2): under load the one datagram with the CONNECTION_CLOSE is as easily lost as any other.
    fn close(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + CLOSE_DEADLINE;
        tracing::info!("stopping, {} connections closed", self.connections.len());
        for Entry { connection, .. } in self.connections.values() {
            connection.close(no_error(connection.alpn().as_deref()), b"server stopping");
        }
        self.endpoint.set_server_config(None);
        self.transmit();
        while !self.connections.is_empty() && Instant::now() < deadline {
            let wake = self.deadline(Some(deadline));
            let ready = self.socket.wait(self.unsent.is_some(), wake, None)?;
            self.turn(ready.readable)?;
        }
        Ok(())
    }
}

/// Accepts a connection with `config`, or answers with what says no; without one, no it is.
#[allow(clippy::type_complexity)]
fn accept(
    endpoint: &mut Endpoint,
    incoming: Incoming,
    now: Instant,
    config: Option<Arc<ServerConfig>>,
    response: &mut Vec<u8>,
) -> Result<(ConnectionHandle, quinn_proto::Connection), Option<Transmit>> {
    let Some(config) = config else {
        return Err(Some(endpoint.refuse(incoming, response)));
    };
    endpoint.accept(incoming, now, response, Some(config)).map_err(|error| {
        tracing::debug!("accept: {}", error.cause);
        error.response
    })
}

/// Sends an endpoint's own answer. Where the socket has no room it is dropped: whoever caused it asks again.
fn answer(socket: &UdpSocket, stats: &Stats, transmit: &Transmit, contents: &[u8]) {
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
