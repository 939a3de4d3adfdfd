//! The applications, chosen by ALPN: each is a future on the loop's executor, fed by a [`Connection`].

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures_executor::LocalSpawner;
use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::task::{LocalFutureObj, LocalSpawnExt};
use quinn_proto::VarInt;

use crate::timers::{Patience, Timers};
use crate::{Connection, Published, Stats};

mod echo;
mod examples;
mod h3;
mod handler;
mod hq;
pub mod http;
mod room;
mod unused;
pub mod websocket;
pub mod webtransport;

pub use handler::{Ending, Handler, Routes};
pub(crate) use http::Root;

/// HTTP/3 (RFC 9114).
pub(crate) const H3: &[u8] = b"h3";
/// Every bidirectional stream comes back.
pub(crate) const ECHO: &[u8] = b"echo";

/// HTTP/0.9.
pub(crate) const HQ: &[u8] = b"hq-interop";

/// The protocols offered, in the order of preference.
pub const ALPN: [&[u8]; 3] = [H3, ECHO, HQ];

/// What applications share.
pub(crate) struct Context {
    pub(crate) stats: Rc<Stats>,
    pub(crate) spawner: LocalSpawner,
    pub(crate) timers: Timers,
    /// With clients that have begun a request.
    pub(crate) patience: Patience,
    /// With clients that have no use for their connection. None: it may last for ever.
    pub(crate) unused_timeout: Option<Duration>,
    /// The largest request body, in bytes.
    pub(crate) max_body: u64,
    /// What is served at which path.
    pub(crate) routes: Routes,
    /// What may be told of the certificate.
    pub(crate) certificates: Rc<RefCell<Published>>,
    /// The files that are served.
    pub(crate) root: Option<Root>,
}

impl Context {
    #[cfg(test)]
    fn for_tests() -> Self {
        Self {
            stats: Rc::default(),
            spawner: futures_executor::LocalPool::new().spawner(),
            timers: Timers::default(),
            patience: Patience::default(),
            unused_timeout: None,
            max_body: 0,
            routes: Routes::standard(),
            certificates: Rc::new(RefCell::new(Published {
                sha256: "a".into(),
                pem: String::new(),
                next_sha256: Some("b".into()),
            })),
            root: None,
        }
    }

    /// Runs `future` beside the others until it ends.
    fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        // The executor lives as long as the loop; without it nobody waits for the future either.
        if self.spawner.spawn_local(future).is_err() {
            tracing::debug!("a task was dropped: the server has stopped");
        }
    }
}

/// Starts the application that `connection` negotiated.
pub(crate) fn start(context: &Rc<Context>, connection: Connection) {
    if let Some(limit) = context.unused_timeout {
        let (context, connection) = (context.clone(), connection.clone());
        context.clone().spawn(async move { unused::let_go(&context, connection, limit).await });
    }
    match connection.alpn().as_deref() {
        Some(H3) => context.spawn(http::serve(context.clone(), connection)),
        Some(HQ) => context.spawn(hq::serve(context.clone(), connection)),
        Some(ECHO) => context.spawn(echo::serve(context.clone(), connection)),
        // rustls refuses a handshake without a common protocol (RFC 9001, section 8.1).
        _ => connection.close(VarInt::from_u32(0), b"no application protocol"),
    }
}

/// Runs `serve` on each of what `accept` brings, all at once, until that brings no more and all are served.
pub(crate) async fn concurrently<T, A, S>(accept: impl Fn() -> A, serve: impl Fn(T) -> S)
where
    A: Future<Output = Option<T>>,
    S: Future<Output = ()>,
{
    // In boxes of the executor's own kind: sets of other futures are the same code once more for each.
    let mut running: FuturesUnordered<LocalFutureObj<'_, ()>> = FuturesUnordered::new();
    loop {
        let accepting = std::pin::pin!(accept());
        // An empty set ends at once, and would for ever.
        let accepted = match select(accepting, running.next()).await {
            Either::Left((accepted, _)) => accepted,
            Either::Right((Some(()), _)) => continue,
            Either::Right((None, accepting)) => accepting.await,
        };
        match accepted {
            Some(it) => running.push(Box::pin(serve(it)).into()),
            None => break,
        }
    }
    while running.next().await.is_some() {}
}
