//! A UDP echo server on `std::net`: sends every datagram back to where it came from.
//!
//! ```text
//! udp_echo [ADDRESS:PORT]        127.0.0.1 and a free port, if nothing is said
//! ```
//!
//! The first line is all that makes it a program for Isolated Web Apps. It runs until it is ended.

use socket_iwa as _;
use std::net::UdpSocket;

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let socket = UdpSocket::bind(address)?;
    println!("listening on {}", socket.local_addr()?);
    let mut data = vec![0; 65536];
    loop {
        let (size, peer) = socket.recv_from(&mut data)?;
        println!("{size} bytes from port {}", peer.port());
        // One that cannot be sent back is lost, as any datagram may be.
        if let Err(error) = socket.send_to(&data[..size], peer) {
            eprintln!("{peer}: {error}");
        }
    }
}
