//! What quinn and h3-quinn can show of a server, one exchange a run: the cells of the interop matrix in the column of this
//! client. Which cells there are, and what they are called, is the matrix's (interop/cases.mjs).

mod http;
mod transport;

use std::net::SocketAddr;
use std::time::Duration;

use clap::ValueEnum;

use crate::cases::{self, Outcome, Target};
use crate::{Client, Error, Http, Pin};

/// What to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Exchange {
    /// A handshake with ALPN h3, and a clean close
    Handshake,
    /// GET /bytes/N, the body compared by SHA-256
    Transfer,
    /// POST /upload, the answer compared with the SHA-256 of what was sent
    Upload,
    /// Twenty requests at once on one connection
    Parallel,
    /// A ClientHello of more than one datagram, as a post-quantum key share makes it
    PostQuantum,
    /// A second connection that resumes the session of the first
    Resumption,
    /// A request in 0-RTT, accepted
    ZeroRtt,
    /// A key update in the middle of a download, and another one
    KeyUpdate,
    /// Another local port in the middle of a download
    Rebinding,
    /// TLS_CHACHA20_POLY1305_SHA256 offered alone
    Chacha20,
    /// An Initial of an unknown version, answered with the known ones
    VersionNegotiation,
    /// Connections one after another, a request on each
    Connections,
    /// Streams and datagrams of a WebTransport session, echoed
    Webtransport,
}

/// Against which server, and how much.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The server, or the relay in front of it.
    pub server: SocketAddr,
    /// SHA-256 of its certificate.
    pub pin: Pin,
    /// Bytes to transfer.
    pub bytes: u64,
    /// Connections to open.
    pub count: usize,
    /// How long it may take.
    pub limit: Duration,
}

/// Runs one exchange to its end.
///
/// # Errors
///
/// When anything went otherwise than it should.
pub async fn run(exchange: Exchange, plan: Plan) -> Result<(), Error> {
    let work = async {
        match exchange {
            Exchange::Handshake => transport::handshake(plan).await,
            Exchange::Transfer => http::transfer(plan).await,
            Exchange::Upload => http::upload(plan).await,
            Exchange::Parallel => http::parallel(plan).await,
            Exchange::PostQuantum => transport::post_quantum(plan).await,
            Exchange::Resumption => transport::resumption(plan).await,
            Exchange::ZeroRtt => transport::zero_rtt(plan).await,
            Exchange::KeyUpdate => transport::key_update(plan).await,
            Exchange::Rebinding => transport::rebinding(plan).await,
            Exchange::Chacha20 => transport::chacha20(plan).await,
            Exchange::VersionNegotiation => plan.case(cases::an_unknown_version_is_answered_with_the_known_ones).await,
            Exchange::Connections => transport::connections(plan).await,
            Exchange::Webtransport => plan.case(cases::streams_and_datagrams_come_back).await,
        }
    };
    let late = || Error::new("the exchange", format!("no end within {} s", plan.limit.as_secs()));
    tokio::time::timeout(plan.limit, work).await.map_err(|_| late())?
}

impl Plan {
    fn client(self) -> Result<Client, Error> {
        Client::new(self.server, self.pin)
    }

    async fn connect(self) -> Result<quinn::Connection, Error> {
        self.client()?.connect(self.server, &[b"h3"]).await
    }

    /// Runs one of the client's cases.
    async fn case<C: Future<Output = Result<Outcome, Error>>>(self, case: impl Fn(Target) -> C) -> Result<(), Error> {
        match case(Target { server: self.server, pin: self.pin, max_body: self.bytes }).await? {
            Outcome::Passed => Ok(()),
            Outcome::Failed(why) | Outcome::Skipped(why) => Err(Error::new("it was seen otherwise", why)),
        }
    }

    async fn http(self) -> Result<Http, Error> {
        Http::new(self.connect().await?).await
    }
}
