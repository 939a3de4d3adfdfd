//! What an application sees of a connection: poll-based handles to it and its streams. They share the state machine
//! with the loop in `driver` through a `RefCell`, on one thread; they never touch the socket.

mod allowance;
mod datagrams;
mod send_window;
mod streams;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use quinn_proto::{ConnectionError, ConnectionHandle, Dir, Event, StreamEvent, StreamId, VarInt};

use crate::stats::{self, Stats};
use crate::timers::Sleep;
use allowance::Allowance;
use send_window::send_window;

pub(crate) use allowance::at_first;
pub use quinn_proto::SendDatagramError;
pub(crate) use streams::Interest;
pub use streams::{ReadError, RecvStream, SendStream, WriteError};

/// Connections that the loop has something to do for, each once. The loop empties it.
#[derive(Default)]
pub(crate) struct Queues {
    /// With events to pass on.
    pub(crate) eventful: Vec<ConnectionHandle>,
    /// With something to transmit, or timers to look at again. Where the socket has no room they stay for many turns.
    pub(crate) dirty: Vec<ConnectionHandle>,
}

pub(crate) type SharedQueues = Rc<RefCell<Queues>>;

struct State {
    proto: quinn_proto::Connection,
    lost: Option<ConnectionError>,
    /// In which of the loop's queues it is.
    eventful: bool,
    dirty: bool,
    /// The handshake is complete: the client is who sent the early data, and not somebody who replays it.
    established: bool,
    /// An application has it.
    started: bool,
    /// The server is about to stop.
    draining: bool,
    /// Bidirectional streams of the client's whose answer is not delivered yet.
    unanswered: HashSet<StreamId>,
    /// One reference here, and one in each session: they are counted and nothing else.
    sessions: Rc<()>,
    /// When its client last had a use for it: opened a stream, sent a datagram, or got the last of an answer.
    used: Instant,
    wakers: Wakers,
    limits: Limits,
    allowance: Allowance,
}

/// What a connection may have at most.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Streams of each direction that the client may have open.
    pub(crate) max_streams: u32,
    /// Bytes that an application may write ahead of acknowledgements.
    pub(crate) send_window: u64,
}

/// Who waits for what.
#[derive(Default)]
struct Wakers {
    /// By direction.
    accept: [Vec<Waker>; 2],
    open: [Vec<Waker>; 2],
    datagram: Vec<Waker>,
    draining: Vec<Waker>,
    read: HashMap<StreamId, Waker>,
    write: HashMap<StreamId, Waker>,
    /// For the client to want no more of a stream.
    unwanted: HashMap<StreamId, Waker>,
}

impl Wakers {
    fn wake_all(&mut self) {
        let Self { accept, open, datagram, draining, read, write, unwanted } = std::mem::take(self);
        accept.into_iter().chain(open).chain([datagram, draining]).flatten().for_each(Waker::wake);
        read.into_values().chain(write.into_values()).chain(unwanted.into_values()).for_each(Waker::wake);
    }
}

/// Adds a waker once. A task polls for new streams each time it wakes, whatever for: for the direction in which the
/// client opens none, the list would grow with every request of a connection.
pub(crate) fn register(list: &mut Vec<Waker>, waker: &Waker) {
    if !list.iter().any(|known| known.will_wake(waker)) {
        list.push(waker.clone());
    }
}

/// A QUIC connection. Clones are handles to the same one.
#[derive(Clone)]
pub struct Connection {
    state: Rc<RefCell<State>>,
    handle: ConnectionHandle,
    queues: SharedQueues,
    stats: Rc<Stats>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.handle.0).finish()
    }
}

/// For the loop.
impl Connection {
    pub(crate) fn new(
        handle: ConnectionHandle,
        proto: quinn_proto::Connection,
        queues: SharedQueues,
        stats: Rc<Stats>,
        limits: Limits,
    ) -> Self {
        let state = State {
            proto,
            lost: None,
            eventful: false,
            dirty: false,
            established: false,
            started: false,
            draining: false,
            unanswered: HashSet::new(),
            sessions: Rc::new(()),
            used: Instant::now(),
            wakers: Wakers::default(),
            limits,
            allowance: Allowance::of(limits.max_streams),
        };
        Self { state: Rc::new(RefCell::new(state)), handle, queues, stats }
    }

    /// Runs `f` on the state machine.
    pub(crate) fn with_proto<R>(&self, f: impl FnOnce(&mut quinn_proto::Connection) -> R) -> R {
        f(&mut self.state.borrow_mut().proto)
    }

    /// Puts the connection into the loop's queues: its state machine has been used.
    pub(crate) fn mark_dirty(&self) {
        if !std::mem::replace(&mut self.state.borrow_mut().eventful, true) {
            self.queues.borrow_mut().eventful.push(self.handle);
        }
        self.mark_unsent();
    }

    /// Puts it into the queue of those with something to transmit.
    pub(crate) fn mark_unsent(&self) {
        if !std::mem::replace(&mut self.state.borrow_mut().dirty, true) {
            self.queues.borrow_mut().dirty.push(self.handle);
        }
    }

    /// The loop has taken it out of that queue.
    pub(crate) fn clear_dirty(&self) {
        self.state.borrow_mut().dirty = false;
    }

    /// Takes the state machine's events and wakes who waits for them, once the loop has taken it out of the queue of those
    /// that have some.
    pub(crate) fn handle_events(&self) -> Events {
        let mut state = self.state.borrow_mut();
        state.eventful = false;
        let State { proto, lost, established, unanswered, used, wakers, allowance, limits, .. } = &mut *state;
        proto.set_send_window(send_window(proto.congestion_state().window(), limits.send_window));
        let mut events = Events::default();
        while let Some(event) = proto.poll() {
            if let Event::Stream(event) = &event {
                allowance.look(event, proto);
            }
            match event {
                Event::Connected => {
                    events.connected = true;
                    *established = true;
                }
                Event::ConnectionLost { reason } => {
                    events.lost = Some(reason.clone());
                    *lost = Some(reason);
                    unanswered.clear();
                    wakers.wake_all();
                }
                Event::Stream(StreamEvent::Opened { dir }) => {
                    wakers.accept[dir as usize].drain(..).for_each(Waker::wake);
                }
                Event::Stream(StreamEvent::Available { dir }) => {
                    wakers.open[dir as usize].drain(..).for_each(Waker::wake);
                }
                Event::Stream(StreamEvent::Readable { id }) => {
                    wakers.read.remove(&id).into_iter().for_each(Waker::wake);
                }
                Event::Stream(StreamEvent::Writable { id }) => {
                    wakers.write.remove(&id).into_iter().for_each(Waker::wake);
                }
                Event::Stream(StreamEvent::Stopped { id, .. } | StreamEvent::Finished { id }) => {
                    unanswered.remove(&id);
                    *used = Instant::now();
                    let wakers = [&mut wakers.write, &mut wakers.unwanted];
                    wakers.into_iter().filter_map(|wakers| wakers.remove(&id)).for_each(Waker::wake);
                }
                Event::DatagramReceived => wakers.datagram.drain(..).for_each(Waker::wake),
                Event::HandshakeDataReady | Event::DatagramsUnblocked => {}
            }
        }
        events
    }

    /// Whether an application may have it now, which is said once: when the handshake is complete, or, for a protocol
    /// that takes early data, when there is some.
    pub(crate) fn may_start(&self, takes_early_data: impl Fn(&[u8]) -> bool) -> bool {
        let early = !self.is_established() && self.with_proto(|proto| proto.has_0rtt());
        let early = early && self.alpn().is_some_and(|alpn| takes_early_data(&alpn));
        let mut state = self.state.borrow_mut();
        (state.established || early) && !std::mem::replace(&mut state.started, true)
    }

    /// Tells the application that the server is about to stop.
    pub(crate) fn drain(&self) {
        let mut state = self.state.borrow_mut();
        state.draining = true;
        state.wakers.draining.drain(..).for_each(Waker::wake);
    }

    /// How many sessions hold a [`session_mark`](Self::session_mark).
    pub(crate) fn sessions(&self) -> usize {
        Rc::strong_count(&self.state.borrow().sessions) - 1
    }

    /// What a session keeps for as long as it lives, to be counted.
    pub(crate) fn session_mark(&self) -> Rc<()> {
        self.state.borrow().sessions.clone()
    }

    /// How long its client has had no use for it. None: it has one.
    pub(crate) fn unused_for(&self) -> Option<Duration> {
        let state = self.state.borrow();
        state.unanswered.is_empty().then(|| state.used.elapsed())
    }

    /// Waits for `sleep` to end, or the connection; says whether the connection lives on.
    pub(crate) async fn outlives(&self, mut sleep: Sleep) -> bool {
        poll_fn(|cx| {
            {
                let mut state = self.state.borrow_mut();
                if state.lost.is_some() {
                    return Poll::Ready(false);
                }
                register(&mut state.wakers.draining, cx.waker());
            }
            Pin::new(&mut sleep).poll(cx).map(|()| true)
        })
        .await
    }

    /// Whether everything the client asked for is answered, and delivered.
    pub(crate) fn is_answered(&self) -> bool {
        self.state.borrow().unanswered.is_empty()
    }
}

/// What [`Connection::handle_events`] found.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// The handshake is complete.
    pub(crate) connected: bool,
    /// The connection ended, and why.
    pub(crate) lost: Option<ConnectionError>,
}

/// For applications.
impl Connection {
    /// The application protocol that was negotiated (RFC 7301).
    #[must_use]
    pub fn alpn(&self) -> Option<Vec<u8>> {
        let state = self.state.borrow();
        let data = state.proto.crypto_session().handshake_data()?;
        data.downcast::<quinn_proto::crypto::rustls::HandshakeData>().ok()?.protocol
    }

    /// The client's address now; it changes when the client migrates.
    #[must_use]
    pub fn remote_address(&self) -> std::net::SocketAddr {
        self.state.borrow().proto.remote_address()
    }

    /// Whether the handshake is complete. Until then everything that came is early data, which may be a replay (RFC 8446,
    /// section 8); afterwards what came before is not, as only the client itself can complete the handshake.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.state.borrow().established
    }

    /// Waits until the server is about to stop: nothing new should be begun then. Never ends if the connection does.
    pub async fn draining(&self) {
        poll_fn(|cx| {
            let mut state = self.state.borrow_mut();
            if state.draining {
                return Poll::Ready(());
            }
            register(&mut state.wakers.draining, cx.waker());
            Poll::Pending
        })
        .await;
    }

    /// Closes the connection at once with an application error code. Streams are lost.
    pub fn close(&self, code: VarInt, reason: &[u8]) {
        self.with_proto(|proto| proto.close(Instant::now(), code, Bytes::copy_from_slice(reason)));
        self.mark_dirty();
        // A local close makes no event; who waits would wait for ever.
        let mut state = self.state.borrow_mut();
        state.lost.get_or_insert(ConnectionError::LocallyClosed);
        state.unanswered.clear();
        state.wakers.wake_all();
    }

    /// Polls for a unidirectional stream that the client opened.
    ///
    /// # Errors
    ///
    /// When the connection is lost.
    pub fn poll_accept_uni(&self, cx: &mut Context<'_>) -> Poll<Result<RecvStream, ConnectionError>> {
        self.poll_accept(cx, Dir::Uni).map_ok(|id| RecvStream::new(self.clone(), id))
    }

    /// Polls for a bidirectional stream that the client opened.
    ///
    /// # Errors
    ///
    /// When the connection is lost.
    pub fn poll_accept_bi(&self, cx: &mut Context<'_>) -> Poll<Result<(SendStream, RecvStream), ConnectionError>> {
        self.poll_accept(cx, Dir::Bi).map_ok(|id| self.bidirectional(id))
    }

    /// The next bidirectional stream that the client opens.
    ///
    /// # Errors
    ///
    /// When the connection is lost.
    pub async fn accept_bi(&self) -> Result<(SendStream, RecvStream), ConnectionError> {
        poll_fn(|cx| self.poll_accept_bi(cx)).await
    }

    /// Polls for leave to open a unidirectional stream, and opens it.
    ///
    /// # Errors
    ///
    /// When the connection is lost.
    pub fn poll_open_uni(&self, cx: &mut Context<'_>) -> Poll<Result<SendStream, ConnectionError>> {
        self.poll_open(cx, Dir::Uni).map_ok(|id| SendStream::new(self.clone(), id))
    }

    /// Polls for leave to open a bidirectional stream, and opens it.
    ///
    /// # Errors
    ///
    /// When the connection is lost.
    pub fn poll_open_bi(&self, cx: &mut Context<'_>) -> Poll<Result<(SendStream, RecvStream), ConnectionError>> {
        self.poll_open(cx, Dir::Bi).map_ok(|id| self.bidirectional(id))
    }

    fn bidirectional(&self, id: StreamId) -> (SendStream, RecvStream) {
        (SendStream::new(self.clone(), id), RecvStream::new(self.clone(), id))
    }

    fn poll_accept(&self, cx: &mut Context<'_>, dir: Dir) -> Poll<Result<StreamId, ConnectionError>> {
        let mut state = self.state.borrow_mut();
        if let Some(id) = state.proto.streams().accept(dir) {
            if dir == Dir::Bi {
                state.unanswered.insert(id);
            }
            state.used = Instant::now();
            drop(state);
            stats::add(&self.stats.streams_total, 1);
            // Accepting gives the client leave for another one.
            self.mark_dirty();
            return Poll::Ready(Ok(id));
        }
        if let Some(error) = &state.lost {
            return Poll::Ready(Err(error.clone()));
        }
        register(&mut state.wakers.accept[dir as usize], cx.waker());
        Poll::Pending
    }

    fn poll_open(&self, cx: &mut Context<'_>, dir: Dir) -> Poll<Result<StreamId, ConnectionError>> {
        let mut state = self.state.borrow_mut();
        if let Some(error) = &state.lost {
            return Poll::Ready(Err(error.clone()));
        }
        if let Some(id) = state.proto.streams().open(dir) {
            return Poll::Ready(Ok(id));
        }
        register(&mut state.wakers.open[dir as usize], cx.waker());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    struct Task;

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_task_that_polls_again_and_again_is_registered_once() {
        let (one, other) = (Waker::from(Arc::new(Task)), Waker::from(Arc::new(Task)));
        let mut list = Vec::new();
        for _ in 0..1000 {
            register(&mut list, &one);
            register(&mut list, &other);
        }
        assert_eq!(list.len(), 2);
    }
}
