//! What this project's server is held against natively: quinn's own endpoint on tokio, with quinn's defaults, which serves
//! `GET /bytes/N` in HTTP/0.9 (ALPN hq-interop), the same bytes made in the same way, and prints the same ready line. Ends
//! with its standard input.

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, EndpointConfig, MtuDiscoveryConfig, ServerConfig, TokioRuntime, TransportConfig};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use socket_iwa_server::http::BytesStream;
use tokio::io::AsyncReadExt;

/// quinn gives the kernel ten datagrams a call, whatever their size, and the kernel takes 65,507 bytes. With larger ones all ten
/// are lost, and quinn goes back to 1200 bytes for a minute.
const MAX_DATAGRAM: u16 = 65_507 / 10;
const ALPN: &[u8] = b"hq-interop";
const MAX_REQUEST: usize = 4096;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let hash = ring::digest::digest(&ring::digest::SHA256, &certificate);
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut endpoint_config = EndpointConfig::default();
    endpoint_config.max_udp_payload_size(MAX_DATAGRAM)?;
    let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let endpoint = Endpoint::new(endpoint_config, Some(config(certificate, key)?), socket, Arc::new(TokioRuntime))?;
    let port = endpoint.local_addr()?.port();
    println!("{}", serde_json::json!({ "ready": true, "address": "127.0.0.1", "port": port, "cert_sha256": hash }));
    tokio::select! {
        () = serve(&endpoint) => {}
        () = end_of_stdin() => {}
    }
    Ok(())
}

fn config(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Result<ServerConfig, Box<dyn Error>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.max_early_data_size = u32::MAX;
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(MAX_DATAGRAM);
    let mut transport = TransportConfig::default();
    transport.mtu_discovery_config(Some(discovery)).max_concurrent_bidi_streams(256u32.into());
    config.transport_config(Arc::new(transport));
    Ok(config)
}

async fn serve(endpoint: &Endpoint) {
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            // A client that leaves in the middle is not this server's matter.
            let Ok(connecting) = incoming.accept() else { return };
            let connection = match connecting.into_0rtt() {
                Ok((connection, _)) => connection,
                Err(connecting) => match connecting.await {
                    Ok(connection) => connection,
                    Err(_) => return,
                },
            };
            while let Ok((send, recv)) = connection.accept_bi().await {
                tokio::spawn(answer(send, recv));
            }
        });
    }
}

async fn answer(mut send: quinn::SendStream, mut recv: quinn::RecvStream) -> Option<()> {
    let request = recv.read_to_end(MAX_REQUEST).await.ok()?;
    let request = String::from_utf8(request).ok()?;
    for chunk in BytesStream::at(request.trim_end().strip_prefix("GET ")?)? {
        send.write_chunk(chunk).await.ok()?;
    }
    send.finish().ok()
}

async fn end_of_stdin() {
    let mut ignored = [0; 64];
    let mut stdin = tokio::io::stdin();
    while stdin.read(&mut ignored).await.is_ok_and(|count| count > 0) {}
}
