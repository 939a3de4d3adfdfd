//! The server's program: what it prints, and with which code it exits.

mod arguments;

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use serde_json::{Value, json};
use socket_iwa::{Options, Stop, UdpSocket, inherited_stream};
use socket_iwa_server::{CertificateSource, Event, Gateway, Server};

use arguments::{Arguments, Invocation};

fn main() -> ExitCode {
    let arguments = match arguments::read(std::env::args_os().skip(1)) {
        Ok(Invocation::Serve(arguments)) => arguments,
        Ok(Invocation::Say(text)) => {
            // That nobody reads it is no failure.
            _ = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            // One line, whatever was given.
            eprintln!("error: {}. For more information, try '--help'.", error.replace('\n', " "));
            return ExitCode::from(2);
        }
    };
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
    let source = match (&arguments.cert, &arguments.key) {
        (Some(chain), Some(key)) => CertificateSource::Files { chain: chain.clone(), key: key.clone() },
        _ => CertificateSource::Generated { names: names(arguments.listen), validity: arguments.cert_validity },
    };
    let certificate = source.load().map_err(|error| start(error.to_string()))?;
    let options = Options { stripes: arguments.stripes, ..Options::default() };
    let socket = UdpSocket::bind(arguments.listen, &options).map_err(|error| start(error.to_string()))?;
    let mut server =
        Server::new(socket, &certificate, &arguments.config).map_err(start)?.with_certificates_from(source);
    if let Some(descriptor) = arguments.gateway_fd {
        let gateway = inherited_stream(descriptor).map_err(|error| error.to_string()).and_then(Gateway::connect);
        server = server.with_gateway(gateway.map_err(|error| start(format!("--gateway-fd {descriptor}: {error}")))?);
    }
    let mut stop = Stop::new()
        .and_then(Stop::on_signals)
        .and_then(Stop::with_hangups)
        .map_err(|error| start(format!("preparing to be stopped: {error}")))?;
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
    server
        .run(&stop, arguments.stats_interval, |event| match event {
            Event::Stats(stats) => {
                let stats = stats.to_json();
                print(&json!({ "stats": stats }), &stats.to_string());
            }
            Event::Certificate(published) => {
                let certificate = json!({
                    "cert_sha256": published.sha256,
                    "cert_pem": published.pem,
                    "next_sha256": published.next_sha256,
                });
                let next = published.next_sha256.as_deref().map_or(String::new(), |next| format!(", next {next}"));
                print(
                    &json!({ "certificate": certificate }),
                    &format!("certificate SHA-256 {}{next}", published.sha256),
                );
            }
            Event::Connections(overview) => {
                let connections = overview.to_json();
                print(&json!({ "connections": connections }), &connections.to_string());
            }
            Event::Closed { id, found } => {
                let said = if found { "closed" } else { "not there" };
                print(&json!({ "closed": { "id": id, "found": found } }), &format!("connection {id}: {said}"));
            }
        })
        .map_err(|error| Failure::Run(format!("serving failed: {error}")))?;
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
