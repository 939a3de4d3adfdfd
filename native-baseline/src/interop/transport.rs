//! Exchanges of QUIC and TLS.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ::http::{Method, StatusCode};
use quinn::crypto::rustls::{HandshakeData, QuicClientConfig};
use rustls::CipherSuite;

use super::Plan;
use super::http::download;
use crate::session::{Place, Returning, get as get_bytes};
use crate::{Error, Http};

pub(super) async fn handshake(plan: Plan) -> Result<(), Error> {
    let client = plan.client()?;
    let connection = client.connect(plan.server, &[b"h3"]).await?;
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    let protocol = data.and_then(|data| data.protocol);
    connection.close(0x100u32.into(), b"");
    client.finish().await;
    match protocol.as_deref() {
        Some(b"h3") => Ok(()),
        other => Err(Error::new("handshake", format!("the application protocol is {other:?}"))),
    }
}

pub(super) async fn post_quantum(plan: Plan) -> Result<(), Error> {
    // Names of 200 bytes make it about 2.5 kB: ring has no ML-KEM, whose key share has 1184.
    let mut alpn: Vec<Vec<u8>> = (b'a'..b'l').map(|letter| vec![letter; 200]).collect();
    alpn.push(b"h3".to_vec());
    let connecting = plan.client()?.start(plan.server, alpn)?;
    let connection = connecting.await.map_err(|error| Error::new("connect", error))?;
    get(&Http::new(connection).await?).await
}

pub(super) async fn resumption(plan: Plan) -> Result<(), Error> {
    let (resumed, _) = return_with_a_ticket(plan).await?;
    if resumed { Ok(()) } else { Err(Error::new("the second connection", "a full handshake")) }
}

pub(super) async fn zero_rtt(plan: Plan) -> Result<(), Error> {
    match return_with_a_ticket(plan).await? {
        (_, Some(true)) => Ok(()),
        (_, Some(false)) => Err(Error::new("early data", "refused")),
        (_, None) => Err(Error::new("early data", "the ticket does not allow any")),
    }
}

/// Whether the second of two connections resumed the session of the first, and what came of its early data.
async fn return_with_a_ticket(plan: Plan) -> Result<(bool, Option<bool>), Error> {
    let client = Returning::new(plan.server, plan.pin)?;
    let place = Place { address: plan.server, alpn: b"h3" };
    let ticket = client.ticket(place).await?;
    let (handshake, ()) = client.visit(place, Some(ticket), get_bytes).await?;
    Ok((handshake.resumed, handshake.early_data))
}

pub(super) async fn key_update(plan: Plan) -> Result<(), Error> {
    let connection = plan.connect().await?;
    let http = Http::new(connection.clone()).await?;
    let (third, mut updated) = (plan.bytes / 3, false);
    download(&http, plan.bytes, |received| {
        if received > third && !updated {
            updated = true;
            connection.force_key_update();
        }
    })
    .await?;
    // Back to the first phase's bit, with third keys.
    connection.force_key_update();
    get(&http).await
}

pub(super) async fn rebinding(plan: Plan) -> Result<(), Error> {
    let client = plan.client()?;
    let http = Http::new(client.connect(plan.server, &[b"h3"]).await?).await?;
    let any: SocketAddr = match plan.server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let (third, mut moved) = (plan.bytes / 3, None);
    download(&http, plan.bytes, |received| {
        if received > third && moved.is_none() {
            moved = Some(std::net::UdpSocket::bind(any).and_then(|socket| client.endpoint().rebind(socket)));
        }
    })
    .await?;
    match moved {
        Some(Ok(())) => get(&http).await,
        Some(Err(error)) => Err(Error::new("another port", error)),
        None => Err(Error::new("rebinding", "the download was over before a third of it had come")),
    }
}

pub(super) async fn chacha20(plan: Plan) -> Result<(), Error> {
    let mut provider = rustls::crypto::ring::default_provider();
    let initial = provider.cipher_suites.iter().find_map(|suite| match suite.suite() {
        // Initial packets are protected with it whatever is negotiated (RFC 9001, section 5.2).
        CipherSuite::TLS13_AES_128_GCM_SHA256 => suite.tls13()?.quic_suite(),
        _ => None,
    });
    provider.cipher_suites.retain(|suite| suite.suite() == CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| Error::new("ChaCha20 alone", error))?
        .dangerous()
        .with_custom_certificate_verifier(plan.pin.verifier())
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let initial = initial.ok_or_else(|| Error::new("ChaCha20 alone", "no cipher for Initial packets"))?;
    let crypto =
        QuicClientConfig::with_initial(Arc::new(tls), initial).map_err(|error| Error::new("ChaCha20 alone", error))?;
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let client = plan.client()?;
    let failed = |error: &dyn std::fmt::Display| Error::new("connect", error);
    let connecting = client.endpoint().connect_with(config, plan.server, "localhost");
    let connection = connecting.map_err(|error| failed(&error))?.await.map_err(|error| failed(&error))?;
    download(&Http::new(connection).await?, plan.bytes, |_| ()).await
}

pub(super) async fn connections(plan: Plan) -> Result<(), Error> {
    for number in 1..=plan.count {
        let request = async {
            let connection = plan.connect().await?;
            get(&Http::new(connection.clone()).await?).await?;
            connection.close(0x100u32.into(), b"");
            Ok(())
        };
        request.await.map_err(|error: Error| Error::new(format!("connection {number} of {}", plan.count), error))?;
    }
    Ok(())
}

async fn get(http: &Http) -> Result<(), Error> {
    let response = http.request(Method::GET, "/", "").await?;
    match response.status {
        StatusCode::OK => Ok(()),
        status => Err(Error::new("GET /", status)),
    }
}
