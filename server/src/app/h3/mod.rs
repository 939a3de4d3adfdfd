//! HTTP/3 below its requests: what h3 is given of a connection, and what it is kept from.
//!
//! `transport.rs` implements h3's traits, on streams that `streams.rs` has sorted: requests and the control stream go to
//! h3, WebTransport's streams to their sessions, and what breaks a rule of HTTP/3 that h3 does not watch closes the
//! connection here.

mod control;
mod frames;
mod lines;
mod protocol;
mod pseudo;
mod qpack;
mod streams;
mod transport;

use bytes::Bytes;

pub(crate) use protocol::Protocol;
pub(crate) use streams::{Protocols, Streams};
pub(crate) use transport::H3Connection;
use transport::{H3Recv, H3Send};

/// The sending half of a request's stream.
pub(crate) type RequestSend = ::h3::server::RequestStream<H3Send<Bytes>, Bytes>;
/// And the receiving half.
pub(crate) type RequestRecv = ::h3::server::RequestStream<H3Recv, Bytes>;

/// The largest header section, in bytes as RFC 9114, section 4.2.2 counts them.
pub(crate) const MAX_FIELD_SECTION_SIZE: u64 = 16 << 10;
