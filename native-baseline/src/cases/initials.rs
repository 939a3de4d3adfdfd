//! Cases of a connection's first packet: what is wrong in it, and with which code that is answered (RFC 9000, section
//! 20.1); and floods of them.

use std::time::Duration;

use tokio::net::UdpSocket;

use super::raw::varints;
use super::transport::bind;
use super::{Outcome, Target, expect};
use crate::Error;
use crate::initial::{self, CONNECTION_CLOSE, Cursor, MIN_DATAGRAM, crypto, open, parameter, seal};

const PATIENCE: Duration = Duration::from_secs(20);
const SOURCE: &[u8; 8] = b"a client";

const FRAME_ENCODING_ERROR: u64 = 0x07;
const TRANSPORT_PARAMETER_ERROR: u64 = 0x08;
const PROTOCOL_VIOLATION: u64 = 0x0a;
const CRYPTO_BUFFER_EXCEEDED: u64 = 0x0d;
/// TLS alerts as QUIC's codes (RFC 9001, section 4.8).
const DECODE_ERROR: u64 = 0x100 + 50;
const UNEXPECTED_MESSAGE: u64 = 0x100 + 10;

/// Another connection ID for each number.
fn id(number: u64) -> [u8; 8] {
    (0x5eed_0000_0000_0000 | number).to_be_bytes()
}

/// A CRYPTO frame with the ClientHello of a client that has these transport parameters.
fn client_hello(target: Target, parameters: Vec<u8>) -> Result<Vec<u8>, Error> {
    let mut tls = crate::tls(target.pin.verifier());
    tls.alpn_protocols = vec![b"h3".to_vec()];
    initial::client_hello(tls, parameters)
}

/// The code of the CONNECTION_CLOSE in an Initial packet's frames, if there is one.
fn close_code(frames: &[u8]) -> Option<u64> {
    let mut cursor = Cursor(frames);
    match cursor.frame()? {
        CONNECTION_CLOSE => cursor.varint().map(|code| code as u64),
        _ => None,
    }
}

async fn send(socket: &UdpSocket, target: Target, datagram: &[u8]) -> Result<(), Error> {
    socket.send_to(datagram, target.server).await.map(drop).map_err(|error| Error::new("send", error))
}

/// The frames of the server's next answer, which has to be to the client that began with `id`.
async fn answer(socket: &UdpSocket, id: &[u8]) -> Result<Vec<u8>, Error> {
    let mut buffer = vec![0; 65_536];
    let received = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await;
    let length = received.map_err(|_| Error::new("wait for an answer", "nothing comes"))?;
    let datagram = buffer[..length.map_err(|error| Error::new("receive", error))?].to_vec();
    let shown = format!("{:02x?}", &datagram[..datagram.len().min(40)]);
    open(datagram, id).ok_or_else(|| Error::new("read the answer", shown))
}

pub(super) async fn a_malformed_first_packet_is_closed_with_its_code(target: Target) -> Result<Outcome, Error> {
    // QUIC's own rules for what a client says of itself (RFC 9000, section 18.2).
    let source = parameter(0x0f, SOURCE);
    let with = |more: Vec<u8>| client_hello(target, [source.clone(), more].concat());
    let packets: [(&str, u64, Vec<u8>); 20] = [
        ("a frame of no known type", FRAME_ENCODING_ERROR, varints(&[0x3f])),
        ("a frame that is cut off", FRAME_ENCODING_ERROR, varints(&[0x06, 0, 10_000])),
        ("a stream", PROTOCOL_VIOLATION, [varints(&[0x0a, 0, 2]), b"hi".to_vec()].concat()),
        ("a new connection ID", PROTOCOL_VIOLATION, [varints(&[0x18, 1, 0, 8]), vec![7; 24]].concat()),
        ("an acknowledgement of what was not sent", PROTOCOL_VIOLATION, varints(&[0x02, 1000, 0, 0, 0])),
        ("handshake data far ahead", CRYPTO_BUFFER_EXCEEDED, crypto(1 << 30, b"far")),
        ("a ClientHello that is none", DECODE_ERROR, crypto(0, &[1, 0, 0, 2, 3, 3])),
        ("another message first", UNEXPECTED_MESSAGE, crypto(0, &[20, 0, 0, 4, 1, 2, 3, 4])),
        ("no source connection ID", TRANSPORT_PARAMETER_ERROR, client_hello(target, Vec::new())?),
        (
            "another source connection ID",
            TRANSPORT_PARAMETER_ERROR,
            client_hello(target, parameter(0x0f, b"another!"))?,
        ),
        ("a parameter twice", TRANSPORT_PARAMETER_ERROR, with([parameter(1, &[1]), parameter(1, &[2])].concat())?),
        ("a parameter that only servers have", TRANSPORT_PARAMETER_ERROR, with(parameter(0x02, &[7; 16]))?),
        ("datagrams that are too small", TRANSPORT_PARAMETER_ERROR, with(parameter(0x03, &[0x44, 0x00]))?),
        ("an acknowledgement delay of 2^21", TRANSPORT_PARAMETER_ERROR, with(parameter(0x0a, &[21]))?),
        ("an acknowledgement after 2^14 ms", TRANSPORT_PARAMETER_ERROR, with(parameter(0x0b, &[0x80, 0, 0x40, 0]))?),
        ("room for one connection ID", TRANSPORT_PARAMETER_ERROR, with(parameter(0x0e, &[1]))?),
        (
            "more streams than there can be",
            TRANSPORT_PARAMETER_ERROR,
            with(parameter(0x08, &varints(&[(1 << 60) + 1])))?,
        ),
        (
            "a source connection ID of 21 bytes",
            TRANSPORT_PARAMETER_ERROR,
            client_hello(target, parameter(0x0f, &[7; 21]))?,
        ),
        ("a number that is shorter than it says", TRANSPORT_PARAMETER_ERROR, with(parameter(0x04, &[0x80, 0]))?),
        ("a parameter that is cut off", TRANSPORT_PARAMETER_ERROR, with(varints(&[0x04, 8]))?),
    ];
    for (number, (what, code, frames)) in packets.into_iter().enumerate() {
        let socket = bind(target.server.ip()).await?;
        let id = id(number as u64);
        send(&socket, target, &seal(&id, SOURCE, &frames, MIN_DATAGRAM)).await?;
        let frames = answer(&socket, &id).await?;
        match close_code(&frames) {
            Some(seen) if seen == code => {}
            Some(seen) => return Ok(Outcome::Failed(format!("{what}: {seen:#x} and not {code:#x}"))),
            None => {
                return Ok(Outcome::Failed(format!("{what}: no close, but {:02x?}", &frames[..frames.len().min(40)])));
            }
        }
    }
    target.serves_others().await
}

pub(super) async fn a_first_packet_that_is_short_or_changed_is_not_answered(target: Target) -> Result<Outcome, Error> {
    let socket = bind(target.server.ip()).await?;
    let unknown = varints(&[0x3f]);
    send(&socket, target, &seal(&id(100), SOURCE, &unknown, MIN_DATAGRAM - 1)).await?;
    let mut changed = seal(&id(101), SOURCE, &unknown, MIN_DATAGRAM);
    *changed.last_mut().expect("it has bytes") ^= 1;
    send(&socket, target, &changed).await?;
    // What comes is the answer to this one.
    send(&socket, target, &seal(&id(102), SOURCE, &unknown, MIN_DATAGRAM)).await?;
    let code = close_code(&answer(&socket, &id(102)).await?);
    Ok(expect(code == Some(FRAME_ENCODING_ERROR), format!("{code:?}")))
}

pub(super) async fn a_flood_of_first_packets_holds_up_nobody(target: Target) -> Result<Outcome, Error> {
    // More than the handshakes that a server has in flight by default: it checks addresses before that.
    const FLOOD: u64 = 2000;
    let socket = bind(target.server.ip()).await?;
    let hello = client_hello(target, parameter(0x0f, SOURCE))?;
    for number in 0..FLOOD {
        // A full socket is no failure of the server's.
        let _ = socket.send_to(&seal(&id(1000 + number), SOURCE, &hello, MIN_DATAGRAM), target.server).await;
        // Others have their turns.
        tokio::task::yield_now().await;
    }
    target.serves_others().await
}
