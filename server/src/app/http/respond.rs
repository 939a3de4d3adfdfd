//! Parts of responses that several resources share.

use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use h3::error::{Code, StreamError};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use super::RequestStream;
use crate::app::Context;
use crate::timers::Patience;

pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// A response's head.
pub(super) fn head(status: StatusCode, content_type: &'static str, length: Option<u64>) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    response
}

pub(super) async fn text(
    stream: &mut RequestStream,
    status: StatusCode,
    body: &str,
    method: &Method,
) -> Result<(), StreamError> {
    let response = head(status, TEXT, Some(body.len() as u64));
    send(stream, response, [Bytes::copy_from_slice(body.as_bytes())], method).await
}

/// Sends a response; the body only where the method has one (RFC 9110, section 9.3.2).
pub(super) async fn send(
    stream: &mut RequestStream,
    response: Response<()>,
    body: impl IntoIterator<Item = Bytes>,
    method: &Method,
) -> Result<(), StreamError> {
    stream.send_response(response).await?;
    if method != Method::HEAD {
        for chunk in body {
            stream.send_data(chunk).await?;
        }
    }
    stream.finish().await
}

pub(super) async fn too_early(request: &Request<()>, stream: &mut RequestStream) -> Result<(), StreamError> {
    // H3_NO_ERROR: the response is complete without the rest of the request (RFC 9114, section 4.1).
    stream.stop_sending(Code::H3_NO_ERROR);
    let body = "This can't be early data: send it after the handshake.\n";
    text(stream, StatusCode::TOO_EARLY, body, request.method()).await
}

pub(super) async fn too_large(
    context: &Context,
    request: &Request<()>,
    stream: &mut RequestStream,
) -> Result<(), StreamError> {
    stream.stop_sending(Code::H3_NO_ERROR);
    let body = format!("A request body may have {} bytes.\n", context.max_body);
    text(stream, StatusCode::PAYLOAD_TOO_LARGE, &body, request.method()).await
}

pub(super) async fn too_slow(request: &Request<()>, stream: &mut RequestStream) -> Result<(), StreamError> {
    stream.stop_sending(Code::H3_NO_ERROR);
    let body = "The request's body took too long.\n";
    text(stream, StatusCode::REQUEST_TIMEOUT, body, request.method()).await
}

/// Reads what is left of a request that is answered already, up to the limits of a body. Chromium 156 does not look at the
/// answer while it still has a body to send, and waits for ever when it is told to stop.
pub(super) async fn discard_body(context: &Context, stream: &mut RequestStream) -> Result<(), StreamError> {
    let mut body = Body::of_any_length(context);
    while let Part::Data(_) = body.next(stream).await? {}
    Ok(())
}

/// A request's body as it comes, held to its declared length and the server's limit.
pub(super) struct Body {
    /// What `content-length` says.
    pub(super) declared: Option<u64>,
    limit: u64,
    /// Bytes that have come.
    pub(super) length: u64,
    patience: Patience,
    /// How long the next KiB has been waited for, and how long the body was before.
    waited: Duration,
    measured_from: u64,
}

/// What comes next of a body.
pub(super) enum Part {
    Data(Bytes),
    End,
    /// It takes too long.
    TimedOut,
    /// It is larger than the limit.
    TooLarge,
    /// It is not of its declared length: the request is malformed (RFC 9114, section 4.1.2), and reset.
    Malformed,
}

impl Body {
    pub(super) fn new(context: &Context, request: &Request<()>) -> Self {
        let declared = request.headers().get(header::CONTENT_LENGTH);
        let declared = declared.and_then(|value| value.to_str().ok()?.parse().ok());
        Self { declared, ..Self::of_any_length(context) }
    }

    fn of_any_length(context: &Context) -> Self {
        Self {
            declared: None,
            limit: context.max_body,
            length: 0,
            patience: context.patience.clone(),
            waited: Duration::ZERO,
            measured_from: 0,
        }
    }

    pub(super) fn declares_too_much(&self) -> bool {
        self.declared.is_some_and(|length| length > self.limit)
    }

    pub(super) async fn next(&mut self, stream: &mut RequestStream) -> Result<Part, StreamError> {
        let begun = Instant::now();
        let Some(data) = self.patience.with(self.waited, stream.recv_data()).await else {
            return Ok(Part::TimedOut);
        };
        let data = data?.map(|mut data| data.copy_to_bytes(data.remaining()));
        self.length += data.as_ref().map_or(0, |data| data.len() as u64);
        self.waited += begun.elapsed();
        if self.length - self.measured_from >= 1024 {
            (self.waited, self.measured_from) = (Duration::ZERO, self.length);
        }
        let wrong = self.declared.is_some_and(|declared| match data {
            Some(_) => self.length > declared,
            None => self.length != declared,
        });
        if wrong {
            stream.stop_sending(Code::H3_MESSAGE_ERROR);
            stream.stop_stream(Code::H3_MESSAGE_ERROR);
            return Ok(Part::Malformed);
        }
        Ok(match data {
            Some(_) if self.length > self.limit => Part::TooLarge,
            Some(data) => Part::Data(data),
            None => Part::End,
        })
    }
}
