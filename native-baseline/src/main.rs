//! The client's command line.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use socket_iwa_native::Pin;
use socket_iwa_native::check::{Plan, Report, run};

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
        /// Address and port of the server
        #[arg(long, value_name = "ADDR:PORT")]
        connect: SocketAddr,
        /// SHA-256 of its certificate, in hexadecimal, as the server prints it
        #[arg(long, value_name = "HEX")]
        cert_sha256: Pin,
        /// Bytes to download
        #[arg(long, default_value_t = 16 << 20)]
        bytes: u64,
        /// Requests at once
        #[arg(long, default_value_t = 100)]
        requests: usize,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Command::Check {
        connect,
        cert_sha256,
        bytes,
        requests,
        json,
    } = Arguments::parse().command;
    let plan = Plan {
        server: connect,
        pin: cert_sha256,
        bytes,
        requests,
    };
    let mut report = Report::default();
    let error = run(&plan, &mut report).await.err();
    if json {
        println!("{}", report.to_json(&plan, error.as_ref()));
    } else {
        print(&plan, &report);
        if let Some(error) = &error {
            eprintln!("error: {error}");
        }
    }
    if error.is_none() && report.is_ok(&plan) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn print(plan: &Plan, report: &Report) {
    let hash = if report.sha256 == report.sha256_expected {
        "the right SHA-256"
    } else {
        "A WRONG SHA-256"
    };
    println!("handshake  {:.1} ms", report.handshake_ms);
    println!("GET /      {:.1} ms", report.request_ms);
    println!(
        "download   {} bytes, {:.1} MB/s, {hash}",
        report.download_bytes, report.download_mb_per_s
    );
    println!(
        "requests   {} of {} at once answered right",
        report.requests_ok, plan.requests
    );
    println!(
        "echo       {}",
        if report.echo_ok {
            "came back unchanged"
        } else {
            "FAILED"
        }
    );
}
