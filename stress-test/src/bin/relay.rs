//! The relay's command line.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use stress_test::impairment::Impairment;
use stress_test::relay::{Config, Relay};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

/// A UDP relay that delays, loses, reorders and duplicates datagrams on their way to a server and back.
///
/// Prints one line when it listens, and what passed when it is stopped by SIGINT, SIGTERM or the end of its standard
/// input. Exits with 2 when it can't start.
#[derive(Parser)]
#[command(
    name = "socket-iwa-relay",
    version,
    after_help = "\
Example, a mobile network of 30 ms and 20 Mbit/s that loses one datagram in fifty:
  socket-iwa-relay --server 127.0.0.1:4433 --delay 15 --jitter 3 --loss 2 --rate 20"
)]
struct Arguments {
    /// Where clients' datagrams go
    #[arg(long, value_name = "ADDR:PORT")]
    server: SocketAddr,
    /// Where clients send to; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Milliseconds that each datagram takes
    #[arg(long, value_name = "MS", default_value_t = 0.0, value_parser = number)]
    delay: f64,
    /// Up to this many more, each its own number, so that close ones overtake each other
    #[arg(long, value_name = "MS", default_value_t = 0.0, value_parser = number)]
    jitter: f64,
    /// Percentage that is lost
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percentage)]
    loss: f64,
    /// Percentage that is held back while others pass
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percentage)]
    reorder: f64,
    /// For how long those are held back
    #[arg(long, value_name = "MS", default_value_t = 5.0, value_parser = number)]
    reorder_by: f64,
    /// Percentage that arrives twice
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percentage)]
    duplicate: f64,
    /// Megabits a second that the narrowest link carries [default: no limit]
    #[arg(long, value_name = "MBIT", value_parser = positive)]
    rate: Option<f64>,
    /// Bytes that wait in front of it; more are dropped
    #[arg(long, value_name = "BYTES", default_value_t = Impairment::default().queue)]
    queue: u64,
    /// Which way this holds for
    #[arg(long, value_enum, default_value_t = Way::Both)]
    direction: Way,
    /// Give each client another port towards the server once, after so many of its datagrams (both ways)
    #[arg(long, value_name = "DATAGRAMS")]
    rebind_after: Option<u64>,
    /// Of all random choices: the same seed makes the same ones
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
    /// Stop when standard input ends
    #[arg(long)]
    stop_on_stdin_close: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    Both,
    ToServer,
    ToClient,
}

fn number(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value: &f64| value.is_finite() && (0.0..=1e9).contains(value));
    value.ok_or_else(|| "it is a number from 0 to 1000000000".into())
}

fn positive(text: &str) -> Result<f64, String> {
    number(text).and_then(|value| if value > 0.0 { Ok(value) } else { Err("it is more than 0".into()) })
}

fn percentage(text: &str) -> Result<f64, String> {
    number(text).ok().filter(|value| *value <= 100.0).ok_or_else(|| "it is a number from 0 to 100".into())
}

impl Arguments {
    fn config(&self) -> Config {
        let milliseconds = |value: f64| Duration::from_secs_f64(value / 1e3);
        let impairment = Impairment {
            delay: milliseconds(self.delay),
            jitter: milliseconds(self.jitter),
            loss: self.loss / 100.0,
            reorder: self.reorder / 100.0,
            reorder_by: milliseconds(self.reorder_by),
            duplicate: self.duplicate / 100.0,
            rate: self.rate.map(|rate| (rate * 1e6) as u64),
            queue: self.queue,
        };
        let when = |way: Way| if way == self.direction { impairment.clone() } else { Impairment::default() };
        let (to_server, to_client) = match self.direction {
            Way::Both => (impairment.clone(), impairment),
            Way::ToServer | Way::ToClient => (when(Way::ToServer), when(Way::ToClient)),
        };
        Config {
            listen: self.listen,
            server: self.server,
            to_server,
            to_client,
            rebind_after: self.rebind_after,
            seed: self.seed,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), String> {
    let prepared = "preparing to be stopped";
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| format!("{prepared}: {error}"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| format!("{prepared}: {error}"))?;
    let started = Relay::start(arguments.config()).await;
    let relay = started.map_err(|error| format!("bind {}: {error}", arguments.listen))?;
    let address = relay.address();
    let ready = json!({ "ready": true, "address": address.ip().to_string(), "port": address.port() });
    print(arguments.json, &ready, &format!("relaying {address} to {}", arguments.server));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = end_of_stdin(), if arguments.stop_on_stdin_close => {}
    }
    let report = serde_json::to_value(relay.report()).map_err(|error| format!("the report: {error}"))?;
    print(arguments.json, &json!({ "stopped": true, "report": report }), &report.to_string());
    Ok(())
}

async fn end_of_stdin() {
    let mut ignored = [0; 1024];
    let mut stdin = tokio::io::stdin();
    while stdin.read(&mut ignored).await.is_ok_and(|count| count > 0) {}
}

/// That nobody reads it any more is no reason to stop.
fn print(json: bool, value: &Value, text: &str) {
    let mut stdout = std::io::stdout().lock();
    let written = if json { writeln!(stdout, "{value}") } else { writeln!(stdout, "{text}") };
    let _ = written.and_then(|()| stdout.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_and_milliseconds_become_shares_and_durations() {
        let line = "relay --server 127.0.0.1:1 --loss 5 --delay 1.5 --rate 20 --direction to-server";
        let config = Arguments::parse_from(line.split(' ')).config();
        assert!((config.to_server.loss - 0.05).abs() < 1e-9);
        assert_eq!(config.to_server.delay, Duration::from_micros(1500));
        assert_eq!(config.to_server.rate, Some(20_000_000));
        assert_eq!(config.to_client, Impairment::default());
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for wrong in ["--loss=101", "--loss=-1", "--delay=x", "--rate=0", "--jitter=inf"] {
            assert!(Arguments::try_parse_from(["relay", "--server", "127.0.0.1:1", wrong]).is_err(), "{wrong}");
        }
    }
}
