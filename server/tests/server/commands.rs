//! Commands on the server's standard input: its connections, and the end of one.

use serde_json::json;

use crate::common::Server;
use socket_iwa_native::{Client, Http};

#[tokio::test]
async fn the_busiest_connections_are_listed_first_and_no_more_than_asked_for() {
    let mut server = Server::start(&[]);
    let client = Client::new(server.address, server.pin).unwrap();
    let idle = client.connect(server.address, &[b"echo"]).await.unwrap();
    let busy = Http::new(client.connect(server.address, &[b"h3"]).await.unwrap()).await.unwrap();
    busy.request(http::Method::GET, "/bytes/500000", "").await.unwrap();

    let connections = server.ask(&json!({"connections": 100}))["connections"].clone();
    assert_eq!(connections["total"], 2);
    let listed = connections["busiest"].as_array().unwrap();
    let told = |index: usize, field: &str| listed[index][field].clone();
    assert_eq!([told(0, "alpn"), told(1, "alpn")], ["h3", "echo"]);
    assert_eq!([told(0, "id"), told(1, "id")], [2, 1]);
    assert!(told(0, "bytes_sent").as_u64() > Some(500_000), "{connections}");
    assert!(told(1, "bytes_received").as_u64() >= Some(1200), "{connections}");
    assert!(told(0, "rtt_ms").as_f64().is_some_and(|rtt| rtt > 0.0 && rtt < 10_000.0), "{connections}");
    assert!(told(0, "age_ms").as_u64().is_some(), "{connections}");
    assert_eq!(told(0, "sessions"), 0);
    assert!(told(0, "remote").as_str().unwrap().starts_with("127.0.0.1:"), "{connections}");

    let one = server.ask(&json!({"connections": 1}));
    assert_eq!(one["connections"]["total"], 2);
    assert_eq!(one["connections"]["busiest"].as_array().unwrap().len(), 1);
    drop(idle);
}

#[tokio::test]
async fn a_connection_is_closed_by_its_number_and_the_others_are_not() {
    let mut server = Server::start(&[]);
    let client = Client::new(server.address, server.pin).unwrap();
    let mut connections = Vec::new();
    for _ in 0..2 {
        let connection = client.connect(server.address, &[b"h3"]).await.unwrap();
        // An answer shows that the server's side of the handshake is complete too: before that it has no protocol to close.
        let http = Http::new(connection.clone()).await.unwrap();
        http.request(http::Method::GET, "/healthz", "").await.unwrap();
        connections.push((connection, http));
    }
    let [(first, _http), (second, _other_http)] = &connections[..] else { unreachable!() };
    assert_eq!(server.ask(&json!({"close": 1})), json!({"closed": {"id": 1, "found": true}}));
    match first.closed().await {
        quinn::ConnectionError::ApplicationClosed(close) => assert_eq!(u64::from(close.error_code), 0x100), // H3_NO_ERROR
        other => panic!("{other:?}"),
    }
    assert!(second.close_reason().is_none());
    // A number is not used again, and what is closed is no longer listed.
    assert_eq!(server.ask(&json!({"close": 1})), json!({"closed": {"id": 1, "found": false}}));
    let left = server.ask(&json!({"connections": 100}));
    assert_eq!(left["connections"]["total"], 1);
    assert_eq!(left["connections"]["busiest"][0]["id"], 2);
}

#[test]
fn a_line_that_is_no_command_is_logged_and_survived() {
    let mut server = Server::start(&[]);
    server.say("stop, please");
    assert_eq!(server.ask(&json!({"connections": 5})), json!({"connections": {"total": 0, "busiest": []}}));
    server.close_stdin();
    let (status, _, log) = server.wait();
    assert_eq!(status.code(), Some(0));
    assert!(log.contains(r#""stop, please" is no command"#), "{log}");
}
