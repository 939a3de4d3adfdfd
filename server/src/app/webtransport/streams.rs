//! The streams of a session: QUIC's, with the application's own error codes, ended with the session.

use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::session::{Close, Core};
use super::{from_http, to_http};
use crate::{ReadError, WriteError};

/// Why a stream goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// The client reset it (reading) or wants no more of it (writing), with the application's code; `None` where its code
    /// stands for none.
    Stopped(Option<u32>),
    /// It was finished, reset or stopped here before.
    Closed,
    /// The session is over.
    Session(Close),
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped(Some(code)) => write!(f, "the peer stopped the stream with code {code}"),
            Self::Stopped(None) => f.write_str("the peer stopped the stream"),
            Self::Closed => f.write_str("the stream is closed"),
            Self::Session(close) => close.fmt(f),
        }
    }
}

impl std::error::Error for StreamError {}

fn lost(error: &dyn fmt::Display) -> StreamError {
    StreamError::Session(Close { reason: error.to_string(), ..Close::default() })
}

/// The sending half of a stream. Dropped before [`finish`](Self::finish), it is reset with code 0.
pub struct SendStream {
    stream: crate::SendStream,
    core: Rc<Core>,
    ended: bool,
}

impl fmt::Debug for SendStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SendStream").field(&self.stream.id()).finish()
    }
}

impl SendStream {
    pub(super) fn new(stream: crate::SendStream, core: &Rc<Core>) -> Self {
        Self { stream, core: core.clone(), ended: false }
    }

    fn error(&self, error: WriteError) -> StreamError {
        match (self.core.closed(), error) {
            (Some(close), _) => StreamError::Session(close),
            (None, WriteError::Stopped(code)) => StreamError::Stopped(from_http(code)),
            (None, WriteError::Closed) => StreamError::Closed,
            (None, WriteError::Connection(error)) => lost(&error),
        }
    }

    /// Polls for room, and writes as much of `data` as there is. Returns the bytes written.
    ///
    /// # Errors
    ///
    /// When the client stopped the stream, it is closed, or the session is over.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, StreamError>> {
        match self.stream.poll_write(cx, data) {
            Poll::Ready(written) => Poll::Ready(written.map_err(|error| self.error(error))),
            Poll::Pending => {
                self.core.watch(cx);
                Poll::Pending
            }
        }
    }

    /// Writes all of `data`.
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Self::poll_write).
    pub async fn write_all(&mut self, mut data: &[u8]) -> Result<(), StreamError> {
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
    /// As [`poll_write`](Self::poll_write).
    pub fn finish(&mut self) -> Result<(), StreamError> {
        self.ended = true;
        self.stream.finish().map_err(|error| self.error(error))
    }

    /// Abandons the stream with the application's error code.
    pub fn reset(&mut self, code: u32) {
        self.ended = true;
        self.stream.reset(to_http(code));
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        if !self.ended {
            self.reset(0);
        }
        // One that is finished is not ended with the session: what was written still arrives.
        self.core.forget_sending(self.stream.id());
    }
}

/// The receiving half of a stream. Dropped before its end, the client is told to stop with code 0.
pub struct RecvStream {
    stream: crate::RecvStream,
    /// Read before the stream was known to be this session's.
    head: Bytes,
    core: Rc<Core>,
    ended: bool,
}

impl fmt::Debug for RecvStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecvStream").field(&self.stream.id()).finish()
    }
}

impl RecvStream {
    pub(super) fn new(stream: crate::RecvStream, head: Bytes, core: &Rc<Core>) -> Self {
        Self { stream, head, core: core.clone(), ended: false }
    }

    /// Polls for the next bytes in order; `None` at the stream's end.
    ///
    /// # Errors
    ///
    /// When the client reset the stream, it is closed, or the session is over.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamError>> {
        if !self.head.is_empty() {
            return Poll::Ready(Ok(Some(std::mem::take(&mut self.head))));
        }
        match self.stream.poll_chunk(cx) {
            Poll::Ready(Ok(chunk)) => {
                self.ended |= chunk.is_none();
                Poll::Ready(Ok(chunk))
            }
            Poll::Ready(Err(error)) => {
                self.ended = true;
                Poll::Ready(Err(match (self.core.closed(), error) {
                    (Some(close), _) => StreamError::Session(close),
                    (None, ReadError::Reset(code)) => StreamError::Stopped(from_http(code)),
                    (None, ReadError::Closed) => StreamError::Closed,
                    (None, ReadError::Connection(error)) => lost(&error),
                }))
            }
            Poll::Pending => {
                self.core.watch(cx);
                Poll::Pending
            }
        }
    }

    /// The next bytes in order; `None` at the stream's end.
    ///
    /// # Errors
    ///
    /// As [`poll_chunk`](Self::poll_chunk).
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, StreamError> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// All of it up to the end; `None` if that is more than `limit` bytes, of which the client is told to stop.
    ///
    /// # Errors
    ///
    /// As [`poll_chunk`](Self::poll_chunk).
    pub async fn read_to_end(&mut self, limit: usize) -> Result<Option<Vec<u8>>, StreamError> {
        let mut all = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if all.len() + chunk.len() > limit {
                self.stop(0);
                return Ok(None);
            }
            all.extend_from_slice(&chunk);
        }
        Ok(Some(all))
    }

    /// Tells the client to send no more, with the application's error code.
    pub fn stop(&mut self, code: u32) {
        self.ended = true;
        self.stream.stop(to_http(code));
    }
}

impl Drop for RecvStream {
    fn drop(&mut self) {
        if !self.ended {
            self.stop(0);
        }
        self.core.forget_receiving(self.stream.id());
    }
}
