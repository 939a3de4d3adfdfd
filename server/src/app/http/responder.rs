//! The answer to a request, as its handler gives it: whole, or piece by piece. One that is not given in full never looks
//! as if it were.

use std::fmt;

use bytes::Bytes;
use futures_executor::LocalSpawner;
use futures_util::task::LocalSpawnExt;
use h3::error::Code;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use quinn_proto::VarInt;

use super::exchange::{Answer, HttpError, Progress};
use super::respond::{self, TEXT};
use crate::Connection;
use crate::app::Context;
use crate::app::h3::RequestSend;
use crate::connection::Interest;
use crate::logged;

/// Fields that are about a connection, which HTTP/3 forbids (RFC 9114, section 4.2).
pub(super) const OF_CONNECTIONS: [HeaderName; 5] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Takes the answer to a request. Dropped without one, it answers by itself: 413 or 408 when the request's body was too
/// large or too slow, a reset with H3_MESSAGE_ERROR when that was malformed, and else 500.
pub struct Responder {
    /// Until it is used.
    body: Option<ResponseBody>,
    spawner: LocalSpawner,
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").finish_non_exhaustive()
    }
}

impl Responder {
    pub(super) fn new(
        context: &Context,
        connection: &Connection,
        method: &Method,
        send: RequestSend,
        progress: Progress,
    ) -> Self {
        let id = VarInt::from_u64(send.send_id().into_inner()).expect("a stream's number is below 2^62");
        let interest = Interest::new(connection.clone(), id.into());
        let body = ResponseBody { send, interest, empty: method == Method::HEAD, progress };
        Self { body: Some(body), spawner: context.spawner.clone() }
    }

    /// Waits until nobody wants an answer any more: the client cancelled its request, or the connection is lost. One task
    /// at a time may wait.
    pub async fn cancelled(&self) {
        self.body.as_ref().expect("it is there until it is used").interest.lost().await;
    }

    /// Sends a whole answer. `content-length` is added where it is not there; to a HEAD request goes the head alone.
    ///
    /// # Errors
    ///
    /// When the status is an interim one, or the stream is lost.
    pub async fn send(self, response: Response<impl Into<Bytes>>) -> Result<(), HttpError> {
        self.send_bytes(response.map(Into::into)).await
    }

    async fn send_bytes(self, response: Response<Bytes>) -> Result<(), HttpError> {
        let (mut head, body) = response.into_parts();
        if has_body(head.status) {
            // RFC 9110, section 8.6.
            head.headers.entry(header::CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(body.len()));
        }
        let mut response = self.begin(Response::from_parts(head, ())).await?;
        response.send(body).await?;
        response.finish().await
    }

    /// Sends the head of an answer whose body follows. Fields that are about a connection (`connection`,
    /// `transfer-encoding` and their like), which HTTP/3 does not have, are left out.
    ///
    /// # Errors
    ///
    /// When the status is an interim one, or the stream is lost.
    pub async fn begin(mut self, mut head: Response<()>) -> Result<ResponseBody, HttpError> {
        if head.status().is_informational() {
            return Err(HttpError::Interim);
        }
        for name in OF_CONNECTIONS {
            head.headers_mut().remove(name);
        }
        let mut body = self.body.take().expect("it is there until it is used");
        body.empty |= !has_body(head.status());
        body.progress.set_answer(Answer::Begun);
        body.send.send_response(head).await?;
        Ok(body)
    }
}

/// The answer where a handler gives none. None: there is not to be one.
fn apology(failure: Option<&HttpError>) -> Option<(StatusCode, &'static str)> {
    match failure {
        Some(HttpError::Malformed) => None,
        Some(HttpError::TooLarge) => Some((StatusCode::PAYLOAD_TOO_LARGE, "The request's body is too large.\n")),
        Some(HttpError::TimedOut) => Some((StatusCode::REQUEST_TIMEOUT, "The request's body took too long.\n")),
        _ => Some((StatusCode::INTERNAL_SERVER_ERROR, "The server has no answer.\n")),
    }
}

/// Whether answers of this status have a body (RFC 9110, sections 15.3.5 and 15.4.5).
fn has_body(status: StatusCode) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

impl Drop for Responder {
    fn drop(&mut self) {
        let Some(mut body) = self.body.take() else { return };
        let Some((status, text)) = apology(body.progress.failure().as_ref()) else { return };
        let answer = async move {
            let head = respond::head(status, TEXT, Some(text.len() as u64));
            let ended = async {
                body.send.send_response(head).await?;
                body.send(text).await?;
                // Not before the request is at its end. If it does not come to one, the answer is reset: Chromium, which looks
                // at it only then, would wait for ever.
                if body.progress.failure().is_none() || body.progress.settled().await {
                    body.finish().await?;
                }
                Ok::<(), HttpError>(())
            };
            if let Err(error) = ended.await {
                logged::debug("answer for a handler", &error);
            }
        };
        if self.spawner.spawn_local(answer).is_err() {
            tracing::debug!("a request has no answer: the server has stopped");
        }
    }
}

/// The body of an answer. Dropped before it is finished, it is reset, with H3_INTERNAL_ERROR unless the request's body was
/// at fault: a client does not take a part for the whole.
pub struct ResponseBody {
    send: RequestSend,
    interest: Interest,
    /// To a HEAD request, or of a status without one.
    empty: bool,
    progress: Progress,
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("empty", &self.empty).finish_non_exhaustive()
    }
}

impl ResponseBody {
    /// Sends a piece; waits while the client takes no more. Where the answer has no body, as to a HEAD request, it does
    /// nothing. Given up half-way, the answer can't go on.
    ///
    /// # Errors
    ///
    /// When the client wants no more, or the stream is lost.
    pub async fn send(&mut self, data: impl Into<Bytes>) -> Result<(), HttpError> {
        let data = data.into();
        if self.empty || data.is_empty() {
            return Ok(());
        }
        Ok(self.send.send_data(data).await?)
    }

    /// Ends the answer.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn finish(mut self) -> Result<(), HttpError> {
        self.send.finish().await?;
        self.progress.set_answer(Answer::Ended);
        Ok(())
    }

    /// Ends the answer with trailer fields.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn finish_with(mut self, trailers: HeaderMap) -> Result<(), HttpError> {
        self.send.send_trailers(trailers).await?;
        self.finish().await
    }

    /// Waits until the server is about to stop: an answer without an end has to find one now, or is cut off.
    pub async fn draining(&self) {
        self.interest.connection().draining().await;
    }

    /// Waits until nobody wants the answer any more: the client stopped it, or the connection is lost. One task at a time
    /// may wait.
    pub async fn cancelled(&self) {
        self.interest.lost().await;
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if self.progress.answer() != Answer::Ended {
            // Has no effect on a stream that has ended otherwise.
            self.send.stop_stream(self.progress.failure().map_or(Code::H3_INTERNAL_ERROR, |error| error.code()));
        }
    }
}
