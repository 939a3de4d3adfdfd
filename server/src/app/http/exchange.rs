//! A request and the means to answer it, as a handler gets both.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;

use h3::error::Code;
use http::{HeaderMap, HeaderValue, Request, header};
use tokio::sync::Notify;

use super::body::Body;
use super::responder::Responder;
use crate::Connection;
use crate::app::Context;
use crate::app::h3::{RequestRecv, RequestSend};

/// A request, and what its answer is given to. Both parts live on their own: one may be read while the other is written.
#[derive(Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// Method, path and query, authority and header fields, and the body as it comes.
    pub request: Request<Body>,
    /// For the answer.
    pub response: Responder,
    /// The client's address when the request came.
    pub remote_address: SocketAddr,
}

impl Exchange {
    pub(super) fn new(
        context: &Context,
        connection: &Connection,
        mut request: Request<()>,
        send: RequestSend,
        recv: RequestRecv,
    ) -> Self {
        join_cookies(request.headers_mut());
        let progress = Progress::default();
        let body = Body::new(context, request.headers(), recv, progress.clone());
        let response = Responder::new(context, connection, request.method(), send, progress);
        Self { request: request.map(|()| body), response, remote_address: connection.remote_address() }
    }
}

/// HTTP/3 may carry a cookie in several fields, which others know as one (RFC 9114, section 4.2.1).
fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<_> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1 {
        let joined = HeaderValue::from_bytes(&cookies.join(&b"; "[..])).expect("its parts are values");
        headers.insert(header::COOKIE, joined);
    }
}

/// Why an exchange goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// The request's body is larger than the server takes.
    TooLarge,
    /// The request's body takes too long.
    TimedOut,
    /// The request's body is not of the length that its head declares.
    Malformed,
    /// An answer has a final status, and this is an interim one (RFC 9110, section 15.2).
    Interim,
    /// The stream or the connection is lost, or the client wants no more of the answer.
    Lost(String),
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the request's body is too large"),
            Self::TimedOut => f.write_str("the request's body takes too long"),
            Self::Malformed => f.write_str("the request's body is of another length than declared"),
            Self::Interim => f.write_str("an answer needs a final status, from 200"),
            Self::Lost(reason) => write!(f, "the stream is lost: {reason}"),
        }
    }
}

impl std::error::Error for HttpError {}

impl From<h3::error::StreamError> for HttpError {
    fn from(error: h3::error::StreamError) -> Self {
        Self::Lost(error.to_string())
    }
}

impl HttpError {
    /// What an answer that breaks off for this reason is reset with.
    pub(super) fn code(&self) -> Code {
        match self {
            Self::TooLarge => Code::H3_EXCESSIVE_LOAD,
            Self::Malformed => Code::H3_MESSAGE_ERROR,
            Self::Interim => Code::H3_INTERNAL_ERROR,
            Self::TimedOut | Self::Lost(_) => Code::H3_REQUEST_CANCELLED,
        }
    }
}

/// What both halves of an exchange know of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Rc<State>);

#[derive(Debug, Default)]
struct State {
    failure: RefCell<Option<HttpError>>,
    answer: Cell<Answer>,
    /// Whether the request came to its end, once nothing more of it is read.
    complete: Cell<bool>,
    settled: Notify,
}

/// How far the answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Answer {
    #[default]
    None,
    Begun,
    Ended,
}

impl Progress {
    /// What went wrong with the request's body.
    pub(super) fn failure(&self) -> Option<HttpError> {
        self.0.failure.borrow().clone()
    }

    /// Notes it, and gives back what went wrong first.
    pub(super) fn fail(&self, error: HttpError) -> HttpError {
        self.0.failure.borrow_mut().get_or_insert(error).clone()
    }

    pub(super) fn answer(&self) -> Answer {
        self.0.answer.get()
    }

    pub(super) fn set_answer(&self, answer: Answer) {
        self.0.answer.set(answer);
    }

    /// Nothing more is read of the request, which came to its end or not.
    pub(super) fn settle(&self, complete: bool) {
        self.0.complete.set(complete);
        self.0.settled.notify_one();
    }

    /// Waits for that, and says which.
    pub(super) async fn settled(&self) -> bool {
        self.0.settled.notified().await;
        self.0.complete.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_cookie_are_joined() {
        let mut headers = HeaderMap::new();
        for crumb in ["a=1", "b=2", "c=3"] {
            headers.append(header::COOKIE, HeaderValue::from_static(crumb));
        }
        join_cookies(&mut headers);
        let joined: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
        assert_eq!(joined, ["a=1; b=2; c=3"]);
    }
}
