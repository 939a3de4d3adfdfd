//! A WebSocket client with tungstenite: sends texts and a large binary message, and compares what a server echoes.
//!     websocket_client ws://HOST:PORT/

use std::error::Error;

use socket_iwa as _;
use tungstenite::Message;

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: websocket_client URL")?;
    let (mut socket, response) = tungstenite::connect(&url)?;
    println!("connected: {}", response.status());

    let large: Vec<u8> = (0..1 << 20).map(|i: u32| (i * 7 + i / 256) as u8).collect();
    for message in [Message::text("hello"), Message::text("wörld"), Message::binary(large), Message::text("")] {
        socket.send(message.clone())?;
        let echo = socket.read()?;
        let same = if echo == message { "the same" } else { "another" };
        println!("{} bytes: {same}", message.len());
    }
    socket.send(Message::Ping("ping".into()))?;
    println!("pong: {}", socket.read()?.to_text()?);
    socket.close(None)?;
    loop {
        match socket.read() {
            Ok(message) => println!("after close: {}", if message.is_close() { "close" } else { "something else" }),
            Err(tungstenite::Error::ConnectionClosed) => break,
            Err(error) => return Err(error.into()),
        }
    }
    println!("closed");
    Ok(())
}
