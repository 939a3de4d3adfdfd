//! The server as a process: how it starts, what it refuses to start with, how it stops, what it costs.

use std::net::UdpSocket;

use crate::common::{Server, run};
use socket_iwa_native::{Client, Http};

/// The server's one line on standard error when it can't start.
fn refusal(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let line = refusal(&["--listen", &address]);
    assert!(line.contains(&format!("bind {address}: EADDRINUSE")), "{line}");
}

#[test]
fn a_file_that_is_not_pem_is_named() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let line = refusal(&["--cert", path, "--key", path]);
    assert!(line.contains(path) && line.contains("no certificate in PEM format"), "{line}");
}

#[test]
fn a_key_that_cannot_be_read_is_named() {
    let directory = std::env::temp_dir().join(format!("socket-iwa-server-{}-no-key", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let chain = directory.join("cert.pem");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&chain, made.cert.pem()).unwrap();
    // One that is not there, one that is a directory, one that holds another thing.
    for key in [directory.join("none.pem"), directory.clone(), chain.clone()] {
        let line = refusal(&["--cert", chain.to_str().unwrap(), "--key", key.to_str().unwrap()]);
        assert!(line.contains(&format!("{}: no private key in PEM format", key.display())), "{line}");
    }
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_wrong_argument_is_named() {
    for (arguments, said) in [
        (&["--lisen", "127.0.0.1:0"][..], "--lisen"),
        (&["--retry", "sometimes"], "under-load"),
        (&["--max-streams", "many"], "--max-streams"),
        (&["surplus"], "surplus"),
        (&["--root", "/nonexistent/root", "--listen", "127.0.0.1:0"], "/nonexistent/root"),
        (&["--qlog", "/dev/null/qlog", "--listen", "127.0.0.1:0"], "/dev/null/qlog"),
    ] {
        let line = refusal(arguments);
        assert!(line.contains(said), "{arguments:?}: {line}");
    }
}

#[test]
fn a_ticket_key_file_that_is_something_else_is_named() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let line = refusal(&["--ticket-keys", path, "--listen", "127.0.0.1:0"]);
    assert!(line.contains(path) && line.contains("its first line is not"), "{line}");
}

#[test]
fn a_ticket_lifetime_over_a_week_is_refused() {
    let line = refusal(&["--ticket-lifetime", "604801", "--listen", "127.0.0.1:0"]);
    assert!(line.contains("604800 s"), "{line}");
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let said = refusal(&["--cert", "cert.pem"]);
    assert!(said.contains("--key"), "{said}");
}

#[test]
fn an_address_that_is_none_is_refused() {
    let said = refusal(&["--listen", "localhost"]);
    assert!(said.contains("--listen"), "{said}");
}

#[test]
fn the_help_names_every_option() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    for option in [
        "--listen",
        "--cert",
        "--json",
        "--stats-interval",
        "--max-body",
        "--idle-timeout",
        "--stripes",
        "--ticket-keys",
        "--echo-early-data",
        "--retry",
        "--congestion",
        "--max-handshakes",
        "--request-timeout",
        "--drain-timeout",
        "--qlog",
    ] {
        assert!(help.contains(option), "{option} is missing: {help}");
    }
}

/// Connects, lets the server be stopped by `stop`, and checks that both sides end as they should.
async fn stops_cleanly(stop: impl FnOnce(&mut Server)) {
    let mut server = Server::start(&[]);
    let client = Client::new(server.address, server.pin).unwrap();
    let connection = client.connect(server.address, &[b"h3"]).await.unwrap();
    // An answer shows that the server's side of the handshake is complete too: before that it has no protocol to close.
    let http = Http::new(connection.clone()).await.unwrap();
    http.request(http::Method::GET, "/", "").await.unwrap();
    stop(&mut server);
    match connection.closed().await {
        // H3_NO_ERROR (RFC 9114, section 8.1).
        quinn::ConnectionError::ApplicationClosed(close) => assert_eq!(u64::from(close.error_code), 0x100),
        other => panic!("{other:?}"),
    }
    let (status, rest, log) = server.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(rest, [serde_json::json!({ "stopped": true })]);
    assert!(log.contains("1 connections to be answered"), "{log}");
}

#[tokio::test]
async fn the_end_of_standard_input_stops_it_with_a_connection_close() {
    stops_cleanly(Server::close_stdin).await;
}

#[tokio::test]
async fn sigterm_stops_it_with_a_connection_close() {
    stops_cleanly(|server| server.signal("TERM")).await;
}

#[tokio::test]
async fn sigint_stops_it_with_a_connection_close() {
    stops_cleanly(|server| server.signal("INT")).await;
}

#[tokio::test]
async fn a_client_that_says_nothing_more_is_let_go_after_the_idle_timeout() {
    let mut server = Server::start(&["--idle-timeout", "1", "--stats-interval", "1"]);
    let client = Client::new(server.address, server.pin).unwrap();
    let connection = client.connect(server.address, &[b"echo"]).await.unwrap();
    connection.closed().await;
    loop {
        let stats = server.stats();
        if stats["connections_total"] == 1 && stats["connections"] == 0 {
            break;
        }
    }
}

#[tokio::test]
async fn connections_over_the_limit_are_refused() {
    let server = Server::start(&["--max-connections", "1"]);
    let client = Client::new(server.address, server.pin).unwrap();
    let first = client.connect(server.address, &[b"echo"]).await.unwrap();
    let second = client.connect(server.address, &[b"echo"]).await.unwrap_err().to_string();
    // CONNECTION_REFUSED (RFC 9000, section 20.1).
    assert!(second.contains("refused"), "{second}");
    assert!(first.close_reason().is_none());
}

#[tokio::test]
async fn a_large_download_costs_no_memory_of_its_size() {
    const BYTES: u64 = 128 << 20;
    let server = Server::start(&[]);
    let client = Client::new(server.address, server.pin).unwrap();
    let http = Http::new(client.connect(server.address, &[b"h3"]).await.unwrap()).await.unwrap();
    let before = server.peak_memory();
    let mut received = 0;
    http.download(&format!("/bytes/{BYTES}"), |data| received += data.len() as u64).await.unwrap();
    assert_eq!(received, BYTES);
    let grown = server.peak_memory() - before;
    assert!(grown < 32 << 20, "{grown} bytes");
}

#[tokio::test]
async fn the_counters_count() {
    let mut server = Server::start(&["--stats-interval", "1"]);
    let client = Client::new(server.address, server.pin).unwrap();
    let http = Http::new(client.connect(server.address, &[b"h3"]).await.unwrap()).await.unwrap();
    http.request(http::Method::GET, "/bytes/100000", "").await.unwrap();
    let stats = loop {
        let stats = server.stats();
        if stats["requests_total"] == 1 {
            break stats;
        }
    };
    assert_eq!(stats["connections"], 1);
    assert_eq!(stats["connections_total"], 1);
    assert!(stats["bytes_sent"].as_u64() > Some(100_000), "{stats}");
    assert!(stats["bytes_received"].as_u64() > Some(1200), "{stats}");
    assert!(stats["datagrams_sent"].as_u64() > Some(5), "{stats}");
    assert!(stats["datagrams_received"].as_u64() > Some(1), "{stats}");
    assert_eq!(stats["send_errors"], 0);
}

#[tokio::test]
async fn clients_in_the_middle_of_a_download_hear_that_it_stops() {
    let mut server = Server::start(&[]);
    let client = Client::new(server.address, server.pin).unwrap();
    let mut connections = Vec::new();
    for _ in 0..4 {
        let connection = client.connect(server.address, &[b"h3"]).await.unwrap();
        let http = Http::new(connection.clone()).await.unwrap();
        let (started, start) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let mut started = Some(started);
            let each = |_: &[u8]| {
                if let Some(started) = started.take() {
                    started.send(()).expect("the test waits for the first bytes");
                }
            };
            // It is cut off, as the connection's own end says better.
            let _ = http.download("/bytes/1073741824", each).await;
        });
        start.await.unwrap();
        connections.push(connection);
    }
    server.close_stdin();
    for connection in connections {
        match connection.closed().await {
            quinn::ConnectionError::ApplicationClosed(close) => assert_eq!(u64::from(close.error_code), 0x100),
            other => panic!("{other:?}"),
        }
    }
}
