//! Several workers as one server: whose clients are whose, what they share, and how they end.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use http::Method;
use serde_json::json;
use socket_iwa::{Options, Sharing, Stop, Stopper, UdpSocket};
use socket_iwa_native::cases::{ALL, Outcome, Target};
use socket_iwa_native::session::{self, Returning, ServerCommand, Subject, Taken};
use socket_iwa_native::{Client, Http, Pin};
use socket_iwa_server::{Certificate, Config, Peers};

use crate::common::{Limit, Server, run};

/// Connects with sockets of their own, each an address of its own, until both workers have connections. The numbers of
/// connections are odd at the first worker of two, and even at the second.
async fn clients_of_both(server: &mut Server) -> Vec<(Client, quinn::Connection)> {
    let mut clients = Vec::new();
    loop {
        let client = Client::new(server.address, server.pin).unwrap();
        let connection = client.connect(server.address, &[b"h3"]).await.unwrap();
        clients.push((client, connection));
        let overview = server.ask(&json!({ "connections": 100 }));
        let busiest = overview["connections"]["busiest"].as_array().unwrap();
        let workers: HashSet<_> = busiest.iter().map(|connection| connection["id"].as_u64().unwrap() % 2).collect();
        if workers.len() == 2 {
            return clients;
        }
        assert!(clients.len() < 60, "all of {} clients fell to one worker", clients.len());
    }
}

#[tokio::test]
async fn clients_are_spread_over_the_workers_and_counted_together() {
    let mut server = Server::start(&["--workers", "2", "--stats-interval", "1"]);
    let clients = clients_of_both(&mut server).await;
    let mut https = Vec::new();
    for (_, connection) in &clients {
        let http = Http::new(connection.clone()).await.unwrap();
        assert_eq!(http.request(Method::GET, "/bytes/1000", "").await.unwrap().body.len(), 1000);
        https.push(http);
    }
    let count = clients.len() as u64;
    loop {
        let stats = server.stats();
        if stats["requests_total"] == count {
            assert_eq!(stats["connections"], count);
            assert_eq!(stats["connections_total"], count);
            break;
        }
    }
    // Whichever worker is asked for them, a second later at most.
    for http in &https {
        loop {
            let metrics = http.request(Method::GET, "/metrics", "").await.unwrap();
            if String::from_utf8(metrics.body).unwrap().contains(&format!("socket_iwa_connections {count}\n")) {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_connection_of_either_worker_is_listed_and_closed() {
    let mut server = Server::start(&["--workers", "2"]);
    let clients = clients_of_both(&mut server).await;
    let overview = server.ask(&json!({ "connections": 100 }));
    let listed = overview["connections"]["busiest"].as_array().unwrap();
    let ids: HashSet<_> = listed.iter().map(|connection| connection["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), clients.len(), "each has a number of its own: {overview}");
    for id in ids {
        assert_eq!(server.ask(&json!({ "close": id })), json!({ "closed": { "id": id, "found": true } }));
    }
    for (_, connection) in &clients {
        connection.closed().await;
    }
    assert_eq!(server.ask(&json!({ "close": 4000 }))["closed"]["found"], false);
}

#[tokio::test]
async fn every_case_holds_with_two_workers() {
    const MAX_BODY: u64 = 1 << 20;
    let mut server = Server::start(&["--workers", "2", "--max-body", &MAX_BODY.to_string(), "--stats-interval", "1"]);
    let target = Target { server: server.address, pin: server.pin, max_body: MAX_BODY };
    // Clients that move, and that hear each other: more often than they fall to one worker by chance.
    let often = ["moves", "rebinds", "room"];
    for case in ALL {
        let times = if often.iter().any(|word| case.name.contains(word)) { 8 } else { 1 };
        for _ in 0..times {
            // The others would fail as well, each after a minute, where it is the workers that are wrong.
            if let Outcome::Failed(seen) = case.run(target).await {
                panic!("{}: {seen}", case.name);
            }
        }
    }
    // They are printed each second, and the first lines are of the first seconds.
    let end = Instant::now() + Duration::from_secs(30);
    while server.stats()["datagrams_forwarded"] == 0 {
        assert!(Instant::now() < end, "no datagram was passed on to the other worker");
    }
}

#[tokio::test]
async fn every_step_of_the_session_ticket_test_passes_with_two_workers() {
    let binary = env!("CARGO_BIN_EXE_socket-iwa-server");
    let command = [binary, "--json", "--stop-on-stdin-close", "--listen", "127.0.0.1:0", "--workers", "2"];
    let command = ServerCommand(command.map(str::to_owned).into());
    let steps = session::run(&Subject::Started(command), |_| {}).await.unwrap();
    let wrong: Vec<_> = steps.iter().filter(|step| step.outcome != Outcome::Passed).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_ticket_of_one_worker_is_as_good_at_the_other() {
    let server = Server::start(&["--workers", "2", "--echo-early-data"]);
    let client = Returning::new(server.address, server.pin).unwrap();
    let taken = client.from_other_addresses(server.address, 12).await.unwrap();
    assert_eq!(taken, [Taken::Whole; 12]);
}

/// Two workers without memory in common, as in WebAssembly.
struct Apart {
    _limit: Limit,
    address: SocketAddr,
    pin: Pin,
    stopper: Stopper,
    first: JoinHandle<Result<(), String>>,
    second: JoinHandle<Result<(), String>>,
}

impl Apart {
    /// `second_ends`: the second worker is gone as soon as it serves.
    fn start(second_ends: bool) -> Self {
        let limit = Limit::start();
        let config = Config { echo_early_data: true, ..Config::default() };
        let (here, there) = UnixStream::pair().unwrap();
        let stop = Stop::new().unwrap();
        let stopper = stop.stopper().unwrap();
        let (served, serving) = mpsc::channel();
        let later = config.clone();
        let second = std::thread::spawn(move || {
            let peers = Peers::new(1, vec![there]).map_err(|error| error.to_string())?;
            let mut server = socket_iwa_server::Server::later(&later, &Options::default(), peers)?;
            if second_ends {
                return Ok(());
            }
            server.run(&Stop::new().unwrap(), None, |_| {}).map_err(|error| error.to_string())
        });
        let first = std::thread::spawn(move || {
            let certificate = Certificate::generate(["localhost".into()]).unwrap();
            let options = Options { sharing: Sharing::First, ..Options::default() };
            let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), &options).unwrap();
            let peers = Peers::new(0, vec![here]).unwrap();
            let mut server = socket_iwa_server::Server::first(socket, &certificate, &config, peers)?;
            served.send((server.local_addr().unwrap(), certificate.sha256().parse().unwrap())).unwrap();
            server.run(&stop, None, |_| {}).map_err(|error| error.to_string())
        });
        let (address, pin) = serving.recv().unwrap();
        Self { _limit: limit, address, pin, stopper, first, second }
    }
}

#[tokio::test]
async fn workers_without_common_memory_resume_each_other_s_sessions_and_refuse_their_early_data() {
    let server = Apart::start(false);
    let client = Returning::new(server.address, server.pin).unwrap();
    let taken = client.from_other_addresses(server.address, 40).await.unwrap();
    assert_eq!(HashSet::from_iter(taken), HashSet::from([Taken::Whole, Taken::WithoutEarlyData]));
    server.stopper.stop().unwrap();
    assert_eq!(server.first.join().unwrap(), Ok(()));
    assert_eq!(server.second.join().unwrap(), Ok(()));
}

#[test]
fn the_end_of_one_worker_ends_the_server() {
    let server = Apart::start(true);
    assert_eq!(server.second.join().unwrap(), Ok(()));
    assert_eq!(server.first.join().unwrap(), Err("worker 1 has ended".into()));
}

#[tokio::test]
async fn a_restarted_server_tells_the_clients_of_all_its_workers() {
    let directory = std::env::temp_dir().join(format!("socket-iwa-server-{}-workers-reset", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let keys = directory.join("keys").display().to_string();
    let mut server = Server::start(&["--workers", "2", "--ticket-keys", &keys]);
    let address = server.address.to_string();
    let clients = clients_of_both(&mut server).await;
    server.signal("KILL");
    server.end();
    let _again = Server::start(&["--workers", "2", "--ticket-keys", &keys, "--listen", &address]);
    for (_, connection) in &clients {
        // Whatever the client sends now.
        let asking = async {
            loop {
                let _ = connection.send_datagram("still there?".into());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            closed = connection.closed() => assert!(matches!(closed, quinn::ConnectionError::Reset), "{closed:?}"),
            () = asking => {}
        }
    }
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn all_workers_finish_what_they_were_asked_and_stop() {
    const LENGTH: u64 = 8 << 20;
    let mut server = Server::start(&["--workers", "2", "--drain-timeout", "60"]);
    let clients = clients_of_both(&mut server).await;
    let mut downloads = Vec::new();
    for (_, connection) in &clients {
        let http = Http::new(connection.clone()).await.unwrap();
        let (started, start) = tokio::sync::oneshot::channel();
        downloads.push(tokio::spawn(async move {
            let (mut started, mut received) = (Some(started), 0);
            let each = |data: &[u8]| {
                received += data.len() as u64;
                if let Some(started) = started.take() {
                    started.send(()).expect("the test waits for the first bytes");
                }
            };
            http.download(&format!("/bytes/{LENGTH}"), each).await.unwrap();
            // With HTTP, which would close the connection.
            (received, http)
        }));
        start.await.unwrap();
    }
    server.close_stdin();
    let mut https = Vec::new();
    for download in downloads {
        let (received, http) = download.await.unwrap();
        assert_eq!(received, LENGTH);
        https.push(http);
    }
    for (_, connection) in &clients {
        match connection.closed().await {
            // H3_NO_ERROR (RFC 9114, section 8.1).
            quinn::ConnectionError::ApplicationClosed(close) => assert_eq!(u64::from(close.error_code), 0x100),
            other => panic!("{other:?}"),
        }
    }
    let (status, rest, log) = server.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(rest, [json!({ "stopped": true })]);
    assert!(!log.contains("WARN") && !log.contains("cut off"), "{log}");
}

#[tokio::test]
async fn a_new_certificate_is_used_by_all_workers() {
    let directory = std::env::temp_dir().join(format!("socket-iwa-server-{}-workers-hup", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let (chain, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    let write = || {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&chain, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        Certificate::from_pem_files(&chain, &key).unwrap().sha256().parse::<Pin>().unwrap()
    };
    write();
    let files = ["--cert", chain.to_str().unwrap(), "--key", key.to_str().unwrap()];
    let mut server = Server::start(&[&["--workers", "2"], &files[..]].concat());
    let next = write();
    server.signal("HUP");
    assert_eq!(server.line()["certificate"]["cert_sha256"].as_str().unwrap().parse::<Pin>().unwrap(), next);
    // More clients in a row than fall to one worker by chance; the second worker hears of it a little later.
    let mut in_a_row = 0;
    for _ in 0..100 {
        let client = Client::new(server.address, next).unwrap();
        in_a_row = client.connect(server.address, &[b"echo"]).await.map_or(0, |_| in_a_row + 1);
        if in_a_row == 16 {
            break;
        }
    }
    assert_eq!(in_a_row, 16);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_number_of_workers_that_cannot_be_is_refused() {
    for (arguments, said) in [
        (&["--workers", "0"][..], "1..=16"),
        (&["--workers", "1000"], "1..=16"),
        (&["--workers", "many"], "--workers"),
        (&["--workers", "2", "--gateway-fd", "3"], "--gateway-fd"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let line = String::from_utf8(output.stderr).unwrap();
        assert!(line.contains(said) && line.lines().count() == 1, "{arguments:?}: {line}");
    }
}

#[test]
fn a_port_that_other_workers_have_is_taken() {
    let server = Server::start(&["--workers", "2"]);
    for workers in ["1", "2"] {
        let output = run(&["--workers", workers, "--listen", &server.address.to_string()]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("EADDRINUSE"));
    }
}
