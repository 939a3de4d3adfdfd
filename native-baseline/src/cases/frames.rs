//! Cases of HTTP/3's framing: what breaks its rules, and with which code it is answered (RFC 9114, RFC 9204).

use super::raw::{DATA, Raw, SETTINGS, connect, frame, headers, varints};
use super::{Outcome, Target, expect};
use crate::Error;

const H3_STREAM_CREATION_ERROR: u64 = 0x103;
const H3_CLOSED_CRITICAL_STREAM: u64 = 0x104;
const H3_FRAME_UNEXPECTED: u64 = 0x105;
const H3_FRAME_ERROR: u64 = 0x106;
const H3_EXCESSIVE_LOAD: u64 = 0x107;
const H3_ID_ERROR: u64 = 0x108;
const H3_SETTINGS_ERROR: u64 = 0x109;
const H3_MISSING_SETTINGS: u64 = 0x10a;
const H3_REQUEST_INCOMPLETE: u64 = 0x10d;
const H3_MESSAGE_ERROR: u64 = 0x10e;
const QPACK_DECOMPRESSION_FAILED: u64 = 0x200;
const QPACK_ENCODER_STREAM_ERROR: u64 = 0x201;
const QPACK_DECODER_STREAM_ERROR: u64 = 0x202;
/// Of the form that is reserved for nothing (RFC 9114, section 7.2.8).
const RESERVED: u64 = 0x21;
const CANCEL_PUSH: u64 = 0x3;
const PUSH_PROMISE: u64 = 0x5;
const GOAWAY: u64 = 0x7;
const MAX_PUSH_ID: u64 = 0xd;
const GIBIBYTE: u64 = 1 << 30;

fn get(path: &str) -> Vec<u8> {
    headers(&[(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", path)])
}

fn trailers() -> Vec<u8> {
    headers(&[("checksum", "0")])
}

pub(super) async fn what_is_unknown_is_passed_over(target: Target) -> Result<Outcome, Error> {
    let mut raw = Raw::new(target).await?;
    raw.say(&frame(RESERVED, b"nothing")).await?;
    raw.uni(&[varints(&[RESERVED]), vec![7; 100]].concat()).await?;
    let request = [frame(RESERVED, &[7; 30_000]), get("/bytes/8"), frame(RESERVED, b"")].concat();
    let mut exchange = raw.bi(&request).await?;
    let status = exchange.status().await?;
    Ok(expect(status == 200, status))
}

/// What breaks a rule, the code that the connection is closed with, and the bytes.
type Broken = (&'static str, u64, Vec<u8>);

pub(super) async fn a_broken_rule_closes_the_connection_with_its_code(target: Target) -> Result<Outcome, Error> {
    for (what, code, bytes) in broken_streams() {
        let raw = Raw::new(target).await?;
        let mut send = raw.uni(&bytes).await?;
        if what.contains("end of") {
            send.finish().map_err(|error| Error::new(what, error))?;
        }
        if let Some(failed) = wrong_code(what, raw.closed().await.map_err(|error| Error::new(what, error))?, code) {
            return Ok(failed);
        }
    }
    for (what, code, bytes) in broken_requests() {
        let raw = Raw::new(target).await?;
        let _exchange = raw.bi(&bytes).await?;
        if let Some(failed) = wrong_code(what, raw.closed().await.map_err(|error| Error::new(what, error))?, code) {
            return Ok(failed);
        }
    }
    for (what, code, bytes) in broken_control_streams() {
        let raw = Raw::with_control(target, &bytes).await?;
        if let Some(failed) = wrong_code(what, raw.closed().await.map_err(|error| Error::new(what, error))?, code) {
            return Ok(failed);
        }
    }
    let mut raw = Raw::new(target).await?;
    raw.end_control();
    let failed = wrong_code("an end of the control stream", raw.closed().await?, H3_CLOSED_CRITICAL_STREAM);
    Ok(failed.unwrap_or(Outcome::Passed))
}

/// Unidirectional streams beside the control stream.
fn broken_streams() -> [Broken; 9] {
    let stream = |kind: u64, bytes: &[u8]| [varints(&[kind]), bytes.to_vec()].concat();
    [
        ("a second control stream", H3_STREAM_CREATION_ERROR, stream(0, b"")),
        ("a push stream", H3_STREAM_CREATION_ERROR, stream(1, b"")),
        ("an insertion into QPACK's table", QPACK_ENCODER_STREAM_ERROR, stream(2, b"\x41a\x01b")),
        ("a capacity of QPACK's table", QPACK_ENCODER_STREAM_ERROR, stream(2, &[0x3f, 0x01])),
        ("a duplicate in QPACK's table", QPACK_ENCODER_STREAM_ERROR, stream(2, &[0x00])),
        ("an end of QPACK's encoder stream", H3_CLOSED_CRITICAL_STREAM, stream(2, b"")),
        ("an acknowledgement of no section", QPACK_DECODER_STREAM_ERROR, stream(3, &[0x84])),
        ("an increment of nothing", QPACK_DECODER_STREAM_ERROR, stream(3, &[0x01])),
        ("an end of QPACK's decoder stream", H3_CLOSED_CRITICAL_STREAM, stream(3, b"")),
    ]
}

/// Requests. What stands behind a header section is read by those who take a body.
fn broken_requests() -> [Broken; 17] {
    let echo = headers(&[(":method", "POST"), (":scheme", "https"), (":authority", "l"), (":path", "/echo")]);
    let behind = |bytes: &[u8]| [echo.clone(), bytes.to_vec()].concat();
    [
        ("a body before its header section", H3_FRAME_UNEXPECTED, frame(DATA, b"body")),
        ("settings on a request", H3_FRAME_UNEXPECTED, frame(SETTINGS, b"")),
        ("a cancelled push on a request", H3_FRAME_UNEXPECTED, behind(&frame(CANCEL_PUSH, &[0]))),
        ("a GOAWAY on a request", H3_FRAME_UNEXPECTED, behind(&frame(GOAWAY, &[0]))),
        ("a promise of a push", H3_FRAME_UNEXPECTED, behind(&frame(PUSH_PROMISE, &[0, 0, 0]))),
        ("a body behind its trailers", H3_FRAME_UNEXPECTED, behind(&[trailers(), frame(DATA, b"body")].concat())),
        ("trailers behind trailers", H3_FRAME_UNEXPECTED, behind(&[trailers(), trailers()].concat())),
        ("a WebTransport stream inside a request", H3_FRAME_ERROR, behind(&varints(&[0x41, 0]))),
        ("a priority of HTTP/2", H3_FRAME_UNEXPECTED, frame(0x2, b"")),
        ("a ping of HTTP/2", H3_FRAME_UNEXPECTED, behind(&frame(0x6, b""))),
        ("a window of HTTP/2", H3_FRAME_UNEXPECTED, behind(&frame(0x8, b""))),
        ("a continuation of HTTP/2", H3_FRAME_UNEXPECTED, frame(0x9, b"")),
        ("a reference to QPACK's table", QPACK_DECOMPRESSION_FAILED, frame(1, &[2, 0, 0x80])),
        ("a reference behind QPACK's base", QPACK_DECOMPRESSION_FAILED, frame(1, &[0, 0, 0x10])),
        ("entry 99 of QPACK's static table", QPACK_DECOMPRESSION_FAILED, frame(1, &[0, 0, 0xff, 0x24])),
        ("a field that is cut off", QPACK_DECOMPRESSION_FAILED, frame(1, &[0, 0, 0x51, 0x05, b'/'])),
        ("a field section without its prefix", QPACK_DECOMPRESSION_FAILED, frame(1, b"")),
    ]
}

fn broken_control_streams() -> [Broken; 19] {
    let behind = |bytes: &[u8]| [frame(SETTINGS, b""), bytes.to_vec()].concat();
    [
        ("no settings first", H3_MISSING_SETTINGS, frame(0xd, &[0])),
        ("settings twice", H3_FRAME_UNEXPECTED, behind(&frame(SETTINGS, b""))),
        ("settings of a gibibyte", H3_EXCESSIVE_LOAD, varints(&[SETTINGS, GIBIBYTE])),
        ("a setting twice", H3_SETTINGS_ERROR, frame(SETTINGS, &[0x6, 9, 0x6, 9])),
        ("a setting of HTTP/2, push", H3_SETTINGS_ERROR, frame(SETTINGS, &[0x2, 0])),
        ("a setting of HTTP/2, streams", H3_SETTINGS_ERROR, frame(SETTINGS, &[0x3, 0])),
        ("a setting of HTTP/2, window", H3_SETTINGS_ERROR, frame(SETTINGS, &[0x4, 0])),
        ("a setting of HTTP/2, frames", H3_SETTINGS_ERROR, frame(SETTINGS, &[0x5, 0])),
        ("datagrams that are neither on nor off", H3_SETTINGS_ERROR, frame(SETTINGS, &[0x33, 2])),
        ("a setting without a value", H3_FRAME_ERROR, frame(SETTINGS, &[0x6])),
        ("a body on the control stream", H3_FRAME_UNEXPECTED, behind(&frame(DATA, b"body"))),
        ("a request on the control stream", H3_FRAME_UNEXPECTED, behind(&get("/"))),
        ("a promise on the control stream", H3_FRAME_UNEXPECTED, behind(&frame(PUSH_PROMISE, &[0, 0, 0]))),
        ("a ping of HTTP/2 on the control stream", H3_FRAME_UNEXPECTED, behind(&frame(0x6, b""))),
        ("a WebTransport stream on the control stream", H3_FRAME_ERROR, behind(&varints(&[0x41, 0]))),
        ("more behind the largest push", H3_FRAME_ERROR, behind(&frame(MAX_PUSH_ID, &[0, 0]))),
        (
            "a largest push that shrinks",
            H3_ID_ERROR,
            behind(&[frame(MAX_PUSH_ID, &[5]), frame(MAX_PUSH_ID, &[3])].concat()),
        ),
        ("a GOAWAY that takes back", H3_ID_ERROR, behind(&[frame(GOAWAY, &[4]), frame(GOAWAY, &[8])].concat())),
        ("the cancellation of no push", H3_ID_ERROR, behind(&frame(CANCEL_PUSH, &[7]))),
    ]
}

pub(super) async fn a_second_stream_of_qpack_closes_the_connection(target: Target) -> Result<Outcome, Error> {
    for (what, kind) in [("a second encoder stream", 2), ("a second decoder stream", 3)] {
        let raw = Raw::new(target).await?;
        // Both stay open: the end of one would be an error too.
        let _both = (raw.uni(&varints(&[kind])).await?, raw.uni(&varints(&[kind])).await?);
        let code = raw.closed().await.map_err(|error| Error::new(what, error))?;
        if let Some(failed) = wrong_code(what, code, H3_STREAM_CREATION_ERROR) {
            return Ok(failed);
        }
    }
    Ok(Outcome::Passed)
}

fn wrong_code(what: &str, seen: u64, expected: u64) -> Option<Outcome> {
    (seen != expected).then(|| Outcome::Failed(format!("{what}: {seen:#x} and not {expected:#x}")))
}

pub(super) async fn a_header_section_over_the_limit_is_431(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    // The limit is 16 KiB: just over it, and so far over it that it is not even read.
    for size in [16 << 10, 40 << 10] {
        let long = "x".repeat(size);
        let request = [(":method", "GET"), (":scheme", "https"), (":authority", "l"), (":path", "/"), ("long", &long)];
        let mut exchange = raw.bi(&headers(&request)).await?;
        let status = exchange.status().await?;
        if status != 431 {
            return Ok(Outcome::Failed(format!("{size} bytes: {status}")));
        }
    }
    let status = raw.bi(&get("/")).await?.status().await?;
    Ok(expect(status == 200, format!("the next request on the connection: {status}")))
}

pub(super) async fn a_frame_that_declares_a_gibibyte_is_refused_at_once(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let status = raw.bi(&varints(&[1, GIBIBYTE])).await?.status().await?;
    if status != 431 {
        return Ok(Outcome::Failed(format!("as a header section: {status}")));
    }
    let post = headers(&[(":method", "POST"), (":scheme", "https"), (":authority", "l"), (":path", "/echo")]);
    let mut trailers = raw.bi(&[post, varints(&[1, GIBIBYTE])].concat()).await?;
    // The client is told to stop, and the answer is broken off.
    let code = trailers.reset().await?;
    let stopped = trailers.send.stopped().await.map_err(|error| Error::new("wait to be stopped", error))?;
    let right = stopped.map(quinn::VarInt::into_inner) == Some(H3_EXCESSIVE_LOAD);
    Ok(expect(right, format!("as trailers: stopped with {stopped:?}, reset with {code:#x}")))
}

pub(super) async fn a_request_that_ends_too_early_is_told_so(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let mut empty = raw.bi(b"").await?;
    empty.finish(b"").await?;
    let code = empty.reset().await?;
    if code != H3_REQUEST_INCOMPLETE {
        return Ok(Outcome::Failed(format!("nothing at all: {code:#x}")));
    }
    let mut nameless = raw.bi(&headers(&[(":method", "GET"), (":scheme", "https"), (":path", "/")])).await?;
    let code = nameless.reset().await?;
    if code != H3_MESSAGE_ERROR {
        return Ok(Outcome::Failed(format!("no authority: {code:#x}")));
    }
    // A frame that is cut off ends the connection (RFC 9114, section 7.1).
    let mut cut = raw.bi(&varints(&[1, 100])).await?;
    cut.finish(b"abc").await?;
    let code = raw.closed().await?;
    Ok(expect(code == H3_FRAME_ERROR, format!("a frame that is cut off: {code:#x}")))
}

pub(super) async fn a_malformed_header_section_is_reset(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let usual = [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/")];
    // RFC 9114, sections 4.2 and 4.3.
    let wrong: [(&str, Vec<(&str, &str)>); 10] = [
        ("a name with capitals", [&usual[..], &[("Accept", "a")]].concat()),
        ("a name with a space", [&usual[..], &[("a b", "a")]].concat()),
        ("a value with a line's end", [&usual[..], &[("accept", "a\r\nb: c")]].concat()),
        ("a field of connections", [&usual[..], &[("connection", "close")]].concat()),
        ("a transfer coding", [&usual[..], &[("transfer-encoding", "chunked")]].concat()),
        ("a pseudo-header behind a field", [&[("accept", "a")], &usual[..]].concat()),
        ("a pseudo-header that there is not", [&usual[..], &[(":name", "a")]].concat()),
        ("a pseudo-header of answers", [&usual[..], &[(":status", "200")]].concat()),
        ("a path twice", [&usual[..], &[(":path", "/other")]].concat()),
        ("no method", usual[1..].to_vec()),
    ];
    for (what, lines) in wrong {
        let code = raw.bi(&headers(&lines)).await?.reset().await.map_err(|error| Error::new(what, error))?;
        if let Some(failed) = wrong_code(what, code, H3_MESSAGE_ERROR) {
            return Ok(failed);
        }
    }
    let status = raw.bi(&get("/")).await?.status().await?;
    Ok(expect(status == 200, format!("the next request on the connection: {status}")))
}

pub(super) async fn a_protocol_that_is_not_known_is_501(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    for protocol in ["connect-udp", "connect-ip", "quake"] {
        let status = raw.bi(&connect(protocol, "/echo")).await?.status().await?;
        if status != 501 {
            return Ok(Outcome::Failed(format!("{protocol}: {status}")));
        }
    }
    let plain = headers(&[(":method", "CONNECT"), (":authority", "example.com:443")]);
    let status = raw.bi(&plain).await?.status().await?;
    Ok(expect(status == 501, format!("a proxy: {status}")))
}
