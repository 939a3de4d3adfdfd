//! The `:protocol` of an extended CONNECT (RFC 9220), which h3 0.0.8 refuses unless it is one of the two it knows.
//!
//! A field section that names another one is rewritten to name `connect-udp`, and what it named is kept beside the
//! stream. Since `:protocol` is not in QPACK's static table, it is always a literal field line with a literal name (RFC 9204,
//! section 4.5.6).

use bytes::{BufMut, Bytes, BytesMut};
use quinn_proto::VarInt;
use quinn_proto::coding::Codec;

use super::lines::{Name, Text, lines};

/// The protocol of an extended CONNECT as far as this server knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    WebTransport,
    WebSocket,
    /// Answered with 501 (RFC 9220, section 3).
    Other,
}

pub(super) const NAME: Text = Text { plain: b":protocol", huffman: &[0xb9, 0x5d, 0x87, 0x49, 0xc8, 0x7a, 0x3f] };
const WEBSOCKET: Text = Text { plain: b"websocket", huffman: &[0xf0, 0x58, 0xd0, 0x72, 0x75, 0x2a, 0x7f] };
const WEBTRANSPORT: Text =
    Text { plain: b"webtransport", huffman: &[0xf0, 0x58, 0xd3, 0x60, 0xea, 0x45, 0x67, 0xb1, 0x3f] };

/// `:protocol: connect-udp`, both as they are.
const REPLACEMENT: &[u8] = b"\x27\x02:protocol\x0bconnect-udp";

/// The protocol that a HEADERS frame names, if it names one, and the frame as h3 takes it. `header` is the length of the
/// frame's type and length. A field section that can't be read is left to h3, which knows the code.
pub(super) fn read(frame: Bytes, header: usize) -> (Option<Protocol>, Bytes) {
    let section = &frame[header..];
    let Some((protocol, start, end)) = find(section) else {
        return (None, frame);
    };
    if protocol == Protocol::WebTransport {
        return (Some(protocol), frame);
    }
    let length = section.len() - (end - start) + REPLACEMENT.len();
    let mut rewritten = BytesMut::with_capacity(length + 9);
    rewritten.put_u8(1);
    VarInt::try_from(length).expect("a frame that was gathered is small").encode(&mut rewritten);
    rewritten.put_slice(&section[..start]);
    rewritten.put_slice(REPLACEMENT);
    rewritten.put_slice(&section[end..]);
    (Some(protocol), rewritten.freeze())
}

/// Where in a field section the line of `:protocol` is, and what it names.
fn find(section: &[u8]) -> Option<(Protocol, usize, usize)> {
    lines(section).find_map(|line| {
        let (Name::Literal(name), Some(value)) = (line.name, line.value) else { return None };
        let protocol = match value {
            _ if !name.is(&NAME) => return None,
            value if value.is(&WEBTRANSPORT) => Protocol::WebTransport,
            value if value.is(&WEBSOCKET) => Protocol::WebSocket,
            _ => Protocol::Other,
        };
        Some((protocol, line.start, line.end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A HEADERS frame of the lines, with `:method: CONNECT` (static index 15) before them.
    fn frame(lines: &[u8]) -> Bytes {
        let mut frame = vec![1, u8::try_from(lines.len() + 3).unwrap(), 0, 0, 0xc0 | 15];
        frame.extend_from_slice(lines);
        frame.into()
    }

    #[test]
    fn websocket_is_known_in_both_encodings_and_rewritten() {
        let plain = [b"\x27\x02:protocol\x09websocket".as_slice(), b"\x21a\x01b"].concat();
        let mut huffman = vec![0x2f, 0x00];
        huffman.extend_from_slice(NAME.huffman);
        huffman.push(0x80 | WEBSOCKET.huffman.len() as u8);
        huffman.extend_from_slice(WEBSOCKET.huffman);
        huffman.extend_from_slice(b"\x21a\x01b");
        for lines in [plain, huffman] {
            let (protocol, rewritten) = read(frame(&lines), 2);
            assert_eq!(protocol, Some(Protocol::WebSocket));
            assert_eq!(rewritten, frame(&[REPLACEMENT, b"\x21a\x01b"].concat()));
        }
    }

    #[test]
    fn webtransport_stays_and_others_are_told_apart_from_none() {
        let webtransport = frame(b"\x27\x02:protocol\x0cwebtransport");
        assert_eq!(read(webtransport.clone(), 2), (Some(Protocol::WebTransport), webtransport));
        assert_eq!(read(frame(b"\x27\x02:protocol\x0bconnect-udp"), 2).0, Some(Protocol::Other));
        assert_eq!(read(frame(b"\x27\x02:protocol\x00"), 2).0, Some(Protocol::Other));
        assert_eq!(read(frame(b"\x50\x03a:b\x21a\x01b"), 2).0, None);
    }

    #[test]
    fn a_field_section_cut_anywhere_is_left_alone() {
        let whole = frame(b"\x50\x03a:b\x27\x02:protocol\x09websocket");
        for length in 2..whole.len() {
            let cut = whole.slice(..length);
            assert_eq!(read(cut.clone(), 2), (None, cut));
        }
    }
}
