//! Session tickets and early data of a Socket.IWA server, shown step by step.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use serde_json::json;
use socket_iwa_native::Pin;
use socket_iwa_native::cases::Outcome;
use socket_iwa_native::session::{self, ServerCommand, Step, Subject};

/// Connects, gets a ticket, disconnects, comes back with early data, and checks that it was accepted and answered; then
/// the refusals: an expired ticket, another server's key, a replay, a request that is not safe. Says each step.
///
/// Exits with 1 if a step fails, with 2 if there is no server to begin with. Against a running server (--connect) the steps that need servers of their own are left
/// out; with --server all are taken.
#[derive(Parser)]
#[command(name = "test_session_ticket", version)]
struct Arguments {
    /// Address and port of a running server
    #[arg(long, value_name = "ADDR:PORT", requires = "cert_sha256", required_unless_present = "server")]
    connect: Option<SocketAddr>,
    /// SHA-256 of its certificate, in hexadecimal, as the server prints it
    #[arg(long, value_name = "HEX", requires = "connect")]
    cert_sha256: Option<Pin>,
    /// It was started with --echo-early-data
    #[arg(long, requires = "connect")]
    echo_early_data: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// The last option: a command that starts a server, prints its ready line as JSON and stops it when standard input
    /// ends; server arguments are appended. For example: --server cargo xtask serve --runtime node --port 0 --json --
    #[arg(long, value_name = "COMMAND", num_args = 1.., allow_hyphen_values = true, conflicts_with = "connect")]
    server: Option<Vec<String>>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let subject = match (arguments.server, arguments.connect, arguments.cert_sha256) {
        (Some(command), _, _) => Subject::Started(ServerCommand(command)),
        (None, Some(address), Some(pin)) => {
            Subject::Running { address, pin, echo_early_data: arguments.echo_early_data }
        }
        _ => unreachable!("clap asks for a server, or an address and a certificate"),
    };
    let steps = match session::run(&subject, say).await {
        Ok(steps) => steps,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let count = |is: fn(&Outcome) -> bool| steps.iter().filter(|step| is(&step.outcome)).count();
    let passed = count(|outcome| matches!(outcome, Outcome::Passed));
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
    if arguments.json {
        let steps: Vec<_> = steps.iter().map(to_json).collect();
        println!(
            "{}",
            json!({ "ok": failed == 0, "passed": passed, "failed": failed, "skipped": skipped, "steps": steps })
        );
    } else {
        println!("{passed} passed, {failed} failed, {skipped} skipped");
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(Step { name, outcome }: &Step) {
    match outcome {
        Outcome::Passed => eprintln!("ok       {name}"),
        Outcome::Failed(seen) => eprintln!("FAILED   {name}: {seen}"),
        Outcome::Skipped(reason) => eprintln!("skipped  {name}: {reason}"),
    }
}

fn to_json(Step { name, outcome }: &Step) -> serde_json::Value {
    let (word, reason) = match outcome {
        Outcome::Passed => ("passed", None),
        Outcome::Failed(seen) => ("failed", Some(seen)),
        Outcome::Skipped(reason) => ("skipped", Some(reason)),
    };
    json!({ "name": name, "outcome": word, "reason": reason })
}
