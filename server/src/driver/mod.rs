//! The loop: it owns the socket and the clock, feeds quinn-proto and the applications, and sends what they make.
//! It knows nothing of any application protocol beyond its name.

mod commands;
mod crew;
mod deadlines;
mod knocks;
mod receive;
mod stop;
mod transmit;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_executor::LocalPool;
use quinn_proto::{ConnectionHandle, Endpoint, VarInt};
use socket_iwa::{Buffers, Ready, Stop, UdpSocket};

use crate::admission::Admission;
use crate::certificates::Certificates;
use crate::connection::{Connection, SharedQueues};
use crate::gateway::Gateway;
use crate::quic_config::ServerConfigs;
use crate::stats::{Stats, add};
use crate::tickets::Secrets;
use crate::timers::{Patience, Timers};
use crate::workers::Peers;
use crate::workers::message::Message;
use crate::{Certificate, CertificateSource, Config, Overview, Published, app};
use crew::{Answer, Crew, Numbering};
use deadlines::Deadlines;
use knocks::Knocks;
use receive::Received;
use transmit::Unsent;

/// Something that a running server tells.
#[derive(Debug)]
pub enum Event<'a> {
    /// The interval of the counters has passed.
    Stats(&'a Stats),
    /// The certificate, or the one that will be next, is another one.
    Certificate(&'a Published),
    /// Its connections, which standard input has asked for.
    Connections(&'a Overview),
    /// Standard input has asked to close this connection; `found`: there was one.
    Closed {
        /// As in [`ConnectionInfo`](crate::ConnectionInfo).
        id: u64,
        /// False where there is none, or none any more.
        found: bool,
    },
}

/// A server bound to its socket.
pub struct Server {
    socket: UdpSocket,
    received: Buffers,
    receive_errors: u32,
    knocks: Knocks<Received>,
    clients: Clients,
    certificates: Certificates,
    deadlines: Deadlines,
    /// The applications' timers.
    waits: Timers,
    pool: LocalPool,
    /// Handlers outside this program.
    gateway: Option<Gateway>,
    /// The server's other workers.
    crew: Option<Crew>,
    /// To commands of standard input.
    answers: Vec<Answer>,
    key_update_after: Option<u64>,
    drain_timeout: Duration,
    /// Where quinn-proto puts the datagrams of one transmit.
    buffer: Vec<u8>,
    /// Of the transmit in `buffer`, what the socket had no room for.
    unsent: Option<Unsent>,
}

/// The endpoint and its connections: all that a datagram can change.
struct Clients {
    endpoint: Endpoint,
    connections: HashMap<ConnectionHandle, Entry>,
    queues: SharedQueues,
    context: Rc<app::Context>,
    configs: ServerConfigs,
    admission: Admission,
    /// Handshakes in flight.
    handshakes: usize,
    /// When they are given up, in the order of their start; what has ended before is passed over.
    handshakes_due: VecDeque<(Instant, ConnectionHandle)>,
    handshake_timeout: Duration,
    numbering: Numbering,
    stopping: bool,
}

/// A connection and what the loop keeps of it.
struct Entry {
    connection: Connection,
    /// Its number among all that were accepted.
    id: u64,
    since: Instant,
    /// When its handshake is given up, until that is complete.
    handshake: Option<Instant>,
    /// Bytes sent since its keys changed.
    sent_under_keys: u64,
}

impl Entry {
    fn new(connection: Connection, id: u64, since: Instant, handshake: Instant) -> Self {
        Self { connection, id, since, handshake: Some(handshake), sent_under_keys: 0 }
    }
}

impl Clients {
    fn count(&self) {
        let stats = &self.context.stats;
        stats.connections.set(self.connections.len() as u64);
        stats.handshakes.set(self.handshakes as u64);
        stats.resumed_total.set(self.configs.tickets.resumed());
    }
}

impl Server {
    /// A server on `socket`.
    ///
    /// # Errors
    ///
    /// When the certificate, a value of `config` or the root directory can't be used.
    pub fn new(socket: UdpSocket, certificate: &Certificate, config: &Config) -> Result<Self, String> {
        let secrets = Secrets::open(config.ticket_lifetime, config.ticket_keys.as_deref())?;
        Self::with(socket, certificate, config, secrets, None)
    }

    fn with(
        socket: UdpSocket,
        certificate: &Certificate,
        config: &Config,
        secrets: Secrets,
        peers: Option<Peers>,
    ) -> Result<Self, String> {
        let numbering = peers.as_ref().map_or(Numbering::default(), Numbering::of);
        let configs = ServerConfigs::new(config, certificate, secrets, numbering.worker)?;
        let endpoint = Endpoint::new(Arc::new(configs.endpoint.clone()), Some(configs.default()), true, None);
        let certificates = Certificates::new(configs.certificate.clone(), certificate);
        let pool = LocalPool::new();
        let waits = Timers::default();
        let context = Rc::new(app::Context {
            timers: waits.clone(),
            patience: Patience::new(waits.clone(), config.request_timeout),
            unused_timeout: Some(config.unused_timeout).filter(|limit| !limit.is_zero()),
            stats: Rc::new(Stats::default()),
            spawner: pool.spawner(),
            max_body: config.max_body,
            routes: app::Routes::standard(),
            certificates: certificates.published.clone(),
            root: config.root.as_deref().map(app::Root::new).transpose()?,
        });
        let clients = Clients {
            endpoint,
            connections: HashMap::new(),
            queues: SharedQueues::default(),
            context,
            configs,
            admission: Admission::new(config),
            handshakes: 0,
            handshakes_due: VecDeque::new(),
            handshake_timeout: config.handshake_timeout,
            numbering,
            stopping: false,
        };
        Ok(Self {
            socket,
            received: Buffers::default(),
            receive_errors: 0,
            knocks: Knocks::default(),
            clients,
            certificates,
            deadlines: Deadlines::default(),
            waits,
            pool,
            gateway: None,
            crew: peers.map(Crew::new),
            answers: Vec::new(),
            key_update_after: config.key_update_after,
            drain_timeout: config.drain_timeout,
            buffer: Vec::new(),
            unsent: None,
        })
    }

    /// Serves these handlers instead of [`Routes::standard`](app::Routes::standard).
    ///
    /// # Panics
    ///
    /// Once it runs.
    #[must_use]
    pub fn with_routes(mut self, routes: app::Routes) -> Self {
        Rc::get_mut(&mut self.clients.context).expect("the server does not run yet").routes = routes;
        self
    }

    /// Serves what the host at the other end of `gateway` handles, instead of its own handlers.
    ///
    /// # Panics
    ///
    /// Once it runs.
    #[must_use]
    pub fn with_gateway(mut self, gateway: Gateway) -> Self {
        let routes = gateway.routes();
        self.gateway = Some(gateway);
        self.with_routes(routes)
    }

    /// Takes further certificates from `source`: generated ones in time, files when SIGHUP says so.
    #[must_use]
    pub fn with_certificates_from(mut self, source: CertificateSource) -> Self {
        self.certificates.set_source(source);
        self
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
        &self.clients.context.stats
    }

    /// Serves until `stop`, then lets clients have what they have asked for, and closes every connection. Calls `tell` with
    /// the counters every `interval`, if there is one, with new certificates, and with the answers to the commands among
    /// `stop`'s lines.
    ///
    /// # Errors
    ///
    /// When the socket itself fails, or the host of a gateway is gone; errors of single datagrams are counted and survived.
    pub fn run(&mut self, stop: &Stop, interval: Option<Duration>, mut tell: impl FnMut(Event<'_>)) -> io::Result<()> {
        self.serve(stop, interval, &mut tell).inspect_err(|error| {
            if let Some(crew) = &mut self.crew {
                crew.peers.tell_at_once(0, &Message::Failed(error.to_string()));
            }
        })
    }

    fn serve(&mut self, stop: &Stop, interval: Option<Duration>, tell: &mut dyn FnMut(Event<'_>)) -> io::Result<()> {
        let mut next_tick = interval.map(|interval| Instant::now() + interval);
        loop {
            let renewal = self.certificates.wait(SystemTime::now()).map(|wait| Instant::now() + wait);
            let deadline = self.deadline(next_tick.into_iter().chain(renewal).min());
            let ready = self.wait(deadline, Some(stop))?;
            while let Some(line) = stop.take_line() {
                self.obey(&line);
            }
            if ready.stopped {
                return self.stop();
            }
            if ready.hung_up {
                let changed = self.certificates.reload();
                self.tell_of_certificate(changed, tell);
            }
            let changed = self.certificates.advance(SystemTime::now());
            self.tell_of_certificate(changed, tell);
            self.turn(ready)?;
            if self.crew.as_ref().is_some_and(|crew| crew.told_to_stop) {
                return self.stop();
            }
            self.answers.drain(..).for_each(|answer| tell(answer.event()));
            if let (Some(due), Some(interval)) = (next_tick, interval)
                && Instant::now() >= due
            {
                self.count_drops();
                tell(Event::Stats(self.stats()));
                next_tick = Some(Instant::now() + interval);
            }
        }
    }

    /// Tells of a change of the certificates, if there was one.
    fn tell_of_certificate(&mut self, changed: Result<bool, String>, tell: &mut dyn FnMut(Event<'_>)) {
        match changed {
            Ok(false) => {}
            Ok(true) => {
                if let Some(crew) = &mut self.crew {
                    crew.peers.tell_all(&Message::Certificate(self.certificates.news()));
                }
                tell(Event::Certificate(&self.certificates.published.borrow()));
            }
            Err(error) => tracing::error!("the certificate stays as it is: {error}"),
        }
    }

    /// When the wait has to end, at `limit` at the latest: at once while there is something to transmit and room for it.
    fn deadline(&mut self, limit: Option<Instant>) -> Option<Instant> {
        if self.unsent.is_none() && !self.clients.queues.borrow().dirty.is_empty() {
            return Some(Instant::now());
        }
        let earlier = |one: Option<Instant>, other: Option<Instant>| one.into_iter().chain(other).min();
        let limit = earlier(limit, earlier(self.clients.next_handshake_due(), self.waits.next_due()));
        let limit = earlier(limit, self.crew.as_ref().and_then(|crew| crew.next_report));
        let limit = earlier(limit, self.knocks.next_due());
        earlier(limit, self.deadlines.next().map(|(due, _)| due))
    }

    /// Waits for whatever the loop has to do next.
    fn wait(&self, deadline: Option<Instant>, stop: Option<&Stop>) -> io::Result<Ready> {
        let gateway = self.gateway.iter().map(Gateway::beside);
        let peers = self.crew.iter().flat_map(|crew| crew.peers.beside());
        self.socket.wait(self.unsent.is_some(), deadline, stop, gateway.chain(peers))
    }

    /// One turn of the loop after a wait that ended with `ready`.
    fn turn(&mut self, ready: Ready) -> io::Result<()> {
        if ready.readable {
            self.receive()?;
        }
        self.answer_knocks();
        if ready.beside {
            self.speak_with_host(Gateway::receive)?;
            self.hear_crew()?;
        }
        let now = Instant::now();
        self.expire_timers(now);
        self.clients.expire_handshakes(now);
        self.waits.expire(now);
        self.clients.handle_events();
        self.pool.run_until_stalled();
        self.speak_with_host(Gateway::transmit)?;
        self.transmit();
        self.speak_with_crew();
        Ok(())
    }

    fn count_drops(&self) {
        self.stats().datagrams_dropped.set(self.socket.drops());
    }

    fn speak_with_host(&mut self, speak: impl FnOnce(&mut Gateway) -> io::Result<()>) -> io::Result<()> {
        let spoken = self.gateway.as_mut().map_or(Ok(()), speak);
        if spoken.is_err() && self.clients.stopping {
            // A host may go as soon as it has asked the server to stop.
            self.gateway = None;
            return Ok(());
        }
        spoken
    }

    fn expire_timers(&mut self, now: Instant) {
        while let Some((due, handle)) = self.deadlines.next()
            && due <= now
        {
            self.deadlines.set(handle, None);
            if let Some(entry) = self.clients.connections.get(&handle) {
                entry.connection.with_proto(|proto| proto.handle_timeout(now));
                entry.connection.mark_dirty();
            }
        }
    }
}

impl Clients {
    /// When the oldest handshake in flight is given up.
    fn next_handshake_due(&mut self) -> Option<Instant> {
        while let Some(&(due, handle)) = self.handshakes_due.front() {
            if self.connections.get(&handle).is_some_and(|entry| entry.handshake == Some(due)) {
                return Some(due);
            }
            self.handshakes_due.pop_front();
        }
        None
    }

    fn expire_handshakes(&mut self, now: Instant) {
        while let Some(due) = self.next_handshake_due()
            && due <= now
        {
            let Some((_, handle)) = self.handshakes_due.pop_front() else { break };
            let Some(entry) = self.connections.get_mut(&handle) else { continue };
            entry.handshake = None;
            self.handshakes -= 1;
            add(&self.context.stats.handshakes_timed_out_total, 1);
            entry.connection.close(VarInt::from_u32(0), b"handshake timeout");
        }
    }

    /// Passes the connections' events to the applications.
    fn handle_events(&mut self) {
        let handles = std::mem::take(&mut self.queues.borrow_mut().eventful);
        for handle in handles {
            let Some(entry) = self.connections.get_mut(&handle) else {
                continue;
            };
            let connection = entry.connection.clone();
            let events = connection.handle_events();
            if (events.connected || events.lost.is_some()) && entry.handshake.take().is_some() {
                self.handshakes -= 1;
            }
            if connection.may_start(|alpn| self.configs.takes_early_data(alpn)) {
                app::start(&self.context, connection.clone());
            }
            if events.connected {
                let early_data = connection.with_proto(|proto| proto.has_0rtt());
                add(&self.context.stats.early_data_total, early_data.into());
                tracing::debug!(id = handle.0, remote = %connection.remote_address(), early_data, "connected");
            }
            if let Some(reason) = events.lost {
                tracing::debug!(id = handle.0, %reason, "lost");
            }
        }
    }
}
