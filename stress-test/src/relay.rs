//! A UDP relay between clients and one server, which does to their datagrams what a bad network does: a stand-in for
//! `tc netem`, where the kernel has none. Each client gets a socket of its own towards the server, as behind a NAT, and
//! can be given another one in the middle of a connection. What a network does is impairment.rs's.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep_until;

use crate::impairment::{Counters, Impairment, Link};
use crate::quic_packets::Packets;

/// The most that a UDP datagram carries.
const MAX_DATAGRAM: usize = 65_535;
/// A client that was silent for so long has gone; its socket is closed when the next client comes.
const FLOW_IDLE: Duration = Duration::from_secs(120);

/// What a relay does.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients send to; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where their datagrams go.
    pub server: SocketAddr,
    /// What happens to them on the way there.
    pub to_server: Impairment,
    /// And to those that come back.
    pub to_client: Impairment,
    /// Give each client a new source port towards the server once, after so many of its datagrams in either direction. What is
    /// on its way to the old port is lost, as behind a NAT that forgot it.
    pub rebind_after: Option<u64>,
    /// Of every random choice.
    pub seed: u64,
}

/// What passed a relay so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Clients, told apart by address and port.
    pub clients: u64,
    /// Datagrams of clients that came before the server's first Handshake packet to any of them, which it can only send once
    /// it has a whole ClientHello. An acknowledgement of the first part alone is an Initial packet.
    pub before_first_handshake: u64,
    /// Changes of a client's port towards the server.
    pub rebindings: u64,
    /// Datagrams that the system refused to send.
    pub refused: u64,
    pub to_server: Direction,
    pub to_client: Direction,
}

/// One direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Direction {
    #[serde(flatten)]
    pub counters: Counters,
    /// QUIC packets that came, those that were lost afterwards among them.
    pub packets: Packets,
}

/// A relay at work; dropping it ends it. Needs a tokio runtime.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    // Ends the tasks when it is dropped.
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct State {
    to_server: Link,
    to_client: Link,
    report: Report,
    flows: HashMap<SocketAddr, Flow>,
}

/// One client.
#[derive(Debug)]
struct Flow {
    /// Connected to the server.
    socket: Arc<UdpSocket>,
    reader: JoinHandle<()>,
    datagrams: u64,
    rebound: bool,
    last_seen: Instant,
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Relay {
    /// # Errors
    ///
    /// When `listen` can't be bound.
    pub async fn start(config: Config) -> io::Result<Self> {
        let front = Arc::new(UdpSocket::bind(config.listen).await?);
        let address = front.local_addr()?;
        let state = Arc::new(Mutex::new(State {
            to_server: Link::new(config.to_server.clone(), config.seed, 0),
            to_client: Link::new(config.to_client.clone(), config.seed, 1),
            report: Report::default(),
            flows: HashMap::new(),
        }));
        let mut tasks = JoinSet::new();
        let (outbox, waiting) = unbounded_channel();
        tasks.spawn(deliver(waiting, state.clone()));
        tasks.spawn(Inbound { config, front, state: state.clone(), outbox }.run());
        Ok(Self { address, state, _tasks: tasks })
    }

    /// Where clients send to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What passed so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let state = lock(&self.state);
        let mut report = state.report;
        report.to_server.counters = state.to_server.counters();
        report.to_client.counters = state.to_client.counters();
        report
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Their readers hold the state, which holds them.
        lock(&self.state).flows.clear();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A datagram that leaves at a time.
struct Departure {
    at: Instant,
    /// Those of one instant keep their order.
    number: u64,
    socket: Arc<UdpSocket>,
    /// None on a connected socket.
    to: Option<SocketAddr>,
    data: Arc<[u8]>,
}

impl Departure {
    fn key(&self) -> (Instant, u64) {
        (self.at, self.number)
    }

    async fn send(&self) -> io::Result<usize> {
        match self.to {
            Some(to) => self.socket.send_to(&self.data, to).await,
            None => self.socket.send(&self.data).await,
        }
    }
}

impl PartialEq for Departure {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Departure {}

impl PartialOrd for Departure {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Departure {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// Sends each datagram at its time; tokio's timers are as fine as a millisecond.
async fn deliver(mut outbox: UnboundedReceiver<Departure>, state: Arc<Mutex<State>>) {
    let mut waiting: BinaryHeap<Reverse<Departure>> = BinaryHeap::new();
    let mut count = 0;
    loop {
        let next = waiting.peek().map(|Reverse(departure)| departure.at);
        let arrived = match next {
            Some(at) => tokio::select! {
                biased;
                arrived = outbox.recv() => arrived,
                () = sleep_until(at.into()) => {
                    if let Some(Reverse(departure)) = waiting.pop() {
                        send(departure, &state).await;
                    }
                    continue;
                }
            },
            None => outbox.recv().await,
        };
        let Some(departure) = arrived else { return };
        count += 1;
        waiting.push(Reverse(Departure { number: count, ..departure }));
    }
}

async fn send(departure: Departure, state: &Mutex<State>) {
    let mut sent = departure.send().await;
    if sent.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        // An earlier datagram's ICMP message, which the system tells by failing this call.
        sent = departure.send().await;
    }
    if sent.is_err() {
        lock(state).report.refused += 1;
    }
}

/// What clients send.
struct Inbound {
    config: Config,
    front: Arc<UdpSocket>,
    state: Arc<Mutex<State>>,
    outbox: UnboundedSender<Departure>,
}

impl Inbound {
    async fn run(self) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            match self.front.recv_from(&mut buffer).await {
                Ok((length, client)) => self.pass(&buffer[..length], client).await,
                // The client of an earlier datagram has closed its port: its own matter.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => lock(&self.state).report.refused += 1,
            }
        }
    }

    async fn pass(&self, data: &[u8], client: SocketAddr) {
        let now = Instant::now();
        let Some(socket) = self.socket_of(client, now).await else {
            lock(&self.state).report.refused += 1;
            return;
        };
        let mut state = lock(&self.state);
        if state.report.to_client.packets.handshake == 0 {
            state.report.before_first_handshake += 1;
        }
        state.report.to_server.packets.count(data);
        let data: Arc<[u8]> = data.into();
        for at in state.to_server.pass(now, data.len()) {
            // The receiver lives as long as this task.
            let _ = self.outbox.send(Departure { at, number: 0, socket: socket.clone(), to: None, data: data.clone() });
        }
    }

    /// The client's socket towards the server: its own, a new one for a new client or for one whose time to move has come.
    async fn socket_of(&self, client: SocketAddr, now: Instant) -> Option<Arc<UdpSocket>> {
        let known = {
            let mut state = lock(&self.state);
            let flow = state.flows.get_mut(&client);
            flow.map(|flow| {
                flow.last_seen = now;
                flow.datagrams += 1;
                let moves = !flow.rebound && self.config.rebind_after.is_some_and(|limit| flow.datagrams > limit);
                (flow.socket.clone(), moves)
            })
        };
        match known {
            Some((socket, false)) => return Some(socket),
            Some((_, true)) => lock(&self.state).report.rebindings += 1,
            None => {
                let mut state = lock(&self.state);
                state.report.clients += 1;
                state.flows.retain(|_, flow| now - flow.last_seen < FLOW_IDLE);
            }
        }
        let socket = Arc::new(connected(self.config.server).await.ok()?);
        let reader = tokio::spawn(read_answers(
            client,
            socket.clone(),
            self.front.clone(),
            self.state.clone(),
            self.outbox.clone(),
        ));
        let rebound = known.is_some();
        let flow = Flow { socket: socket.clone(), reader, datagrams: 1, rebound, last_seen: now };
        lock(&self.state).flows.insert(client, flow);
        Some(socket)
    }
}

async fn connected(server: SocketAddr) -> io::Result<UdpSocket> {
    let any = match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    Ok(socket)
}

/// What the server sends to one client.
async fn read_answers(
    client: SocketAddr,
    socket: Arc<UdpSocket>,
    front: Arc<UdpSocket>,
    state: Arc<Mutex<State>>,
    outbox: UnboundedSender<Departure>,
) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        let Ok(length) = socket.recv(&mut buffer).await else {
            continue; // a server that is not there: an ICMP message, read once
        };
        let mut state = lock(&state);
        if let Some(flow) = state.flows.get_mut(&client) {
            flow.last_seen = Instant::now();
            flow.datagrams += 1;
        }
        state.report.to_client.packets.count(&buffer[..length]);
        let data: Arc<[u8]> = buffer[..length].into();
        for at in state.to_client.pass(Instant::now(), length) {
            let to = Some(client);
            let _ = outbox.send(Departure { at, number: 0, socket: front.clone(), to, data: data.clone() });
        }
    }
}
