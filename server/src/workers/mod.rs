//! Several workers that are one server: each has a loop, a socket and connections of its own, all have one port and one
//! secret. The system gives each worker the datagrams of some clients; one that is for another worker's connection, because
//! its client's address has changed, is passed on.
//!
//! This file owns a worker's streams to the others: natively between threads of one process, in WebAssembly channels
//! between instances that know nothing else of each other. `message.rs` is what goes over them; what is made of that is
//! the driver's.

pub(crate) mod message;

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use socket_iwa::{Beside, MAX_BESIDE};

use crate::tickets::Secrets;
use message::Message;

/// Workers of one server at most.
pub const MAX_WORKERS: usize = MAX_BESIDE;

/// How long a worker may take to start.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Bytes to read at once.
const READ_SIZE: usize = 64 << 10;
/// Reads from one worker in one turn of the loop.
const READS: usize = 8;
/// Bytes on their way to a worker above which datagrams and what is said in rooms are dropped: they may be lost, and one
/// that takes nothing must not make the others hold ever more.
const MAX_OUTGOING: usize = 4 << 20;

/// A worker's connections to all others.
pub struct Peers {
    pub(crate) number: usize,
    /// By number; none to itself.
    links: Vec<Option<Link>>,
    /// Where the workers have one memory: what the first one has made for all.
    pub(crate) secrets: Option<Arc<OnceLock<Secrets>>>,
}

struct Link {
    stream: UnixStream,
    incoming: BytesMut,
    outgoing: BytesMut,
    /// Until the other one has ended.
    open: bool,
    /// It has closed its connections, as it was asked to.
    stopped: bool,
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers").field("number", &self.number).field("workers", &self.links.len()).finish()
    }
}

/// A worker has ended that must not have.
fn gone(number: usize, why: impl fmt::Display) -> io::Error {
    io::Error::other(format!("worker {number} {why}"))
}

impl Peers {
    /// The connections of worker `number`, from 0, to the others: `streams`, in the order of their numbers.
    ///
    /// # Errors
    ///
    /// When they can't be used, or there are too few or too many.
    pub fn new(number: usize, streams: Vec<UnixStream>) -> io::Result<Self> {
        if streams.is_empty() || streams.len() >= MAX_WORKERS || number > streams.len() {
            return Err(io::Error::other(format!("worker {number} has {} others", streams.len())));
        }
        let mut links = Vec::with_capacity(streams.len() + 1);
        for stream in streams {
            stream.set_nonblocking(true)?;
            let (incoming, outgoing) = Default::default();
            links.push(Some(Link { stream, incoming, outgoing, open: true, stopped: false }));
        }
        links.insert(number, None);
        Ok(Self { number, links, secrets: None })
    }

    /// Those of `workers` threads of one process.
    ///
    /// # Errors
    ///
    /// When a stream can't be made.
    pub fn of_threads(workers: usize) -> io::Result<Vec<Self>> {
        let mut streams: Vec<Vec<UnixStream>> = (0..workers).map(|_| Vec::new()).collect();
        for one in 0..workers {
            for other in one + 1..workers {
                let (here, there) = UnixStream::pair()?;
                streams[one].push(here);
                streams[other].push(there);
            }
        }
        let secrets = Arc::new(OnceLock::new());
        let peers = streams
            .into_iter()
            .enumerate()
            .map(|(number, streams)| Ok(Self { secrets: Some(Arc::clone(&secrets)), ..Self::new(number, streams)? }));
        peers.collect()
    }

    /// How many workers there are, this one included.
    pub(crate) fn workers(&self) -> usize {
        self.links.len()
    }

    /// What the loop waits for.
    pub(crate) fn beside(&self) -> impl Iterator<Item = Beside<'_>> {
        let open = self.links.iter().flatten().filter(|link| link.open);
        open.map(|link| Beside { descriptor: link.stream.as_fd(), write: !link.outgoing.is_empty() })
    }

    /// Whether worker `number` is another one, and there.
    pub(crate) fn has(&self, number: usize) -> bool {
        self.links.get(number).and_then(Option::as_ref).is_some_and(|link| link.open)
    }

    /// Tells `number` something, if it is still there.
    pub(crate) fn tell(&mut self, number: usize, message: &Message) {
        let Some(link) = self.links.get_mut(number).and_then(Option::as_mut).filter(|link| link.open) else { return };
        let may_be_lost = matches!(message, Message::Datagram(_) | Message::Said(_));
        if !may_be_lost || link.outgoing.len() < MAX_OUTGOING {
            message.encode(&mut link.outgoing);
        }
    }

    /// Tells all others.
    pub(crate) fn tell_all(&mut self, message: &Message) {
        for number in 0..self.links.len() {
            self.tell(number, message);
        }
    }

    /// Whether others still have connections.
    pub(crate) fn any_serving(&self) -> bool {
        self.links.iter().flatten().any(|link| link.open && !link.stopped)
    }

    /// Takes what others have sent, each with the number of who has, and hands it to `hear`. One that has ended is noted.
    ///
    /// # Errors
    ///
    /// When one says that it can't go on, or, unless the server is `stopping`, has ended: any for the first worker, which
    /// speaks for all, and the first one for the others.
    pub(crate) fn receive(&mut self, stopping: bool, mut hear: impl FnMut(usize, Message)) -> io::Result<()> {
        let own = self.number;
        for (number, link) in self.links.iter_mut().enumerate() {
            let Some(link) = link.as_mut().filter(|link| link.open) else { continue };
            let ended = link.receive();
            while let Some(message) = Message::decode(&mut link.incoming) {
                match message.ok_or_else(|| gone(number, "says what is no message"))? {
                    Message::Failed(why) => return Err(gone(number, format_args!("has failed: {why}"))),
                    Message::Stopped => link.stopped = true,
                    message => hear(number, message),
                }
            }
            if ended {
                link.open = false;
                if !stopping && (own == 0 || number == 0) {
                    return Err(gone(number, "has ended"));
                }
            }
        }
        Ok(())
    }

    /// Sends what there is for others, as far as there is room.
    pub(crate) fn transmit(&mut self) {
        for link in self.links.iter_mut().flatten().filter(|link| link.open) {
            link.transmit();
        }
    }

    /// Tells `number` something that must not wait for the loop: before that runs, or when it has ended.
    pub(crate) fn tell_at_once(&mut self, number: usize, message: &Message) {
        self.tell(number, message);
        if let Some(link) = &mut self.links[number]
            && link.stream.set_nonblocking(false).is_ok()
        {
            // One that has ended is seen by reading.
            let _ = link.stream.write_all(&link.outgoing).and_then(|()| link.stream.set_nonblocking(true));
            link.outgoing.clear();
        }
    }

    /// Waits for a message of `from`, for as long as a start may take.
    ///
    /// # Errors
    ///
    /// When none comes, with what can be said of that.
    pub(crate) fn wait_for(&mut self, from: usize) -> Result<Message, String> {
        let deadline = Instant::now() + START_LIMIT;
        let link = self.links[from].as_mut().expect("a worker waits for another one");
        let told = |error: io::Error| format!("worker {from}: {error}");
        link.stream.set_nonblocking(false).map_err(told)?;
        let message = loop {
            match Message::decode(&mut link.incoming) {
                Some(Some(message)) => break message,
                Some(None) => return Err(format!("worker {from} says what is no message")),
                None => {}
            }
            // Zero would be for ever.
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            link.stream.set_read_timeout(Some(left)).map_err(told)?;
            match link.read() {
                Ok(0) => return Err(format!("worker {from} has ended")),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(format!("worker {from} has not started within {} s", START_LIMIT.as_secs()));
                }
                Err(error) => return Err(told(error)),
            }
        };
        link.stream.set_nonblocking(true).map_err(told)?;
        match message {
            Message::Failed(why) => Err(why),
            message => Ok(message),
        }
    }
}

impl Link {
    /// Reads what has come. True when there will be no more.
    fn receive(&mut self) -> bool {
        for _ in 0..READS {
            match self.read() {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
        false
    }

    /// Reads once, behind what is there.
    fn read(&mut self) -> io::Result<usize> {
        let length = self.incoming.len();
        self.incoming.resize(length + READ_SIZE, 0);
        let read = self.stream.read(&mut self.incoming[length..]);
        self.incoming.truncate(length + read.as_ref().map_or(0, |read| *read));
        read
    }

    fn transmit(&mut self) {
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(written) => self.outgoing.advance(written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // That it has ended is seen by reading.
                Err(_) => return self.outgoing.clear(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> (Peers, Peers) {
        let mut peers = Peers::of_threads(2).unwrap().into_iter();
        (peers.next().unwrap(), peers.next().unwrap())
    }

    fn heard(peers: &mut Peers, stopping: bool) -> io::Result<Vec<(usize, Message)>> {
        let mut heard = Vec::new();
        peers.receive(stopping, |number, message| heard.push((number, message)))?;
        Ok(heard)
    }

    #[test]
    fn each_hears_all_others() {
        let mut peers = Peers::of_threads(3).unwrap();
        for sender in &mut peers {
            sender.tell_all(&Message::Close(sender.number as u64));
            sender.transmit();
        }
        for (number, receiver) in peers.iter_mut().enumerate() {
            let expected: Vec<_> =
                (0..3).filter(|other| *other != number).map(|other| (other, Message::Close(other as u64))).collect();
            assert_eq!(heard(receiver, false).unwrap(), expected);
        }
    }

    #[test]
    fn the_first_one_hears_of_an_end_and_why() {
        let (mut first, mut second) = two();
        second.tell_at_once(0, &Message::Failed("no more".into()));
        assert_eq!(heard(&mut first, false).unwrap_err().to_string(), "worker 1 has failed: no more");
        drop(second);
        assert_eq!(heard(&mut first, false).unwrap_err().to_string(), "worker 1 has ended");
        assert!(!first.any_serving());
    }

    #[test]
    fn an_end_that_was_asked_for_is_no_failure() {
        let (mut first, mut second) = two();
        assert!(first.any_serving());
        second.tell_at_once(0, &Message::Stopped);
        drop(second);
        assert_eq!(heard(&mut first, true).unwrap(), []);
        assert!(!first.any_serving());
    }

    #[test]
    fn without_the_first_one_the_others_end() {
        let (first, mut second) = two();
        drop(first);
        assert_eq!(heard(&mut second, false).unwrap_err().to_string(), "worker 0 has ended");
        assert!(!second.has(0));
    }

    #[test]
    fn what_nobody_takes_has_a_bound_but_for_what_must_arrive() {
        let (mut first, _second) = two();
        let said = Message::Said(message::Said::Text("x".repeat(100_000)));
        (0..1000).for_each(|_| first.tell(1, &said));
        let outgoing = |peers: &Peers| peers.links[1].as_ref().unwrap().outgoing.len();
        let full = outgoing(&first);
        assert!(full < MAX_OUTGOING + 200_000, "{full}");
        first.tell(1, &Message::Stop);
        assert!(outgoing(&first) > full);
    }

    #[test]
    fn a_start_that_fails_says_why() {
        let (mut first, mut second) = two();
        second.tell_at_once(0, &Message::Failed("bind".into()));
        assert_eq!(first.wait_for(1).unwrap_err(), "bind");
        drop(first);
        assert_eq!(second.wait_for(0).unwrap_err(), "worker 0 has ended");
    }
}
