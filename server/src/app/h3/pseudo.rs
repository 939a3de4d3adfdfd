//! The pseudo-headers of a request: which there are, once each, and before the other fields (RFC 9114, section 4.3). h3 0.0.8
//! takes them in any order, those of answers too, and the last of several: whoever passes such a request on would be passing on
//! another one than was checked.

use super::lines::{Encoded, Name, Text, lines};
use super::protocol::NAME as PROTOCOL;

const AUTHORITY: Text = Text { plain: b":authority", huffman: &[0xb8, 0x3b, 0x53, 0x39, 0xec, 0x32, 0x7d, 0x7f] };
const METHOD: Text = Text { plain: b":method", huffman: &[0xb9, 0x49, 0x53, 0x39, 0xe4] };
const PATH: Text = Text { plain: b":path", huffman: &[0xb9, 0x58, 0xd3, 0x3f] };
const SCHEME: Text = Text { plain: b":scheme", huffman: &[0xb8, 0x82, 0x4e, 0x5a, 0x4b] };

/// What a line is, to a bit of its own for each pseudo-header.
enum Kind {
    Pseudo(u8),
    /// One that no request has.
    Unknown,
    Field,
}

fn kind(name: &Name<'_>) -> Kind {
    match name {
        // RFC 9204, appendix A.
        Name::Static(0) => Kind::Pseudo(1),
        Name::Static(1) => Kind::Pseudo(2),
        Name::Static(15..=21) => Kind::Pseudo(4),
        Name::Static(22..=23) => Kind::Pseudo(8),
        // `:status`.
        Name::Static(24..=28 | 63..=71) => Kind::Unknown,
        Name::Static(_) => Kind::Field,
        Name::Literal(name) => literal(name),
    }
}

fn literal(name: &Encoded<'_>) -> Kind {
    let known = [&AUTHORITY, &PATH, &METHOD, &SCHEME, &PROTOCOL];
    match known.iter().position(|text| name.is(text)) {
        Some(index) => Kind::Pseudo(1 << index),
        None if name.is_pseudo() => Kind::Unknown,
        None => Kind::Field,
    }
}

/// Whether the pseudo-headers of a request's field section may stand as they do. What can't be read is left to h3.
pub(super) fn are_in_order(section: &[u8]) -> bool {
    let (mut seen, mut fields) = (0, false);
    for line in lines(section) {
        match kind(&line.name) {
            Kind::Pseudo(bit) if fields || seen & bit != 0 => return false,
            Kind::Pseudo(bit) => seen |= bit,
            Kind::Unknown => return false,
            Kind::Field => fields = true,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_order(lines: &[&[u8]]) -> bool {
        are_in_order(&[b"\0\0", &lines.concat()[..]].concat())
    }

    /// A line with a literal name and an empty value.
    fn line(name: &[u8], huffman: bool) -> Vec<u8> {
        let (flags, length) = (0x20 | u8::from(huffman) << 3, name.len() as u8);
        let length = if length < 7 { vec![flags | length] } else { vec![flags | 7, length - 7] };
        [&length, name, &[0]].concat()
    }

    #[test]
    fn each_stands_once_and_before_the_fields() {
        // :method GET, :path /, :scheme https, of the static table; accept */* of it too.
        let (get, root, https, accept) = (&[0xd1], &[0xc1], &[0xd7], &[0xdd]);
        assert!(in_order(&[get, root, https, b"\x50\x01l", accept, b"\x21a\x01b"]));
        assert!(!in_order(&[get, root, https, root]));
        assert!(!in_order(&[get, accept, root]));
        assert!(!in_order(&[get, b"\x21a\x01b", root]));
        // :status 200, and names that there are not.
        assert!(!in_order(&[get, &[0xd9]]));
        assert!(!in_order(&[get, b"\x22:a\x01b"]));
        assert!(!in_order(&[get, b"\x2a\xb8\xff\x00"]));
    }

    #[test]
    fn a_name_is_the_same_however_it_is_encoded() {
        for (index, name) in [(0, &AUTHORITY), (1, &PATH), (15, &METHOD), (22, &SCHEME)] {
            let of_table = vec![0xc0 | index];
            let (plain, huffman) = (line(name.plain, false), line(name.huffman, true));
            for [one, other] in [[&of_table, &huffman], [&plain, &of_table], [&huffman, &plain]] {
                assert!(in_order(&[one]) && in_order(&[other]) && !in_order(&[one, other]), "{index}");
            }
        }
        assert!(!in_order(&[&line(PROTOCOL.plain, false), &line(PROTOCOL.huffman, true)]));
    }
}
