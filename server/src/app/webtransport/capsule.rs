//! Capsules (RFC 9297, section 3.2) of a WebTransport session's CONNECT stream. Sans-I/O: bytes in, capsules out; what
//! is of no use here passes by without being kept.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use quinn_proto::VarInt;
use quinn_proto::coding::Codec;

/// RFC 9297, section 3.5.
const DATAGRAM: u64 = 0x00;
/// draft-ietf-webtrans-http3, section 6.
const CLOSE_SESSION: u64 = 0x2843;
/// The longest reason of a close, in bytes (same section).
pub(super) const MAX_REASON: usize = 1024;
/// The largest datagram taken from a capsule: no packet carries a larger one.
const MAX_DATAGRAM: u64 = 65_535;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Capsule {
    Datagram(Bytes),
    Close { code: u32, reason: String },
}

/// A capsule breaks its own rules, or the stream ends inside one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

#[derive(Debug, Default)]
pub(super) struct Capsules {
    buffer: BytesMut,
    /// Bytes that are left of a capsule that is dropped.
    skip: u64,
}

impl Capsules {
    /// Takes more of the stream.
    pub(super) fn push(&mut self, mut data: impl Buf) {
        // What is dropped is never copied, however long it is.
        let skipped = data.remaining().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        data.advance(skipped);
        self.skip -= skipped as u64;
        self.buffer.put(data);
    }

    /// The next capsule that is here whole.
    pub(super) fn next(&mut self) -> Result<Option<Capsule>, Malformed> {
        loop {
            let mut bytes = &self.buffer[..];
            let (Ok(kind), Ok(length)) = (VarInt::decode(&mut bytes), VarInt::decode(&mut bytes)) else {
                return Ok(None);
            };
            let (kind, length) = (kind.into_inner(), length.into_inner());
            let header = self.buffer.len() - bytes.len();
            let kept = match kind {
                CLOSE_SESSION if !(4..=4 + MAX_REASON as u64).contains(&length) => return Err(Malformed),
                CLOSE_SESSION => true,
                DATAGRAM => length <= MAX_DATAGRAM,
                _ => false,
            };
            if !kept {
                self.buffer.advance(header);
                let here = self.buffer.len().min(usize::try_from(length).unwrap_or(usize::MAX));
                self.buffer.advance(here);
                self.skip = length - here as u64;
                continue;
            }
            let length = length as usize;
            if bytes.len() < length {
                return Ok(None);
            }
            self.buffer.advance(header);
            let mut value = self.buffer.split_to(length).freeze();
            if kind == DATAGRAM {
                return Ok(Some(Capsule::Datagram(value)));
            }
            let code = value.get_u32();
            let reason = String::from_utf8(value.into()).map_err(|_| Malformed)?;
            return Ok(Some(Capsule::Close { code, reason }));
        }
    }

    /// At the stream's end: whether it ended between capsules.
    pub(super) fn is_complete(&self) -> bool {
        self.buffer.is_empty() && self.skip == 0
    }
}

/// A capsule that closes a session. The reason is cut to its longest, between characters.
pub(super) fn close(code: u32, reason: &str) -> Bytes {
    let end = (0..=reason.len().min(MAX_REASON)).rfind(|&end| reason.is_char_boundary(end));
    let reason = &reason[..end.expect("0 is a boundary")];
    let mut capsule = BytesMut::new();
    VarInt::from_u32(CLOSE_SESSION as u32).encode(&mut capsule);
    VarInt::from_u32(4 + reason.len() as u32).encode(&mut capsule);
    capsule.put_u32(code);
    capsule.put_slice(reason.as_bytes());
    capsule.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The capsules of `input`, given in pieces of `size` bytes, and whether it ended between two.
    fn read(input: &[u8], size: usize) -> Result<(Vec<Capsule>, bool), Malformed> {
        let mut capsules = Capsules::default();
        let mut found = Vec::new();
        for chunk in input.chunks(size) {
            capsules.push(chunk);
            while let Some(capsule) = capsules.next()? {
                found.push(capsule);
            }
        }
        Ok((found, capsules.is_complete()))
    }

    #[test]
    fn capsules_are_read_however_they_arrive_and_unknown_ones_dropped() {
        let input = [b"\x21\x05drops\x00\x02hi".as_slice(), &close(7, "bye"), b"\x21\x00"].concat();
        let expected = [Capsule::Datagram(Bytes::from_static(b"hi")), Capsule::Close { code: 7, reason: "bye".into() }];
        for size in 1..input.len() {
            let (found, complete) = read(&input, size).unwrap();
            assert!(found == expected && complete, "{size}");
        }
    }

    #[test]
    fn a_capsule_that_is_dropped_costs_no_memory_of_its_size() {
        let mut capsules = Capsules::default();
        // 2^30 bytes of an unknown type.
        capsules.push(&b"\x21\xc0\0\0\0\x40\0\0\0"[..]);
        for _ in 0..100 {
            capsules.push(&[0; 10_000][..]);
            assert_eq!(capsules.next(), Ok(None));
            assert_eq!(capsules.buffer.len(), 0);
        }
        assert!(!capsules.is_complete());
    }

    #[test]
    fn a_close_has_a_code_and_at_most_1024_bytes_of_utf8() {
        assert_eq!(read(b"\x68\x43\x03abc", 99), Err(Malformed));
        assert_eq!(read(b"\x68\x43\x44\x05", 99), Err(Malformed));
        assert_eq!(read(b"\x68\x43\x05\0\0\0\x01\xff", 99), Err(Malformed));
        assert!(!read(b"\x68\x43\x05\0\0\0\x01", 99).unwrap().1);
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        let long = "é".repeat(600);
        let (found, _) = read(&close(1, &long), 4096).unwrap();
        assert_eq!(found, [Capsule::Close { code: 1, reason: "é".repeat(512) }]);
    }
}
