//! Cases of WebTransport (draft-ietf-webtrans-http3): sessions, and what does not belong to one.

use std::time::Duration;

use bytes::Bytes;
use quinn::VarInt;

use super::raw::{DATA, Exchange, Raw, connect, frame, varints};
use super::{Outcome, Target, expect};
use crate::Error;

const BI: u64 = 0x41;
const UNI: u64 = 0x54;
const CLOSE_SESSION: u64 = 0x2843;
const SESSION_GONE: u64 = 0x170d_7b68;
const BUFFERED_STREAM_REJECTED: u64 = 0x3994_bd84;
const H3_ID_ERROR: u64 = 0x108;
const H3_REQUEST_REJECTED: u64 = 0x10b;
const H3_MESSAGE_ERROR: u64 = 0x10e;
const H3_DATAGRAM_ERROR: u64 = 0x33;

/// How long a datagram may take before it is sent again: it may be lost.
const DATAGRAM_PATIENCE: Duration = Duration::from_millis(500);

/// A bidirectional stream of a session.
async fn bi(raw: &Raw, session: u64, bytes: &[u8]) -> Result<Exchange, Error> {
    raw.bi(&[varints(&[BI, session]), bytes.to_vec()].concat()).await
}

/// Whether a stream of the session comes back.
async fn echoes(raw: &Raw, session: u64, message: &[u8]) -> Result<bool, Error> {
    let mut stream = bi(raw, session, b"").await?;
    stream.finish(message).await?;
    Ok(stream.read_to_end().await? == message)
}

fn datagram(session: u64, payload: &[u8]) -> Bytes {
    [varints(&[session / 4]), payload.to_vec()].concat().into()
}

/// Sends a datagram until its answer comes. Other datagrams are passed over.
async fn datagram_answer(raw: &Raw, sent: &Bytes, expected: &Bytes) -> Result<(), Error> {
    loop {
        raw.connection.send_datagram(sent.clone()).map_err(|error| Error::new("send a datagram", error))?;
        let wait = async {
            loop {
                match raw.connection.read_datagram().await {
                    Ok(received) if received == expected => return Ok(()),
                    Ok(_) => {}
                    Err(error) => return Err(Error::new("receive a datagram", error)),
                }
            }
        };
        if let Ok(received) = tokio::time::timeout(DATAGRAM_PATIENCE, wait).await {
            return received;
        }
    }
}

/// The next unidirectional stream of the session's that the server opens, whole; HTTP/3's own are passed over.
async fn uni_of(raw: &Raw, session: u64) -> Result<Vec<u8>, Error> {
    let header = varints(&[UNI, session]);
    loop {
        let mut recv = raw.connection.accept_uni().await.map_err(|error| Error::new("accept a stream", error))?;
        let mut first = [0; 1];
        recv.read_exact(&mut first).await.map_err(|error| Error::new("read", error))?;
        if first[0] == header[0] {
            let rest = recv.read_to_end(1 << 20).await.map_err(|error| Error::new("read", error))?;
            let all = [&first[..], &rest].concat();
            if let Some(payload) = all.strip_prefix(&header[..]) {
                return Ok(payload.to_vec());
            }
        }
    }
}

pub(crate) async fn streams_and_datagrams_come_back(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let session = raw.session("/echo").await?;
    let id = session.id();
    for length in [0, 1, 100_000, 1_000_000] {
        if !echoes(&raw, id, &crate::check::expected_bytes(length)).await? {
            return Ok(Outcome::Failed(format!("{length} bytes came back changed")));
        }
    }
    let mut open = bi(&raw, id, b"no end yet").await?;
    let mut early = [0; 10];
    open.recv.read_exact(&mut early).await.map_err(|error| Error::new("read", error))?;
    let mut uni = raw.uni(&[varints(&[UNI, id]), b"one way".to_vec()].concat()).await?;
    uni.finish().map_err(|error| Error::new("finish", error))?;
    let back = uni_of(&raw, id).await?;
    datagram_answer(&raw, &datagram(id, b"maybe"), &datagram(id, b"maybe")).await?;
    Ok(expect(&early == b"no end yet" && back == b"one way", format!("{early:?} {back:?}")))
}

pub(super) async fn two_sessions_and_requests_share_a_connection(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let mut one = raw.session("/echo").await?;
    let two = raw.session("/echo").await?;
    datagram_answer(&raw, &datagram(one.id(), b"1"), &datagram(one.id(), b"1")).await?;
    datagram_answer(&raw, &datagram(two.id(), b"2"), &datagram(two.id(), b"2")).await?;
    one.finish(b"").await?;
    one.read_to_end().await?;
    // The other one stays, and so do requests.
    let request = [(":method", "GET"), (":scheme", "https"), (":authority", "l"), (":path", "/bytes/8")];
    let status = raw.bi(&super::raw::headers(&request)).await?.status().await?;
    let echoed = echoes(&raw, two.id(), b"still here").await?;
    Ok(expect(echoed && status == 200, format!("echoed {echoed}, status {status}")))
}

pub(super) async fn what_one_says_in_the_room_the_others_hear(target: Target) -> Result<Outcome, Error> {
    let (one, other) = (Raw::new(target).await?, Raw::new(target).await?);
    let (speaker, hearer) = (one.session("/room").await?, other.session("/room").await?);
    let mut uni = one.uni(&[varints(&[UNI, speaker.id()]), b"hear, hear".to_vec()].concat()).await?;
    uni.finish().map_err(|error| Error::new("finish", error))?;
    let heard = uni_of(&other, hearer.id()).await?;
    if heard != b"hear, hear" {
        return Ok(Outcome::Failed(format!("{heard:?}")));
    }
    let said = datagram(speaker.id(), b"psst");
    loop {
        one.connection.send_datagram(said.clone()).map_err(|error| Error::new("send a datagram", error))?;
        if let Ok(heard) = tokio::time::timeout(DATAGRAM_PATIENCE, other.connection.read_datagram()).await {
            let heard = heard.map_err(|error| Error::new("receive a datagram", error))?;
            return Ok(expect(heard == datagram(hearer.id(), b"psst"), format!("{heard:?}")));
        }
    }
}

pub(super) async fn a_path_without_sessions_is_404(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let mut exchange = raw.bi(&connect("webtransport", "/nowhere")).await?;
    // Its stream came with it, and is not served either.
    let mut stream = bi(&raw, exchange.id(), b"anybody?").await?;
    let status = exchange.status().await?;
    let code = stream.reset().await?;
    let right = status == 404 && [SESSION_GONE, BUFFERED_STREAM_REJECTED].contains(&code);
    Ok(expect(right, format!("{status}, stream reset with {code:#x}")))
}

pub(super) async fn sessions_over_the_limit_are_rejected(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let mut sessions = Vec::new();
    for _ in 0..64 {
        sessions.push(raw.session("/echo").await?);
    }
    let code = raw.bi(&connect("webtransport", "/echo")).await?.reset().await?;
    if code != H3_REQUEST_REJECTED {
        return Ok(Outcome::Failed(format!("{code:#x}")));
    }
    let mut last = sessions.pop().expect("there are 64");
    last.finish(b"").await?;
    last.read_to_end().await?;
    let again = raw.session("/echo").await?;
    Ok(expect(echoes(&raw, again.id(), b"room again").await?, "the next session does not echo"))
}

pub(super) async fn a_session_that_the_client_closes_takes_its_streams_with_it(
    target: Target,
) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let mut session = raw.session("/echo").await?;
    let mut stream = bi(&raw, session.id(), b"x").await?;
    let mut byte = [0; 1];
    stream.recv.read_exact(&mut byte).await.map_err(|error| Error::new("read", error))?;
    let close = frame(CLOSE_SESSION, &[&7u32.to_be_bytes()[..], b"bye"].concat());
    session.finish(&frame(DATA, &close)).await?;
    let code = stream.reset().await?;
    let stopped = stream.send.stopped().await.map_err(|error| Error::new("wait to be stopped", error))?;
    let stopped = stopped.map(VarInt::into_inner);
    // The server ends its side too.
    session.read_to_end().await?;
    Ok(expect(code == SESSION_GONE && stopped == Some(SESSION_GONE), format!("{code:#x} {stopped:x?}")))
}

pub(super) async fn a_session_ends_with_its_stream(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let mut session = raw.session("/echo").await?;
    let mut stream = bi(&raw, session.id(), b"x").await?;
    session.send.reset(VarInt::from_u32(0x10c)).map_err(|error| Error::new("reset", error))?;
    let code = stream.reset().await?;
    if code != SESSION_GONE {
        return Ok(Outcome::Failed(format!("{code:#x}")));
    }
    let code = bi(&raw, session.id(), b"late").await?.reset().await?;
    Ok(expect(code == SESSION_GONE, format!("a late stream: {code:#x}")))
}

pub(super) async fn what_comes_before_its_session_waits_for_it(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    // The number is taken, and nothing sent: the stream arrives before its session does.
    let mut session = raw.bi(b"").await?;
    let mut stream = bi(&raw, session.id(), b"").await?;
    stream.finish(b"early").await?;
    // An answer shows that the server has seen it.
    let request = [(":method", "GET"), (":scheme", "https"), (":authority", "l"), (":path", "/")];
    raw.bi(&super::raw::headers(&request)).await?.status().await?;
    session.write(&connect("webtransport", "/echo")).await?;
    let back = stream.read_to_end().await?;
    Ok(expect(back == b"early", format!("{back:?}")))
}

pub(super) async fn streams_that_wait_for_a_session_are_bounded(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let session = raw.bi(b"").await?;
    let mut streams = Vec::new();
    for _ in 0..60 {
        streams.push(bi(&raw, session.id(), b"wait").await?);
    }
    let mut last = streams.pop().expect("there are 60");
    let code = last.reset().await?;
    if code != BUFFERED_STREAM_REJECTED {
        return Ok(Outcome::Failed(format!("{code:#x}")));
    }
    target.serves_others().await
}

pub(super) async fn datagrams_that_wait_for_a_session_are_bounded(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let mut session = raw.bi(b"").await?;
    for _ in 0..500 {
        let sent = raw.connection.send_datagram_wait(datagram(session.id(), b"early")).await;
        sent.map_err(|error| Error::new("send a datagram", error))?;
    }
    // An answer shows that the server has seen those that were not lost.
    let request = [(":method", "GET"), (":scheme", "https"), (":authority", "l"), (":path", "/")];
    raw.bi(&super::raw::headers(&request)).await?.status().await?;
    session.write(&connect("webtransport", "/echo")).await?;
    session.status().await?;
    // They come back in their order, before any that is sent now.
    let last = datagram(session.id(), b"last");
    let mut waited = 0;
    loop {
        raw.connection.send_datagram(last.clone()).map_err(|error| Error::new("send a datagram", error))?;
        match tokio::time::timeout(DATAGRAM_PATIENCE, raw.connection.read_datagram()).await {
            Ok(Ok(back)) if back == last => break,
            Ok(Ok(_)) => waited += 1,
            Ok(Err(error)) => return Err(Error::new("receive a datagram", error)),
            Err(_) => {}
        }
    }
    Ok(expect((1..=64).contains(&waited), format!("{waited} of 500 waited")))
}

pub(super) async fn streams_for_no_session_are_refused(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let request = [(":method", "GET"), (":scheme", "https"), (":authority", "l"), (":path", "/")];
    let mut get = raw.bi(&super::raw::headers(&request)).await?;
    get.status().await?;
    let code = bi(&raw, get.id(), b"to a page").await?.reset().await?;
    Ok(expect(code == SESSION_GONE, format!("{code:#x}")))
}

pub(super) async fn a_number_that_is_no_session_s_closes_the_connection(target: Target) -> Result<Outcome, Error> {
    for number in [1, 2, 3] {
        let raw = Raw::new(target).await?;
        let _stream = bi(&raw, number, b"x").await?;
        let code = raw.closed().await?;
        if code != H3_ID_ERROR {
            return Ok(Outcome::Failed(format!("{number}: {code:#x}")));
        }
    }
    let raw = Raw::new(target).await?;
    let _stream = raw.uni(&varints(&[UNI, 7])).await?;
    let code = raw.closed().await?;
    Ok(expect(code == H3_ID_ERROR, format!("unidirectional: {code:#x}")))
}

pub(super) async fn a_malformed_capsule_ends_the_session(target: Target) -> Result<Outcome, Error> {
    let capsules: [(&str, Vec<u8>, bool); 5] = [
        ("a close without its code", frame(CLOSE_SESSION, b"abc"), false),
        ("a close with a reason that is too long", frame(CLOSE_SESSION, &[b'x'; 1029]), false),
        ("a close with a reason that is no text", frame(CLOSE_SESSION, &[0, 0, 0, 0, 0xff]), false),
        ("data behind a close", [frame(CLOSE_SESSION, &[0; 4]), frame(CLOSE_SESSION, &[0; 4])].concat(), false),
        ("a capsule that is cut off", varints(&[CLOSE_SESSION, 4]), true),
    ];
    for (what, capsule, end) in capsules {
        let raw = Raw::new(target).await?;
        let mut session = raw.session("/echo").await?;
        session.write(&frame(DATA, &capsule)).await?;
        if end {
            session.finish(b"").await?;
        }
        let code = session.reset().await?;
        if code != H3_MESSAGE_ERROR {
            return Ok(Outcome::Failed(format!("{what}: {code:#x}")));
        }
    }
    Ok(Outcome::Passed)
}

pub(super) async fn unknown_capsules_are_passed_over(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let mut session = raw.session("/echo").await?;
    let id = session.id();
    session.write(&frame(DATA, &[frame(0x21, &[7; 5000]), frame(0, b"in a capsule")].concat())).await?;
    // A datagram in a capsule is a datagram (RFC 9297, section 3.5), and reliable.
    let received = raw.connection.read_datagram().await.map_err(|error| Error::new("receive a datagram", error))?;
    let right = received == datagram(id, b"in a capsule") && echoes(&raw, id, b"and on").await?;
    Ok(expect(right, format!("{received:?}")))
}

pub(super) async fn datagrams_for_nobody_are_dropped(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let session = raw.session("/echo").await?;
    for nobody in [4000, 4, (1 << 60) - 4] {
        for _ in 0..100 {
            let sent = raw.connection.send_datagram(datagram(nobody, b"hello?"));
            sent.map_err(|error| Error::new("send a datagram", error))?;
        }
    }
    datagram_answer(&raw, &datagram(session.id(), b"x"), &datagram(session.id(), b"x")).await?;
    // Without a whole number it is no HTTP datagram (RFC 9297, section 2.1); nor with one that is too large.
    for wrong in [&b""[..], b"\x40", &varints(&[1 << 60])] {
        let raw = Raw::new(target).await?;
        let code = loop {
            let sent = raw.connection.send_datagram(Bytes::copy_from_slice(wrong));
            if let Ok(code) = tokio::time::timeout(DATAGRAM_PATIENCE, raw.closed()).await {
                break code?;
            }
            sent.map_err(|error| Error::new("send a datagram", error))?;
        };
        if code != H3_DATAGRAM_ERROR {
            return Ok(Outcome::Failed(format!("{wrong:?}: {code:#x}")));
        }
    }
    Ok(Outcome::Passed)
}

pub(super) async fn a_stream_reset_with_a_code_is_reset_with_it(target: Target) -> Result<Outcome, Error> {
    let raw = Raw::new(target).await?;
    let session = raw.session("/echo").await?;
    let mut stream = bi(&raw, session.id(), b"x").await?;
    let mut byte = [0; 1];
    stream.recv.read_exact(&mut byte).await.map_err(|error| Error::new("read", error))?;
    // The application's code 42 (draft-ietf-webtrans-http3, section 4.4).
    let code = 0x52e4_a40f_a8db + 42 + 42 / 0x1e;
    let reset = VarInt::from_u64(code).expect("the code is below 2^62");
    stream.send.reset(reset).map_err(|error| Error::new("reset", error))?;
    let seen = stream.reset().await?;
    Ok(expect(seen == code, format!("{seen:#x}")))
}
