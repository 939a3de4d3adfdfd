//! The command line of the server: what it prints, and with which code it exits.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};
use socket_iwa::{Options, Stop, UdpSocket, platform};
use socket_iwa_server::{Certificate, Config, Server};
use tracing::Level;

/// QUIC server: HTTP/3 (ALPN h3) and echo (ALPN echo).
///
/// Prints one line when it serves, stops on SIGINT and SIGTERM, and exits with 0 after a clean stop, with 2 when it
/// can't start.
#[derive(Parser)]
#[command(name = "socket-iwa-server", version)]
struct Arguments {
    /// Address and UDP port to serve on; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:4433")]
    listen: SocketAddr,
    /// Certificate chain in PEM [default: a self-signed one, made now and valid for 13 days]
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Private key of the certificate in PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Print JSON, one object a line, and nothing else to standard output
    #[arg(long)]
    json: bool,
    /// Print the counters this often
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    stats_interval: Option<u32>,
    /// Stop when standard input ends
    #[arg(long)]
    stop_on_stdin_close: bool,
    /// Largest request body
    #[arg(long, value_name = "BYTES", default_value_t = Config::default().max_body)]
    max_body: u64,
    /// Connections at once; more are refused
    #[arg(long, value_name = "NUMBER", default_value_t = Config::default().max_connections)]
    max_connections: usize,
    /// Close a connection without traffic after this long
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    idle_timeout: u32,
    /// Browser sockets to spread the port over, 1 to 16; without effect elsewhere
    #[arg(long, value_name = "NUMBER", default_value_t = platform::DEFAULTS.stripes,
          value_parser = clap::value_parser!(u32).range(1..=16))]
    stripes: u32,
    /// Largest datagram payload that path MTU discovery tries, 1200 to 65527 [default: 1452, on loopback 16384]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(1200..=65527))]
    max_datagram: Option<u16>,
    /// What to log to standard error: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: Level,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_max_level(arguments.log)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .init();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Start(message)) => {
            tracing::error!("{message}");
            ExitCode::from(2)
        }
        Err(Failure::Run(message)) => {
            tracing::error!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Why the server ended otherwise than by being stopped.
enum Failure {
    /// Before it served: something given to it is wrong.
    Start(String),
    /// While it served.
    Run(String),
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let start = |message: String| Failure::Start(message);
    let certificate = match (&arguments.cert, &arguments.key) {
        (Some(chain), Some(key)) => Certificate::from_pem_files(chain, key),
        _ => Certificate::generate(names(arguments.listen)),
    }
    .map_err(|error| start(error.to_string()))?;
    let config = Config {
        idle_timeout: Duration::from_secs(arguments.idle_timeout.into()),
        max_connections: arguments.max_connections,
        max_body: arguments.max_body,
        max_datagram: arguments.max_datagram,
        ..Config::default()
    };
    let options = Options { stripes: arguments.stripes, ..Options::default() };
    let socket = UdpSocket::bind(arguments.listen, &options).map_err(|error| start(error.to_string()))?;
    let mut server = Server::new(socket, &certificate, &config).map_err(start)?;
    let mut stop =
        Stop::new().and_then(Stop::on_signals).map_err(|error| start(format!("preparing to be stopped: {error}")))?;
    if arguments.stop_on_stdin_close {
        stop = stop.when_stdin_closes();
    }

    let address = server.local_addr().map_err(|error| start(error.to_string()))?;
    let print = |value: &Value, text: &str| print(arguments.json, value, text);
    let ready = json!({
        "ready": true,
        "address": address.ip().to_string(),
        "port": address.port(),
        "cert_sha256": certificate.sha256(),
        "cert_pem": certificate.to_pem(),
    });
    print(&ready, &format!("serving on {address}, certificate SHA-256 {}", certificate.sha256()));
    let interval = arguments.stats_interval.map(|seconds| Duration::from_secs(seconds.into()));
    server
        .run(&stop, interval, |stats| {
            let stats = stats.to_json();
            print(&json!({ "stats": stats }), &stats.to_string());
        })
        .map_err(|error| Failure::Run(format!("the socket failed: {error}")))?;
    print(&json!({ "stopped": true }), "stopped");
    Ok(())
}

/// The names a generated certificate is for: the address, and `localhost`.
fn names(listen: SocketAddr) -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    if listen.ip().is_unspecified() {
        names.extend(["127.0.0.1".to_owned(), "::1".to_owned()]);
    } else {
        names.push(listen.ip().to_string());
    }
    names
}

/// Prints to standard output; that nobody reads it any more is no reason to stop serving.
fn print(json: bool, value: &Value, text: &str) {
    let mut stdout = std::io::stdout().lock();
    let written = if json { writeln!(stdout, "{value}") } else { writeln!(stdout, "{text}") };
    if let Err(error) = written.and_then(|()| stdout.flush()) {
        tracing::debug!("standard output: {error}");
    }
}
