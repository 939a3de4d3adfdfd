//! A session as its handler sees it, and the state behind it that the connection feeds.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{BufMut, Bytes, BytesMut};
use http::Request;
use quinn_proto::coding::Codec;
use quinn_proto::{StreamId, VarInt};

use super::SESSION_GONE;
use super::sessions::Incoming;
use super::streams::{RecvStream, SendStream};
use crate::connection::register;
use crate::{Connection, SendDatagramError};

/// Datagrams that wait for the handler; the oldest make room for more.
const MAX_DATAGRAMS: usize = 256;

/// How a session ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Close {
    /// The application's code; 0 where none was given.
    pub code: u32,
    /// Why, in at most 1024 bytes.
    pub reason: String,
    /// Whether it was ended in an orderly way, by either side; otherwise the stream or the connection was lost.
    pub clean: bool,
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.clean { "closed" } else { "lost" };
        write!(f, "the session is {how}, code {}, reason {:?}", self.code, self.reason)
    }
}

impl std::error::Error for Close {}

/// A WebTransport session. Clones are handles to the same one. It is closed with code 0 when its handler is done.
#[derive(Clone)]
pub struct Session {
    core: Rc<Core>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.core.id).field("path", &self.path()).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(core: Rc<Core>) -> Self {
        Self { core }
    }

    pub(super) fn core(&self) -> &Core {
        &self.core
    }

    /// The CONNECT request that opened it: path and query, authority, `origin`.
    #[must_use]
    pub fn request(&self) -> &Request<()> {
        &self.core.request
    }

    /// The path that it was opened at.
    #[must_use]
    pub fn path(&self) -> &str {
        self.core.request.uri().path()
    }

    /// The client's address now.
    #[must_use]
    pub fn remote_address(&self) -> SocketAddr {
        self.core.connection.remote_address()
    }

    /// The next bidirectional stream that the client opens.
    ///
    /// # Errors
    ///
    /// When the session is over.
    pub async fn accept_bi(&self) -> Result<(SendStream, RecvStream), Close> {
        poll_fn(|cx| {
            self.core.poll_state(cx, |state| {
                let (send, recv, head) = state.bidirectional.pop_front()?;
                state.sending.insert(send.id());
                state.receiving.insert(recv.id());
                Some((send, recv, head))
            })
        })
        .await
        .map(|(send, recv, head)| (SendStream::new(send, &self.core), RecvStream::new(recv, head, &self.core)))
    }

    /// The next unidirectional stream that the client opens.
    ///
    /// # Errors
    ///
    /// When the session is over.
    pub async fn accept_uni(&self) -> Result<RecvStream, Close> {
        poll_fn(|cx| {
            self.core.poll_state(cx, |state| {
                let (recv, head) = state.unidirectional.pop_front()?;
                state.receiving.insert(recv.id());
                Some((recv, head))
            })
        })
        .await
        .map(|(recv, head)| RecvStream::new(recv, head, &self.core))
    }

    /// Opens a bidirectional stream, when the client allows one more.
    ///
    /// # Errors
    ///
    /// When the session is over.
    pub async fn open_bi(&self) -> Result<(SendStream, RecvStream), Close> {
        let (mut send, recv) = self.core.open(|cx| self.core.connection.poll_open_bi(cx)).await?;
        self.core.begin(&mut send, 0x41).await?;
        let mut state = self.core.state.borrow_mut();
        state.sending.insert(send.id());
        state.receiving.insert(recv.id());
        drop(state);
        Ok((SendStream::new(send, &self.core), RecvStream::new(recv, Bytes::new(), &self.core)))
    }

    /// Opens a unidirectional stream, when the client allows one more.
    ///
    /// # Errors
    ///
    /// When the session is over.
    pub async fn open_uni(&self) -> Result<SendStream, Close> {
        let mut send = self.core.open(|cx| self.core.connection.poll_open_uni(cx)).await?;
        self.core.begin(&mut send, 0x54).await?;
        self.core.state.borrow_mut().sending.insert(send.id());
        Ok(SendStream::new(send, &self.core))
    }

    /// The next datagram of the client's. Those that a slow handler leaves are dropped, the oldest first.
    ///
    /// # Errors
    ///
    /// When the session is over.
    pub async fn datagram(&self) -> Result<Bytes, Close> {
        poll_fn(|cx| self.core.poll_state(cx, |state| state.datagrams.pop_front())).await
    }

    /// Sends a datagram, which may be lost.
    ///
    /// # Errors
    ///
    /// When the client takes none, or it is larger than [`max_datagram_size`](Self::max_datagram_size).
    pub fn send_datagram(&self, data: &[u8]) -> Result<(), SendDatagramError> {
        if self.core.closed().is_some() {
            // As one that is lost on its way.
            return Ok(());
        }
        let mut datagram = BytesMut::with_capacity(8 + data.len());
        self.core.quarter().encode(&mut datagram);
        datagram.put_slice(data);
        self.core.connection.send_datagram(datagram.freeze())
    }

    /// The largest datagram that can be sent now, in bytes; it follows the path's MTU. `None` if the client takes none.
    #[must_use]
    pub fn max_datagram_size(&self) -> Option<usize> {
        let mut id = Vec::new();
        self.core.quarter().encode(&mut id);
        self.core.connection.max_datagram_size().map(|size| size.saturating_sub(id.len()))
    }

    /// Closes the session with the application's own code and reason, of which 1024 bytes are sent. Its streams are lost:
    /// finish what has to arrive, and hear from the client that it has, before.
    pub fn close(&self, code: u32, reason: &str) {
        let close = Close { code, reason: reason.into(), clean: true };
        self.core.state.borrow_mut().asked.get_or_insert_with(|| close.clone());
        self.core.end(close);
    }

    /// Breaks the session off: the client sees it lost, and not closed.
    pub fn abort(&self) {
        let close = Close { reason: "it was broken off here".into(), ..Close::default() };
        self.core.state.borrow_mut().asked.get_or_insert_with(|| close.clone());
        self.core.end(close);
    }

    /// Waits for the session's end, by whichever side.
    pub async fn closed(&self) -> Close {
        poll_fn(|cx| match self.core.poll_state::<()>(cx, |_| None) {
            Poll::Ready(Err(close)) => Poll::Ready(close),
            _ => Poll::Pending,
        })
        .await
    }
}

/// A session's state.
pub(super) struct Core {
    pub(super) connection: Connection,
    /// The number of the CONNECT request's stream.
    pub(super) id: u64,
    request: Request<()>,
    _mark: Rc<()>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    bidirectional: VecDeque<(crate::SendStream, crate::RecvStream, Bytes)>,
    unidirectional: VecDeque<(crate::RecvStream, Bytes)>,
    datagrams: VecDeque<Bytes>,
    /// The handler's streams, to be ended with the session.
    sending: HashSet<StreamId>,
    receiving: HashSet<StreamId>,
    closed: Option<Close>,
    /// What the handler wants the client to be told.
    asked: Option<Close>,
    /// Whoever waits for anything of this session's.
    wakers: Vec<Waker>,
}

impl Core {
    pub(super) fn new(connection: Connection, id: u64, request: Request<()>) -> Rc<Self> {
        let _mark = connection.session_mark();
        Rc::new(Self { connection, id, request, _mark, state: RefCell::default() })
    }

    /// A quarter of its number, as HTTP datagrams name it.
    fn quarter(&self) -> VarInt {
        VarInt::from_u64(self.id / 4).expect("a stream's number is below 2^62")
    }

    pub(super) fn closed(&self) -> Option<Close> {
        self.state.borrow().closed.clone()
    }

    /// Registers who waits, to be woken when the session ends.
    pub(super) fn watch(&self, cx: &Context<'_>) {
        register(&mut self.state.borrow_mut().wakers, cx.waker());
    }

    /// What the handler wants the client to be told, once it does.
    pub(super) fn poll_asked(&self, cx: &mut Context<'_>) -> Poll<Close> {
        let mut state = self.state.borrow_mut();
        if let Some(close) = &state.asked {
            return Poll::Ready(close.clone());
        }
        register(&mut state.wakers, cx.waker());
        Poll::Pending
    }

    fn poll_state<T>(&self, cx: &Context<'_>, take: impl FnOnce(&mut State) -> Option<T>) -> Poll<Result<T, Close>> {
        let mut state = self.state.borrow_mut();
        if let Some(close) = &state.closed {
            return Poll::Ready(Err(close.clone()));
        }
        if let Some(it) = take(&mut state) {
            return Poll::Ready(Ok(it));
        }
        register(&mut state.wakers, cx.waker());
        Poll::Pending
    }

    /// Waits for leave to open a stream, or the session's end.
    async fn open<T>(
        &self,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<Result<T, quinn_proto::ConnectionError>>,
    ) -> Result<T, Close> {
        poll_fn(|cx| {
            if let Poll::Ready(Err(close)) = self.poll_state::<()>(cx, |_| None) {
                return Poll::Ready(Err(close));
            }
            poll(cx).map_err(|error| Close { reason: error.to_string(), ..Close::default() })
        })
        .await
    }

    /// Writes what a stream of this session begins with.
    async fn begin(&self, send: &mut crate::SendStream, kind: u32) -> Result<(), Close> {
        let mut header = Vec::new();
        VarInt::from_u32(kind).encode(&mut header);
        VarInt::from_u64(self.id).expect("a stream's number is below 2^62").encode(&mut header);
        let lost = |error: crate::WriteError| Close { reason: error.to_string(), ..Close::default() };
        send.write_all(&header).await.map_err(lost)?;
        self.closed().map_or(Ok(()), Err)
    }

    fn wake(&self) {
        let wakers = std::mem::take(&mut self.state.borrow_mut().wakers);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn deliver(&self, stream: Incoming) {
        let mut state = self.state.borrow_mut();
        if state.closed.is_some() {
            drop(state);
            return stream.refuse(SESSION_GONE);
        }
        match stream {
            Incoming::Bi(send, recv, head) => state.bidirectional.push_back((send, recv, head)),
            Incoming::Uni(recv, head) => state.unidirectional.push_back((recv, head)),
        }
        drop(state);
        self.wake();
    }

    pub(super) fn deliver_datagram(&self, datagram: Bytes) {
        let mut state = self.state.borrow_mut();
        if state.closed.is_none() {
            if state.datagrams.len() == MAX_DATAGRAMS {
                state.datagrams.pop_front();
            }
            state.datagrams.push_back(datagram);
            drop(state);
            self.wake();
        }
    }

    /// The session is over: its streams end, and whoever waits hears of it.
    pub(super) fn end(&self, close: Close) {
        let mut state = self.state.borrow_mut();
        if state.closed.is_some() {
            return;
        }
        state.closed = Some(close);
        state.datagrams.clear();
        let bidirectional = std::mem::take(&mut state.bidirectional);
        let unidirectional = std::mem::take(&mut state.unidirectional);
        let sending = std::mem::take(&mut state.sending);
        let receiving = std::mem::take(&mut state.receiving);
        drop(state);
        for (send, recv, head) in bidirectional {
            Incoming::Bi(send, recv, head).refuse(SESSION_GONE);
        }
        for (recv, head) in unidirectional {
            Incoming::Uni(recv, head).refuse(SESSION_GONE);
        }
        sending.into_iter().for_each(|id| self.connection.reset_stream(id, SESSION_GONE));
        receiving.into_iter().for_each(|id| self.connection.stop_stream(id, SESSION_GONE));
        self.wake();
    }

    /// The handler has done with a stream's sending half.
    pub(super) fn forget_sending(&self, id: StreamId) {
        self.state.borrow_mut().sending.remove(&id);
    }

    /// The handler has done with a stream's receiving half.
    pub(super) fn forget_receiving(&self, id: StreamId) {
        self.state.borrow_mut().receiving.remove(&id);
    }
}
