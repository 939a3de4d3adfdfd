//! A server of one's own for plain HTTP/3 requests: `/notes/NAME` keeps what is PUT there, `/changes` tells of it as it
//! happens.
//!
//! `cargo run -p socket-iwa-server --example notes` serves natively on 127.0.0.1:4433 until Ctrl-C. With curl that has
//! HTTP/3:
//!
//! ```sh
//! curl --http3-only -k -N https://127.0.0.1:4433/changes &
//! curl --http3-only -k -T README.md https://127.0.0.1:4433/notes/readme
//! curl --http3-only -k https://127.0.0.1:4433/notes/readme
//! ```

use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select};
use socket_iwa::{Options, Stop, UdpSocket};
use socket_iwa_server::http::{Exchange, HeaderValue, HttpError, Method, Response, StatusCode, header};
use socket_iwa_server::{Certificate, Config, Routes, Server};
use tokio::sync::broadcast::{self, error::RecvError};

/// The longest note, in bytes, and how many are kept.
const MAX_NOTE: usize = 64 << 10;
const MAX_NOTES: usize = 1000;
/// Changes that a listener may be behind before it misses the oldest.
const BACKLOG: usize = 16;

/// Everything runs on one thread: no locks. Clones are the same notes.
#[derive(Clone)]
struct Notes {
    notes: Rc<RefCell<HashMap<String, Vec<u8>>>>,
    changes: broadcast::Sender<String>,
}

impl Notes {
    /// `/notes/NAME`.
    async fn note(self, exchange: Exchange) -> Result<(), HttpError> {
        let (head, mut body) = exchange.request.into_parts();
        let name = head.uri.path().strip_prefix("/notes/").unwrap_or_default().to_owned();
        let mut answer = Response::new(Vec::new());
        match head.method {
            Method::GET | Method::HEAD => match self.notes.borrow().get(&name) {
                Some(note) => answer.body_mut().clone_from(note),
                None => *answer.status_mut() = StatusCode::NOT_FOUND,
            },
            Method::PUT => {
                // With `?`, a client whose note is too long is told so.
                let note = body.read_to_end(MAX_NOTE).await?;
                let mut notes = self.notes.borrow_mut();
                if notes.len() < MAX_NOTES || notes.contains_key(&name) {
                    // Fails when nobody listens, which is no failure.
                    let _ = self.changes.send(format!("{name}: {} bytes\n", note.len()));
                    notes.insert(name, note);
                    *answer.status_mut() = StatusCode::NO_CONTENT;
                } else {
                    *answer.status_mut() = StatusCode::INSUFFICIENT_STORAGE;
                }
            }
            _ => {
                *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
                answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, PUT"));
            }
        }
        exchange.response.send(answer).await
    }

    /// `/changes`: an answer that goes on until its client has enough of it, or the server stops.
    async fn tell(self, exchange: Exchange) -> Result<(), HttpError> {
        let mut changes = self.changes.subscribe();
        let mut body = exchange.response.begin(Response::new(())).await?;
        loop {
            let change = match select(pin!(changes.recv()), pin!(body.draining())).await {
                Either::Left((change, _)) => Some(change),
                Either::Right(_) => None,
            };
            match change {
                Some(Ok(change)) => body.send(change).await?,
                Some(Err(RecvError::Lagged(_))) => {}
                Some(Err(RecvError::Closed)) | None => return body.finish().await,
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:4433".into()).parse()?;
    let socket = UdpSocket::bind(address, &Options::default())?;
    let certificate = Certificate::generate(["localhost".into(), "127.0.0.1".into()])?;
    let notes = Notes { notes: Rc::default(), changes: broadcast::Sender::new(BACKLOG) };
    let listened = notes.clone();
    let routes = Routes::new()
        .http("/notes/*", move |exchange| notes.clone().note(exchange))
        .http("/changes", move |exchange| listened.clone().tell(exchange));
    let mut server = Server::new(socket, &certificate, &Config::default())?.with_routes(routes);
    println!("https://{}/notes/, certificate SHA-256 {}", server.local_addr()?, certificate.sha256());
    server.run(&Stop::new()?.on_signals()?, None, |_| {})?;
    Ok(())
}
