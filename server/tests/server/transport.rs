//! What the transport's options do.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::common::Server;
use serde_json::{Value, json};
use socket_iwa_native::{Client, Http};
use tokio::net::UdpSocket;
use tokio::sync::Notify;

/// The server's counters, once `condition` holds of them.
fn stats(server: &mut Server, condition: impl Fn(&Value) -> bool) -> Value {
    loop {
        let stats = server.stats();
        if condition(&stats) {
            return stats;
        }
    }
}

async fn http(server: &Server) -> (quinn::Connection, Http) {
    let client = Client::new(server.address, server.pin).unwrap();
    let connection = client.connect(server.address, &[b"h3"]).await.unwrap();
    (connection.clone(), Http::new(connection).await.unwrap())
}

async fn length_of(http: &Http, path: &str) -> u64 {
    let mut received = 0;
    http.download(path, |data| received += data.len() as u64).await.unwrap();
    received
}

/// A directory that goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("socket-iwa-server-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn with_retry_always_an_address_is_checked_unless_the_client_brings_a_token() {
    let mut server = Server::start(&["--retry", "always", "--stats-interval", "1"]);
    let client = Client::new(server.address, server.pin).unwrap();
    for _ in 0..2 {
        let connection = client.connect(server.address, &[b"h3"]).await.unwrap();
        // With the answer the token has come for the next time.
        Http::new(connection).await.unwrap().request(http::Method::GET, "/", "").await.unwrap();
    }
    let stats = stats(&mut server, |stats| stats["requests_total"] == 2);
    assert_eq!(stats["connections_total"], 2);
    assert_eq!(stats["retries_total"], 1, "{stats}");
}

#[tokio::test]
async fn handshakes_over_the_limit_are_refused_until_one_is_given_up() {
    let mut server = Server::start(&["--max-handshakes", "1", "--handshake-timeout", "2", "--stats-interval", "1"]);
    // A client that gets no answers.
    let deaf = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = deaf.local_addr().unwrap();
    let client = Client::new(server.address, server.pin).unwrap();
    let stuck = tokio::spawn({
        let client = client.clone();
        async move { client.connect(address, &[b"echo"]).await.map(drop) }
    });
    let mut buffer = vec![0; 65_536];
    let (length, _) = deaf.recv_from(&mut buffer).await.unwrap();
    deaf.send_to(&buffer[..length], server.address).await.unwrap();
    // Its answer shows that the server has begun.
    deaf.recv_from(&mut buffer).await.unwrap();
    let refused = client.connect(server.address, &[b"echo"]).await.unwrap_err().to_string();
    // CONNECTION_REFUSED (RFC 9000, section 20.1).
    assert!(refused.contains("refused"), "{refused}");
    let stats = stats(&mut server, |stats| stats["handshakes_timed_out_total"] == 1 && stats["handshakes"] == 0);
    assert_eq!(stats["refused_total"], 1, "{stats}");
    client.connect(server.address, &[b"echo"]).await.unwrap();
    stuck.abort();
}

#[tokio::test]
async fn each_congestion_control_carries_a_download() {
    for algorithm in ["cubic", "bbr", "newreno"] {
        let server = Server::start(&["--congestion", algorithm]);
        let (_, http) = http(&server).await;
        assert_eq!(length_of(&http, "/bytes/4000000").await, 4_000_000, "{algorithm}");
    }
}

#[tokio::test]
async fn a_client_that_knows_how_is_asked_for_fewer_acknowledgements() {
    let server = Server::start(&[]);
    let (connection, http) = http(&server).await;
    assert_eq!(length_of(&http, "/bytes/4000000").await, 4_000_000);
    assert_eq!(connection.stats().frame_rx.ack_frequency, 1);
}

/// RFC 9000, section 18.2: what a client takes may be less than the path carries. On loopback that is much less.
#[tokio::test]
async fn datagrams_grow_to_what_the_client_takes() {
    const TAKEN: u16 = 1452;
    let server = Server::start(&[]);
    let mut config = quinn::EndpointConfig::default();
    config.max_udp_payload_size(TAKEN).unwrap();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = quinn::Endpoint::new(config, None, socket, Arc::new(quinn::TokioRuntime)).unwrap();
    let mut tls = socket_iwa_native::tls(server.pin.verifier());
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let connecting = endpoint.connect_with(socket_iwa_native::quic(tls), server.address, "localhost").unwrap();
    let connection = connecting.await.unwrap();
    let http = Http::new(connection.clone()).await.unwrap();
    length_of(&http, "/bytes/1000000").await;
    let before = connection.stats().udp_rx;
    length_of(&http, "/bytes/1000000").await;
    let after = connection.stats().udp_rx;
    let mean = (after.bytes - before.bytes) / (after.datagrams - before.datagrams);
    assert!(mean > u64::from(TAKEN) * 19 / 20, "{mean} bytes a datagram");
}

#[tokio::test]
async fn keep_alive_outlasts_the_idle_timeout() {
    let mut server = Server::start(&["--idle-timeout", "2", "--keep-alive", "1", "--stats-interval", "1"]);
    let client = Client::new(server.address, server.pin).unwrap();
    let connection = client.connect(server.address, &[b"echo"]).await.unwrap();
    // In the time of five counts the idle timeout passes twice. The client's runtime must run meanwhile.
    let counts = tokio::task::spawn_blocking(move || [(); 5].map(|()| server.stats()["connections"].clone()));
    assert_eq!(counts.await.unwrap().last().unwrap(), 1);
    assert!(connection.close_reason().is_none());
}

#[tokio::test]
async fn a_connection_that_is_only_kept_alive_is_let_go_and_one_in_use_is_not() {
    let mut server = Server::start(&["--unused-timeout", "1", "--idle-timeout", "30", "--stats-interval", "1"]);
    // A PING for each of this, which keeps it from its idle timeout.
    let mut transport = quinn::TransportConfig::default();
    transport.keep_alive_interval(Some(std::time::Duration::from_millis(100)));
    let client = Client::new(server.address, server.pin).unwrap().with_transport(transport);
    let [pinging, h3, asking, waiting] = [&b"echo"[..], b"h3", b"h3", b"echo"].map(|alpn| {
        let client = client.clone();
        async move { client.connect(server.address, &[alpn]).await.unwrap() }
    });
    let (pinging, h3, asking, waiting) = tokio::join!(pinging, h3, asking, waiting);
    let (mut stream, _unanswered) = waiting.open_bi().await.unwrap();
    stream.write_all(b"half").await.unwrap();
    // Another one asks all the time.
    let http = Http::new(asking.clone()).await.unwrap();
    let asked = tokio::spawn(async move {
        loop {
            http.request(http::Method::GET, "/healthz", "").await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    });
    // H3_NO_ERROR, and what stands for it where there are no codes.
    for (connection, code) in [(&h3, 0x100), (&pinging, 0)] {
        match connection.closed().await {
            quinn::ConnectionError::ApplicationClosed(close) => assert_eq!(u64::from(close.error_code), code),
            other => panic!("{other:?}"),
        }
    }
    // They outlast it by more than the time in which the others were let go.
    let counts = tokio::task::spawn_blocking(move || [(); 4].map(|()| server.stats()["connections"].clone()));
    assert_eq!(counts.await.unwrap().last().unwrap(), 2);
    assert!(asking.close_reason().is_none() && waiting.close_reason().is_none() && !asked.is_finished());
}

#[tokio::test]
async fn the_server_changes_keys_and_the_client_follows() {
    let mut server = Server::start(&["--key-update-after", "500000", "--stats-interval", "1"]);
    let (_, http) = http(&server).await;
    assert_eq!(length_of(&http, "/bytes/8000000").await, 8_000_000);
    stats(&mut server, |stats| stats["key_updates_total"].as_u64() > Some(0));
}

#[tokio::test]
async fn a_client_may_have_as_many_streams_as_allowed() {
    let server = Server::start(&["--max-streams", "2"]);
    let client = Client::new(server.address, server.pin).unwrap();
    let connection = client.connect(server.address, &[b"echo"]).await.unwrap();
    let mut first = connection.open_bi().await.unwrap();
    let _second = connection.open_bi().await.unwrap();
    let mut third = std::pin::pin!(connection.open_bi());
    assert!(futures_util::poll!(third.as_mut()).is_pending());
    // The end of one is the leave for another.
    first.0.finish().unwrap();
    first.1.read_to_end(10).await.unwrap();
    third.await.unwrap();
}

#[tokio::test]
async fn a_client_that_uses_its_first_streams_gets_the_others() {
    let server = Server::start(&["--max-streams", "300"]);
    let client = Client::new(server.address, server.pin).unwrap();
    let connection = client.connect(server.address, &[b"echo"]).await.unwrap();
    let mut streams = Vec::new();
    // What has not been written to is unknown to the server.
    while let std::task::Poll::Ready(stream) = futures_util::poll!(std::pin::pin!(connection.open_bi())) {
        streams.push(stream.unwrap());
    }
    assert_eq!(streams.len(), 100);
    let mut one_way = 0;
    while futures_util::poll!(std::pin::pin!(connection.open_uni())).is_ready() {
        one_way += 1;
    }
    assert_eq!(one_way, 8);
    for (send, _) in &mut streams {
        send.write_all(b"x").await.unwrap();
    }
    while streams.len() < 300 {
        let mut stream = connection.open_bi().await.unwrap();
        stream.0.write_all(b"x").await.unwrap();
        streams.push(stream);
    }
    let mut last = std::pin::pin!(connection.open_bi());
    assert!(futures_util::poll!(last.as_mut()).is_pending());
    let (mut send, mut recv) = streams.pop().unwrap();
    send.finish().unwrap();
    assert_eq!(recv.read_to_end(10).await.unwrap(), b"x");
}

#[tokio::test]
async fn a_restarted_server_tells_the_clients_of_the_last_one() {
    let scratch = Scratch::new("reset");
    let keys = scratch.path("keys");
    let mut server = Server::start(&["--ticket-keys", &keys]);
    let address = server.address;
    let (connection, http) = http(&server).await;
    http.request(http::Method::GET, "/", "").await.unwrap();
    server.signal("KILL");
    server.end();
    let _again = Server::start(&["--ticket-keys", &keys, "--listen", &address.to_string()]);
    // A stateless reset answers whatever the client sends now (RFC 9000, section 10.3).
    let asking = tokio::spawn(async move { http.request(http::Method::GET, "/", "").await.map(drop) });
    assert!(matches!(connection.closed().await, quinn::ConnectionError::Reset));
    asking.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn a_stopping_server_finishes_what_it_was_asked_and_takes_nothing_new() {
    const LENGTH: u64 = 64 << 20;
    let mut server = Server::start(&["--drain-timeout", "60"]);
    let address = server.address;
    let (connection, http) = http(&server).await;
    let client = Client::new(address, server.pin).unwrap();
    let begun = Arc::new(Notify::new());
    let waiting = begun.clone();
    let downloading = tokio::spawn(async move {
        let mut received = 0;
        let each = |data: &[u8]| {
            received += data.len() as u64;
            begun.notify_one();
        };
        http.download(&format!("/bytes/{LENGTH}"), each).await.unwrap();
        // With HTTP, which would close the connection.
        (received, http)
    });
    waiting.notified().await;
    server.close_stdin();
    // Until it has read that, it may let one in.
    let refused = loop {
        match client.connect(address, &[b"echo"]).await {
            Ok(connection) => drop(connection),
            Err(error) => break error.to_string(),
        }
    };
    assert!(refused.contains("refused"), "{refused}");
    let (received, _http) = downloading.await.unwrap();
    assert_eq!(received, LENGTH);
    match connection.closed().await {
        // H3_NO_ERROR (RFC 9114, section 8.1).
        quinn::ConnectionError::ApplicationClosed(close) => assert_eq!(u64::from(close.error_code), 0x100),
        other => panic!("{other:?}"),
    }
    let (status, _, log) = server.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("cut off"), "{log}");
}

#[tokio::test]
async fn a_stopping_server_says_goaway() {
    let mut server = Server::start(&["--drain-timeout", "60"]);
    let client = Client::new(server.address, server.pin).unwrap();
    let connection = client.connect(server.address, &[b"h3"]).await.unwrap();
    let (mut driver, mut requests) = h3::client::new(h3_quinn::Connection::new(connection)).await.unwrap();
    let request = http::Request::post("https://localhost/echo").body(()).unwrap();
    let mut stream = requests.send_request(request).await.unwrap();
    stream.send_data(bytes::Bytes::from_static(b"half, ")).await.unwrap();
    // The server has begun to answer.
    stream.recv_response().await.unwrap();
    server.close_stdin();
    let ended = tokio::spawn(async move { std::future::poll_fn(|cx| driver.poll_close(cx)).await });
    // GOAWAY: from here on the client itself begins no more requests.
    loop {
        let request = http::Request::get("https://localhost/").body(()).unwrap();
        if let Err(error) = requests.send_request(request).await {
            assert!(!error.to_string().is_empty());
            break;
        }
        tokio::task::yield_now().await;
    }
    stream.send_data(bytes::Bytes::from_static(b"whole")).await.unwrap();
    stream.finish().await.unwrap();
    let mut back = Vec::new();
    while let Some(data) = stream.recv_data().await.unwrap() {
        back.extend_from_slice(bytes::Buf::chunk(&data));
    }
    assert_eq!(back, b"half, whole");
    assert!(ended.await.unwrap().is_h3_no_error());
}

#[tokio::test]
async fn goaway_names_no_request_that_is_answered() {
    // POST /echo: the static table's entries 20 and 23, and names 0 and 1 with literal values (RFC 9204, appendix A).
    const POST: &[u8] = b"\x01\x0e\x00\x00\xd4\xd7\x50\x01l\x51\x05/echo";
    let mut server = Server::start(&["--drain-timeout", "60"]);
    let client = Client::new(server.address, server.pin).unwrap();
    let connection = client.connect(server.address, &[b"h3"]).await.unwrap();
    let mut control = connection.open_uni().await.unwrap();
    // A control stream with empty settings.
    control.write_all(&[0, 4, 0]).await.unwrap();
    let (mut first, mut second) = (connection.open_bi().await.unwrap(), connection.open_bi().await.unwrap());
    let (half, rest) = POST.split_at(5);
    first.0.write_all(half).await.unwrap();
    let mut byte = [0];
    // That one is answered, and then the first, shows that they were accepted in this order.
    second.0.write_all(POST).await.unwrap();
    second.1.read_exact(&mut byte).await.unwrap();
    first.0.write_all(rest).await.unwrap();
    first.1.read_exact(&mut byte).await.unwrap();
    server.close_stdin();
    let highest = u64::from(second.0.id());
    let named = loop {
        let mut stream = connection.accept_uni().await.unwrap();
        stream.read_exact(&mut byte).await.unwrap();
        if byte == [0] {
            break goaway(&mut stream).await;
        }
    };
    assert!(named > highest, "{named} and {highest}");
    second.0.write_all(b"\x00\x05whole").await.unwrap();
    for mut stream in [first, second] {
        stream.0.finish().unwrap();
        stream.1.read_to_end(1000).await.unwrap();
    }
}

/// Where the server is, for one client that hears from it so much later.
async fn far_away(server: SocketAddr, delay: Duration) -> SocketAddr {
    let bind = async || Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let (near, far) = (bind().await, bind().await);
    far.connect(server).await.unwrap();
    let address = near.local_addr().unwrap();
    let client = Arc::new(OnceLock::new());
    let (to_client, from_server, known) = (near.clone(), far.clone(), client.clone());
    tokio::spawn(async move {
        let mut data = [0; 65_536];
        while let Ok((length, from)) = near.recv_from(&mut data).await {
            client.get_or_init(|| from);
            far.send(&data[..length]).await.unwrap();
        }
    });
    let (later, mut due) = tokio::sync::mpsc::unbounded_channel::<(tokio::time::Instant, Vec<u8>)>();
    tokio::spawn(async move {
        let mut data = [0; 65_536];
        while let Ok(length) = from_server.recv(&mut data).await {
            later.send((tokio::time::Instant::now() + delay, data[..length].to_vec())).unwrap();
        }
    });
    // In their order: a client drops what it has no keys for yet, and would hear of it a round trip later still.
    tokio::spawn(async move {
        while let Some((when, data)) = due.recv().await {
            tokio::time::sleep_until(when).await;
            to_client.send_to(&data, known.get().unwrap()).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn what_a_client_asks_before_it_knows_that_the_server_stops_is_sent_back_and_not_lost() {
    // GET /, of the static table's entries 17, 23, 0 and 1.
    const GET: &[u8] = b"\x01\x08\x00\x00\xd1\xd7\x50\x01l\xc1";
    const H3_REQUEST_REJECTED: u32 = 0x10b;
    // Without a search for the path's MTU: its datagrams of up to 16 KB are more than the first congestion window, and what the
    // server has to say would wait for their acknowledgement.
    let mut server = Server::start(&["--drain-timeout", "60", "--max-datagram", "1200"]);
    let client = Client::new(server.address, server.pin).unwrap();
    // The server waits for two of its round trips; the request comes after one.
    let address = far_away(server.address, Duration::from_millis(1500)).await;
    let connection = client.connect(address, &[b"h3"]).await.unwrap();
    let mut control = connection.open_uni().await.unwrap();
    control.write_all(&[0, 4, 0]).await.unwrap();
    let mut byte = [1];
    let mut theirs = loop {
        let mut stream = connection.accept_uni().await.unwrap();
        stream.read_exact(&mut byte).await.unwrap();
        if byte == [0] {
            break stream;
        }
    };
    server.close_stdin();
    goaway(&mut theirs).await;
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(GET).await.unwrap();
    let rejected = recv.read_to_end(1000).await;
    let expected = quinn::ReadToEndError::Read(quinn::ReadError::Reset(H3_REQUEST_REJECTED.into()));
    assert_eq!(rejected, Err(expected));
}

/// What GOAWAY names on a control stream.
async fn goaway(control: &mut quinn::RecvStream) -> u64 {
    const GOAWAY: u64 = 7;
    loop {
        let (kind, length) = (varint(control).await, varint(control).await);
        if kind == GOAWAY {
            return varint(control).await;
        }
        control.read_exact(&mut vec![0; length as usize]).await.unwrap();
    }
}

/// A variable-length integer (RFC 9000, section 16).
async fn varint(stream: &mut quinn::RecvStream) -> u64 {
    let mut bytes = [0; 8];
    stream.read_exact(&mut bytes[..1]).await.unwrap();
    let length = 1 << (bytes[0] >> 6);
    stream.read_exact(&mut bytes[1..length]).await.unwrap();
    bytes[0] &= 0x3f;
    bytes[..length].iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[tokio::test]
async fn requests_that_take_too_long_are_given_up_and_the_connection_lives_on() {
    // Type and length of a HEADERS frame, of a DATA frame of 16 KiB; POST /echo and /upload as above.
    const HEAD: &[u8] = b"\x01\x0e";
    const BODY: &[u8] = b"\x00\x80\x00\x40\x00";
    const ECHO: &[u8] = b"\x01\x0e\x00\x00\xd4\xd7\x50\x01l\x51\x05/echo";
    const UPLOAD: &[u8] = b"\x01\x10\x00\x00\xd4\xd7\x50\x01l\x51\x07/upload";
    let server = Server::start(&["--request-timeout", "1"]);
    let (connection, http) = http(&server).await;
    // H3_REQUEST_REJECTED, H3_REQUEST_CANCELLED (RFC 9114, section 8.1).
    for (what, begun, code) in [
        ("nothing of a frame", vec![1], 0x10b),
        ("half a header section", [HEAD, b"\x00"].concat(), 0x10b),
        ("half a body that comes back", [ECHO, BODY, b"half"].concat(), 0x10c),
        ("half a body", [UPLOAD, BODY, b"half"].concat(), 0x10c),
    ] {
        let (mut send, mut recv) = connection.open_bi().await.unwrap();
        send.write_all(&begun).await.unwrap();
        // One that has begun its body goes on, with less than a KiB each second.
        let stopped = loop {
            let mut pace = std::pin::pin!(send.stopped());
            match tokio::time::timeout(std::time::Duration::from_millis(50), pace.as_mut()).await {
                Ok(stopped) => break stopped.unwrap(),
                Err(_) if begun.len() > 4 => {}
                Err(_) => break pace.await.unwrap(),
            }
            let _ = send.write_all(b"-").await;
        };
        assert_eq!(stopped.map(u64::from), Some(code), "{what}");
        let answer = recv.read_to_end(1000).await;
        assert!(answer.is_err(), "{what}: {answer:?}");
    }
    // Who looks at the answer while it sends is told why, and has the whole of it when it gives up.
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&[UPLOAD, BODY, b"half"].concat()).await.unwrap();
    let mut frame = [0; 2];
    recv.read_exact(&mut frame).await.unwrap();
    send.reset(0u32.into()).unwrap();
    let answer = recv.read_to_end(1000).await.unwrap();
    assert!(answer.ends_with(b"The request's body took too long.\n"), "{answer:?}");
    let mut unknown = connection.open_uni().await.unwrap();
    unknown.write_all(&[0x40]).await.unwrap();
    // H3_STREAM_CREATION_ERROR.
    assert_eq!(unknown.stopped().await.unwrap().map(u64::from), Some(0x103));
    http.request(http::Method::GET, "/", "").await.unwrap();

    let client = Client::new(server.address, server.pin).unwrap();
    let hq = client.connect(server.address, &[b"hq-interop"]).await.unwrap();
    let (mut send, _recv) = hq.open_bi().await.unwrap();
    send.write_all(b"GET /by").await.unwrap();
    assert_eq!(send.stopped().await.unwrap().map(u64::from), Some(400));
}

#[tokio::test]
async fn a_body_that_comes_steadily_outlasts_the_request_timeout() {
    let server = Server::start(&["--request-timeout", "2"]);
    let (connection, _http) = http(&server).await;
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    // POST /upload, then pieces of a KiB for more than the timeout.
    send.write_all(b"\x01\x10\x00\x00\xd4\xd7\x50\x01l\x51\x07/upload").await.unwrap();
    let begun = std::time::Instant::now();
    while begun.elapsed() < std::time::Duration::from_secs(5) {
        send.write_all(&[&b"\x00\x44\x00"[..], &[7; 1024]].concat()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    send.finish().unwrap();
    let answer = recv.read_to_end(1000).await.unwrap();
    assert!(answer.windows(6).any(|part| part == b"sha256"), "{answer:?}");
}

#[tokio::test]
async fn a_qlog_is_what_qvis_reads() {
    let scratch = Scratch::new("qlog");
    let directory = scratch.path("qlog");
    let mut server = Server::start(&["--qlog", &directory]);
    let (_, http) = http(&server).await;
    http.request(http::Method::GET, "/", "").await.unwrap();
    server.close_stdin();
    server.wait();
    let files: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let text = std::fs::read_to_string(&files[0]).unwrap();
    // RFC 7464: each record after a record separator.
    let records: Vec<Value> =
        text.split('\u{1e}').skip(1).map(|record| serde_json::from_str(record).unwrap()).collect();
    // By the name it tells that this is a sequence; the first record has the trace, and those after it an event each.
    assert_eq!(files[0].extension().unwrap(), "sqlog");
    assert_eq!((&records[0]["qlog_version"], &records[0]["qlog_format"]), (&json!("0.3"), &json!("JSON-SEQ")));
    assert_eq!(records[0]["trace"]["vantage_point"]["type"], "server");
    for name in ["transport:packet_sent", "transport:packet_received"] {
        let event = records.iter().find(|record| record["name"] == name).expect(name);
        assert!(event["data"]["header"]["packet_type"].is_string(), "{event}");
        assert_eq!(event["data"]["raw"]["length"].is_u64(), name.ends_with("sent"), "{event}");
    }
    // In the order of their times, in milliseconds.
    let times: Vec<_> = records[1..].iter().map(|record| record["time"].as_f64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let latest = records.iter().filter_map(|record| record["data"]["latest_rtt"].as_f64()).next_back().unwrap();
    assert!(latest > 0.01, "a round trip of {latest} ms");
}

#[tokio::test]
async fn datagrams_grow_to_what_the_path_carries_up_to_the_limit() {
    const LENGTH: u64 = 16 << 20;
    // Without a limit, what only loopback carries.
    for (arguments, range) in [(&[][..], 1500..=16_384), (&["--max-datagram", "1300"], 1200..=1300)] {
        let mut server = Server::start(&[arguments, &["--stats-interval", "1"]].concat());
        let (_, http) = http(&server).await;
        assert_eq!(length_of(&http, &format!("/bytes/{LENGTH}")).await, LENGTH);
        let stats = stats(&mut server, |stats| stats["bytes_sent"].as_u64() > Some(LENGTH));
        let mean = stats["bytes_sent"].as_u64().unwrap() / stats["datagrams_sent"].as_u64().unwrap();
        assert!(range.contains(&mean), "{arguments:?}: {mean} bytes, {stats}");
    }
}

#[tokio::test]
async fn uploads_go_on_in_the_large_datagrams_that_were_found() {
    const LENGTH: usize = 16 << 20;
    let server = Server::start(&[]);
    let mut discovery = quinn::MtuDiscoveryConfig::default();
    discovery.upper_bound(65_527);
    let mut transport = quinn::TransportConfig::default();
    transport.mtu_discovery_config(Some(discovery));
    let client = Client::new(server.address, server.pin).unwrap().with_transport(transport);
    let connection = client.connect(server.address, &[b"h3"]).await.unwrap();
    let http = Http::new(connection.clone()).await.unwrap();
    let answer = http.request(http::Method::POST, "/upload", vec![7; LENGTH]).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap()["bytes"], LENGTH);
    let path = connection.stats().path;
    // What a client takes for a hole, it does not send again.
    assert_eq!(path.black_holes_detected, 0, "{path:?}");
    assert!((1453..=6550).contains(&path.current_mtu), "{path:?}");
}

#[tokio::test]
async fn ecn_marks_of_clients_are_seen() {
    let mut server = Server::start(&["--stats-interval", "1"]);
    let (_, http) = http(&server).await;
    http.request(http::Method::GET, "/", "").await.unwrap();
    stats(&mut server, |stats| stats["datagrams_ecn"].as_u64() > Some(0));
}
