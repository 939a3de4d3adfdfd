//! What an application sees of a connection: poll-based handles to it and its streams. They share the state machine
//! with the loop in `driver.rs` through a `RefCell`, on one thread; they never touch the socket.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use quinn_proto::{
    ConnectionError, ConnectionHandle, Dir, Event, ReadError as ProtoReadError, ReadableError, StreamEvent, StreamId,
    VarInt, WriteError as ProtoWriteError,
};

use crate::stats::{self, Stats};

/// Connections with something to transmit, or timers to look at again. The loop empties it.
pub(crate) type Dirty = Rc<RefCell<Vec<ConnectionHandle>>>;

struct State {
    proto: quinn_proto::Connection,
    lost: Option<ConnectionError>,
    dirty: bool,
    wakers: Wakers,
}

/// Who waits for what.
#[derive(Default)]
struct Wakers {
    /// By direction.
    accept: [Vec<Waker>; 2],
    open: [Vec<Waker>; 2],
    read: HashMap<StreamId, Waker>,
    write: HashMap<StreamId, Waker>,
}

impl Wakers {
    fn wake_all(&mut self) {
        let Self { accept, open, read, write } = std::mem::take(self);
        accept.into_iter().chain(open).flatten().for_each(Waker::wake);
        read.into_values().chain(write.into_values()).for_each(Waker::wake);
    }
}

/// Adds a waker once. A task polls for new streams each time it wakes, whatever for: for the direction in which the
/// client opens none, the list would grow with every request of a connection.
fn register(list: &mut Vec<Waker>, waker: &Waker) {
    if !list.iter().any(|known| known.will_wake(waker)) {
        list.push(waker.clone());
    }
}

/// A QUIC connection. Clones are handles to the same one.
#[derive(Clone)]
pub struct Connection {
    state: Rc<RefCell<State>>,
    handle: ConnectionHandle,
    queue: Dirty,
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
        queue: Dirty,
        stats: Rc<Stats>,
    ) -> Self {
        let state = State { proto, lost: None, dirty: false, wakers: Wakers::default() };
        Self { state: Rc::new(RefCell::new(state)), handle, queue, stats }
    }

    /// Runs `f` on the state machine.
    pub(crate) fn with_proto<R>(&self, f: impl FnOnce(&mut quinn_proto::Connection) -> R) -> R {
        f(&mut self.state.borrow_mut().proto)
    }

    /// Puts the connection into the loop's queue, once until the loop takes it out.
    pub(crate) fn mark_dirty(&self) {
        let mut state = self.state.borrow_mut();
        if !std::mem::replace(&mut state.dirty, true) {
            self.queue.borrow_mut().push(self.handle);
        }
    }

    pub(crate) fn clear_dirty(&self) {
        self.state.borrow_mut().dirty = false;
    }

    /// Takes the state machine's events and wakes who waits for them.
    pub(crate) fn handle_events(&self) -> Events {
        let mut state = self.state.borrow_mut();
        let State { proto, lost, wakers, .. } = &mut *state;
        let mut events = Events::default();
        while let Some(event) = proto.poll() {
            match event {
                Event::Connected => events.connected = true,
                Event::ConnectionLost { reason } => {
                    events.lost = Some(reason.clone());
                    *lost = Some(reason);
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
                Event::Stream(
                    StreamEvent::Writable { id } | StreamEvent::Stopped { id, .. } | StreamEvent::Finished { id },
                ) => wakers.write.remove(&id).into_iter().for_each(Waker::wake),
                Event::HandshakeDataReady | Event::DatagramReceived | Event::DatagramsUnblocked => {}
            }
        }
        events
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

    /// Closes the connection at once with an application error code. Streams are lost.
    pub fn close(&self, code: VarInt, reason: &[u8]) {
        self.with_proto(|proto| proto.close(Instant::now(), code, Bytes::copy_from_slice(reason)));
        self.mark_dirty();
        // A local close makes no event; who waits would wait for ever.
        let mut state = self.state.borrow_mut();
        state.lost.get_or_insert(ConnectionError::LocallyClosed);
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

/// Why nothing can be read from a stream.
#[derive(Clone, Debug)]
pub enum ReadError {
    /// The client reset it, with this application error code.
    Reset(VarInt),
    /// It was stopped, or read to its end, before.
    Closed,
    /// The connection is lost.
    Connection(ConnectionError),
}

/// Why nothing can be written to a stream.
#[derive(Clone, Debug)]
pub enum WriteError {
    /// The client wants no more of it (STOP_SENDING), with this application error code.
    Stopped(VarInt),
    /// It was finished or reset before.
    Closed,
    /// The connection is lost.
    Connection(ConnectionError),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset(code) => write!(f, "the peer reset the stream with code {code}"),
            Self::Closed => f.write_str("the stream is closed"),
            Self::Connection(error) => write!(f, "the connection is lost: {error}"),
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped(code) => write!(f, "the peer stopped the stream with code {code}"),
            Self::Closed => f.write_str("the stream is closed"),
            Self::Connection(error) => write!(f, "the connection is lost: {error}"),
        }
    }
}

impl std::error::Error for ReadError {}
impl std::error::Error for WriteError {}

/// The sending half of a stream. Dropped before [`finish`](Self::finish), it is reset with code 0.
#[derive(Debug)]
pub struct SendStream {
    connection: Connection,
    id: StreamId,
    closed: bool,
}

impl SendStream {
    fn new(connection: Connection, id: StreamId) -> Self {
        Self { connection, id, closed: false }
    }

    /// Its number (RFC 9000, section 2.1).
    #[must_use]
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Polls for room, and writes as much of `data` as there is. Returns the bytes written.
    ///
    /// # Errors
    ///
    /// When the client stopped the stream, it is closed, or the connection is lost.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, WriteError>> {
        let mut state = self.connection.state.borrow_mut();
        if let Some(error) = &state.lost {
            return Poll::Ready(Err(WriteError::Connection(error.clone())));
        }
        match state.proto.send_stream(self.id).write(data) {
            Ok(written) => {
                drop(state);
                self.connection.mark_dirty();
                Poll::Ready(Ok(written))
            }
            Err(ProtoWriteError::Blocked) => {
                state.wakers.write.insert(self.id, cx.waker().clone());
                Poll::Pending
            }
            Err(ProtoWriteError::Stopped(code)) => Poll::Ready(Err(WriteError::Stopped(code))),
            Err(ProtoWriteError::ClosedStream) => Poll::Ready(Err(WriteError::Closed)),
        }
    }

    /// Writes all of `data`.
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Self::poll_write).
    pub async fn write_all(&mut self, mut data: &[u8]) -> Result<(), WriteError> {
        while !data.is_empty() {
            let written = poll_fn(|cx| self.poll_write(cx, data)).await?;
            data = &data[written..];
        }
        Ok(())
    }

    /// Ends the stream: what was written is delivered, then its end.
    ///
    /// # Errors
    ///
    /// When the client stopped the stream or it is closed.
    pub fn finish(&mut self) -> Result<(), WriteError> {
        self.closed = true;
        let finished = self.connection.with_proto(|proto| proto.send_stream(self.id).finish());
        self.connection.mark_dirty();
        finished.map_err(|error| match error {
            quinn_proto::FinishError::Stopped(code) => WriteError::Stopped(code),
            quinn_proto::FinishError::ClosedStream => WriteError::Closed,
        })
    }

    /// Abandons the stream with an application error code (RESET_STREAM).
    pub fn reset(&mut self, code: VarInt) {
        self.closed = true;
        // Closed already: there is nothing to reset.
        if self.connection.with_proto(|proto| proto.send_stream(self.id).reset(code)).is_ok() {
            self.connection.mark_dirty();
        }
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        if !self.closed {
            self.reset(VarInt::from_u32(0));
        }
        self.connection.state.borrow_mut().wakers.write.remove(&self.id);
    }
}

/// The receiving half of a stream. Dropped before its end, the client is told to stop with code 0.
#[derive(Debug)]
pub struct RecvStream {
    connection: Connection,
    id: StreamId,
    closed: bool,
}

impl RecvStream {
    fn new(connection: Connection, id: StreamId) -> Self {
        Self { connection, id, closed: false }
    }

    /// Its number (RFC 9000, section 2.1).
    #[must_use]
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Polls for the next bytes in order; `None` at the stream's end.
    ///
    /// # Errors
    ///
    /// When the client reset the stream, it is closed, or the connection is lost.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ReadError>> {
        if self.closed {
            return Poll::Ready(Ok(None));
        }
        let mut state = self.connection.state.borrow_mut();
        let State { proto, lost, wakers, .. } = &mut *state;
        let mut stream = proto.recv_stream(self.id);
        let mut chunks = match stream.read(true) {
            Ok(chunks) => chunks,
            Err(ReadableError::ClosedStream) => return Poll::Ready(Err(ReadError::Closed)),
            Err(ReadableError::IllegalOrderedRead) => unreachable!("only ordered reads are made"),
        };
        let next = chunks.next(usize::MAX);
        let transmit = chunks.finalize().should_transmit();
        let outcome = match next {
            Ok(Some(chunk)) => Poll::Ready(Ok(Some(chunk.bytes))),
            Ok(None) => {
                self.closed = true;
                Poll::Ready(Ok(None))
            }
            Err(ProtoReadError::Reset(code)) => {
                self.closed = true;
                Poll::Ready(Err(ReadError::Reset(code)))
            }
            Err(ProtoReadError::Blocked) => match lost {
                Some(error) => Poll::Ready(Err(ReadError::Connection(error.clone()))),
                None => {
                    wakers.read.insert(self.id, cx.waker().clone());
                    Poll::Pending
                }
            },
        };
        drop(state);
        if transmit {
            self.connection.mark_dirty();
        }
        outcome
    }

    /// The next bytes in order; `None` at the stream's end.
    ///
    /// # Errors
    ///
    /// As [`poll_chunk`](Self::poll_chunk).
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ReadError> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// Tells the client to send no more, with an application error code (STOP_SENDING).
    pub fn stop(&mut self, code: VarInt) {
        self.closed = true;
        // Closed already: there is nothing to stop.
        if self.connection.with_proto(|proto| proto.recv_stream(self.id).stop(code)).is_ok() {
            self.connection.mark_dirty();
        }
    }
}

impl Drop for RecvStream {
    fn drop(&mut self) {
        if !self.closed {
            self.stop(VarInt::from_u32(0));
        }
        self.connection.state.borrow_mut().wakers.read.remove(&self.id);
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
