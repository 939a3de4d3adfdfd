//! The loop's dealings with the server's other workers: starting together, passing on what is theirs, and speaking as one.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use socket_iwa::{Options, Sharing, UdpSocket};

use super::receive::Received;
use super::{Event, Server};
use crate::overview::Overview;
use crate::stats::COUNTERS;
use crate::tickets::Secrets;
use crate::workers::Peers;
use crate::workers::message::{Message, Start};
use crate::{Certificate, Config};

/// How long counters that have changed may wait for the others to be told.
const REPORT: Duration = Duration::from_secs(1);

/// The other workers, as the loop knows them.
pub(super) struct Crew {
    pub(super) peers: Peers,
    pub(super) told_to_stop: bool,
    /// What each worker has counted when it last said so.
    counted: Vec<[u64; COUNTERS]>,
    /// What this one has counted when it last said so.
    reported: [u64; COUNTERS],
    /// When it says so again; None: nothing has changed.
    pub(super) next_report: Option<Instant>,
    /// Questions for connections, while answers are missing.
    listings: VecDeque<Listing>,
}

struct Listing {
    limit: usize,
    /// Who has not answered.
    missing: Vec<usize>,
    overview: Overview,
}

/// What came of a command.
pub(super) enum Answer {
    Connections(Overview),
    Closed { id: u64, found: bool },
}

impl Answer {
    pub(super) fn event(&self) -> Event<'_> {
        match self {
            Self::Connections(overview) => Event::Connections(overview),
            Self::Closed { id, found } => Event::Closed { id: *id, found: *found },
        }
    }
}

/// The numbers of a worker's connections, which no other one gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbering {
    pub(super) worker: u8,
    workers: u8,
}

impl Default for Numbering {
    /// A server of one worker.
    fn default() -> Self {
        Self { worker: 0, workers: 1 }
    }
}

impl Numbering {
    pub(super) fn of(peers: &Peers) -> Self {
        let number = |number: usize| u8::try_from(number).expect("there are few workers");
        Self { worker: number(peers.number), workers: number(peers.workers()) }
    }

    /// That of the worker's `count`th connection, from 1.
    pub(super) fn id(self, count: u64) -> u64 {
        (count - 1) * u64::from(self.workers) + u64::from(self.worker) + 1
    }

    /// Whose connection it is.
    fn owner(self, id: u64) -> usize {
        (id.wrapping_sub(1) % u64::from(self.workers)) as usize
    }
}

impl Crew {
    pub(super) fn new(peers: Peers) -> Self {
        let counted = vec![[0; COUNTERS]; peers.workers()];
        Self {
            peers,
            told_to_stop: false,
            counted,
            reported: [0; COUNTERS],
            next_report: None,
            listings: VecDeque::new(),
        }
    }
}

impl Server {
    /// The first of several workers, on `socket`, which shares its port ([`Sharing::First`]); returns when all serve.
    /// Connections and handshakes that `config` allows are shared out evenly.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and when another one can't start.
    pub fn first(socket: UdpSocket, certificate: &Certificate, config: &Config, peers: Peers) -> Result<Self, String> {
        let mut secrets = Secrets::open(config.ticket_lifetime, config.ticket_keys.as_deref())?;
        match &peers.secrets {
            // Nobody else sets it.
            Some(shared) => _ = shared.set(secrets.clone()),
            None => secrets = secrets.in_parts(),
        }
        let tickets = if peers.secrets.is_some() { String::new() } else { secrets.text() };
        let config = config.share(peers.workers());
        let mut server = Self::with(socket, certificate, &config, secrets, Some(peers))?;
        let listen = server.local_addr().map_err(|error| error.to_string())?;
        let start = Message::Start(Start { listen, certificate: server.certificates.news(), tickets });
        let peers = &mut server.crew.as_mut().expect("it was made with one").peers;
        for number in 1..peers.workers() {
            peers.tell_at_once(number, &start);
        }
        for number in 1..peers.workers() {
            match peers.wait_for(number)? {
                Message::Ready => {}
                other => return Err(format!("worker {number} says {other:?} before it serves")),
            }
        }
        server.connect_rooms();
        Ok(server)
    }

    /// Another worker than the first, which tells it where to serve; `options` are those of its socket.
    ///
    /// # Errors
    ///
    /// When it can't, of which the first one hears, or when there is no first one.
    pub fn later(config: &Config, options: &Options, mut peers: Peers) -> Result<Self, String> {
        let start = match peers.wait_for(0)? {
            Message::Start(start) => start,
            other => return Err(format!("worker 0 says {other:?} before its start")),
        };
        let prepare = || {
            let secrets = match peers.secrets.as_ref().and_then(|shared| shared.get()) {
                Some(secrets) => secrets.clone(),
                None => Secrets::from_text(&start.tickets)?,
            };
            let options = Options { sharing: Sharing::Later, ..options.clone() };
            let socket = UdpSocket::bind(start.listen, &options).map_err(|error| error.to_string())?;
            Ok((secrets, socket, start.certificate.certificate()?))
        };
        let (secrets, socket, certificate) = prepare().inspect_err(|why: &String| {
            peers.tell_at_once(0, &Message::Failed(why.clone()));
        })?;
        let mut server = Self::with(socket, &certificate, &config.share(peers.workers()), secrets, Some(peers))?;
        server.certificates.follow(&start.certificate)?;
        server.crew.as_mut().expect("it was made with one").peers.tell_at_once(0, &Message::Ready);
        server.connect_rooms();
        Ok(server)
    }

    /// Makes the parts of the room that workers have one.
    fn connect_rooms(&self) {
        if let Some(room) = &self.clients.context.routes.room {
            room.keep_said();
        }
    }

    /// Does what other workers ask for.
    pub(super) fn hear_crew(&mut self) -> io::Result<()> {
        let Self { crew: Some(crew), clients, .. } = self else { return Ok(()) };
        let mut messages = Vec::new();
        crew.peers.receive(clients.stopping, |number, message| messages.push((number, message)))?;
        for (number, message) in messages {
            self.hear(number, message);
        }
        self.clients.count();
        Ok(())
    }

    fn hear(&mut self, number: usize, message: Message) {
        let Self { crew: Some(crew), clients, socket, certificates, answers, .. } = self else { return };
        match message {
            Message::Datagram(datagram) => {
                clients.answer(socket, Instant::now(), Received::from(datagram), &mut Vec::new());
            }
            Message::Said(said) => {
                if let Some(room) = &clients.context.routes.room {
                    room.hear(said);
                }
            }
            Message::Stats(counters) => {
                crew.counted[number] = counters;
                let sum = crew
                    .counted
                    .iter()
                    .fold([0; COUNTERS], |sum, counters| std::array::from_fn(|index| sum[index] + counters[index]));
                clients.context.stats.set_others(sum);
            }
            Message::Tickets(lines) => clients.configs.tickets.secrets().hear(&lines),
            Message::Certificate(news) => {
                if let Err(error) = certificates.follow(&news) {
                    tracing::error!("the certificate stays as it is: {error}");
                }
            }
            Message::Stop => crew.told_to_stop = true,
            Message::List(limit) => crew.peers.tell(number, &Message::Listed(clients.overview(limit))),
            Message::Listed(overview) => {
                crew.listed(number, overview);
                answers.extend(crew.whole_listing());
            }
            Message::Close(id) => crew.peers.tell(number, &Message::Closed { id, found: clients.close(id) }),
            Message::Closed { id, found } => answers.push(Answer::Closed { id, found }),
            // They are dealt with where they come in, or belong to the start.
            Message::Start(_) | Message::Ready | Message::Failed(_) | Message::Stopped => {}
        }
    }

    /// Sends other workers what there is for them.
    pub(super) fn speak_with_crew(&mut self) {
        let Self { crew: Some(crew), clients, .. } = self else { return };
        let now = Instant::now();
        if let Some(room) = &clients.context.routes.room {
            for said in room.said() {
                crew.peers.tell_all(&Message::Said(said));
            }
        }
        let lines = clients.configs.tickets.news();
        if !lines.is_empty() {
            crew.peers.tell_all(&Message::Tickets(lines));
        }
        match crew.next_report {
            Some(due) if now >= due || clients.stopping => {
                clients.context.stats.datagrams_dropped.set(self.socket.drops());
                let counters = clients.context.stats.own();
                crew.reported = counters;
                crew.peers.tell_all(&Message::Stats(counters));
                crew.next_report = None;
            }
            Some(_) => {}
            None if clients.context.stats.own() != crew.reported => crew.next_report = Some(now + REPORT),
            None => {}
        }
        crew.peers.transmit();
    }

    /// Asks all workers for their busiest connections.
    pub(super) fn list(&mut self, limit: usize) {
        let overview = self.clients.overview(limit);
        let Some(crew) = &mut self.crew else { return self.answers.push(Answer::Connections(overview)) };
        crew.peers.tell_all(&Message::List(limit));
        let missing = (0..crew.peers.workers()).filter(|number| crew.peers.has(*number)).collect();
        crew.listings.push_back(Listing { limit, missing, overview });
    }

    /// Closes a connection, whose ever it is.
    pub(super) fn close_connection(&mut self, id: u64) {
        let owner = self.clients.numbering.owner(id);
        match &mut self.crew {
            Some(crew) if crew.peers.has(owner) => crew.peers.tell(owner, &Message::Close(id)),
            _ => self.answers.push(Answer::Closed { id, found: self.clients.close(id) }),
        }
    }
}

impl Crew {
    /// Takes an answer to the oldest question that `number` has not answered.
    fn listed(&mut self, number: usize, overview: Overview) {
        let asked = self.listings.iter_mut().find(|listing| listing.missing.contains(&number));
        if let Some(Listing { limit, missing, overview: all }) = asked {
            missing.retain(|other| *other != number);
            all.merge(overview, *limit);
        }
    }

    /// The answer to the oldest question, when it is whole.
    fn whole_listing(&mut self) -> Option<Answer> {
        if !self.listings.front()?.missing.is_empty() {
            return None;
        }
        self.listings.pop_front().map(|listing| Answer::Connections(listing.overview))
    }
}
