//! The client's command line.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use serde_json::json;
use socket_iwa_native::cases::{self, Outcome, Target};
use socket_iwa_native::check::{self, REPETITIONS, Report, expected_sha256};
use socket_iwa_native::interop::{self, Exchange, Plan};
use socket_iwa_native::request::{self, Asked};
use socket_iwa_native::{Client, Http, Pin};

/// Checks a Socket.IWA server from outside, with quinn and h3-quinn.
#[derive(Parser)]
#[command(name = "socket-iwa-client", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Handshake, request, download compared by SHA-256, concurrent requests, echo. Exits with 1 if anything is wrong
    Check {
        #[command(flatten)]
        server: ServerArguments,
        /// Bytes to download
        #[arg(long, default_value_t = 16 << 20)]
        bytes: u64,
        /// Requests at once
        #[arg(long, default_value_t = 100)]
        requests: usize,
    },
    /// Right answers to wrong requests, and service to others while a client misbehaves. Exits with 1 if a case fails
    Cases {
        #[command(flatten)]
        server: ServerArguments,
        /// The server's limit of a request body in bytes (its --max-body)
        #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
        max_body: u64,
        /// Only the cases whose name contains this
        #[arg(long, value_name = "TEXT", default_value = "")]
        only: String,
    },
    /// One exchange of the interop matrix. Exits with 1, and says why, if it went otherwise than it should
    Interop {
        /// Which one
        exchange: Exchange,
        #[command(flatten)]
        server: ServerArguments,
        /// Bytes to transfer
        #[arg(long, default_value_t = 1 << 20)]
        bytes: u64,
        /// Connections to open
        #[arg(long, default_value_t = 20)]
        count: usize,
        /// How long it may take
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        limit: u64,
    },
    /// An HTTP/3 request; prints a line of JSON for what became of it: status, header fields, length, SHA-256 and, where it
    /// is short, text of the answer. Exits with 1 if one fails
    Request {
        #[command(flatten)]
        server: ServerArguments,
        /// Path and query
        path: String,
        /// Its method
        #[arg(long, default_value = "GET")]
        method: http::Method,
        /// A header field, NAME:VALUE; may be given again
        #[arg(long, value_parser = header)]
        header: Vec<(http::HeaderName, http::HeaderValue)>,
        /// Bytes to send as its body: the stream of /bytes/N
        #[arg(long, value_name = "BYTES", default_value_t = 0)]
        body: u64,
        /// Cancel when so many bytes of the answer have come; 0: before any
        #[arg(long, value_name = "BYTES")]
        cancel_after: Option<u64>,
        /// Send so many at once, on one connection
        #[arg(long, default_value_t = 1)]
        count: usize,
    },
    /// A WebSocket over HTTP/3; prints a line of JSON for each message that comes, and for the server's close
    Websocket {
        #[command(flatten)]
        server: ServerArguments,
        /// Path and query
        path: String,
        /// A text to send; may be given again
        #[arg(long)]
        text: Vec<String>,
        /// Close with this code when every text was answered; without it the server has to
        #[arg(long, value_name = "CODE")]
        close: Option<u16>,
    },
    /// Prints the SHA-256 that /bytes/N must have
    Sha256 {
        /// N
        bytes: u64,
    },
}

#[derive(clap::Args)]
struct ServerArguments {
    /// Address and port of the server
    #[arg(long, value_name = "ADDR:PORT")]
    connect: SocketAddr,
    /// SHA-256 of its certificate, in hexadecimal, as the server prints it
    #[arg(long, value_name = "HEX")]
    cert_sha256: Pin,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let right = match Arguments::parse().command {
        Command::Check { server, bytes, requests } => {
            check(&check::Plan { server: server.connect, pin: server.cert_sha256, bytes, requests }, server.json).await
        }
        Command::Cases { server, max_body, only } => {
            let target = Target { server: server.connect, pin: server.cert_sha256, max_body };
            run_cases(target, &only, server.json).await
        }
        Command::Interop { exchange, server, bytes, count, limit } => {
            let limit = Duration::from_secs(limit);
            interop(
                exchange,
                Plan { server: server.connect, pin: server.cert_sha256, bytes, count, limit },
                server.json,
            )
            .await
        }
        Command::Request { server, path, method, header, body, cancel_after, count } => {
            let asked = Asked { method, path, headers: header.into_iter().collect(), body, cancel_after };
            ask(&server, &asked, count).await
        }
        Command::Websocket { server, path, text, close } => {
            let target = Target { server: server.connect, pin: server.cert_sha256, max_body: 0 };
            match cases::talk(target, &path, &text, close).await {
                Ok(said) => said.iter().for_each(|it| println!("{it}")),
                Err(error) => println!("{}", json!({ "error": error.to_string() })),
            }
            true
        }
        Command::Sha256 { bytes } => {
            println!("{}", expected_sha256(bytes));
            true
        }
    };
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the check and prints its report. Returns whether everything was right.
async fn check(plan: &check::Plan, json: bool) -> bool {
    let mut report = Report::default();
    let error = check::run(plan, &mut report).await.err();
    if json {
        println!("{}", report.to_json(plan, error.as_ref()));
    } else {
        print(plan, &report);
        if let Some(error) = &error {
            eprintln!("error: {error}");
        }
    }
    error.is_none() && report.is_ok(plan)
}

/// Runs the cases, says how each went as it goes, and prints a summary. Returns whether none failed.
async fn run_cases(target: Target, only: &str, json: bool) -> bool {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for case in cases::ALL.iter().filter(|case| case.name.contains(only)) {
        match case.run(target).await {
            Outcome::Passed => {
                passed += 1;
                eprintln!("ok       {}", case.name);
            }
            Outcome::Failed(seen) => {
                failed += 1;
                eprintln!("FAILED   {}: {seen}", case.name);
            }
            Outcome::Skipped(reason) => {
                skipped += 1;
                eprintln!("skipped  {}: {reason}", case.name);
            }
        }
    }
    if json {
        println!("{}", json!({ "ok": failed == 0, "passed": passed, "failed": failed, "skipped": skipped }));
    } else {
        println!("{passed} passed, {failed} failed, {skipped} skipped");
    }
    failed == 0
}

/// Asks several times at once, and prints each outcome. Returns whether none failed.
async fn ask(server: &ServerArguments, asked: &Asked, count: usize) -> bool {
    let connected = async {
        let client = Client::new(server.connect, server.cert_sha256)?;
        let http = Http::new(client.connect(server.connect, &[b"h3"]).await?).await?;
        Ok::<_, socket_iwa_native::Error>((client, http))
    };
    let (client, http) = match connected.await {
        Ok(connected) => connected,
        Err(error) => {
            eprintln!("error: {error}");
            return false;
        }
    };
    let mut failed = false;
    for outcome in futures_util::future::join_all((0..count).map(|_| request::ask(&http, asked))).await {
        let outcome = outcome.unwrap_or_else(|error| {
            failed = true;
            json!({ "error": error.to_string() })
        });
        println!("{outcome}");
    }
    // A request that was cancelled last is on its way still.
    client.close().await;
    !failed
}

/// NAME:VALUE.
fn header(field: &str) -> Result<(http::HeaderName, http::HeaderValue), String> {
    let (name, value) = field.split_once(':').ok_or("a header field is NAME:VALUE")?;
    let name = name.trim().parse().map_err(|error| format!("{name}: {error}"))?;
    Ok((name, value.trim().parse().map_err(|error| format!("{value}: {error}"))?))
}

/// Runs one exchange and says how it went.
async fn interop(exchange: Exchange, plan: Plan, json: bool) -> bool {
    let error = interop::run(exchange, plan).await.err();
    if json {
        println!("{}", json!({ "ok": error.is_none(), "error": error.as_ref().map(ToString::to_string) }));
    } else {
        println!("{}", error.as_ref().map_or("ok".into(), |error| format!("FAILED: {error}")));
    }
    error.is_none()
}

fn print(plan: &check::Plan, report: &Report) {
    let hash = if report.sha256 == report.sha256_expected { "the right SHA-256" } else { "A WRONG SHA-256" };
    println!("handshake  {:.1} ms (median of {REPETITIONS}, as all figures)", report.handshake_ms);
    println!("GET /      {:.1} ms", report.request_ms);
    println!("download   {} bytes, {:.1} MB/s, {hash}", report.download_bytes, report.download_mb_per_s);
    println!("requests   {} of {} at once answered right", report.requests_ok, plan.requests);
    println!("echo       {}", if report.echo_ok { "came back unchanged" } else { "FAILED" });
}
