//! The lines of a field section (RFC 9204, section 4.5), as far as they can be told apart without decoding what they say.
//! The dynamic table has no room (QPACK's default), so each section stands for itself.

use bytes::Buf;

/// A string in both of its encodings (RFC 7541, appendix B, has Huffman's).
pub(super) struct Text {
    pub(super) plain: &'static [u8],
    pub(super) huffman: &'static [u8],
}

/// A string as it is encoded.
pub(super) struct Encoded<'a> {
    huffman: bool,
    bytes: &'a [u8],
}

impl Encoded<'_> {
    pub(super) fn is(&self, text: &Text) -> bool {
        self.bytes == if self.huffman { text.huffman } else { text.plain }
    }

    /// Whether it is the name of a pseudo-header: begins with a colon, in Huffman's code 1011100.
    pub(super) fn is_pseudo(&self) -> bool {
        self.bytes.first().is_some_and(|&first| if self.huffman { first >> 1 == 0b101_1100 } else { first == b':' })
    }
}

pub(super) enum Name<'a> {
    /// An entry of the static table.
    Static(usize),
    Literal(Encoded<'a>),
}

pub(super) struct Line<'a> {
    /// Where it begins and ends in the section.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) name: Name<'a>,
    /// None: that of the static table's entry.
    pub(super) value: Option<Encoded<'a>>,
}

pub(super) struct Lines<'a> {
    section: &'a [u8],
    rest: &'a [u8],
}

/// The lines of `section`, up to the first that can't be read or refers to the dynamic table: h3 knows its code.
pub(super) fn lines(section: &[u8]) -> Lines<'_> {
    let mut rest = section;
    // Required Insert Count and Base (RFC 9204, section 4.5.1).
    let prefix = integer(&mut rest, 8).and_then(|_| integer(&mut rest, 7));
    Lines { section, rest: if prefix.is_some() { rest } else { &[] } }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let start = self.section.len() - self.rest.len();
        let rest = &mut self.rest;
        let first = *rest.first()?;
        let (name, value) = if first & 0xc0 == 0xc0 {
            // Indexed field line.
            (Name::Static(integer(rest, 6)?), None)
        } else if first & 0xd0 == 0x50 {
            // Literal field line with name reference.
            (Name::Static(integer(rest, 4)?), Some(string(rest, 7)?))
        } else if first & 0xe0 == 0x20 {
            // Literal field line with literal name.
            (Name::Literal(string(rest, 3)?), Some(string(rest, 7)?))
        } else {
            return None;
        };
        Some(Line { start, end: self.section.len() - rest.len(), name, value })
    }
}

/// An integer with a prefix of so many bits (RFC 7541, section 5.1).
fn integer(input: &mut &[u8], prefix: u32) -> Option<usize> {
    let mask = (1usize << prefix) - 1;
    let mut value = usize::from(*input.first()?) & mask;
    input.advance(1);
    if value < mask {
        return Some(value);
    }
    let mut shift = 0;
    loop {
        let byte = usize::from(*input.first()?);
        input.advance(1);
        // No length of a gathered frame has more than three such bytes.
        if shift > 14 {
            return None;
        }
        value += (byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
}

/// A string whose length has a prefix of so many bits, with the Huffman flag before them (RFC 9204, section 4.1.2).
fn string<'a>(input: &mut &'a [u8], prefix: u32) -> Option<Encoded<'a>> {
    let huffman = input.first()? >> prefix & 1 == 1;
    let length = integer(input, prefix)?;
    let bytes = input.get(..length)?;
    input.advance(length);
    Some(Encoded { huffman, bytes })
}
