//! The frames of the gateway protocol (docs/gateway.md) as bytes. Sans-I/O: it knows their layout, and nothing of what may
//! come when.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes before the payload: type, length of the payload, number of the exchange.
const HEADER: usize = 12;
/// The largest payload taken. A header section has at most 16 KiB, which JSON makes six times as long at worst.
pub(super) const MAX_PAYLOAD: usize = 256 << 10;
/// The largest piece of data put into one frame.
pub(super) const MAX_DATA: usize = 64 << 10;

/// In the first byte of a message's part: it is the last one, and it is text.
pub(super) const LAST: u8 = 1;
pub(super) const TEXT: u8 = 2;

/// A frame with the number of the exchange that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) id: u64,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first frame in each direction: JSON.
    Hello(Bytes),
    /// Begins an exchange: JSON.
    Open(Bytes),
    /// The head of an answer: JSON.
    Head(Bytes),
    Data(Bytes),
    /// The sender's data is complete; behind it may be trailer fields: JSON, or nothing.
    End(Bytes),
    /// The sender's data breaks off.
    Reset(u32),
    /// The sender wants no more data.
    Stop(u32),
    /// So many more bytes may be sent to the sender of this.
    Credit(u32),
    Datagram(Bytes),
    /// A message of a WebSocket, or a part of one: what it is in the first byte, then its bytes.
    Message(Bytes),
    /// The session is over.
    Close(Close),
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) clean: bool,
    pub(super) code: u32,
    pub(super) reason: String,
}

/// What came is no frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) String);

impl Frame {
    /// Appends the frame.
    ///
    /// # Panics
    ///
    /// When the payload has more than 2^24 - 1 bytes.
    pub(super) fn encode(&self, out: &mut BytesMut) {
        let (kind, length) = match &self.kind {
            Kind::Hello(data) => (0, data.len()),
            Kind::Open(data) => (1, data.len()),
            Kind::Head(data) => (2, data.len()),
            Kind::Data(data) => (3, data.len()),
            Kind::End(trailers) => (4, trailers.len()),
            Kind::Reset(_) => (5, 4),
            Kind::Stop(_) => (6, 4),
            Kind::Credit(_) => (7, 4),
            Kind::Datagram(data) => (8, data.len()),
            Kind::Close(Close { reason, .. }) => (9, 5 + reason.len()),
            Kind::Message(data) => (10, data.len()),
        };
        assert!(length < 1 << 24, "a payload is shorter than 16 MiB");
        out.reserve(HEADER + length);
        out.put_u32(kind << 24 | length as u32);
        out.put_u64(self.id);
        match &self.kind {
            Kind::Hello(data)
            | Kind::Open(data)
            | Kind::Head(data)
            | Kind::Data(data)
            | Kind::End(data)
            | Kind::Datagram(data)
            | Kind::Message(data) => out.put_slice(data),
            Kind::Reset(number) | Kind::Stop(number) | Kind::Credit(number) => out.put_u32(*number),
            Kind::Close(Close { clean, code, reason }) => {
                out.put_u8((*clean).into());
                out.put_u32(*code);
                out.put_slice(reason.as_bytes());
            }
        }
    }

    /// Takes the first frame off `data`; `None` when it is not whole yet.
    ///
    /// # Errors
    ///
    /// When it is not one.
    pub(super) fn decode(data: &mut BytesMut) -> Result<Option<Self>, Malformed> {
        let Some(mut header) = data.get(..HEADER) else { return Ok(None) };
        let word = header.get_u32();
        let id = header.get_u64();
        let (kind, length) = (word >> 24, (word & 0x00ff_ffff) as usize);
        if length > MAX_PAYLOAD {
            return Err(Malformed(format!("a frame of {length} bytes, more than {MAX_PAYLOAD}")));
        }
        if data.len() < HEADER + length {
            return Ok(None);
        }
        data.advance(HEADER);
        let payload = data.split_to(length).freeze();
        let number = |mut payload: Bytes| match payload.len() {
            4 => Ok(payload.get_u32()),
            _ => Err(Malformed(format!("a frame of type {kind} with {length} bytes, not 4"))),
        };
        let kind = match kind {
            0 => Kind::Hello(payload),
            1 => Kind::Open(payload),
            2 => Kind::Head(payload),
            3 => Kind::Data(payload),
            4 => Kind::End(payload),
            5 => Kind::Reset(number(payload)?),
            6 => Kind::Stop(number(payload)?),
            7 => Kind::Credit(number(payload)?),
            8 => Kind::Datagram(payload),
            9 => Kind::Close(close(payload)?),
            10 if payload.is_empty() => return Err(Malformed("a message without its first byte".into())),
            10 => Kind::Message(payload),
            _ => return Err(Malformed(format!("a frame of the unknown type {kind}"))),
        };
        Ok(Some(Self { id, kind }))
    }
}

fn close(mut payload: Bytes) -> Result<Close, Malformed> {
    if payload.len() < 5 {
        return Err(Malformed("a close of less than 5 bytes".into()));
    }
    let clean = payload.get_u8() != 0;
    let code = payload.get_u32();
    let reason = String::from_utf8_lossy(&payload).into_owned();
    Ok(Close { clean, code, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Vec<Frame> {
        let kinds = [
            Kind::Hello("{}".into()),
            Kind::Open("{\"kind\":\"http\"}".into()),
            Kind::Head(Bytes::new()),
            Kind::Data(Bytes::from_static(&[0, 1, 255])),
            Kind::End(Bytes::new()),
            Kind::End("[[\"checksum\",\"1\"]]".into()),
            Kind::Message(Bytes::from_static(&[LAST | TEXT, b'm'])),
            Kind::Reset(7),
            Kind::Stop(u32::MAX),
            Kind::Credit(1 << 18),
            Kind::Datagram("d".into()),
            Kind::Close(Close { clean: true, code: 3, reason: "enough, é".into() }),
        ];
        kinds.into_iter().zip([0, 1, 1 << 40].into_iter().cycle()).map(|(kind, id)| Frame { id, kind }).collect()
    }

    #[test]
    fn frames_survive_however_their_bytes_are_cut() {
        let mut all = BytesMut::new();
        frames().iter().for_each(|frame| frame.encode(&mut all));
        for step in [1, 5, 13, all.len()] {
            let (mut data, mut decoded) = (BytesMut::new(), Vec::new());
            for piece in all.chunks(step) {
                data.extend_from_slice(piece);
                while let Some(frame) = Frame::decode(&mut data).unwrap() {
                    decoded.push(frame);
                }
            }
            assert_eq!(decoded, frames(), "in pieces of {step}");
            assert!(data.is_empty());
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let mut out = BytesMut::new();
        Frame { id: 0x0102, kind: Kind::Close(Close { clean: true, code: 5, reason: "no".into() }) }.encode(&mut out);
        assert_eq!(&out[..], [9, 0, 0, 7, 0, 0, 0, 0, 0, 0, 1, 2, 1, 0, 0, 0, 5, b'n', b'o']);
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        let decode = |bytes: &[u8]| Frame::decode(&mut BytesMut::from(bytes));
        let with = |kind: u8, length: u8| {
            let mut bytes = vec![kind, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, 0];
            bytes.resize(HEADER + usize::from(length), 0);
            bytes
        };
        assert!(decode(&with(11, 0)).is_err(), "an unknown type");
        assert!(decode(&with(10, 0)).is_err(), "a message too short");
        assert!(decode(&with(5, 3)).is_err(), "a number too short");
        assert!(decode(&with(7, 5)).is_err(), "a number too long");
        assert!(decode(&with(9, 4)).is_err(), "a close too short");
        assert!(decode(&[3, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_err(), "data too long, before it is here");
        assert_eq!(decode(&with(3, 1)[..12]), Ok(None));
    }
}
