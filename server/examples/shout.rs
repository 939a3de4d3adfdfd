//! A server of one's own: `/shout` answers WebTransport datagrams and WebSocket messages in capitals.
//!
//! `cargo run -p socket-iwa-server --example shout` serves natively on 127.0.0.1:4433 until Ctrl-C.

use socket_iwa::{Options, Stop, UdpSocket};
use socket_iwa_server::websocket::{Message, WebSocket};
use socket_iwa_server::webtransport::Session;
use socket_iwa_server::{Certificate, Config, Routes, Server};

async fn shout(session: Session) {
    while let Ok(datagram) = session.datagram().await {
        // One that is too large for a packet is lost, as any datagram may be.
        let _ = session.send_datagram(&datagram.to_ascii_uppercase());
    }
}

async fn shout_messages(mut socket: WebSocket) {
    while let Ok(Some(Message::Text(text))) = socket.message().await {
        if socket.send(Message::Text(text.to_uppercase())).await.is_err() {
            return;
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:4433".into()).parse()?;
    let socket = UdpSocket::bind(address, &Options::default())?;
    let certificate = Certificate::generate(["localhost".into(), "127.0.0.1".into()])?;
    let routes = Routes::new().webtransport("/shout", shout).websocket("/shout", shout_messages);
    let mut server = Server::new(socket, &certificate, &Config::default())?.with_routes(routes);
    println!("https://{}/shout, certificate SHA-256 {}", server.local_addr()?, certificate.sha256());
    server.run(&Stop::new()?.on_signals()?, None, |_| {})?;
    Ok(())
}
