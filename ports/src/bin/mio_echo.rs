//! An echo server on mio's event loop: TCP, UDP and a waker, on one thread.
//!     mio_echo
//! prints both addresses, and ends when a TCP client has sent `stop`.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Token, Waker};
use socket_iwa as _;

const TCP: Token = Token(0);
const UDP: Token = Token(1);
const WAKER: Token = Token(2);
const FIRST_CLIENT: usize = 3;

fn main() -> io::Result<()> {
    let loopback = "127.0.0.1:0".parse().expect("an address");
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(64);
    poll.poll(&mut events, Some(Duration::from_millis(20)))?;
    println!("nothing: {}", events.is_empty());
    let waker = Waker::new(poll.registry(), WAKER)?;
    waker.wake()?;

    let mut listener = TcpListener::bind(loopback)?;
    poll.registry().register(&mut listener, TCP, Interest::READABLE)?;
    let mut datagrams = UdpSocket::bind(loopback)?;
    poll.registry().register(&mut datagrams, UDP, Interest::READABLE)?;
    println!("listening on {} and {}", listener.local_addr()?, datagrams.local_addr()?);

    let mut clients: HashMap<Token, TcpStream> = HashMap::new();
    let mut last = FIRST_CLIENT;
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                WAKER => println!("woken"),
                TCP => {
                    while let Some((mut client, _)) = attempt(listener.accept())? {
                        last += 1;
                        poll.registry().register(&mut client, Token(last), Interest::READABLE)?;
                        clients.insert(Token(last), client);
                    }
                }
                UDP => {
                    let mut bytes = [0; 1500];
                    while let Some((length, peer)) = attempt(datagrams.recv_from(&mut bytes))? {
                        datagrams.send_to(&bytes[..length], peer)?;
                    }
                }
                token => {
                    let Some(client) = clients.get_mut(&token) else { continue };
                    let mut bytes = [0; 4096];
                    while let Some(length) = attempt(client.read(&mut bytes))? {
                        if length == 0 {
                            clients.remove(&token);
                            break;
                        }
                        client.write_all(&bytes[..length])?;
                        if bytes.starts_with(b"stop") {
                            return Ok(());
                        }
                    }
                }
            }
        }
    }
}

/// None where the call would wait.
fn attempt<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
