//! Handlers outside this program: requests and sessions are offered over a stream to the *host*, another process or, in
//! WebAssembly, the JavaScript that runs the server. docs/gateway.md is the protocol.
//!
//! This file owns the stream; `link.rs` has the exchanges on it, `http.rs`, `webtransport.rs` and `websocket.rs` are
//! handlers that make exchanges of what clients open.

mod exchange;
mod frame;
mod http;
mod link;
mod websocket;
mod webtransport;

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use ::http::{HeaderMap, HeaderValue};
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use socket_iwa::Beside;

use crate::Routes;
use crate::json;
use frame::{Frame, Kind};
use link::{Link, WINDOW};

/// Of the protocol.
const VERSION: u64 = 1;
/// How long the host may take for its hello.
const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// Bytes to read at once.
const READ_SIZE: usize = 64 << 10;
/// Reads in one turn of the loop, so that clients do not wait for a host that sends much.
const READS: usize = 16;

/// A connection to the host, which has said what it handles.
pub struct Gateway {
    stream: UnixStream,
    link: Rc<Link>,
    handled: Handled,
    incoming: BytesMut,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("handled", &self.handled).finish_non_exhaustive()
    }
}

/// What the host handles.
#[derive(Debug, Default, PartialEq, Eq)]
struct Handled {
    http: Vec<String>,
    webtransport: Vec<String>,
    websocket: Vec<String>,
    /// Whether the server's own handlers are there beside the host's.
    standard: bool,
}

impl Gateway {
    /// Hears from the host, for at most ten seconds, what it handles.
    ///
    /// # Errors
    ///
    /// When it does not say so.
    pub fn connect(mut stream: UnixStream) -> Result<Self, String> {
        let deadline = Instant::now() + HELLO_LIMIT;
        let mut incoming = BytesMut::new();
        let said = loop {
            if let Some(frame) = Frame::decode(&mut incoming).map_err(|malformed| malformed.0)? {
                break frame;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            // Zero would be for ever.
            stream.set_read_timeout(Some(left.max(Duration::from_millis(1)))).map_err(|error| error.to_string())?;
            match read(&mut stream, &mut incoming) {
                Ok(0) => return Err("the host has ended the stream before its hello".into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(format!("the host has sent no hello within {} s", HELLO_LIMIT.as_secs()));
                }
                Err(error) => return Err(error.to_string()),
            }
        };
        let Frame { kind: Kind::Hello(hello), .. } = said else {
            return Err(format!("the host began with another frame than a hello: {:?}", said.kind));
        };
        let handled = Handled::from_json(&hello)?;
        let mut answer = BytesMut::new();
        let hello = json!({ "version": VERSION, "window": WINDOW });
        Frame { id: 0, kind: Kind::Hello(json::text(&hello).into()) }.encode(&mut answer);
        stream
            .write_all(&answer)
            .and_then(|()| stream.set_nonblocking(true))
            .map_err(|error| format!("answering the host's hello: {error}"))?;
        Ok(Self { stream, link: Rc::default(), handled, incoming })
    }

    /// Routes to the host's handlers.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let Handled { http, webtransport, websocket, standard } = &self.handled;
        let mut routes = if *standard { Routes::standard() } else { Routes::new() };
        for path in http {
            routes = routes.http(path, http::handler(&self.link, path));
        }
        for path in webtransport {
            routes = routes.webtransport(path, webtransport::handler(&self.link, path));
        }
        for path in websocket {
            routes = routes.websocket(path, websocket::handler(&self.link, path));
        }
        routes
    }

    /// What the loop waits for.
    pub(crate) fn beside(&self) -> Beside<'_> {
        Beside { descriptor: self.stream.as_fd(), write: self.link.has_outgoing() }
    }

    /// Takes what the host has sent.
    ///
    /// # Errors
    ///
    /// When the host is gone, or breaks the protocol.
    pub(crate) fn receive(&mut self) -> io::Result<()> {
        for _ in 0..READS {
            match read(&mut self.stream, &mut self.incoming) {
                Ok(0) => return Err(gone("it has ended the stream")),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(gone(error)),
            }
            self.link.receive(&mut self.incoming).map_err(|malformed| gone(malformed.0))?;
        }
        Ok(())
    }

    /// Sends what there is for the host, as far as there is room.
    ///
    /// # Errors
    ///
    /// When the host is gone.
    pub(crate) fn transmit(&mut self) -> io::Result<()> {
        let stream = &mut self.stream;
        let sent = self.link.transmit(|data| {
            loop {
                match stream.write(data) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    written => return written,
                }
            }
        });
        match sent {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(gone(error)),
            _ => Ok(()),
        }
    }
}

fn gone(why: impl fmt::Display) -> io::Error {
    io::Error::other(format!("the gateway's host is gone: {why}"))
}

/// Reads once, behind what is there.
fn read(stream: &mut UnixStream, incoming: &mut BytesMut) -> io::Result<usize> {
    let length = incoming.len();
    incoming.resize(length + READ_SIZE, 0);
    let read = stream.read(&mut incoming[length..]);
    incoming.truncate(length + read.as_ref().map_or(0, |read| *read));
    read
}

/// Header fields for a JSON head: names and values, each byte of a value a character (as the Fetch standard has them).
fn fields(headers: &HeaderMap) -> Value {
    let value = |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect::<String>();
    headers.iter().map(|(name, content)| json!([name.as_str(), value(content)])).collect()
}

impl Handled {
    fn from_json(hello: &Bytes) -> Result<Self, String> {
        let hello: Value = serde_json::from_slice(hello).map_err(|error| format!("the host's hello: {error}"))?;
        if hello["version"].as_u64() != Some(VERSION) {
            let version = json::text(&hello["version"]);
            return Err(format!("the host speaks version {version} of the protocol, not {VERSION}"));
        }
        let paths = |name: &str| -> Result<Vec<String>, String> {
            let Some(paths) = hello.get(name) else { return Ok(Vec::new()) };
            let paths = paths.as_array().ok_or_else(|| format!("the host's hello: {name} is no array"))?;
            let path = |path: &Value| path.as_str().filter(|path| path.starts_with('/')).map(str::to_owned);
            let wrong = |it: &Value| {
                let it = json::text(it);
                format!("the host's hello: {it} of {name} is no path, which begins with a slash")
            };
            paths.iter().map(|it| path(it).ok_or_else(|| wrong(it))).collect()
        };
        Ok(Self {
            http: paths("http")?,
            webtransport: paths("webtransport")?,
            websocket: paths("websocket")?,
            standard: hello["standard"].as_bool().unwrap_or(false),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a host that begins with these bytes is told.
    fn refusal(bytes: &[u8]) -> String {
        let (mut host, server) = UnixStream::pair().unwrap();
        host.write_all(bytes).unwrap();
        host.shutdown(std::net::Shutdown::Write).unwrap();
        Gateway::connect(server).unwrap_err()
    }

    fn hello(json: &str) -> BytesMut {
        let mut bytes = BytesMut::new();
        Frame { id: 0, kind: Kind::Hello(Bytes::copy_from_slice(json.as_bytes())) }.encode(&mut bytes);
        bytes
    }

    #[test]
    fn a_host_that_says_hello_is_answered_with_the_window() {
        let (mut host, server) = UnixStream::pair().unwrap();
        host.write_all(&hello(
            r#"{"version":1,"http":["/a","/b/*"],"webtransport":["/c"],"websocket":["/d"],"standard":true}"#,
        ))
        .unwrap();
        let gateway = Gateway::connect(server).unwrap();
        let expected = Handled {
            http: vec!["/a".into(), "/b/*".into()],
            webtransport: vec!["/c".into()],
            websocket: vec!["/d".into()],
            standard: true,
        };
        assert_eq!(gateway.handled, expected);
        let mut answer = BytesMut::new();
        read(&mut host, &mut answer).unwrap();
        let Frame { id: 0, kind: Kind::Hello(said) } = Frame::decode(&mut answer).unwrap().unwrap() else { panic!() };
        assert_eq!(serde_json::from_slice::<Value>(&said).unwrap()["window"], WINDOW);
    }

    #[test]
    fn a_host_that_says_something_else_is_refused_with_what_is_wrong() {
        for (bytes, named) in [
            (BytesMut::new(), "ended the stream"),
            (hello("{"), "hello: EOF"),
            (hello("{}"), "version null"),
            (hello(r#"{"version":2}"#), "version 2"),
            (hello(r#"{"version":1,"http":"/"}"#), "http is no array"),
            (hello(r#"{"version":1,"webtransport":["c"]}"#), "\"c\" of webtransport"),
            (BytesMut::from(&[4; 12][..]), "262144"),
        ] {
            let refused = refusal(&bytes);
            assert!(refused.contains(named), "{refused}");
        }
        let mut other = BytesMut::new();
        Frame { id: 2, kind: Kind::End(Bytes::new()) }.encode(&mut other);
        assert!(refusal(&other).contains("another frame"));
    }
}
