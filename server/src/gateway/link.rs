//! Many exchanges with the host over one stream: who may send how much, who waits for what, and when an exchange is over.
//! Sans-I/O: `mod.rs` brings what has come and takes what is to go. It knows nothing of HTTP and WebTransport.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::exchange::{HostSession, HostSocket, Receiving, Sending};
use super::frame::{Close, Frame, Kind, LAST, MAX_DATA, Malformed, TEXT};
use crate::connection::register;
use crate::json;

/// Bytes of an exchange that either side may send before the other has taken any. Enough for a link that takes a third of a
/// millisecond there and back, as a worker's messages do, to carry 400 MB/s.
pub(super) const WINDOW: u32 = 128 << 10;
/// Bytes on their way to the host above which exchanges wait.
const MAX_OUTGOING: usize = 1 << 20;

/// What is limited in number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pool {
    /// Requests and sessions: one too many is refused.
    Requests,
    /// Streams of sessions: one too many waits.
    Streams,
}

impl Pool {
    /// With a window in each direction, what a host that takes nothing can make this side hold: 128 and 256 MiB.
    fn limit(self) -> usize {
        match self {
            Self::Requests => 1024,
            Self::Streams => 2048,
        }
    }
}

/// Which directions an exchange has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Directions {
    Both,
    /// To the host.
    Out,
    /// From the host.
    In,
}

/// What an exchange is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carries {
    /// A request, or a stream of a session.
    Data,
    /// A session.
    Datagrams,
    /// A WebSocket.
    Messages,
}

#[derive(Default)]
pub(super) struct Link(RefCell<State>);

#[derive(Default)]
struct State {
    exchanges: HashMap<u64, Exchange>,
    /// How many exchanges this side has opened. Its numbers are even, from 2; the host's are odd.
    opened: u64,
    /// By pool.
    open: [usize; 2],
    outgoing: BytesMut,
    /// Who waits for room in it, or for others to end.
    wakers: Vec<Waker>,
}

pub(super) struct Exchange {
    pub(super) head: Option<Bytes>,
    /// Behind the end of the data: JSON, or nothing.
    pub(super) trailers: Bytes,
    /// Data or, of a session, datagrams, and of a WebSocket parts of messages, that nobody has taken.
    pub(super) data: VecDeque<Bytes>,
    pub(super) coming: Coming,
    /// Bytes that the host may send still.
    allowed: u32,
    /// Bytes taken for which the host has no new credit yet.
    taken: u32,
    /// Bytes that may be sent to the host.
    pub(super) credit: u64,
    /// Whether this side has more to send.
    pub(super) going: bool,
    /// The host wants no more.
    pub(super) stopped: Option<u32>,
    /// Of a session: the streams that the host has opened and nobody has taken.
    pub(super) streams: VecDeque<(u64, Directions)>,
    carries: Carries,
    /// How many there are.
    handles: u8,
    pool: Option<Pool>,
    wakers: Vec<Waker>,
}

/// What is still to come of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Coming {
    More,
    Ended,
    Reset(u32),
    Closed(Close),
}

impl Exchange {
    fn new(directions: Directions, handles: u8) -> Self {
        Self {
            head: None,
            trailers: Bytes::new(),
            data: VecDeque::new(),
            coming: if directions == Directions::Out { Coming::Ended } else { Coming::More },
            allowed: WINDOW,
            taken: 0,
            credit: WINDOW.into(),
            going: directions != Directions::In,
            stopped: None,
            streams: VecDeque::new(),
            carries: Carries::Data,
            handles,
            pool: None,
            wakers: Vec::new(),
        }
    }

    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

impl State {
    fn send(&mut self, id: u64, kind: Kind) {
        Frame { id, kind }.encode(&mut self.outgoing);
    }

    /// Forgets an exchange that is over for both sides and that nobody has a handle to.
    fn settle(&mut self, id: u64) {
        let Some(exchange) = self.exchanges.get(&id) else { return };
        if exchange.handles > 0 || exchange.going || exchange.coming == Coming::More {
            return;
        }
        if let Some(pool) = exchange.pool {
            self.open[pool as usize] -= 1;
            self.wakers.drain(..).for_each(Waker::wake);
        }
        self.exchanges.remove(&id);
    }

    /// What has come for an exchange.
    fn receive(&mut self, id: u64, kind: Kind) -> Result<(), Malformed> {
        let Some(exchange) = self.exchanges.get_mut(&id) else {
            return match kind {
                // Sent before the host knew that this side had ended it.
                Kind::Credit(_) | Kind::Stop(_) | Kind::Close(_) => Ok(()),
                kind => Err(Malformed(format!("a frame for exchange {id}, which is not open: {kind:?}"))),
            };
        };
        let fits = match kind {
            Kind::Datagram(_) => exchange.carries == Carries::Datagrams,
            Kind::Message(_) => exchange.carries == Carries::Messages,
            Kind::Close(_) => exchange.carries != Carries::Data,
            Kind::Head(_) | Kind::Data(_) | Kind::End(_) | Kind::Reset(_) => exchange.carries == Carries::Data,
            _ => true,
        };
        if !fits {
            return Err(Malformed(format!("a frame that is not for the kind of exchange {id}: {kind:?}")));
        }
        let is_data = matches!(
            kind,
            Kind::Head(_) | Kind::Data(_) | Kind::Datagram(_) | Kind::Message(_) | Kind::End(_) | Kind::Reset(_)
        );
        if is_data && exchange.coming != Coming::More {
            return Err(Malformed(format!("a frame for exchange {id} behind its end: {kind:?}")));
        }
        match kind {
            Kind::Head(head) => exchange.head = Some(head),
            Kind::Data(data) | Kind::Datagram(data) | Kind::Message(data) => {
                let length = data.len() as u32;
                exchange.allowed = exchange.allowed.checked_sub(length).ok_or_else(|| {
                    Malformed(format!("exchange {id} has {length} bytes and was allowed {}", exchange.allowed))
                })?;
                // Without a receiver it is on its way since before the host was told to stop.
                if exchange.handles > 0 {
                    exchange.data.push_back(data);
                }
            }
            Kind::End(trailers) => {
                exchange.trailers = trailers;
                exchange.coming = Coming::Ended;
            }
            Kind::Reset(code) => exchange.coming = Coming::Reset(code),
            Kind::Stop(code) => exchange.stopped = Some(code),
            Kind::Credit(bytes) => exchange.credit += u64::from(bytes),
            Kind::Close(close) => exchange.coming = Coming::Closed(close),
            Kind::Hello(_) | Kind::Open(_) => unreachable!("they are not of an exchange that is open"),
        }
        exchange.wake();
        self.settle(id);
        Ok(())
    }

    /// The host opens a stream of a session.
    fn accept(&mut self, id: u64, head: &[u8]) -> Result<(), Malformed> {
        let wrong = |what: &str| Malformed(format!("exchange {id} of the host's {what}"));
        if id.is_multiple_of(2) || self.exchanges.contains_key(&id) {
            return Err(wrong("has a number that is not its to give"));
        }
        let head: Value = serde_json::from_slice(head).map_err(|error| wrong(&format!("is no JSON: {error}")))?;
        let directions = match head["kind"].as_str() {
            Some("bidi") => Directions::Both,
            Some("uni") => Directions::In,
            _ => return Err(wrong("is neither bidi nor uni")),
        };
        let session = head["session"].as_u64().ok_or_else(|| wrong("is of no session"))?;
        let mut exchange = Exchange::new(directions, if directions == Directions::Both { 2 } else { 1 });
        // Granted when there is a stream for it.
        exchange.allowed = 0;
        let session = self.exchanges.get_mut(&session);
        let session = session.filter(|it| it.carries == Carries::Datagrams && it.handles > 0);
        if let Some(session) = session {
            session.streams.push_back((id, directions));
            session.wake();
        } else {
            // It is over.
            exchange.handles = 0;
            if std::mem::take(&mut exchange.going) {
                self.send(id, Kind::Reset(0));
            }
            self.send(id, Kind::Stop(0));
        }
        self.exchanges.insert(id, exchange);
        Ok(())
    }
}

/// For the loop.
impl Link {
    /// Takes every whole frame off `data`.
    ///
    /// # Errors
    ///
    /// When the host breaks the protocol: nothing that it sends can be relied on then.
    pub(super) fn receive(&self, data: &mut BytesMut) -> Result<(), Malformed> {
        let mut state = self.0.borrow_mut();
        while let Some(Frame { id, kind }) = Frame::decode(data)? {
            match kind {
                Kind::Hello(_) => return Err(Malformed("a second hello".into())),
                Kind::Open(head) => state.accept(id, &head)?,
                kind => state.receive(id, kind)?,
            }
        }
        Ok(())
    }

    /// Whether there is something to write.
    pub(super) fn has_outgoing(&self) -> bool {
        !self.0.borrow().outgoing.is_empty()
    }

    /// Writes what is to go with `write`, which returns how much of it went.
    ///
    /// # Errors
    ///
    /// Those of `write`.
    pub(super) fn transmit<E>(&self, mut write: impl FnMut(&[u8]) -> Result<usize, E>) -> Result<(), E> {
        let mut state = self.0.borrow_mut();
        let State { outgoing, wakers, .. } = &mut *state;
        while !outgoing.is_empty() {
            let written = write(outgoing)?;
            let _ = outgoing.split_to(written);
            if outgoing.len() < MAX_OUTGOING {
                wakers.drain(..).for_each(Waker::wake);
            }
        }
        Ok(())
    }
}

/// Opening.
impl Link {
    /// Opens an exchange, unless there are too many.
    pub(super) fn try_open(
        self: &Rc<Self>,
        pool: Pool,
        directions: Directions,
        head: &Value,
    ) -> Option<(Sending, Receiving)> {
        let id = self.begin(pool, Exchange::new(directions, 2), head)?;
        Some((Sending::new(self.clone(), id), Receiving::new(self.clone(), id)))
    }

    /// Opens one when there are not too many.
    pub(super) async fn open(
        self: &Rc<Self>,
        pool: Pool,
        directions: Directions,
        head: &Value,
    ) -> (Sending, Receiving) {
        poll_fn(|cx| match self.try_open(pool, directions, head) {
            Some(opened) => Poll::Ready(opened),
            None => {
                register(&mut self.0.borrow_mut().wakers, cx.waker());
                Poll::Pending
            }
        })
        .await
    }

    /// Opens a session, unless there are too many.
    pub(super) fn try_open_session(self: &Rc<Self>, head: &Value) -> Option<HostSession> {
        Some(HostSession::new(self.clone(), self.begin_whole(Carries::Datagrams, head)?))
    }

    /// Opens a WebSocket, unless there are too many.
    pub(super) fn try_open_socket(self: &Rc<Self>, head: &Value) -> Option<HostSocket> {
        Some(HostSocket::new(self.clone(), self.begin_whole(Carries::Messages, head)?))
    }

    /// Opens what has one handle for both directions.
    fn begin_whole(&self, carries: Carries, head: &Value) -> Option<u64> {
        self.begin(Pool::Requests, Exchange { carries, ..Exchange::new(Directions::Both, 1) }, head)
    }

    fn begin(&self, pool: Pool, exchange: Exchange, head: &Value) -> Option<u64> {
        let mut state = self.0.borrow_mut();
        if state.open[pool as usize] >= pool.limit() {
            return None;
        }
        state.open[pool as usize] += 1;
        state.opened += 1;
        let id = 2 * state.opened;
        state.send(id, Kind::Open(json::text(head).into()));
        state.exchanges.insert(id, Exchange { pool: Some(pool), ..exchange });
        Some(id)
    }
}

/// For the handles, of whose exchange there is always one.
impl Link {
    pub(super) fn with<T>(&self, id: u64, f: impl FnOnce(&mut Exchange) -> T) -> T {
        f(self.0.borrow_mut().exchanges.get_mut(&id).expect("an exchange is there while it has handles"))
    }

    /// Waits until `f` has an answer.
    pub(super) fn poll<T>(&self, id: u64, cx: &Context<'_>, f: impl FnOnce(&mut Exchange) -> Option<T>) -> Poll<T> {
        self.with(id, |exchange| match f(exchange) {
            Some(it) => Poll::Ready(it),
            None => {
                register(&mut exchange.wakers, cx.waker());
                Poll::Pending
            }
        })
    }

    /// Sends the first part of `data`, as much as may go now, and takes it off.
    pub(super) fn poll_send(&self, id: u64, cx: &Context<'_>, data: &mut Bytes) -> Poll<Result<(), u32>> {
        let mut state = self.0.borrow_mut();
        if state.outgoing.len() >= MAX_OUTGOING {
            register(&mut state.wakers, cx.waker());
            return Poll::Pending;
        }
        let exchange = state.exchanges.get_mut(&id).expect("an exchange is there while it has handles");
        if let Some(code) = exchange.stopped {
            return Poll::Ready(Err(code));
        }
        let length = data.len().min(MAX_DATA).min(usize::try_from(exchange.credit).unwrap_or(usize::MAX));
        if length == 0 {
            register(&mut exchange.wakers, cx.waker());
            return Poll::Pending;
        }
        exchange.credit -= length as u64;
        state.send(id, Kind::Data(data.split_to(length)));
        Poll::Ready(Ok(()))
    }

    /// Sends a message part by part, each as large as may go now, and takes them off `data`; ready when the last has gone,
    /// or the exchange is over.
    pub(super) fn poll_send_message(&self, id: u64, cx: &Context<'_>, data: &mut Bytes, text: bool) -> Poll<()> {
        let mut state = self.0.borrow_mut();
        loop {
            if state.outgoing.len() >= MAX_OUTGOING {
                register(&mut state.wakers, cx.waker());
                return Poll::Pending;
            }
            let exchange = state.exchanges.get_mut(&id).expect("an exchange is there while it has handles");
            if !exchange.going {
                return Poll::Ready(());
            }
            // The first byte costs as the others do.
            let credit = usize::try_from(exchange.credit).unwrap_or(usize::MAX);
            if credit < 2 {
                register(&mut exchange.wakers, cx.waker());
                return Poll::Pending;
            }
            let part = data.split_to(data.len().min(MAX_DATA).min(credit - 1));
            exchange.credit -= 1 + part.len() as u64;
            let flags = if text { TEXT } else { 0 } | if data.is_empty() { LAST } else { 0 };
            state.send(id, Kind::Message([&[flags], &part[..]].concat().into()));
            if data.is_empty() {
                return Poll::Ready(());
            }
        }
    }

    /// Sends a datagram, or drops it where there is no room.
    pub(super) fn send_datagram(&self, id: u64, data: Bytes) {
        let mut state = self.0.borrow_mut();
        let full = state.outgoing.len() >= MAX_OUTGOING;
        let exchange = state.exchanges.get_mut(&id).expect("an exchange is there while it has handles");
        let length = data.len() as u64;
        if !full && exchange.going && length <= exchange.credit {
            exchange.credit -= length;
            state.send(id, Kind::Datagram(data));
        }
    }

    /// `length` bytes have been taken: the host may send more in their place.
    pub(super) fn took(&self, id: u64, length: usize) {
        let mut state = self.0.borrow_mut();
        let Some(exchange) = state.exchanges.get_mut(&id) else { return };
        exchange.taken += length as u32;
        if exchange.taken >= WINDOW / 2 && exchange.coming == Coming::More {
            let taken = std::mem::take(&mut exchange.taken);
            exchange.allowed += taken;
            state.send(id, Kind::Credit(taken));
        }
    }

    /// Lets the host begin with a stream that it has opened.
    pub(super) fn grant(&self, id: u64) {
        let mut state = self.0.borrow_mut();
        if let Some(exchange) = state.exchanges.get_mut(&id) {
            exchange.allowed += WINDOW;
            state.send(id, Kind::Credit(WINDOW));
        }
    }

    /// Ends this side's direction, if it has not ended.
    pub(super) fn end(&self, id: u64, kind: Kind) {
        let mut state = self.0.borrow_mut();
        let Some(exchange) = state.exchanges.get_mut(&id) else { return };
        if std::mem::take(&mut exchange.going) {
            state.send(id, kind);
            state.settle(id);
        }
    }

    /// Tells the host to send no more, if it has not ended.
    pub(super) fn stop(&self, id: u64, code: u32) {
        let mut state = self.0.borrow_mut();
        let Some(exchange) = state.exchanges.get_mut(&id) else { return };
        exchange.data.clear();
        if exchange.coming == Coming::More {
            state.send(id, Kind::Stop(code));
        }
    }

    /// A handle is dropped.
    pub(super) fn release(self: &Rc<Self>, id: u64) {
        let mut state = self.0.borrow_mut();
        let Some(exchange) = state.exchanges.get_mut(&id) else { return };
        exchange.handles -= 1;
        // Nobody will take them.
        let streams = if exchange.handles == 0 { std::mem::take(&mut exchange.streams) } else { VecDeque::new() };
        state.settle(id);
        drop(state);
        for (id, directions) in streams {
            drop(self.handles(id, directions));
        }
    }

    /// The handles to a stream that the host has opened.
    pub(super) fn handles(self: &Rc<Self>, id: u64, directions: Directions) -> (Option<Sending>, Receiving) {
        let sending = (directions == Directions::Both).then(|| Sending::new(self.clone(), id));
        (sending, Receiving::new(self.clone(), id))
    }
}

#[cfg(test)]
mod tests;
