//! The steps of the session ticket test. Each stands for itself: it connects first without a ticket, and gets its own.

use std::net::SocketAddr;
use std::pin::Pin as Boxed;
use std::time::{Duration, SystemTime};

use http::StatusCode;

use super::client::{Handshake, Place, Returning, echo, get, get_with, post};
use super::replay::{Recorder, Recording};
use super::server::{Server, ServerCommand};
use super::{Subject, Ticket};
use crate::cases::Outcome;
use crate::{Error, Http};

type Run = for<'a> fn(&'a Bench<'a>) -> Boxed<Box<dyn Future<Output = Result<Outcome, Error>> + 'a>>;

macro_rules! steps {
    ($($name:literal => $function:ident),* $(,)?) => {
        [$(($name, |bench| Box::pin($function(bench)))),*]
    };
}

pub(super) const ALL: [(&str, Run); 10] = steps![
    "a full handshake brings tickets" => a_full_handshake_brings_tickets,
    "with a ticket, a GET in early data is accepted and answered" => a_get_in_early_data_is_answered,
    "a resumed connection brings a new ticket" => a_resumed_connection_brings_a_ticket,
    "a POST in early data is answered with 425, and after the handshake as usual" => a_post_in_early_data_is_too_early,
    "a replayed first flight resumes nothing" => a_replay_is_refused,
    "echo takes early data only where it was configured" => echo_takes_early_data_by_configuration,
    "with echo configured, a stream in early data is accepted and echoed" => echo_in_early_data_comes_back,
    "an expired ticket is refused, and the request answered after a full handshake" => an_expired_ticket_is_refused,
    "a ticket of another server's key is refused, and the request answered" => a_ticket_of_another_key_is_refused,
    "with a key file, tickets survive a restart, and used ones stay used" => tickets_survive_a_restart,
];

/// The server's option for early data with ALPN echo. The steps that send a request again, on the same connection, do so
/// with that: h3 ends the connection on which its early data was refused.
const ECHO_EARLY_DATA: &str = "--echo-early-data";

/// A server that runs for a step, and a client that trusts it.
struct Visit {
    /// Stopped at the step's end, where the step has started it.
    _server: Option<Server>,
    client: Returning,
    h3: Place,
    echo: Place,
}

/// What the steps work with.
pub(super) struct Bench<'a> {
    subject: &'a Subject,
    /// The usual server, where the test has started it.
    started: Option<Server>,
}

impl<'a> Bench<'a> {
    /// Starts the usual server, if that is the test's to do.
    pub(super) fn new(subject: &'a Subject) -> Result<Self, Error> {
        let started = match subject {
            Subject::Running { .. } => None,
            Subject::Started(command) => Some(command.start(&[])?),
        };
        Ok(Self { subject, started })
    }

    /// A client of the usual server.
    fn visit(&self) -> Result<Visit, Error> {
        match (self.subject, &self.started) {
            (Subject::Running { address, pin, .. }, _) => Visit::new(None, *address, *pin),
            (Subject::Started(_), Some(server)) => Visit::new(None, server.address, server.pin),
            (Subject::Started(_), None) => unreachable!("it is started with the bench"),
        }
    }

    /// The command to start others with; the reason why there is none.
    fn command(&self) -> Result<&ServerCommand, Outcome> {
        match self.subject {
            Subject::Started(command) => Ok(command),
            Subject::Running { .. } => {
                Err(Outcome::Skipped("it needs servers of its own: give their command with --server".into()))
            }
        }
    }
}

impl ServerCommand {
    fn visit(&self, arguments: &[&str]) -> Result<Visit, Error> {
        let server = self.start(arguments)?;
        let (address, pin) = (server.address, server.pin);
        Visit::new(Some(server), address, pin)
    }
}

impl Visit {
    fn new(server: Option<Server>, address: SocketAddr, pin: crate::Pin) -> Result<Self, Error> {
        let client = Returning::new(address, pin)?;
        let place = |alpn| Place { address, alpn };
        Ok(Self { _server: server, client, h3: place(b"h3"), echo: place(b"echo") })
    }

    /// Offers `ticket` with a GET in early data, which has to be answered in any case.
    async fn get(&self, ticket: Ticket) -> Result<Handshake, Error> {
        Ok(self.client.visit(self.h3, Some(ticket), get).await?.0)
    }
}

/// Passed if a handshake went as `expected`.
fn expect(expected: Handshake, seen: Handshake) -> Outcome {
    if seen == expected { Outcome::Passed } else { Outcome::Failed(format!("{seen:?}, not {expected:?}")) }
}

async fn a_full_handshake_brings_tickets(bench: &Bench<'_>) -> Result<Outcome, Error> {
    let visit = bench.visit()?;
    visit.client.tickets(visit.h3, 2).await?;
    Ok(Outcome::Passed)
}

async fn a_get_in_early_data_is_answered(bench: &Bench<'_>) -> Result<Outcome, Error> {
    let visit = bench.visit()?;
    let ticket = visit.client.ticket(visit.h3).await?;
    Ok(expect(Handshake::ACCEPTED, visit.get(ticket).await?))
}

async fn a_resumed_connection_brings_a_ticket(bench: &Bench<'_>) -> Result<Outcome, Error> {
    let visit = bench.visit()?;
    let ticket = visit.client.ticket(visit.h3).await?;
    visit.client.wallet.clear();
    let again = async |connection| {
        let http = Http::new(connection).await?;
        get_with(&http).await?;
        Ok(visit.client.wallet.next().await)
    };
    let (handshake, ticket) = visit.client.visit(visit.h3, Some(ticket), again).await?;
    if handshake != Handshake::ACCEPTED {
        return Ok(expect(Handshake::ACCEPTED, handshake));
    }
    Ok(expect(Handshake::ACCEPTED, visit.get(ticket).await?))
}

async fn a_post_in_early_data_is_too_early(bench: &Bench<'_>) -> Result<Outcome, Error> {
    let visit = bench.visit()?;
    let ticket = visit.client.ticket(visit.h3).await?;
    let twice = async |connection| {
        let http = Http::new(connection).await?;
        // The answer to the first has come when the second is sent, and with it the server's side of the handshake.
        let early = post(&http).await?.status;
        loop {
            let response = post(&http).await?;
            // The client's side of it may still be on its way.
            if response.status != StatusCode::TOO_EARLY {
                return Ok((early, response));
            }
        }
    };
    let (handshake, (early, late)) = visit.client.visit(visit.h3, Some(ticket), twice).await?;
    if handshake != Handshake::ACCEPTED {
        return Ok(expect(Handshake::ACCEPTED, handshake));
    }
    let right = early == StatusCode::TOO_EARLY && late.status == StatusCode::OK && late.body == b"do this once";
    Ok(if right { Outcome::Passed } else { Outcome::Failed(format!("{early}, then {}", late.status)) })
}

async fn a_replay_is_refused(bench: &Bench<'_>) -> Result<Outcome, Error> {
    let visit = bench.visit()?;
    let ticket = visit.client.ticket(visit.h3).await?;
    let recorder = Recorder::new(visit.h3.address).await?;
    let through = Place { address: recorder.address, ..visit.h3 };
    let first = visit.client.visit(through, Some(ticket), get).await?.0;
    if first != Handshake::ACCEPTED {
        return Ok(expect(Handshake::ACCEPTED, first));
    }
    refuses_replay(&recorder.recording(), visit.h3.address).await
}

/// Passed if a server does not resume again what it has resumed.
async fn refuses_replay(recording: &Recording, server: SocketAddr) -> Result<Outcome, Error> {
    if !recording.resumed()? {
        return Ok(Outcome::Failed("the recorded handshake is none that resumes".into()));
    }
    let again = recording.replay(server).await?;
    Ok(if again { Outcome::Failed("the server took the ticket again".into()) } else { Outcome::Passed })
}

async fn echo_takes_early_data_by_configuration(bench: &Bench<'_>) -> Result<Outcome, Error> {
    let visit = bench.visit()?;
    let expected = match bench.subject {
        Subject::Running { echo_early_data: true, .. } => Handshake::ACCEPTED,
        _ => Handshake::RESUMED,
    };
    let ticket = visit.client.ticket(visit.echo).await?;
    Ok(expect(expected, visit.client.visit(visit.echo, Some(ticket), echo).await?.0))
}

async fn echo_in_early_data_comes_back(bench: &Bench<'_>) -> Result<Outcome, Error> {
    let command = match bench.command() {
        Ok(command) => command,
        Err(reason) => return Ok(reason),
    };
    let visit = command.visit(&[ECHO_EARLY_DATA])?;
    let ticket = visit.client.ticket(visit.echo).await?;
    Ok(expect(Handshake::ACCEPTED, visit.client.visit(visit.echo, Some(ticket), echo).await?.0))
}

async fn an_expired_ticket_is_refused(bench: &Bench<'_>) -> Result<Outcome, Error> {
    const LIFETIME: Duration = Duration::from_secs(1);
    let command = match bench.command() {
        Ok(command) => command,
        Err(reason) => return Ok(reason),
    };
    let visit = command.visit(&[ECHO_EARLY_DATA, "--ticket-lifetime", &LIFETIME.as_secs().to_string()])?;
    // The client's clock stands still, or it would not offer the ticket; the server's goes on.
    visit.client.clock.stop();
    let ticket = visit.client.ticket(visit.echo).await?;
    let over = SystemTime::now() + LIFETIME;
    while let Ok(left) = over.duration_since(SystemTime::now()) {
        tokio::time::sleep(left + Duration::from_millis(1)).await;
    }
    Ok(expect(Handshake::REFUSED, visit.client.visit(visit.echo, Some(ticket), echo).await?.0))
}

async fn a_ticket_of_another_key_is_refused(bench: &Bench<'_>) -> Result<Outcome, Error> {
    let command = match bench.command() {
        Ok(command) => command,
        Err(reason) => return Ok(reason),
    };
    let visit = command.visit(&[ECHO_EARLY_DATA])?;
    let other = command.start(&[ECHO_EARLY_DATA])?;
    let mut tickets = visit.client.tickets(visit.echo, 2).await?;
    visit.client.trust(other.pin);
    let elsewhere = Place { address: other.address, ..visit.echo };
    let refused = visit.client.visit(elsewhere, tickets.pop(), echo).await?.0;
    if refused != Handshake::REFUSED {
        return Ok(expect(Handshake::REFUSED, refused));
    }
    // Where they come from they are good.
    Ok(expect(Handshake::ACCEPTED, visit.client.visit(visit.echo, tickets.pop(), echo).await?.0))
}

async fn tickets_survive_a_restart(bench: &Bench<'_>) -> Result<Outcome, Error> {
    let command = match bench.command() {
        Ok(command) => command,
        Err(reason) => return Ok(reason),
    };
    let directory = Scratch::new()?;
    let keys = directory.0.join("ticket-keys").display().to_string();
    let arguments = ["--ticket-keys", &keys];
    let server = command.start(&arguments)?;
    let client = Returning::new(server.address, server.pin)?;
    let place = Place { address: server.address, alpn: b"h3" };
    let mut tickets = client.tickets(place, 2).await?;
    let recorder = Recorder::new(server.address).await?;
    let through = Place { address: recorder.address, ..place };
    let first = client.visit(through, tickets.pop(), get).await?.0;
    if first != Handshake::ACCEPTED {
        return Ok(expect(Handshake::ACCEPTED, first));
    }
    server.stop()?;

    let server = command.start(&arguments)?;
    client.trust(server.pin);
    let place = Place { address: server.address, alpn: b"h3" };
    let fresh = client.visit(place, tickets.pop(), get).await?.0;
    if fresh != Handshake::ACCEPTED {
        return Ok(expect(Handshake::ACCEPTED, fresh));
    }
    refuses_replay(&recorder.recording(), server.address).await
}

/// A directory that goes with it.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new() -> Result<Self, Error> {
        let path = std::env::temp_dir().join(format!("socket-iwa-session-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| Error::new(format!("make {}", path.display()), error))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left in the system's own directory for such things harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
