//! Certificates over time: files read again, generated ones renewed, and connections that live on.

use std::fs;

use socket_iwa_native::{Client, Http, Pin};
use socket_iwa_server::Certificate;

use crate::common::Server;

async fn serves(http: &Http) -> bool {
    http.request(http::Method::GET, "/healthz", "").await.is_ok_and(|response| response.status == 200)
}

async fn connect(server: &Server, pin: Pin) -> Option<Http> {
    let client = Client::new(server.address, pin).unwrap();
    let connection = client.connect(server.address, &[b"h3"]).await.ok()?;
    Some(Http::new(connection).await.unwrap())
}

/// The next line that tells of the certificate: its hash, and that of the next one.
fn certificate(server: &mut Server) -> (String, Option<String>) {
    loop {
        let line = server.line();
        if let Some(certificate) = line.get("certificate") {
            let text = |name: &str| certificate[name].as_str().map(ToOwned::to_owned);
            return (text("cert_sha256").unwrap(), text("next_sha256"));
        }
    }
}

#[tokio::test]
async fn sighup_reads_the_files_again_and_connections_live_on() {
    let directory = std::env::temp_dir().join(format!("socket-iwa-sighup-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let (chain, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    let write = || {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&chain, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        Certificate::from_pem_files(&chain, &key).unwrap().sha256()
    };
    write();
    let mut server = Server::start(&["--cert", chain.to_str().unwrap(), "--key", key.to_str().unwrap()]);
    let old = connect(&server, server.pin).await.unwrap();
    let second = write();
    server.signal("HUP");
    assert_eq!(certificate(&mut server), (second.clone(), None));
    assert!(serves(&old).await, "the connection from before");
    assert!(connect(&server, server.pin).await.is_none(), "the old certificate is still used");
    let new = connect(&server, second.parse().unwrap()).await.unwrap();
    assert!(serves(&new).await);

    // What can't be used changes nothing.
    fs::write(&chain, "nothing").unwrap();
    server.signal("HUP");
    let third = write();
    server.signal("HUP");
    assert_eq!(certificate(&mut server).0, third);
    fs::remove_dir_all(&directory).unwrap();
    server.close_stdin();
    let (status, _, _) = server.wait();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a_generated_certificate_is_announced_and_then_replaced() {
    let mut server = Server::start(&["--cert-validity", "4"]);
    let mut old = connect(&server, server.pin).await;
    let (current, next) = certificate(&mut server);
    assert_eq!(server.pin, current.parse().unwrap());
    let next = next.unwrap();
    if old.is_none() {
        // On a machine so slow that the first one has been replaced already.
        old = connect(&server, next.parse().unwrap()).await;
    }
    let old = old.unwrap();
    let metrics = old.request(http::Method::GET, "/metrics", "").await.unwrap();
    assert!(String::from_utf8(metrics.body).unwrap().contains(&next));
    loop {
        let (current, _) = certificate(&mut server);
        if current == next {
            break;
        }
    }
    assert!(serves(&old).await, "the connection from before");
}
