//! An application's streams: poll-based halves of a [`Connection`], which reset or stop themselves when they are dropped
//! before their end.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use quinn_proto::{
    ConnectionError, ReadError as ProtoReadError, ReadableError, StreamId, VarInt, WriteError as ProtoWriteError,
};

use super::{Connection, State};

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

/// Ends streams whose handles somebody else has.
impl Connection {
    /// Resets the sending half of a stream, if it is open still.
    pub(crate) fn reset_stream(&self, id: StreamId, code: VarInt) {
        self.state.borrow_mut().unanswered.remove(&id);
        if self.with_proto(|proto| proto.send_stream(id).reset(code)).is_ok() {
            self.mark_dirty();
        }
    }

    /// Stops the receiving half of a stream, if it is open still.
    pub(crate) fn stop_stream(&self, id: StreamId, code: VarInt) {
        if self.with_proto(|proto| proto.recv_stream(id).stop(code)).is_ok() {
            self.mark_dirty();
        }
    }
}

/// Watches a stream that somebody else writes to.
#[derive(Debug)]
pub(crate) struct Interest {
    connection: Connection,
    id: StreamId,
}

impl Interest {
    pub(crate) fn new(connection: Connection, id: StreamId) -> Self {
        Self { connection, id }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Waits until the client wants no more of the stream, or has all of it, or the connection is lost. One task at a time
    /// may wait.
    pub(crate) async fn lost(&self) {
        poll_fn(|cx| {
            let mut state = self.connection.state.borrow_mut();
            if state.lost.is_some() || !matches!(state.proto.send_stream(self.id).stopped(), Ok(None)) {
                return Poll::Ready(());
            }
            state.wakers.unwanted.insert(self.id, cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        self.connection.state.borrow_mut().wakers.unwanted.remove(&self.id);
    }
}

/// The sending half of a stream. Dropped before [`finish`](Self::finish), it is reset with code 0.
#[derive(Debug)]
pub struct SendStream {
    connection: Connection,
    id: StreamId,
    closed: bool,
}

impl SendStream {
    pub(super) fn new(connection: Connection, id: StreamId) -> Self {
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
        self.poll_write_with(cx, |mut stream| stream.write(data))
    }

    /// As [`poll_write`](Self::poll_write), without a copy: takes what there is room for off the front of `chunk`, and holds
    /// the memory that is behind it until the client has acknowledged it.
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Self::poll_write).
    pub fn poll_write_chunk(&mut self, cx: &mut Context<'_>, chunk: &mut Bytes) -> Poll<Result<(), WriteError>> {
        self.poll_write_with(cx, |mut stream| stream.write_chunks(std::slice::from_mut(chunk)).map(drop))
    }

    fn poll_write_with<R>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(quinn_proto::SendStream<'_>) -> Result<R, ProtoWriteError>,
    ) -> Poll<Result<R, WriteError>> {
        let mut state = self.connection.state.borrow_mut();
        if let Some(error) = &state.lost {
            return Poll::Ready(Err(WriteError::Connection(error.clone())));
        }
        match write(state.proto.send_stream(self.id)) {
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

    /// Writes all of `chunk`, as [`poll_write_chunk`](Self::poll_write_chunk): for what the application has made itself. What
    /// a client has sent is a small part of larger memory, of which the client could thus have much held.
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Self::poll_write).
    pub async fn write_chunk(&mut self, mut chunk: Bytes) -> Result<(), WriteError> {
        while !chunk.is_empty() {
            poll_fn(|cx| self.poll_write_chunk(cx, &mut chunk)).await?;
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
        self.connection.state.borrow_mut().unanswered.remove(&self.id);
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
    pub(super) fn new(connection: Connection, id: StreamId) -> Self {
        Self { connection, id, closed: false }
    }

    /// The connection it is on.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
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

    /// As [`stop`](Self::stop), if the client has more to send.
    pub(crate) fn stop_the_rest(&mut self, code: VarInt) {
        // A client that has sent all of it may take STOP_SENDING for a failure of the whole exchange, as curl 8.22 does:
        // only what goes on is stopped. What has come is bounded by the stream's window.
        let mut cx = Context::from_waker(Waker::noop());
        while !self.closed && matches!(self.poll_chunk(&mut cx), Poll::Ready(Ok(Some(_)))) {}
        if !self.closed {
            self.stop(code);
        }
    }
}

impl Drop for RecvStream {
    fn drop(&mut self) {
        self.stop_the_rest(VarInt::from_u32(0));
        self.connection.state.borrow_mut().wakers.read.remove(&self.id);
    }
}
