//! The relay between real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use stress_test::impairment::Impairment;
use stress_test::relay::{Config, Relay};
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// A failure, not a measurement.
const PATIENCE: Duration = Duration::from_secs(20);

async fn pair(change: impl FnOnce(&mut Config)) -> (UdpSocket, Relay, UdpSocket) {
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let server = UdpSocket::bind(loopback).await.unwrap();
    let mut config = Config {
        listen: loopback,
        server: server.local_addr().unwrap(),
        to_server: Impairment::default(),
        to_client: Impairment::default(),
        rebind_after: None,
        seed: 1,
    };
    change(&mut config);
    let relay = Relay::start(config).await.unwrap();
    let client = UdpSocket::bind(loopback).await.unwrap();
    client.connect(relay.address()).await.unwrap();
    (client, relay, server)
}

async fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2000];
    let (length, from) = timeout(PATIENCE, socket.recv_from(&mut buffer)).await.expect("a datagram comes").unwrap();
    (buffer[..length].to_vec(), from)
}

#[tokio::test]
async fn each_client_has_a_port_of_its_own_and_gets_its_own_answers() {
    let (first, relay, server) = pair(|_| ()).await;
    let second = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    second.connect(relay.address()).await.unwrap();
    first.send(b"one").await.unwrap();
    let (data, port_of_first) = receive(&server).await;
    assert_eq!(data, b"one");
    second.send(b"two").await.unwrap();
    let (data, port_of_second) = receive(&server).await;
    assert_eq!(data, b"two");
    assert_ne!(port_of_first, port_of_second);
    server.send_to(b"to two", port_of_second).await.unwrap();
    server.send_to(b"to one", port_of_first).await.unwrap();
    assert_eq!(receive(&first).await.0, b"to one");
    assert_eq!(receive(&second).await.0, b"to two");
    let report = relay.report();
    assert_eq!(report.clients, 2);
    assert_eq!((report.to_server.counters.datagrams, report.to_client.counters.bytes), (2, 12));
}

#[tokio::test]
async fn what_came_before_the_first_handshake_packet_is_told() {
    // Version 1, ids of no bytes: an Initial without a token and with a payload of one byte, and a Handshake packet.
    let (initial, handshake) = ([0xc0, 0, 0, 0, 1, 0, 0, 0, 1, 9], [0xe0, 0, 0, 0, 1, 0, 0, 1, 9]);
    let (client, relay, server) = pair(|_| ()).await;
    for answer in [&initial[..], &handshake, &handshake] {
        client.send(&initial).await.unwrap();
        let (_, from) = receive(&server).await;
        server.send_to(answer, from).await.unwrap();
        receive(&client).await;
    }
    assert_eq!(relay.report().before_first_handshake, 2);
}

#[tokio::test]
async fn a_client_moves_to_another_port_once() {
    let (client, relay, server) = pair(|config| config.rebind_after = Some(3)).await;
    let mut ports = Vec::new();
    for _ in 0..4 {
        client.send(b"x").await.unwrap();
        let (_, from) = receive(&server).await;
        ports.push(from);
        server.send_to(b"y", from).await.unwrap();
        receive(&client).await;
    }
    assert_eq!(ports[0], ports[1]);
    assert_ne!(ports[1], ports[2]);
    assert_eq!(ports[2], ports[3]);
    assert_eq!(relay.report().rebindings, 1);
}

#[tokio::test]
async fn a_delayed_datagram_comes_later_and_those_behind_it_keep_their_order() {
    let delay = Duration::from_millis(30);
    let (client, _relay, server) = pair(|config| config.to_server.delay = delay).await;
    let start = std::time::Instant::now();
    for number in 0..100u8 {
        client.send(&[number]).await.unwrap();
    }
    for number in 0..100u8 {
        assert_eq!(receive(&server).await.0, [number]);
        assert!(start.elapsed() >= delay);
    }
}

#[tokio::test]
async fn what_is_lost_does_not_arrive_and_what_is_duplicated_arrives_twice() {
    let (client, relay, server) = pair(|config| {
        config.to_server.loss = 0.5;
        config.to_client.duplicate = 1.0;
    })
    .await;
    for number in 0..100u8 {
        client.send(&[number]).await.unwrap();
    }
    let mut arrived = Vec::new();
    while relay.report().to_server.counters.datagrams < 100 || arrived.len() < expected(&relay) {
        let (data, from) = receive(&server).await;
        arrived.extend(data);
        server.send_to(b"back", from).await.unwrap();
    }
    let lost = relay.report().to_server.counters.lost;
    assert!((20..80).contains(&lost), "{lost}");
    assert!(arrived.is_sorted_by(|a, b| a < b), "{arrived:?}");
    for _ in 0..2 * arrived.len() {
        assert_eq!(receive(&client).await.0, b"back");
    }
}

fn expected(relay: &Relay) -> usize {
    let counters = relay.report().to_server.counters;
    (counters.datagrams - counters.lost) as usize
}

#[tokio::test]
async fn a_server_that_is_not_there_yet_does_not_end_the_relay() {
    let (client, relay, server) = pair(|_| ()).await;
    let address = server.local_addr().unwrap();
    drop(server);
    for _ in 0..5 {
        client.send(b"nobody hears").await.unwrap();
    }
    while relay.report().to_server.counters.datagrams < 5 {
        tokio::task::yield_now().await;
    }
    let server = UdpSocket::bind(address).await.unwrap();
    client.send(b"now").await.unwrap();
    // Some of the earlier ones may have been on their way still.
    while receive(&server).await.0 != b"now" {}
}
