//! A QUIC server on blocking POSIX sockets: HTTP/3 and an echo protocol, from one source on Linux, in WebAssembly on
//! Node, and in WebAssembly in a Chrome Isolated Web App.
//!
//! The protocol is `quinn-proto`, a state machine without I/O. This crate gives it a socket and a clock:
//!
//! - [`Server`] owns both, and runs one loop: wait, receive a batch, let the applications run, transmit.
//! - [`Connection`], [`SendStream`] and [`RecvStream`] are what an application sees: poll-based handles on the same
//!   thread, woken by the loop.
//! - [`app`] holds the applications, chosen by ALPN.
//!
//! One thread, no locks, no asynchronous runtime: applications are futures on a local executor that the loop runs
//! between receiving and transmitting.

mod admission;
pub mod app;
mod certificate;
mod certificates;
mod command;
mod config;
mod congestion;
mod connection;
mod connection_ids;
mod driver;
mod gateway;
mod json;
mod logged;
mod overview;
mod padding;
mod provider;
mod qlog;
mod quic_config;
mod stats;
mod tickets;
mod timers;
mod workers;

pub use app::{Ending, Handler, Routes, http, websocket, webtransport};
pub use certificate::{Certificate, CertificateError, GENERATED_VALIDITY};
pub use certificates::{CertificateSource, Published};
pub use config::{Config, CongestionControl, Retry};
pub use connection::{Connection, ReadError, RecvStream, SendDatagramError, SendStream, WriteError};
pub use driver::{Event, Server};
pub use gateway::Gateway;
pub use overview::{ConnectionInfo, MAX_LISTED, Overview};
pub use quic_config::LOOPBACK_MTU;
pub use stats::Stats;
pub use tickets::MAX_TICKET_LIFETIME;
pub use workers::{MAX_WORKERS, Peers};
