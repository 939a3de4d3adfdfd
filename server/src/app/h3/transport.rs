//! h3's `quic` traits on [`Connection`]: the adapter that lets the `h3` crate run on this server's loop. What a stream
//! is for was found out before ([`Streams`]).

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf};
use quinn_proto::{ConnectionError, VarInt};

use super::Streams;
use super::frames::{Frames, Refused};
use crate::{Connection, ReadError, RecvStream, SendStream, WriteError};

/// A connection as h3 sees it.
pub(crate) struct H3Connection(pub(crate) Streams);

/// Opens streams of a connection.
#[derive(Clone)]
pub(crate) struct H3Opener(Connection);

/// A bidirectional stream.
pub(crate) struct H3Stream<B: Buf> {
    send: H3Send<B>,
    recv: H3Recv,
}

/// The sending half of a stream, with what h3 gave it to write.
pub(crate) struct H3Send<B: Buf> {
    stream: SendStream,
    writing: Option<WriteBuf<B>>,
}

/// The receiving half of a stream, its frames bounded.
pub(crate) struct H3Recv {
    stream: RecvStream,
    frames: Frames,
    /// Ready for h3.
    pieces: VecDeque<Bytes>,
    /// Received and not yet looked at.
    input: Bytes,
}

impl<B: Buf> quic::Connection<B> for H3Connection {
    type RecvStream = H3Recv;
    type OpenStreams = H3Opener;

    fn poll_accept_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<H3Recv, ConnectionErrorIncoming>> {
        self.0.poll_control(cx).map_err(connection_error)
    }

    fn poll_accept_bidi(&mut self, cx: &mut Context<'_>) -> Poll<Result<H3Stream<B>, ConnectionErrorIncoming>> {
        let opened = self.0.poll_request(cx).map_err(connection_error);
        opened.map_ok(|(send, recv)| H3Stream { send: H3Send::new(send), recv })
    }

    fn opener(&self) -> H3Opener {
        H3Opener(self.0.connection().clone())
    }
}

/// Both the connection and its opener open streams, in the same way. A server opens no request, and so no bidirectional
/// stream (RFC 9114, section 6.1); those of WebTransport are opened elsewhere.
macro_rules! open_streams {
    ($type:ty, $connection:ident) => {
        impl<B: Buf> quic::OpenStreams<B> for $type {
            type BidiStream = H3Stream<B>;
            type SendStream = H3Send<B>;

            fn poll_open_bidi(&mut self, _: &mut Context<'_>) -> Poll<Result<H3Stream<B>, StreamErrorIncoming>> {
                Poll::Ready(Err(internal("a server opens no request")))
            }

            fn poll_open_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<H3Send<B>, StreamErrorIncoming>> {
                self.$connection().poll_open_uni(cx).map_ok(H3Send::new).map_err(lost)
            }

            fn close(&mut self, code: Code, reason: &[u8]) {
                self.$connection().close(varint(code.value()), reason);
            }
        }
    };
}
open_streams!(H3Connection, connection);
open_streams!(H3Opener, connection);

impl H3Connection {
    fn connection(&self) -> &Connection {
        self.0.connection()
    }
}

impl H3Opener {
    fn connection(&self) -> &Connection {
        &self.0
    }
}

impl<B: Buf> quic::BidiStream<B> for H3Stream<B> {
    type SendStream = H3Send<B>;
    type RecvStream = H3Recv;

    fn split(self) -> (H3Send<B>, H3Recv) {
        (self.send, self.recv)
    }
}

impl<B: Buf> quic::SendStream<B> for H3Stream<B> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.send.poll_ready(cx)
    }

    fn send_data<T: Into<WriteBuf<B>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        self.send.send_data(data)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.send.poll_finish(cx)
    }

    fn reset(&mut self, code: u64) {
        self.send.reset(code);
    }

    fn send_id(&self) -> StreamId {
        self.send.send_id()
    }
}

impl<B: Buf> quic::RecvStream for H3Stream<B> {
    type Buf = Bytes;

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        self.recv.poll_data(cx)
    }

    fn stop_sending(&mut self, code: u64) {
        self.recv.stop_sending(code);
    }

    fn recv_id(&self) -> StreamId {
        self.recv.recv_id()
    }
}

impl<B: Buf> H3Send<B> {
    fn new(stream: SendStream) -> Self {
        Self { stream, writing: None }
    }
}

impl<B: Buf> quic::SendStream<B> for H3Send<B> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        if let Some(data) = &mut self.writing {
            while data.has_remaining() {
                let written = ready!(self.stream.poll_write(cx, data.chunk())).map_err(write_error)?;
                data.advance(written);
            }
        }
        self.writing = None;
        Poll::Ready(Ok(()))
    }

    fn send_data<T: Into<WriteBuf<B>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        if self.writing.is_some() {
            // h3 polls for readiness before it sends; anything else is its error, and would lose data.
            return Err(internal("data was sent before the last was"));
        }
        self.writing = Some(data.into());
        Ok(())
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        Poll::Ready(self.stream.finish().map_err(write_error))
    }

    fn reset(&mut self, code: u64) {
        self.stream.reset(varint(code));
    }

    fn send_id(&self) -> StreamId {
        stream_id(self.stream.id())
    }
}

/// One that h3 lets go of with nothing left to write is complete: h3 itself does so after a 431.
impl<B: Buf> Drop for H3Send<B> {
    fn drop(&mut self) {
        if self.writing.is_none() {
            // Finished before, reset, or stopped by the client.
            let _ = self.stream.finish();
        }
    }
}

impl H3Recv {
    pub(super) fn new(stream: RecvStream, frames: Frames, pieces: VecDeque<Bytes>, input: Bytes) -> Self {
        Self { stream, frames, pieces, input }
    }

    fn refuse(&mut self, refused: Refused) -> StreamErrorIncoming {
        match refused {
            Refused::TooLarge => {
                self.stream.stop(varint(Code::H3_EXCESSIVE_LOAD.value()));
                StreamErrorIncoming::StreamTerminated { error_code: Code::H3_EXCESSIVE_LOAD.value() }
            }
            Refused::Connection(code) => {
                self.stream.connection().close(varint(code.value()), b"");
                lost(ConnectionError::LocallyClosed)
            }
        }
    }
}

/// An answer that does not need the rest of its request is complete without it, and says so (RFC 9114, section 4.1):
/// with code 0 curl 8.22 takes the exchange for failed.
impl Drop for H3Recv {
    fn drop(&mut self) {
        self.stream.stop_the_rest(varint(Code::H3_NO_ERROR.value()));
    }
}

impl quic::RecvStream for H3Recv {
    type Buf = Bytes;

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                return Poll::Ready(Ok(Some(piece)));
            }
            match self.frames.next(&mut self.input) {
                Ok(Some(piece)) => return Poll::Ready(Ok(Some(piece.bytes))),
                Ok(None) => {}
                Err(refused) => return Poll::Ready(Err(self.refuse(refused))),
            }
            match ready!(self.stream.poll_chunk(cx)).map_err(read_error)? {
                Some(chunk) => self.input = chunk,
                None => {
                    let rest = self.frames.end();
                    return Poll::Ready(rest.map_err(|refused| self.refuse(refused)));
                }
            }
        }
    }

    fn stop_sending(&mut self, code: u64) {
        self.stream.stop(varint(code));
    }

    fn recv_id(&self) -> StreamId {
        stream_id(self.stream.id())
    }
}

fn stream_id(id: quinn_proto::StreamId) -> StreamId {
    u64::from(id).try_into().expect("a QUIC stream number is below 2^62")
}

pub(crate) fn varint(code: u64) -> VarInt {
    VarInt::from_u64(code).expect("an HTTP/3 error code is below 2^62")
}

fn connection_error(error: ConnectionError) -> ConnectionErrorIncoming {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            ConnectionErrorIncoming::ApplicationClose { error_code: close.error_code.into() }
        }
        ConnectionError::TimedOut => ConnectionErrorIncoming::Timeout,
        error => ConnectionErrorIncoming::Undefined(Arc::new(error)),
    }
}

fn internal(reason: &str) -> StreamErrorIncoming {
    StreamErrorIncoming::ConnectionErrorIncoming {
        connection_error: ConnectionErrorIncoming::InternalError(reason.into()),
    }
}

fn lost(error: ConnectionError) -> StreamErrorIncoming {
    StreamErrorIncoming::ConnectionErrorIncoming { connection_error: connection_error(error) }
}

fn read_error(error: ReadError) -> StreamErrorIncoming {
    match error {
        ReadError::Reset(code) => StreamErrorIncoming::StreamTerminated { error_code: code.into() },
        ReadError::Connection(error) => lost(error),
        ReadError::Closed => StreamErrorIncoming::Unknown(Box::new(error)),
    }
}

fn write_error(error: WriteError) -> StreamErrorIncoming {
    match error {
        WriteError::Stopped(code) => StreamErrorIncoming::StreamTerminated { error_code: code.into() },
        WriteError::Connection(error) => lost(error),
        WriteError::Closed => StreamErrorIncoming::Unknown(Box::new(error)),
    }
}
