//! HTTP/3 by the byte on a quinn connection, for what no well-behaved client sends. It decodes just enough of an answer
//! to tell its status.

use std::time::Duration;

use quinn::{RecvStream, SendStream, VarInt};
use quinn_proto::coding::Codec;

use super::Target;
use crate::Error;
pub(super) use crate::initial::varints;

/// How long something that has to come may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) const DATA: u64 = 0x0;
pub(super) const HEADERS: u64 = 0x1;
pub(super) const SETTINGS: u64 = 0x4;
const EXTENDED_CONNECT: u64 = 0x8;
const H3_DATAGRAM: u64 = 0x33;
const WEBTRANSPORT: u64 = 0x2b60_3742;

/// A frame or a capsule.
pub(super) fn frame(kind: u64, payload: &[u8]) -> Vec<u8> {
    [varints(&[kind, payload.len() as u64]), payload.to_vec()].concat()
}

/// A field section of literal lines without Huffman's code (RFC 9204, section 4.5.6), in a HEADERS frame.
pub(super) fn headers(lines: &[(&str, &str)]) -> Vec<u8> {
    let mut section = vec![0, 0];
    for (name, value) in lines {
        integer(&mut section, 0x20, 3, name.len());
        section.extend_from_slice(name.as_bytes());
        integer(&mut section, 0, 7, value.len());
        section.extend_from_slice(value.as_bytes());
    }
    frame(HEADERS, &section)
}

fn integer(out: &mut Vec<u8>, flags: u8, prefix: u32, value: usize) {
    let mask = (1usize << prefix) - 1;
    if value < mask {
        return out.push(flags | value as u8);
    }
    out.push(flags | mask as u8);
    let mut left = value - mask;
    while left >= 0x80 {
        out.push(0x80 | (left & 0x7f) as u8);
        left >>= 7;
    }
    out.push(left as u8);
}

/// An extended CONNECT.
pub(super) fn connect(protocol: &str, path: &str) -> Vec<u8> {
    headers(&[
        (":method", "CONNECT"),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", path),
        (":protocol", protocol),
    ])
}

/// A connection on which only what a case sends is sent, behind the settings.
pub(super) struct Raw {
    pub(super) connection: quinn::Connection,
    /// Not to be closed.
    control: SendStream,
}

impl Raw {
    pub(super) async fn new(target: Target) -> Result<Self, Error> {
        let settings = varints(&[EXTENDED_CONNECT, 1, H3_DATAGRAM, 1, WEBTRANSPORT, 1]);
        let mut raw = Self::with_control(target, &frame(SETTINGS, &settings)).await?;
        raw.say(&[]).await?;
        Ok(raw)
    }

    /// With something else on the control stream.
    pub(super) async fn with_control(target: Target, bytes: &[u8]) -> Result<Self, Error> {
        let connection = target.client()?.connect(target.server, &[b"h3"]).await?;
        let control = uni(&connection, &[&varints(&[0]), bytes].concat()).await?;
        Ok(Self { connection, control })
    }

    /// More on the control stream.
    pub(super) async fn say(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.control.write_all(bytes).await.map_err(|error| Error::new("write to the control stream", error))
    }

    pub(super) fn end_control(&mut self) {
        // The case looks at what the server makes of it.
        let _ = self.control.finish();
    }

    pub(super) async fn uni(&self, bytes: &[u8]) -> Result<SendStream, Error> {
        uni(&self.connection, bytes).await
    }

    pub(super) async fn bi(&self, bytes: &[u8]) -> Result<Exchange, Error> {
        let opened = self.connection.open_bi().await;
        let (mut send, recv) = opened.map_err(|error| Error::new("open a stream", error))?;
        // The server may have stopped it, which the case looks at.
        let _ = send.write_all(bytes).await;
        Ok(Exchange { send, recv })
    }

    /// A session, its CONNECT answered with 200.
    pub(super) async fn session(&self, path: &str) -> Result<Exchange, Error> {
        let mut exchange = self.bi(&connect("webtransport", path)).await?;
        match exchange.status().await? {
            200 => Ok(exchange),
            status => Err(Error::new(format!("CONNECT {path}"), status)),
        }
    }

    /// The code that the server closes the connection with; an error if it does not.
    pub(super) async fn closed(&self) -> Result<u64, Error> {
        match tokio::time::timeout(PATIENCE, self.connection.closed()).await {
            Ok(quinn::ConnectionError::ApplicationClosed(close)) => Ok(close.error_code.into_inner()),
            Ok(error) => Err(Error::new("wait for the server to close the connection", error)),
            Err(_) => Err(Error::new("wait for the server to close the connection", "it stays open")),
        }
    }
}

async fn uni(connection: &quinn::Connection, bytes: &[u8]) -> Result<SendStream, Error> {
    let mut send = connection.open_uni().await.map_err(|error| Error::new("open a stream", error))?;
    // The server may have stopped it, which the case looks at.
    let _ = send.write_all(bytes).await;
    Ok(send)
}

/// A bidirectional stream.
pub(super) struct Exchange {
    pub(super) send: SendStream,
    pub(super) recv: RecvStream,
}

impl Exchange {
    pub(super) fn id(&self) -> u64 {
        self.send.id().into()
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.send.write_all(bytes).await.map_err(|error| Error::new("write", error))
    }

    /// As [`write`](Self::write), and then no more.
    pub(super) async fn finish(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.write(bytes).await?;
        self.send.finish().map_err(|error| Error::new("finish", error))
    }

    pub(super) async fn read_to_end(&mut self) -> Result<Vec<u8>, Error> {
        self.recv.read_to_end(1 << 20).await.map_err(|error| Error::new("read", error))
    }

    /// The code that the server resets the stream with; an error if it does not.
    pub(super) async fn reset(&mut self) -> Result<u64, Error> {
        match tokio::time::timeout(PATIENCE, self.recv.read_to_end(1 << 20)).await {
            Ok(Err(quinn::ReadToEndError::Read(quinn::ReadError::Reset(code)))) => Ok(code.into_inner()),
            Ok(other) => Err(Error::new("wait for the server to reset the stream", format!("{other:?}"))),
            Err(_) => Err(Error::new("wait for the server to reset the stream", "nothing comes")),
        }
    }

    /// The next frame.
    pub(super) async fn frame(&mut self) -> Result<(u64, Vec<u8>), Error> {
        let kind = self.varint().await?;
        let mut payload = vec![0; self.varint().await? as usize];
        self.recv.read_exact(&mut payload).await.map_err(|error| Error::new("read a frame", error))?;
        Ok((kind, payload))
    }

    async fn varint(&mut self) -> Result<u64, Error> {
        let mut bytes = [0; 8];
        let failed = |error| Error::new("read a frame", error);
        self.recv.read_exact(&mut bytes[..1]).await.map_err(failed)?;
        let length = 1 << (bytes[0] >> 6);
        self.recv.read_exact(&mut bytes[1..length]).await.map_err(failed)?;
        Ok(VarInt::decode(&mut &bytes[..length]).expect("the length fits the first byte").into_inner())
    }

    /// The status of the answer. Frames before it are passed over.
    pub(super) async fn status(&mut self) -> Result<u16, Error> {
        loop {
            let (kind, section) = tokio::time::timeout(PATIENCE, self.frame())
                .await
                .map_err(|_| Error::new("wait for an answer", "nothing comes"))??;
            if kind == HEADERS {
                let status = status(section.get(2..).unwrap_or_default());
                return status.ok_or_else(|| Error::new("read the status of an answer", format!("{section:02x?}")));
            }
        }
    }
}

/// The entries of QPACK's static table that hold a status (RFC 9204, appendix A).
const STATIC: [(u8, u16); 14] = [
    (24, 103),
    (25, 200),
    (26, 304),
    (27, 404),
    (28, 503),
    (63, 100),
    (64, 204),
    (65, 206),
    (66, 302),
    (67, 400),
    (68, 403),
    (69, 421),
    (70, 425),
    (71, 500),
];

/// The status that a field section begins with, as this server encodes it: indexed, or a literal under a static name.
fn status(section: &[u8]) -> Option<u16> {
    let (&first, rest) = section.split_first()?;
    if first & 0xc0 == 0xc0 {
        let index = if first & 0x3f == 0x3f { 0x3f + rest.first()? } else { first & 0x3f };
        return STATIC.iter().find(|(known, _)| *known == index).map(|(_, status)| *status);
    }
    let mut value = if first & 0x0f == 0x0f { rest.get(1..)? } else { rest };
    let huffman = value.first()? & 0x80 != 0;
    let length = usize::from(value.first()? & 0x7f);
    value = value.get(1..1 + length)?;
    if !huffman {
        return std::str::from_utf8(value).ok()?.parse().ok();
    }
    // Digits: 0 to 2 have five bits, the others six that begin at 0x19 (RFC 7541, appendix B).
    let bits: Vec<u8> = value.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let number = |bits: &[u8]| bits.iter().fold(0u16, |number, bit| number << 1 | u16::from(*bit));
    let (mut status, mut at) = (0, 0);
    for _ in 0..3 {
        let short = number(bits.get(at..at + 5)?);
        let digit = if short < 3 { short } else { number(bits.get(at..at + 6)?) - 0x19 + 3 };
        at += if short < 3 { 5 } else { 6 };
        status = status * 10 + digit;
    }
    Some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_in_each_of_its_encodings() {
        assert_eq!(status(&[0xd9]), Some(200));
        assert_eq!(status(&[0xff, 0x07]), Some(425));
        assert_eq!(status(b"\x5f\x09\x03501"), Some(501));
        // "501" in Huffman's code: 011011 00000 00001.
        assert_eq!(status(&[0x5f, 0x09, 0x82, 0b0110_1100, 0b0000_0001]), Some(501));
    }
}
