//! A chat that web pages join over WebTransport. The server is this program, natively or inside an Isolated Web App; the
//! pages are ordinary ones (page/), in any browser that has WebTransport and can reach it.
//!
//! ```text
//! chat [ADDRESS:PORT]        127.0.0.1:4433, if nothing is said
//! ```
//!
//! It prints the address and the hash of the certificate that it makes at start, which the page is given, and ends with its
//! standard input, or on Ctrl-C.
//!
//! A page opens one bidirectional stream. What it sends on it are lines of text, the first of them its name; what it gets
//! are the lines of all others.

use std::error::Error;

use futures_util::future::{Either, select};
use socket_iwa::{Options, Stop, UdpSocket};
use socket_iwa_server::webtransport::{RecvStream, Session};
use socket_iwa_server::{Certificate, Config, Routes, Server};
use tokio::sync::broadcast::{self, error::RecvError};

/// Bytes in a line, its end not counted. Who sends a longer one is shown out.
const LONGEST: usize = 4096;
/// Lines that a member may be behind before it misses the oldest.
const BACKLOG: usize = 256;

/// A line that somebody said, and the number of who it was.
type Said = (u64, String);

/// The lines of a stream.
struct Lines {
    stream: RecvStream,
    begun: Vec<u8>,
}

impl Lines {
    /// The next line; `None` at the end, and after what is no line of text. It may be given up and asked again.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.begun.drain(..=end).collect();
                return String::from_utf8(line).ok().map(|line| line.trim_end().to_owned());
            }
            if self.begun.len() > LONGEST {
                return None;
            }
            let more = self.stream.chunk().await.ok()??;
            self.begun.extend_from_slice(&more);
        }
    }
}

/// One member, from its coming to its going.
async fn join(session: Session, number: u64, room: broadcast::Sender<Said>) -> Result<(), Box<dyn Error>> {
    let (mut page, stream) = session.accept_bi().await?;
    let mut lines = Lines { stream, begun: Vec::new() };
    let Some(name) = lines.next().await else { return Ok(()) };
    let mut others = room.subscribe();
    // Fails when nobody listens, which is no failure.
    let say = |line: String| drop(room.send((number, line)));
    println!("{name} came from {}", session.remote_address());
    say(format!("* {name} is here"));
    // It has joined when it hears itself; what others say from now on, it gets.
    page.write_all(format!("* welcome, {name}\n").as_bytes()).await?;
    let ended = loop {
        // Neither loses anything by being given up.
        let heard = match select(Box::pin(lines.next()), Box::pin(others.recv())).await {
            Either::Left((Some(line), _)) => {
                say(format!("{name}: {line}"));
                continue;
            }
            Either::Left((None, _)) => break Ok(()),
            Either::Right((heard, _)) => heard,
        };
        let line = match heard {
            Ok((from, line)) if from != number => line,
            Ok(_) => continue,
            Err(RecvError::Lagged(missed)) => format!("* you have missed {missed} lines"),
            Err(RecvError::Closed) => break Ok(()),
        };
        if let Err(error) = page.write_all(format!("{line}\n").as_bytes()).await {
            break Err(error.into());
        }
    };
    println!("{name} went");
    say(format!("* {name} is gone"));
    ended
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:4433".into()).parse()?;
    let socket = UdpSocket::bind(address, &Options::default())?;
    let certificate = Certificate::generate(["localhost".into(), "127.0.0.1".into()])?;

    let room = broadcast::Sender::new(BACKLOG);
    let next = std::cell::Cell::new(0);
    let routes = Routes::new().webtransport("/chat", move |session| {
        next.set(next.get() + 1);
        join(session, next.get(), room.clone())
    });
    let mut server = Server::new(socket, &certificate, &Config::default())?.with_routes(routes);
    println!("join at #{}/{}", server.local_addr()?, certificate.sha256());
    server.run(&Stop::new()?.on_signals()?.when_stdin_closes(), None, |_| {})?;
    Ok(())
}
