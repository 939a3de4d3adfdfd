//! Cases of clients that begin and do not end: they hold up neither others nor themselves.

use quinn::VarInt;

use super::raw::{DATA, HEADERS, Raw, headers, varints};
use super::{Outcome, Target};
use crate::Error;

/// H3_REQUEST_CANCELLED (RFC 9114, section 8.1).
const CANCELLED: VarInt = VarInt::from_u32(0x10c);

fn request(method: &str, path: &str) -> Vec<u8> {
    headers(&[(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path)])
}

pub(super) async fn requests_that_are_never_finished_hold_up_nobody(target: Target) -> Result<Outcome, Error> {
    const EACH: usize = 30;
    let raw = Raw::new(target).await?;
    let mut open = Vec::new();
    for (what, bytes) in [
        ("a frame's header", vec![1, 0x40]),
        ("a header section", varints(&[HEADERS, 100])),
        ("a body", [request("POST", "/upload"), varints(&[DATA, 1000]), vec![7; 10]].concat()),
        ("a body that comes back", [request("POST", "/echo"), varints(&[DATA, 1000]), vec![7; 10]].concat()),
        ("a WebTransport stream's header", vec![0x40, 0x41]),
    ] {
        for _ in 0..EACH {
            open.push(raw.bi(&bytes).await?);
        }
        // The connection goes on beside them.
        let status = raw.bi(&request("GET", "/bytes/8")).await?.status().await?;
        if status != 200 {
            return Ok(Outcome::Failed(format!("beside {EACH} times the beginning of {what}: {status}")));
        }
    }
    target.serves_others().await
}

pub(super) async fn a_request_that_comes_byte_by_byte_is_answered(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let mut exchange = raw.bi(b"").await?;
    for byte in [request("POST", "/echo"), varints(&[DATA, 4]), b"slow".to_vec()].concat() {
        let sent = raw.connection.stats().frame_tx.stream;
        exchange.write(&[byte]).await?;
        // Each in a packet of its own.
        while raw.connection.stats().frame_tx.stream == sent {
            tokio::task::yield_now().await;
        }
    }
    exchange.finish(b"").await?;
    let (status, mut back) = (exchange.status().await?, Vec::new());
    while back.len() < 4 {
        back.extend(exchange.frame().await?.1);
    }
    if status != 200 || back != b"slow" {
        return Ok(Outcome::Failed(format!("{status}, {back:02x?}")));
    }
    target.serves_others().await
}

pub(super) async fn requests_that_are_reset_at_once_hold_up_nobody(target: Target) -> Result<Outcome, Error> {
    // Rapid reset: many times as many as may be open at once.
    const RESETS: usize = 3000;
    let raw = Raw::new(target).await?;
    let get = request("GET", "/bytes/1073741824");
    for _ in 0..RESETS {
        let mut exchange = raw.bi(&get).await?;
        // The server may have been faster.
        let _ = exchange.send.reset(CANCELLED);
        let _ = exchange.recv.stop(CANCELLED);
    }
    let status = raw.bi(&request("GET", "/bytes/8")).await?.status().await?;
    if status != 200 {
        return Ok(Outcome::Failed(format!("the next request on the connection: {status}")));
    }
    target.serves_others().await
}
