//! The frames of one HTTP/3 stream, before h3 sees them.
//!
//! h3 0.0.8 gathers every frame but DATA whole before it looks at it, whatever length it declares: a client could make
//! it hold any amount. So what h3 has to gather is bounded here, and frames of unknown types (RFC 9114, section 9) pass
//! by without being gathered at all. Sans-I/O: bytes in, bytes out.

use bytes::{Buf, Bytes, BytesMut};
use h3::error::Code;
use quinn_proto::VarInt;
use quinn_proto::coding::Codec;

use super::control::Control;

/// The largest frame that is gathered, in bytes. No field section that h3 takes is larger.
pub(super) const MAX_GATHERED: u64 = super::MAX_FIELD_SECTION_SIZE;

const DATA: u64 = 0x0;
const HEADERS: u64 = 0x1;
/// Settings, pushes, GOAWAY, and what HTTP/2 used (RFC 9114, sections 7.2 and 7.2.8).
const CONTROL: [u64; 9] = [0x2, 0x3, 0x4, 0x5, 0x6, 0x7, 0x8, 0x9, 0xd];
/// The first two bytes' value of a WebTransport stream, a frame type that may stand nowhere else.
const WEBTRANSPORT_STREAM: u64 = 0x41;

/// What kind of stream the frames are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Control,
}

/// Why a stream goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// A field section is larger than [`MAX_GATHERED`].
    TooLarge,
    /// A rule of HTTP/3 is broken: the connection is closed with this code.
    Connection(Code),
}

#[derive(Debug)]
enum State {
    /// In a frame's type and length.
    Header,
    /// In a frame that is gathered; so many bytes are missing. Of a HEADERS frame, the length of its header.
    Gather { left: u64, headers: Option<usize> },
    /// In a frame that passes as it comes.
    Pass(u64),
    /// In a frame that is dropped.
    Skip(u64),
}

/// What is known of a stream's current frame.
#[derive(Debug)]
pub(super) struct Frames {
    kind: Kind,
    control: Control,
    state: State,
    buffer: BytesMut,
}

/// Something for h3.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    /// The length of the frame's header, if this is a whole HEADERS frame.
    pub(super) headers: Option<usize>,
}

impl Frames {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, control: Control::default(), state: State::Header, buffer: BytesMut::new() }
    }

    /// Takes from `input` until there is something for h3, or nothing is left.
    pub(super) fn next(&mut self, input: &mut Bytes) -> Result<Option<Piece>, Refused> {
        while !input.is_empty() {
            match &mut self.state {
                State::Header => {
                    self.buffer.extend_from_slice(&input.split_to(1));
                    let mut header = &self.buffer[..];
                    let (Some(frame), Some(length)) = (varint(&mut header), varint(&mut header)) else {
                        continue;
                    };
                    if let Some(piece) = self.enter(frame, length)? {
                        return Ok(Some(piece));
                    }
                }
                State::Pass(left) => {
                    let bytes = take(input, left);
                    if *left == 0 {
                        self.state = State::Header;
                    }
                    return Ok(Some(Piece { bytes, headers: None }));
                }
                State::Skip(left) => {
                    take(input, left);
                    if *left == 0 {
                        self.state = State::Header;
                    }
                }
                State::Gather { left, headers } => {
                    let bytes = take(input, left);
                    let (whole, headers) = (*left == 0, *headers);
                    self.buffer.extend_from_slice(&bytes);
                    if whole {
                        self.state = State::Header;
                        return self.gathered(headers).map(Some);
                    }
                }
            }
        }
        Ok(None)
    }

    /// At a frame of this type and length, whose header is in the buffer. Returns what h3 has of it at once.
    fn enter(&mut self, frame: u64, length: u64) -> Result<Option<Piece>, Refused> {
        let gathered = match (frame, self.kind) {
            (DATA, _) => {
                self.state = if length == 0 { State::Header } else { State::Pass(length) };
                return Ok(Some(Piece { bytes: self.buffer.split().freeze(), headers: None }));
            }
            (HEADERS, _) => true,
            (WEBTRANSPORT_STREAM, _) => return Err(Refused::Connection(Code::H3_FRAME_ERROR)),
            // Out of place on a request: h3 knows the code.
            (frame, _) => CONTROL.contains(&frame),
        };
        if gathered && length > MAX_GATHERED {
            return Err(match self.kind {
                Kind::Request => Refused::TooLarge,
                Kind::Control => Refused::Connection(Code::H3_EXCESSIVE_LOAD),
            });
        }
        if !gathered {
            self.buffer.clear();
            self.state = if length == 0 { State::Header } else { State::Skip(length) };
            return Ok(None);
        }
        let headers = (frame == HEADERS).then_some(self.buffer.len());
        if length == 0 {
            return self.gathered(headers).map(Some);
        }
        self.state = State::Gather { left: length, headers };
        Ok(None)
    }

    /// The frame in the buffer, which is whole.
    fn gathered(&mut self, headers: Option<usize>) -> Result<Piece, Refused> {
        let bytes = self.buffer.split().freeze();
        if self.kind == Kind::Control {
            self.control.check(&bytes).map_err(Refused::Connection)?;
        }
        Ok(Piece { bytes, headers })
    }

    /// At the stream's end: what h3 has to see of an unfinished frame, to know that it is one.
    pub(super) fn end(&mut self) -> Result<Option<Bytes>, Refused> {
        match self.state {
            // RFC 9114, section 7.1.
            State::Skip(_) => Err(Refused::Connection(Code::H3_FRAME_ERROR)),
            _ => Ok((!self.buffer.is_empty()).then(|| self.buffer.split().freeze())),
        }
    }
}

fn take(input: &mut Bytes, left: &mut u64) -> Bytes {
    let length = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
    *left -= length as u64;
    input.split_to(length)
}

/// A variable-length integer (RFC 9000, section 16); `None` if more bytes are needed.
pub(super) fn varint(input: &mut impl Buf) -> Option<u64> {
    VarInt::decode(input).ok().map(VarInt::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What h3 sees of `input`, given in pieces of `size` bytes.
    fn seen(kind: Kind, input: &[u8], size: usize) -> Result<Vec<u8>, Refused> {
        let mut frames = Frames::new(kind);
        let mut seen = Vec::new();
        for chunk in input.chunks(size) {
            let mut chunk = Bytes::copy_from_slice(chunk);
            while let Some(piece) = frames.next(&mut chunk)? {
                seen.extend_from_slice(&piece.bytes);
            }
        }
        seen.extend(frames.end()?.unwrap_or_default());
        Ok(seen)
    }

    #[test]
    fn known_frames_pass_and_unknown_ones_are_dropped_however_they_arrive() {
        let input = b"\x01\x03abc\x21\x04skip\x00\x02hi\x21\x00\x00\x00\x01\x01z";
        for size in 1..input.len() {
            assert_eq!(seen(Kind::Request, input, size).unwrap(), b"\x01\x03abc\x00\x02hi\x00\x00\x01\x01z", "{size}");
        }
    }

    #[test]
    fn a_frame_to_gather_that_declares_too_much_is_refused_at_its_header() {
        // 2^30 bytes.
        assert_eq!(seen(Kind::Request, b"\x01\xc0\0\0\0\x40\0\0\0", 3), Err(Refused::TooLarge));
        let load = Err(Refused::Connection(Code::H3_EXCESSIVE_LOAD));
        assert_eq!(seen(Kind::Control, b"\x04\xc0\0\0\0\x40\0\0\0", 3), load);
        // Of an unknown type it may be as long as it likes.
        assert_eq!(
            seen(Kind::Control, b"\x21\xc0\0\0\0\x40\0\0\0x", 3),
            Err(Refused::Connection(Code::H3_FRAME_ERROR))
        );
    }

    #[test]
    fn a_webtransport_stream_inside_a_request_is_a_frame_error() {
        assert_eq!(seen(Kind::Request, b"\x01\x01a\x40\x41\x00", 9), Err(Refused::Connection(Code::H3_FRAME_ERROR)));
    }

    #[test]
    fn an_unfinished_frame_reaches_h3() {
        assert_eq!(seen(Kind::Request, b"\x01\x03ab", 9).unwrap(), b"\x01\x03ab");
    }

    #[test]
    fn a_headers_frame_comes_whole_with_the_size_of_its_header() {
        let mut frames = Frames::new(Kind::Request);
        assert_eq!(frames.next(&mut Bytes::from_static(b"\x01\x40\x03a")).unwrap(), None);
        let piece = frames.next(&mut Bytes::from_static(b"bcd")).unwrap().unwrap();
        assert_eq!(piece, Piece { bytes: Bytes::from_static(b"\x01\x40\x03abc"), headers: Some(3) });
    }
}
