//! Session tickets and early data, step by step: what a returning client gets, and what is refused. `test_session_ticket`
//! prints it.

mod client;
mod replay;
mod server;
mod steps;
mod wallet;

use std::net::SocketAddr;
use std::time::Duration;

use crate::cases::Outcome;
use crate::{Error, Pin};

pub(crate) use client::{Place, get};
pub use client::{Returning, Taken};
pub use server::ServerCommand;
pub use wallet::{Ticket, Wallet};

/// What to test.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A running server, which takes early data for ALPN echo or not.
    Running {
        /// Where it is.
        address: SocketAddr,
        /// SHA-256 of its certificate.
        pin: Pin,
        /// Whether it was started with --echo-early-data.
        echo_early_data: bool,
    },
    /// Servers that the test starts as it needs them.
    Started(ServerCommand),
}

/// How long one step may take; most take a few round trips, some start a server.
const DEADLINE: Duration = Duration::from_secs(120);

/// A step and what it came to.
#[derive(Clone, Debug)]
pub struct Step {
    /// What holds, as a sentence.
    pub name: &'static str,
    /// Whether it does.
    pub outcome: Outcome,
}

/// Runs all steps, and calls `each` with every one when it is done.
///
/// # Errors
///
/// When the server to begin with can't be started.
pub async fn run(subject: &Subject, mut each: impl FnMut(&Step)) -> Result<Vec<Step>, Error> {
    let bench = steps::Bench::new(subject)?;
    let mut all = Vec::new();
    for (name, run) in steps::ALL {
        let outcome = match tokio::time::timeout(DEADLINE, run(&bench)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Outcome::Failed(error.to_string()),
            Err(_) => Outcome::Failed(format!("no end within {} s", DEADLINE.as_secs())),
        };
        let step = Step { name, outcome };
        each(&step);
        all.push(step);
    }
    Ok(all)
}
