//! The cases of wrong requests and misbehaving clients, against the native server.

use crate::common::Server;
use socket_iwa_native::cases::{ALL, Outcome, Target};

const MAX_BODY: u64 = 1 << 20;

#[tokio::test]
async fn every_case_holds_natively() {
    let server = Server::start(&["--max-body", &MAX_BODY.to_string()]);
    let target = Target { server: server.address, pin: server.pin, max_body: MAX_BODY };
    let mut failed = Vec::new();
    for case in ALL {
        match case.run(target).await {
            Outcome::Passed => {}
            Outcome::Skipped(reason) => println!("{} was skipped: {reason}", case.name),
            Outcome::Failed(seen) => failed.push(format!("{}: {seen}", case.name)),
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

async fn passes(server: &Server, name: &str) {
    let target = Target { server: server.address, pin: server.pin, max_body: MAX_BODY };
    let case = ALL.iter().find(|case| case.name == name).unwrap();
    assert_eq!(case.run(target).await, Outcome::Passed, "{name}");
}

#[tokio::test]
async fn a_flood_of_first_packets_costs_bounded_memory_and_is_let_go() {
    let server = Server::start(&["--handshake-timeout", "2", "--stats-interval", "1"]);
    let before = server.peak_memory();
    passes(&server, "a_flood_of_first_packets_holds_up_nobody").await;
    let grown = server.peak_memory() - before;
    // The flood began 2000 connections, of which each that is accepted costs some 60 KiB: half of --max-handshakes would
    // be 30 MiB.
    assert!(grown < 10 << 20, "{grown} bytes");
    let stats = once_alone(server).await;
    assert!(stats["handshakes"] == 0 && stats["retries_total"].as_u64() > Some(0), "{stats}");
}

/// The counters when the last connection is gone. The clients' runtime must run meanwhile, so that they say goodbye.
async fn once_alone(mut server: Server) -> serde_json::Value {
    let counts = move || {
        loop {
            let stats = server.stats();
            if stats["connections"] == 0 {
                break stats;
            }
        }
    };
    tokio::task::spawn_blocking(counts).await.unwrap()
}

#[tokio::test]
async fn requests_that_are_reset_or_never_finished_cost_bounded_memory_and_are_let_go() {
    let server = Server::start(&["--stats-interval", "1"]);
    let names = ["requests_that_are_reset_at_once_hold_up_nobody", "requests_that_are_never_finished_hold_up_nobody"];
    // What a client may cost, and others after it not again.
    for name in names {
        passes(&server, name).await;
    }
    let before = server.peak_memory();
    for name in names.repeat(4) {
        passes(&server, name).await;
    }
    let grown = server.peak_memory() - before;
    assert!(grown < 8 << 20, "{grown} bytes");
    once_alone(server).await;
}

#[tokio::test]
async fn the_server_serves_ipv6() {
    let server = Server::start(&["--listen", "[::1]:0"]);
    passes(&server, "an_echo_stream_comes_back").await;
}
