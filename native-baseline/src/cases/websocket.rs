//! Cases of WebSocket over HTTP/3 (RFC 9220): messages, and what breaks the rules of RFC 6455.

use serde_json::{Value, json};

use super::raw::{DATA, Exchange, HEADERS, Raw, connect, frame, headers};
use super::{Outcome, Target, expect};
use crate::Error;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// Clients mask what they send, with any four bytes (RFC 6455, section 5.3).
const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// A whole message of a client's, in a DATA frame.
fn message(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | length as u8),
        length @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame(DATA, &bytes)
}

/// A WebSocket that is open.
struct Socket {
    exchange: Exchange,
    /// Received and not looked at yet.
    input: Vec<u8>,
}

impl Socket {
    async fn open(raw: &Raw, path: &str) -> Result<Self, Error> {
        let mut exchange = raw.bi(&connect("websocket", path)).await?;
        match exchange.status().await? {
            200 => Ok(Self { exchange, input: Vec::new() }),
            status => Err(Error::new(format!("CONNECT {path}"), status)),
        }
    }

    async fn send(&mut self, opcode: u8, payload: &[u8]) -> Result<(), Error> {
        self.exchange.write(&message(opcode, payload)).await
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>, Error> {
        while self.input.len() < length {
            let (kind, payload) = self.exchange.frame().await?;
            if kind == DATA {
                self.input.extend(payload);
            } else if kind == HEADERS {
                return Err(Error::new("read a message", "a second header section"));
            }
        }
        Ok(self.input.drain(..length).collect())
    }

    /// The server's next frame, which is not masked.
    async fn receive(&mut self) -> Result<(u8, Vec<u8>), Error> {
        let head = self.take(2).await?;
        let length = match head[1] {
            126 => u16::from_be_bytes(self.take(2).await?.try_into().expect("two bytes were taken")).into(),
            127 => u64::from_be_bytes(self.take(8).await?.try_into().expect("eight bytes were taken")) as usize,
            length => length.into(),
        };
        Ok((head[0] & 0x0f, self.take(length).await?))
    }

    /// The code of the server's close, and then the stream's end.
    async fn closed(&mut self) -> Result<u16, Error> {
        let (opcode, payload) = self.receive().await?;
        if opcode != CLOSE || payload.len() < 2 {
            return Err(Error::new("wait for a close", format!("opcode {opcode}, {payload:?}")));
        }
        self.exchange.read_to_end().await?;
        Ok(u16::from_be_bytes([payload[0], payload[1]]))
    }
}

/// Opens a WebSocket, sends texts, and tells what comes back, one JSON object each, until the server has closed; with
/// `close` it says goodbye first, when all of its texts were answered.
///
/// # Errors
///
/// When it can't be opened, or is lost.
pub async fn talk(target: Target, path: &str, texts: &[String], close: Option<u16>) -> Result<Vec<Value>, Error> {
    let raw = Raw::new(target).await?;
    let mut socket = Socket::open(&raw, path).await?;
    for text in texts {
        socket.send(TEXT, text.as_bytes()).await?;
    }
    let mut said = Vec::new();
    loop {
        if let Some(code) = close.filter(|_| said.len() == texts.len()) {
            socket.send(CLOSE, &[&code.to_be_bytes()[..], b"enough"].concat()).await?;
        }
        let (opcode, payload) = socket.receive().await?;
        let text = String::from_utf8_lossy(payload.get(2..).unwrap_or_default());
        match opcode {
            TEXT => said.push(json!({ "text": String::from_utf8_lossy(&payload) })),
            BINARY => said.push(json!({ "bytes": payload.len() })),
            CLOSE if payload.len() >= 2 => {
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                said.push(json!({ "code": code, "reason": text }));
                if close.is_none() {
                    socket.send(CLOSE, &payload[..2]).await?;
                }
                socket.exchange.read_to_end().await?;
                return Ok(said);
            }
            _ => return Err(Error::new(format!("talk at {path}"), format!("opcode {opcode}, {payload:?}"))),
        }
    }
}

pub(super) async fn messages_come_back(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let mut socket = Socket::open(&raw, "/echo").await?;
    let large = crate::check::expected_bytes(200_000);
    let cases: [(u8, &[u8]); 4] =
        [(TEXT, "grüß dich".as_bytes()), (TEXT, b""), (BINARY, &[0xff; 300]), (BINARY, &large)];
    for (opcode, payload) in cases {
        socket.send(opcode, payload).await?;
        let back = socket.receive().await?;
        if back != (opcode, payload.to_vec()) {
            return Ok(Outcome::Failed(format!("opcode {}, {} bytes", back.0, back.1.len())));
        }
    }
    socket.send(PING, b"there?").await?;
    let pong = socket.receive().await?;
    if pong != (PONG, b"there?".to_vec()) {
        return Ok(Outcome::Failed(format!("{pong:?} to a ping")));
    }
    socket.send(CLOSE, &[0x03, 0xe8]).await?;
    let code = socket.closed().await?;
    Ok(expect(code == 1000, code))
}

pub(super) async fn a_message_in_pieces_comes_back_whole(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let mut socket = Socket::open(&raw, "/echo").await?;
    // A first fragment, a ping between, and the last one, byte by byte in DATA frames of their own.
    let unframed = |opcode, payload: &[u8]| message(opcode, payload)[2..].to_vec();
    let mut first = unframed(TEXT, b"in ");
    first[0] &= 0x7f;
    for byte in [first, unframed(PING, b""), unframed(0, b"pieces")].concat() {
        socket.exchange.write(&frame(DATA, &[byte])).await?;
    }
    let (pong, back) = (socket.receive().await?, socket.receive().await?);
    Ok(expect(pong.0 == PONG && back == (TEXT, b"in pieces".to_vec()), format!("{pong:?} {back:?}")))
}

pub(super) async fn a_room_has_sockets_and_sessions(target: Target) -> Result<Outcome, Error> {
    let (one, other) = (Raw::new(target).await?, Raw::new(target).await?);
    let mut speaker = Socket::open(&one, "/room").await?;
    let mut hearer = Socket::open(&other, "/room").await?;
    speaker.send(TEXT, b"hello, all").await?;
    let heard = hearer.receive().await?;
    Ok(expect(heard == (TEXT, b"hello, all".to_vec()), format!("{heard:?}")))
}

pub(super) async fn a_broken_rule_is_told_with_its_code(target: Target) -> Result<Outcome, Error> {
    let unmasked = frame(DATA, b"\x81\x02hi");
    let reserved = frame(DATA, &[0xc1, 0x80, 0, 0, 0, 0]);
    // 2^40 bytes.
    let huge = frame(DATA, b"\x82\xff\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00");
    for (what, bytes, expected) in [
        ("without a mask", unmasked, 1002),
        ("a reserved bit", reserved, 1002),
        ("a control frame that is too long", message(PING, &[0; 126]), 1002),
        ("an unknown opcode", message(3, b""), 1002),
        ("a continuation of nothing", message(0, b""), 1002),
        ("text that is none", message(TEXT, &[0xff]), 1007),
        ("a terabyte", huge, 1009),
    ] {
        let raw = Raw::new(target).await?;
        let mut socket = Socket::open(&raw, "/echo").await?;
        socket.exchange.write(&bytes).await?;
        let code = socket.closed().await?;
        if code != expected {
            return Ok(Outcome::Failed(format!("{what}: {code}")));
        }
    }
    Ok(Outcome::Passed)
}

pub(super) async fn a_socket_without_a_place_or_of_another_version_is_refused(
    target: Target,
) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let nowhere = raw.bi(&connect("websocket", "/nowhere")).await?.status().await?;
    let old = headers(&[
        (":method", "CONNECT"),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", "/echo"),
        (":protocol", "websocket"),
        ("sec-websocket-version", "8"),
    ]);
    let old = raw.bi(&old).await?.status().await?;
    Ok(expect((nowhere, old) == (404, 400), format!("{nowhere} {old}")))
}

pub(super) async fn a_socket_that_ends_without_a_close_ends_the_stream(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let mut socket = Socket::open(&raw, "/echo").await?;
    socket.exchange.finish(b"").await?;
    socket.exchange.read_to_end().await?;
    target.serves_others().await
}
