//! The server's program: what it prints, and with which code it exits.

mod arguments;
mod json;
#[cfg(any(test, target_os = "emscripten"))]
mod log;

use std::fmt::Display;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread::Builder;

use serde_json::{Value, json};
use socket_iwa::platform::{self, STRIPES_AT_FIRST};
use socket_iwa::{Options, Sharing, Stop, UdpSocket, inherited_stream};
use socket_iwa_server::{Certificate, CertificateSource, Event, Gateway, Peers, Server};

use arguments::{Arguments, Invocation};

fn main() -> ExitCode {
    platform::keep_freed_memory();
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
    #[cfg(target_os = "emscripten")]
    tracing::subscriber::set_global_default(log::Log(arguments.log)).expect("it is the only one");
    #[cfg(not(target_os = "emscripten"))]
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
        Err(Failure::Another) => ExitCode::from(2),
    }
}

/// Why the server ended otherwise than by being stopped.
enum Failure {
    /// Before it served: something given to it is wrong.
    Start(String),
    /// While it served.
    Run(String),
    /// As a worker of several, of whom the first says why.
    Another,
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.workers == 1 {
        return serve(arguments, None);
    }
    let start = |error: &dyn Display| Failure::Start(format!("--workers {}: {error}", arguments.workers));
    if arguments.gateway_fd.is_some() {
        if arguments.worker.is_some_and(|number| number > 0) {
            return Err(Failure::Another);
        }
        return Err(start(&"--gateway-fd has one worker: its host answers one"));
    }
    if let (Some(number), Some(first)) = (arguments.worker, arguments.workers_fd) {
        let streams =
            (first..).take(usize::from(arguments.workers) - 1).map(inherited_stream).collect::<Result<_, _>>();
        let peers = streams.and_then(|streams| Peers::new(number, streams)).map_err(|error| start(&error))?;
        return if number == 0 { serve(arguments, Some(peers)) } else { work(arguments, peers) };
    }
    let unable = |error: io::Error| start(&format!("no other worker can be started here: {error}"));
    if !platform::THREADS {
        // Whoever runs WebAssembly has to start the workers, and says so with --worker.
        return Err(unable(io::ErrorKind::Unsupported.into()));
    }
    let mut peers = Peers::of_threads(arguments.workers.into()).map_err(unable)?.into_iter();
    let first = peers.next();
    let mut threads = Vec::new();
    for (number, peers) in (1..).zip(peers) {
        let arguments = arguments.clone();
        // The first worker hears of its end.
        let work = move || drop(work(&arguments, peers));
        let thread = Builder::new().name(format!("worker {number}")).spawn(work);
        threads.push(thread.map_err(unable)?);
    }
    let served = serve(arguments, first);
    if served.is_ok() {
        // One that panics has said so.
        threads.into_iter().for_each(|thread| drop(thread.join()));
    }
    served
}

/// Serves as another worker than the first, to whom alone it speaks, and to the log.
fn work(arguments: &Arguments, peers: Peers) -> Result<(), Failure> {
    let options = Options { stripes: stripes(arguments), ..Options::default() };
    let serve = || {
        let mut server = Server::later(&arguments.config, &options, peers)?;
        let stop = Stop::new().map_err(|error| error.to_string())?;
        server.run(&stop, None, |_| {}).map_err(|error| error.to_string())
    };
    serve().map_err(|_: String| Failure::Another)
}

/// Browser sockets of a worker. Those of several are as many together as one would have, or one each, and no more than are
/// there from the start: each that joins later would move some clients' datagrams to another worker's.
fn stripes(arguments: &Arguments) -> u32 {
    match u32::from(arguments.workers) {
        1 => arguments.stripes,
        workers => arguments.stripes.div_ceil(workers).min(STRIPES_AT_FIRST),
    }
}

/// Serves as the only worker, or as the first of several.
fn serve(arguments: &Arguments, peers: Option<Peers>) -> Result<(), Failure> {
    let start = |message: String| Failure::Start(message);
    let source = match (&arguments.cert, &arguments.key) {
        (Some(chain), Some(key)) => CertificateSource::Files { chain: chain.clone(), key: key.clone() },
        _ => CertificateSource::Generated { names: names(arguments.listen), validity: arguments.cert_validity },
    };
    let certificate = source.load().map_err(|error| start(error.to_string()))?;
    let sharing = if peers.is_some() { Sharing::First } else { Sharing::Alone };
    let options = Options { stripes: stripes(arguments), sharing, ..Options::default() };
    let socket = UdpSocket::bind(arguments.listen, &options).map_err(|error| start(error.to_string()))?;
    let mut server = match peers {
        None => Server::new(socket, &certificate, &arguments.config),
        Some(peers) => Server::first(socket, &certificate, &arguments.config, peers),
    }
    .map_err(start)?
    .with_certificates_from(source);
    if let Some(descriptor) = arguments.gateway_fd {
        let gateway = inherited_stream(descriptor).map_err(|error| error.to_string()).and_then(Gateway::connect);
        server = server.with_gateway(gateway.map_err(|error| start(format!("--gateway-fd {descriptor}: {error}")))?);
    }
    let stop = stop(arguments).map_err(|error| start(format!("preparing to be stopped: {error}")))?;
    let address = server.local_addr().map_err(|error| start(error.to_string()))?;
    say_ready(arguments.json, address, &certificate);
    server
        .run(&stop, arguments.stats_interval, |event| say(arguments.json, event))
        .map_err(|error| Failure::Run(format!("serving failed: {error}")))?;
    print(arguments.json, &json!({ "stopped": true }), "stopped");
    Ok(())
}

/// What stops the server.
fn stop(arguments: &Arguments) -> io::Result<Stop> {
    let stop = Stop::new().and_then(Stop::on_signals).and_then(Stop::with_hangups)?;
    Ok(if arguments.stop_on_stdin_close { stop.when_stdin_closes() } else { stop })
}

fn say_ready(as_json: bool, address: SocketAddr, certificate: &Certificate) {
    let ready = json!({
        "ready": true,
        "address": address.ip().to_string(),
        "port": address.port(),
        "cert_sha256": certificate.sha256(),
        "cert_pem": certificate.to_pem(),
    });
    print(as_json, &ready, &format!("serving on {address}, certificate SHA-256 {}", certificate.sha256()));
}

/// Says what the server reports while it runs.
fn say(as_json: bool, event: Event<'_>) {
    match event {
        Event::Stats(stats) => {
            let stats = stats.to_json();
            print(as_json, &json!({ "stats": stats }), &json::text(&stats));
        }
        Event::Certificate(published) => {
            let certificate = json!({
                "cert_sha256": published.sha256,
                "cert_pem": published.pem,
                "next_sha256": published.next_sha256,
            });
            let next = published.next_sha256.as_deref().map_or(String::new(), |next| format!(", next {next}"));
            let text = format!("certificate SHA-256 {}{next}", published.sha256);
            print(as_json, &json!({ "certificate": certificate }), &text);
        }
        Event::Connections(overview) => {
            let connections = overview.to_json();
            print(as_json, &json!({ "connections": connections }), &json::text(&connections));
        }
        Event::Closed { id, found } => {
            let said = if found { "closed" } else { "not there" };
            print(as_json, &json!({ "closed": { "id": id, "found": found } }), &format!("connection {id}: {said}"));
        }
    }
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
fn print(as_json: bool, value: &Value, text: &str) {
    let mut stdout = std::io::stdout().lock();
    let text = if as_json { &json::text(value) } else { text };
    let written = writeln!(stdout, "{text}");
    if let Err(error) = written.and_then(|()| stdout.flush()) {
        tracing::debug!("standard output: {error}");
    }
}
