//! A WebSocket echo server with tungstenite, one client after the other.
//!     websocket_server ADDRESS:PORT CLIENTS
//! prints the address it listens on, and ends after that many clients.

use std::error::Error;
use std::net::TcpListener;

use socket_iwa as _;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".into());
    let clients = arguments.next().map_or(Ok(1), |text| text.parse())?;

    let listener = TcpListener::bind(&address)?;
    println!("listening on {}", listener.local_addr()?);
    for client in listener.incoming().take(clients) {
        let mut socket = tungstenite::accept(client?)?;
        let mut echoed = 0;
        loop {
            match socket.read() {
                Ok(message) if message.is_text() || message.is_binary() => {
                    socket.send(message)?;
                    echoed += 1;
                }
                Ok(_) => {}
                Err(tungstenite::Error::ConnectionClosed) => break,
                Err(error) => return Err(error.into()),
            }
        }
        println!("echoed {echoed} messages");
    }
    Ok(())
}
