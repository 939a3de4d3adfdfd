//! A client that resumes: it connects with or without a ticket, sends its request in early data where it may, and sends it
//! again where that is refused.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Method, StatusCode};
use rustls::client::Resumption;

use super::wallet::{Clock, Ticket, Wallet};
use crate::{Client, Error, Http, Pin, Pins, Response, quic, tls};

/// A client with a wallet.
pub struct Returning {
    client: Client,
    pins: Pins,
    tls: rustls::ClientConfig,
    pub(super) wallet: Wallet,
    pub(super) clock: Clock,
}

/// A server, and the name of the application protocol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    pub(crate) alpn: &'static [u8],
}

/// How a handshake went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handshake {
    /// The server showed no certificate: it took the ticket.
    pub(crate) resumed: bool,
    /// What came of the early data. None: none was sent, the ticket or its lack did not allow it.
    pub(crate) early_data: Option<bool>,
}

/// How a server took a ticket that came with early data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Taken {
    /// With the early data.
    Whole,
    /// The session was resumed, the early data refused.
    WithoutEarlyData,
}

impl Handshake {
    pub(super) const FULL: Self = Self { resumed: false, early_data: None };
    pub(super) const RESUMED: Self = Self { resumed: true, early_data: None };
    pub(super) const ACCEPTED: Self = Self { resumed: true, early_data: Some(true) };
    pub(super) const REFUSED: Self = Self { resumed: false, early_data: Some(false) };
}

impl Returning {
    /// A client for servers of `server`'s address family.
    ///
    /// # Errors
    ///
    /// When no socket can be had.
    pub fn new(server: SocketAddr, pin: Pin) -> Result<Self, Error> {
        let (pins, wallet, clock) = (Pins::default(), Wallet::default(), Clock::default());
        pins.add(pin);
        // One verifier for all: rustls resumes no session that another one vouched for.
        let mut tls = tls(pins.verifier());
        tls.resumption = Resumption::store(Arc::new(wallet.clone()));
        tls.time_provider = Arc::new(clock.clone());
        tls.enable_early_data = true;
        Ok(Self { client: Client::new(server, pin)?, pins, tls, wallet, clock })
    }

    /// As many times, gets a ticket, goes elsewhere, and offers it with a stream of ALPN echo in early data: a server with
    /// several workers may take it at another one than where it was made. Returns how each was taken.
    ///
    /// # Errors
    ///
    /// When a connection fails.
    pub async fn from_other_addresses(&self, server: SocketAddr, times: usize) -> Result<Vec<Taken>, Error> {
        let place = Place { address: server, alpn: b"echo" };
        let mut all = Vec::new();
        for _ in 0..times {
            let ticket = self.ticket(place).await?;
            self.client.move_elsewhere()?;
            all.push(match self.visit(place, Some(ticket), echo).await?.0 {
                Handshake::ACCEPTED => Taken::Whole,
                Handshake { resumed: true, early_data: Some(false) } => Taken::WithoutEarlyData,
                other => return Err(Error::new("a ticket from another address", format!("{other:?}"))),
            });
        }
        Ok(all)
    }

    /// Trusts another server too.
    pub(super) fn trust(&self, pin: Pin) {
        self.pins.add(pin);
    }

    /// Connects, offering `ticket`, and runs `exchange` on the connection: in early data where the ticket allows it, and
    /// again on the same connection where the server has refused that.
    pub(crate) async fn visit<T>(
        &self,
        place: Place,
        ticket: Option<Ticket>,
        exchange: impl AsyncFn(quinn::Connection) -> Result<T, Error>,
    ) -> Result<(Handshake, T), Error> {
        let Place { address, alpn } = place;
        let failed = |error: quinn::ConnectionError| Error::new(format!("connect to {address}"), error);
        let verified = self.pins.verified();
        if let Some(ticket) = ticket {
            self.wallet.offer(ticket);
        }
        let mut tls = self.tls.clone();
        tls.alpn_protocols = vec![alpn.to_vec()];
        let (connection, early_data, outcome) = match self.client.start_with(address, quic(tls))?.into_0rtt() {
            Err(connecting) => {
                let connection = connecting.await.map_err(failed)?;
                let outcome = exchange(connection.clone()).await;
                (connection, None, outcome)
            }
            Ok((connection, accepted)) => {
                let outcome = exchange(connection.clone()).await;
                let accepted = accepted.await;
                // Of a connection that was never made the reason says more.
                if let Some(error) = connection.close_reason() {
                    return Err(failed(error));
                }
                let outcome = if accepted { outcome } else { exchange(connection.clone()).await };
                (connection, Some(accepted), outcome)
            }
        };
        let handshake = Handshake { resumed: self.pins.verified() == verified, early_data };
        connection.close(if alpn == b"h3" { 0x100u32 } else { 0 }.into(), b"");
        // Until the server has heard of it: it may be stopped next.
        drop(connection);
        self.client.endpoint().wait_idle().await;
        Ok((handshake, outcome?))
    }

    /// A full handshake with a request, and a ticket of it. Tickets that are left from before are thrown away.
    pub(crate) async fn ticket(&self, place: Place) -> Result<Ticket, Error> {
        let mut tickets = self.tickets(place, 1).await?;
        Ok(tickets.remove(0))
    }

    /// As [`ticket`](Self::ticket), with several tickets of one handshake.
    pub(super) async fn tickets(&self, place: Place, count: usize) -> Result<Vec<Ticket>, Error> {
        self.wallet.clear();
        let get = async |connection: quinn::Connection| {
            // Held until the tickets are there: h3 closes the connection when it is dropped.
            let http = if place.alpn == b"h3" { Some(Http::new(connection.clone()).await?) } else { None };
            match &http {
                Some(http) => get_with(http).await?,
                None => echo(connection).await?,
            }
            let mut tickets = Vec::new();
            while tickets.len() < count {
                tickets.push(self.wallet.next().await);
            }
            Ok(tickets)
        };
        let (handshake, tickets) = self.visit(place, None, get).await?;
        if handshake != Handshake::FULL {
            return Err(Error::new("a handshake without a ticket", format!("{handshake:?}")));
        }
        Ok(tickets)
    }
}

/// Bytes that [`get`] asks for.
const LENGTH: u64 = 5000;

/// `GET /bytes/5000`, checked.
pub(crate) async fn get(connection: quinn::Connection) -> Result<(), Error> {
    get_with(&Http::new(connection).await?).await
}

/// As [`get`], on HTTP that was begun.
pub(super) async fn get_with(http: &Http) -> Result<(), Error> {
    let path = format!("/bytes/{LENGTH}");
    let response = http.request(Method::GET, &path, "").await?;
    if response.status != StatusCode::OK || response.body != crate::check::expected_bytes(LENGTH) {
        return Err(Error::new(
            format!("GET {path}"),
            format!("{} and {} bytes", response.status, response.body.len()),
        ));
    }
    Ok(())
}

/// `POST /echo` with a body.
pub(super) async fn post(http: &Http) -> Result<Response, Error> {
    http.request(Method::POST, "/echo", &b"do this once"[..]).await
}

/// A stream of ALPN echo, checked.
pub(super) async fn echo(connection: quinn::Connection) -> Result<(), Error> {
    let failed = |error: &dyn std::error::Error| Error::new("echo", error);
    let (mut send, mut recv) = connection.open_bi().await.map_err(|error| failed(&error))?;
    send.write_all(b"hello again").await.map_err(|error| failed(&error))?;
    send.finish().map_err(|error| failed(&error))?;
    let back = recv.read_to_end(100).await.map_err(|error| failed(&error))?;
    if back != b"hello again" { Err(Error::new("echo", "it came back changed")) } else { Ok(()) }
}
