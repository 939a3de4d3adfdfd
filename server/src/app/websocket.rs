//! WebSocket over HTTP/3 (RFC 9220): messages on the stream of an extended CONNECT. The framing is tungstenite's, which
//! reads from and writes to memory here; this moves what is there to and from the stream.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::future::{Fuse, FutureExt, LocalBoxFuture};
use h3::error::{Code, StreamError};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use tokio::sync::mpsc::{self, error::TrySendError};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};

use super::h3::{RequestRecv, RequestSend};
use super::{Context, Handler};
use crate::Connection;

const VERSION: (HeaderName, HeaderValue) = (header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
/// The largest message, in bytes: what one client can make a handler hold.
pub(crate) const MAX_MESSAGE: usize = 1 << 20;
/// Pieces that wait for the client to take them, before who sends has to wait.
const BACKLOG: usize = 16;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// UTF-8 text.
    Text(String),
    /// Anything.
    Binary(Bytes),
}

/// Why a WebSocket goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebSocketError {
    /// The client broke a rule of RFC 6455, or sent too large a message; it has been told so.
    Protocol(String),
    /// The stream or the connection is lost.
    Lost(String),
    /// It was closed before.
    Closed,
}

impl fmt::Display for WebSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(reason) => write!(f, "the peer broke a rule: {reason}"),
            Self::Lost(reason) => write!(f, "the stream is lost: {reason}"),
            Self::Closed => f.write_str("the WebSocket is closed"),
        }
    }
}

impl std::error::Error for WebSocketError {}

/// A WebSocket. Dropped, it is closed with code 1000.
pub struct WebSocket {
    request: Request<()>,
    protocol: WebSocketContext,
    pipe: Pipe,
    recv: RequestRecv,
    /// To the task that writes. None once nothing more may be sent.
    send: Option<mpsc::Sender<Bytes>>,
    draining: Fuse<LocalBoxFuture<'static, ()>>,
    remote_address: SocketAddr,
    /// The client's.
    close: Option<(u16, String)>,
    _mark: Rc<()>,
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("path", &self.path()).finish_non_exhaustive()
    }
}

/// What tungstenite takes for a socket.
#[derive(Default)]
struct Pipe {
    input: BytesMut,
    ended: bool,
    output: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() && !self.ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        let length = buffer.len().min(self.input.len());
        self.input.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

impl Write for Pipe {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.output.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Answers the CONNECT request that asks for a WebSocket, and gives it to its handler.
pub(super) async fn serve(
    context: &Rc<Context>,
    connection: &Connection,
    handler: &Rc<dyn Handler<WebSocket>>,
    request: Request<()>,
    mut send: RequestSend,
    recv: RequestRecv,
) -> Result<(), StreamError> {
    let mut response = Response::new(());
    // RFC 6455, section 4.4.
    if request.headers().get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version != "13") {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.headers_mut().extend([VERSION]);
        send.send_response(response).await?;
        return send.finish().await;
    }
    send.send_response(response).await?;
    let (sender, mut pieces) = mpsc::channel(BACKLOG);
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let draining = connection.clone();
    let socket = WebSocket {
        request,
        protocol: WebSocketContext::new(Role::Server, Some(config)),
        pipe: Pipe::default(),
        recv,
        send: Some(sender),
        draining: async move { draining.draining().await }.boxed_local().fuse(),
        remote_address: connection.remote_address(),
        close: None,
        _mark: connection.session_mark(),
    };
    let handled = handler.serve(socket);
    context.spawn(handled);
    while let Some(piece) = pieces.recv().await {
        send.send_data(piece).await?;
    }
    send.finish().await
}

impl WebSocket {
    /// The CONNECT request that opened it: path and query, authority, `origin`, `sec-websocket-protocol`.
    #[must_use]
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// The path that it was opened at.
    #[must_use]
    pub fn path(&self) -> &str {
        self.request.uri().path()
    }

    /// The client's address, when it came.
    #[must_use]
    pub fn remote_address(&self) -> SocketAddr {
        self.remote_address
    }

    /// Status code and reason of the client's close, if it has closed; 1005 is a close without a code (RFC 6455, section
    /// 7.4.1).
    #[must_use]
    pub fn close_frame(&self) -> Option<(u16, &str)> {
        self.close.as_ref().map(|(code, reason)| (*code, reason.as_str()))
    }

    /// The next message; None when the client has closed, or the server is about to stop. Pings are answered meanwhile.
    /// May be given up half-way: nothing is lost.
    ///
    /// # Errors
    ///
    /// When the client breaks the protocol's rules, or the stream is lost.
    pub async fn message(&mut self) -> Result<Option<Message>, WebSocketError> {
        loop {
            self.flush().await?;
            let error = match self.protocol.read(&mut self.pipe) {
                Ok(tungstenite::Message::Text(text)) => return Ok(Some(Message::Text(text.as_str().to_owned()))),
                Ok(tungstenite::Message::Binary(data)) => return Ok(Some(Message::Binary(data))),
                Ok(tungstenite::Message::Close(frame)) => {
                    let said = frame.map(|frame| (frame.code.into(), frame.reason.as_str().to_owned()));
                    self.close = Some(said.unwrap_or((CloseCode::Status.into(), String::new())));
                    continue;
                }
                // tungstenite answers them.
                Ok(_) => continue,
                Err(error) => error,
            };
            match error {
                tungstenite::Error::Io(error) if error.kind() == ErrorKind::WouldBlock => {
                    // The answer to a ping goes out before there is more to read.
                    if !self.pipe.output.is_empty() {
                        continue;
                    }
                    if !self.receive().await? {
                        self.close(CloseCode::Away.into(), "the server stops").await?;
                        return Ok(None);
                    }
                }
                tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
                    self.flush().await?;
                    self.send = None;
                    return Ok(None);
                }
                error => return Err(self.fail(&error).await),
            }
        }
    }

    /// Sends a message; waits while the client takes no more.
    ///
    /// # Errors
    ///
    /// When it is closed or lost.
    pub async fn send(&mut self, message: Message) -> Result<(), WebSocketError> {
        let message = match message {
            Message::Text(text) => tungstenite::Message::text(text),
            Message::Binary(data) => tungstenite::Message::binary(data),
        };
        self.protocol.write(&mut self.pipe, message).map_err(|_| WebSocketError::Closed)?;
        self.flush().await
    }

    /// Says goodbye, with a status code of RFC 6455, section 7.4. Messages of the client's may still come until it has
    /// answered.
    ///
    /// # Errors
    ///
    /// When it is lost.
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<(), WebSocketError> {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        // Closed already, it has nothing to say.
        let _ = self.protocol.close(&mut self.pipe, Some(frame));
        self.flush().await
    }

    /// Receives more. False when the server is about to stop instead.
    async fn receive(&mut self) -> Result<bool, WebSocketError> {
        let Self { recv, draining, .. } = self;
        let received = poll_fn(|cx| {
            if draining.poll_unpin(cx).is_ready() {
                return Poll::Ready(Ok(None));
            }
            recv.poll_recv_data(cx).map_ok(|data| Some(data.map(|mut data| data.copy_to_bytes(data.remaining()))))
        });
        match received.await.map_err(|error| WebSocketError::Lost(error.to_string()))? {
            None => return Ok(false),
            Some(Some(data)) => self.pipe.input.extend_from_slice(&data),
            Some(None) => self.pipe.ended = true,
        }
        Ok(true)
    }

    /// Passes on what tungstenite has written.
    async fn flush(&mut self) -> Result<(), WebSocketError> {
        if self.pipe.output.is_empty() {
            return Ok(());
        }
        let Some(send) = &self.send else {
            return Err(WebSocketError::Closed);
        };
        let permit = send.reserve().await.map_err(|_| WebSocketError::Lost("the client stopped it".into()))?;
        permit.send(std::mem::take(&mut self.pipe.output).into());
        Ok(())
    }

    /// Tells the client what it did wrong.
    async fn fail(&mut self, error: &tungstenite::Error) -> WebSocketError {
        use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
        let code = match error {
            tungstenite::Error::Capacity(_) => CloseCode::Size,
            tungstenite::Error::Utf8(_) => CloseCode::Invalid,
            _ => CloseCode::Protocol,
        };
        if matches!(error, tungstenite::Error::Protocol(ResetWithoutClosingHandshake)) {
            self.send = None;
            return WebSocketError::Lost("the stream ended without a close".into());
        }
        // Who breaks rules may be gone too.
        let _ = self.close(code.into(), "").await;
        self.send = None;
        WebSocketError::Protocol(error.to_string())
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        if let Some(send) = &self.send
            && self.protocol.close(&mut self.pipe, Some(frame)).is_ok()
            && let Err(TrySendError::Full(_)) = send.try_send(std::mem::take(&mut self.pipe.output).into())
        {
            // The stream's end says it too.
            tracing::debug!("websocket: no room for a close");
        }
        self.recv.stop_sending(Code::H3_NO_ERROR);
    }
}
