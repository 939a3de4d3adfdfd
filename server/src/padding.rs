//! Takes the PADDING off the end of packets before quinn-proto reads their frames.
//!
//! quinn-proto 0.11 reads PADDING (RFC 9000, section 19.1) like any other frame, a byte at a time, which natively takes 10 to
//! 20 ns each. Every client's first packet has hundreds of them, as its datagram must have 1200 bytes (section 14.1), and
//! a client that looks for how large its datagrams may be sends nearly nothing else. They mean nothing, so they can go as
//! soon as the packet is decrypted.

use bytes::BytesMut;
use quinn_proto::crypto::{CryptoError, KeyPair, Keys, PacketKey};

/// Types of frames (RFC 9000, section 19, and draft-ietf-quic-ack-frequency).
const PADDING: u8 = 0x00;
const PING: u8 = 0x01;
const ACK: u8 = 0x02;
const ACK_ECN: u8 = 0x03;
const CRYPTO: u8 = 0x06;
const IMMEDIATE_ACK: u8 = 0x1f;

/// Less is not worth a look.
const LEAST: [u8; 16] = [PADDING; 16];

/// Keys whose packets come without their padding.
pub(crate) fn without(Keys { header, packet }: Keys) -> Keys {
    Keys { header, packet: without_in(packet) }
}

/// The same for the keys of packets alone.
pub(crate) fn without_in(KeyPair { local, remote }: KeyPair<Box<dyn PacketKey>>) -> KeyPair<Box<dyn PacketKey>> {
    KeyPair { local, remote: Box::new(Unpadding(remote)) }
}

struct Unpadding(Box<dyn PacketKey>);

impl PacketKey for Unpadding {
    fn encrypt(&self, packet: u64, buf: &mut [u8], header_len: usize) {
        self.0.encrypt(packet, buf, header_len);
    }

    fn decrypt(&self, packet: u64, header: &[u8], payload: &mut BytesMut) -> Result<(), CryptoError> {
        self.0.decrypt(packet, header, payload)?;
        if let Some(length) = unpadded(payload) {
            payload.truncate(length);
        }
        Ok(())
    }

    fn tag_len(&self) -> usize {
        self.0.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.0.confidentiality_limit()
    }

    fn integrity_limit(&self) -> u64 {
        self.0.integrity_limit()
    }
}

/// The length of a packet's frames without the PADDING at the end. None: nothing can be said to be that.
///
/// Zeros at the end may also be data, of a stream say, so the frames before them are read: those that come in packets with
/// much padding. With any other one the packet stays as it is.
fn unpadded(payload: &[u8]) -> Option<usize> {
    if !payload.ends_with(&LEAST) {
        return None;
    }
    let end = payload.iter().rposition(|&byte| byte != PADDING).map_or(0, |last| last + 1);
    let mut rest = payload;
    while rest.len() > payload.len() - end {
        let (&kind, body) = rest.split_first()?;
        rest = match kind {
            PADDING | PING | IMMEDIATE_ACK => body,
            ACK | ACK_ECN => ack(kind, body)?,
            CRYPTO => {
                let (_offset, body) = number(body)?;
                let (length, body) = number(body)?;
                body.get(usize::try_from(length).ok()?..)?
            }
            _ => return None,
        };
    }
    // What belongs to the last frame may be zero. A packet without any frame would be an error.
    Some((payload.len() - rest.len()).max(1))
}

/// What follows the body of an ACK frame (RFC 9000, section 19.3).
fn ack(kind: u8, body: &[u8]) -> Option<&[u8]> {
    let (_largest, body) = number(body)?;
    let (_delay, body) = number(body)?;
    let (ranges, mut body) = number(body)?;
    // The first range, and a gap and a length for each other one. A number has a byte at least.
    let ranges = usize::try_from(ranges).ok().filter(|&ranges| ranges <= body.len())?;
    let counts = if kind == ACK_ECN { 3 } else { 0 };
    for _ in 0..1 + 2 * ranges + counts {
        (_, body) = number(body)?;
    }
    Some(body)
}

/// A variable-length integer (RFC 9000, section 16), and what follows it.
fn number(data: &[u8]) -> Option<(u64, &[u8])> {
    let (bytes, rest) = data.split_at_checked(1 << (data.first()? >> 6))?;
    let value = bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
    Some((value & (u64::MAX >> (64 - 8 * bytes.len() + 2)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(frames: &[u8]) -> Vec<u8> {
        [frames, &[0; 900]].concat()
    }

    #[test]
    fn the_frames_stay() {
        // largest 300, delay 64, two more ranges, first 1, then 0, 2, 3, 4.
        let ack = b"\x02\x41\x2c\x40\x40\x02\x01\x00\x02\x03\x04";
        let ecn = [b"\x03", &ack[1..], b"\x05\x00\x00"].concat();
        for frames in [
            b"\x01".to_vec(),
            b"\x01\x1f".to_vec(),
            ack.to_vec(),
            ecn.clone(),
            // offset 0, five bytes; the last ones are zero, and so is the last count of the other.
            b"\x06\x00\x05abc\0\0".to_vec(),
            b"\x06\x40\x00\x80\x00\x00\x02ab".to_vec(),
            [&ecn[..], b"\x06\x00\x03abc"].concat(),
            // Padding between frames, as Chromium has it.
            b"\x06\x00\x01a\0\0\0\x01\x06\x01\x01b".to_vec(),
        ] {
            assert_eq!(unpadded(&padded(&frames)), Some(frames.len()), "{frames:x?}");
            assert_eq!(unpadded(&frames), None, "{frames:x?}");
        }
    }

    #[test]
    fn padding_alone_is_one_frame_of_it() {
        assert_eq!(unpadded(&padded(b"")), Some(1));
    }

    #[test]
    fn zeros_that_may_be_data_stay() {
        for frames in [
            // STREAM 4 to the end of the packet; DATAGRAM to the end.
            &b"\x08\x04"[..],
            b"\x01\x08\x04",
            b"\x30",
            // Cut off: a CRYPTO frame longer than the packet, numbers of ranges that are not there.
            b"\x06\x00\x44\x00",
            b"\x02\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            assert_eq!(unpadded(&padded(frames)), None, "{frames:x?}");
        }
        // All of the CRYPTO frame, which ends with the packet.
        let crypto = padded(b"\x06\x00\x43\x84");
        assert_eq!(unpadded(&crypto), Some(crypto.len()));
    }

    #[test]
    fn a_number_has_a_byte_to_eight() {
        assert_eq!(number(b"\x25a"), Some((37, &b"a"[..])));
        assert_eq!(number(b"\x7b\xbd"), Some((15_293, &b""[..])));
        assert_eq!(number(b"\x9d\x7f\x3e\x7d"), Some((494_878_333, &b""[..])));
        assert_eq!(number(b"\xc2\x19\x7c\x5e\xff\x14\xe8\x8c"), Some((151_288_809_941_952_652, &b""[..])));
        assert_eq!(number(b"\xc2\x19"), None);
        assert_eq!(number(b""), None);
    }
}
