//! Cases of what a client says in packets of an established connection, or of its handshake, that it must not: with which
//! code each is answered (RFC 9000, section 20.1), and that nobody else minds.

use super::raw::varints;
use super::{Outcome, Target, expect};
use crate::Error;
use crate::check::{echo, expected_bytes};
use crate::forged::{Forger, Forgery, Level};

const FLOW_CONTROL_ERROR: u64 = 0x03;
const STREAM_LIMIT_ERROR: u64 = 0x04;
const STREAM_STATE_ERROR: u64 = 0x05;
const FINAL_SIZE_ERROR: u64 = 0x06;
const FRAME_ENCODING_ERROR: u64 = 0x07;
const CONNECTION_ID_LIMIT_ERROR: u64 = 0x09;
const PROTOCOL_VIOLATION: u64 = 0x0a;
const CRYPTO_BUFFER_EXCEEDED: u64 = 0x0d;
/// TLS's unexpected_message as QUIC's code (RFC 9001, section 4.8).
const UNEXPECTED_MESSAGE: u64 = 0x100 + 10;

/// Frame types (RFC 9000, section 19).
const ACK: u64 = 0x02;
const RESET_STREAM: u64 = 0x04;
const STOP_SENDING: u64 = 0x05;
const CRYPTO: u64 = 0x06;
const NEW_TOKEN: u64 = 0x07;
const MAX_STREAM_DATA: u64 = 0x11;
const MAX_STREAMS: u64 = 0x12;
const STREAM_DATA_BLOCKED: u64 = 0x15;
const STREAMS_BLOCKED: u64 = 0x16;
const NEW_CONNECTION_ID: u64 = 0x18;
const RETIRE_CONNECTION_ID: u64 = 0x19;
const HANDSHAKE_DONE: u64 = 0x1e;
/// Of no known type, and one byte long.
const UNKNOWN: u64 = 0x3f;

/// The first streams of each kind (RFC 9000, section 2.1); of the client's bidirectional ones the second, as the first was used
/// for an echo.
const CLIENT_BI: u64 = 4;
const SERVER_BI: u64 = 1;
const CLIENT_UNI: u64 = 2;
const SERVER_UNI: u64 = 3;
/// Over any limit of streams that a server has.
const FAR_STREAM: u64 = 4_000_000;
/// Over any limit of data.
const FAR: u64 = 1 << 40;
/// The largest number of streams there can be, and one more.
const TOO_MANY_STREAMS: u64 = (1 << 60) + 1;

/// A STREAM frame with its offset and length.
fn stream(id: u64, offset: u64, data: &[u8], end: bool) -> Vec<u8> {
    [varints(&[0x0e | u64::from(end), id, offset, data.len() as u64]), data.to_vec()].concat()
}

fn crypto(offset: u64, data: &[u8]) -> Vec<u8> {
    [varints(&[CRYPTO, offset, data.len() as u64]), data.to_vec()].concat()
}

/// A NEW_CONNECTION_ID frame of an ID with so many bytes, and its token.
fn new_id(sequence: u64, length: u8) -> Vec<u8> {
    [varints(&[NEW_CONNECTION_ID, sequence, 0, length.into()]), vec![7; usize::from(length) + 16]].concat()
}

fn in_established_connections() -> Vec<(&'static str, u64, Vec<u8>)> {
    vec![
        ("a frame of no known type", FRAME_ENCODING_ERROR, varints(&[UNKNOWN])),
        ("a stream that is cut off", FRAME_ENCODING_ERROR, varints(&[0x0a, CLIENT_BI, 10_000])),
        ("handshake data that is cut off", FRAME_ENCODING_ERROR, varints(&[CRYPTO, 0, 10_000])),
        ("a token that is cut off", FRAME_ENCODING_ERROR, varints(&[NEW_TOKEN, 10_000])),
        ("leave for more streams than there can be", FRAME_ENCODING_ERROR, varints(&[MAX_STREAMS, TOO_MANY_STREAMS])),
        ("need of more streams than there can be", FRAME_ENCODING_ERROR, varints(&[STREAMS_BLOCKED, TOO_MANY_STREAMS])),
        ("a connection ID of no length", FRAME_ENCODING_ERROR, new_id(1, 0)),
        ("a connection ID that is too long", FRAME_ENCODING_ERROR, new_id(1, 21)),
        ("a stream beyond its window", FLOW_CONTROL_ERROR, stream(CLIENT_BI, FAR, b"x", false)),
        ("a reset stream beyond its window", FLOW_CONTROL_ERROR, varints(&[RESET_STREAM, CLIENT_BI, 0, FAR])),
        ("a stream over the limit", STREAM_LIMIT_ERROR, stream(FAR_STREAM, 0, b"x", false)),
        ("a one-way stream over the limit", STREAM_LIMIT_ERROR, stream(FAR_STREAM + 2, 0, b"x", false)),
        ("a stream of the server's that it did not open", STREAM_STATE_ERROR, stream(SERVER_BI, 0, b"x", false)),
        ("data on a one-way stream of the server's", STREAM_STATE_ERROR, stream(SERVER_UNI, 0, b"x", false)),
        ("room on a one-way stream of its own", STREAM_STATE_ERROR, varints(&[MAX_STREAM_DATA, CLIENT_UNI, 9])),
        ("a stop of a one-way stream of its own", STREAM_STATE_ERROR, varints(&[STOP_SENDING, CLIENT_UNI, 0])),
        ("need of room on the server's stream", STREAM_STATE_ERROR, varints(&[STREAM_DATA_BLOCKED, SERVER_UNI, 0])),
        (
            "data behind a stream's end",
            FINAL_SIZE_ERROR,
            [stream(CLIENT_BI, 0, b"x", true), stream(CLIENT_BI, 5, b"x", false)].concat(),
        ),
        (
            "a reset before what was sent",
            FINAL_SIZE_ERROR,
            [stream(CLIENT_BI, 0, b"five!", false), varints(&[RESET_STREAM, CLIENT_BI, 0, 2])].concat(),
        ),
        ("more connection IDs than the server keeps", CONNECTION_ID_LIMIT_ERROR, new_id(1000, 8)),
        ("an acknowledgement of what was not sent", PROTOCOL_VIOLATION, varints(&[ACK, FAR, 0, 0, 0])),
        ("the server's token", PROTOCOL_VIOLATION, [varints(&[NEW_TOKEN, 1]), b"x".to_vec()].concat()),
        ("the server's end of the handshake", PROTOCOL_VIOLATION, varints(&[HANDSHAKE_DONE])),
        ("the retirement of an ID there never was", PROTOCOL_VIOLATION, varints(&[RETIRE_CONNECTION_ID, 1000])),
        ("handshake data far ahead", CRYPTO_BUFFER_EXCEEDED, crypto(1 << 30, b"x")),
        // QUIC has a key update of its own (RFC 9001, section 6).
        ("a key update of TLS", UNEXPECTED_MESSAGE, crypto(0, &[24, 0, 0, 1, 0])),
    ]
}

fn in_handshakes() -> Vec<(&'static str, u64, Vec<u8>)> {
    vec![
        ("a frame of no known type in the handshake", FRAME_ENCODING_ERROR, varints(&[UNKNOWN])),
        ("a stream in the handshake", PROTOCOL_VIOLATION, stream(CLIENT_BI, 0, b"x", false)),
        ("an end of the handshake in it", PROTOCOL_VIOLATION, varints(&[HANDSHAKE_DONE])),
        ("another message than Finished", UNEXPECTED_MESSAGE, crypto(0, &[11, 0, 0, 4, 0, 0, 0, 0])),
    ]
}

/// The code that a connection with the forgery is closed with.
async fn closed(target: Target, forgery: Forgery) -> Result<u64, Error> {
    let (client, forger) = (target.client()?, Forger::default());
    let mut tls = crate::tls(target.pin.verifier());
    tls.alpn_protocols = vec![b"echo".to_vec()];
    let early = forgery.level == Level::Handshake;
    if early {
        forger.plan(forgery.clone());
    }
    let lost = match client.start_with(target.server, forger.quic(tls))?.await {
        Ok(connection) => {
            if !early {
                // After an answer the server, too, has nothing but packets of an established connection to send.
                echo(&connection, &expected_bytes(1000)).await?;
                forger.plan(forgery);
                // In a packet that has room for it.
                let sent = connection.send_datagram(vec![7; 1000].into());
                sent.map_err(|error| Error::new("send a datagram", error))?;
            }
            connection.closed().await
        }
        Err(lost) => lost,
    };
    match lost {
        quinn::ConnectionError::ConnectionClosed(close) => Ok(close.error_code.into()),
        other => Err(Error::new("wait for the server to close the connection", other)),
    }
}

pub(super) async fn what_a_packet_must_not_say_closes_the_connection_with_its_code(
    target: Target,
) -> Result<Outcome, Error> {
    let beside = target.echo().await?;
    let forgery = |level, frames, first_byte| Forgery { level, frames, first_byte };
    let established = in_established_connections().into_iter();
    let established = established.map(|(what, code, frames)| (what, code, forgery(Level::OneRtt, frames, 0)));
    let handshakes = in_handshakes().into_iter();
    let handshakes = handshakes.map(|(what, code, frames)| (what, code, forgery(Level::Handshake, frames, 0)));
    // RFC 9000, section 17.3.1; behind a PING, as an empty packet is wrong by itself.
    let reserved = ("reserved bits", PROTOCOL_VIOLATION, forgery(Level::OneRtt, varints(&[1]), 0x18));
    for (what, code, forgery) in established.chain(handshakes).chain([reserved]) {
        match closed(target, forgery).await {
            Ok(seen) if seen == code => {}
            Ok(seen) => return Ok(Outcome::Failed(format!("{what}: {seen:#x} and not {code:#x}"))),
            Err(error) => return Err(Error::new(what, error)),
        }
    }
    let undisturbed = echo(&beside, &expected_bytes(10_000)).await?;
    Ok(expect(undisturbed, "the echo of a client beside them came back changed"))
}
