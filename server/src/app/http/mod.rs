//! HTTP requests and their answers: what a handler of plain requests gets.
//!
//! ```
//! use socket_iwa_server::Routes;
//! use socket_iwa_server::http::{Exchange, HttpError, Response};
//!
//! /// Answers with the length of what it was sent, however long that is.
//! async fn count(exchange: Exchange) -> Result<(), HttpError> {
//!     let mut body = exchange.request.into_body();
//!     let mut length = 0;
//!     while let Some(chunk) = body.chunk().await? {
//!         length += chunk.len();
//!     }
//!     exchange.response.send(Response::new(format!("{length} bytes\n"))).await
//! }
//!
//! let routes = Routes::new().http("/count", count);
//! ```
//!
//! A request whose declared body is larger than the server takes is answered with 413 before a handler hears of it, and one
//! that came as early data and is not safe with 425.

mod body;
mod bytes_stream;
mod conditions;
mod connection;
mod content_type;
mod exchange;
mod files;
mod metrics;
mod resources;
mod respond;
mod responder;

pub use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
pub use body::Body;
pub use bytes_stream::BytesStream;
pub(super) use connection::serve;
pub use exchange::{Exchange, HttpError};
pub(crate) use files::Root;
pub(super) use files::{Found, chunks};
pub use responder::{Responder, ResponseBody};
