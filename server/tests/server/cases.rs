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

#[tokio::test]
async fn the_server_serves_ipv6() {
    let server = Server::start(&["--listen", "[::1]:0"]);
    let target = Target { server: server.address, pin: server.pin, max_body: MAX_BODY };
    let case = ALL.iter().find(|case| case.name == "an_echo_stream_comes_back").unwrap();
    assert_eq!(case.run(target).await, Outcome::Passed);
}
