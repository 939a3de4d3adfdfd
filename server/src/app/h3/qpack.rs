//! The two streams of QPACK, which h3 0.0.8 never reads. The dynamic table has no room, so almost nothing may be said on
//! them (RFC 9204, section 4). Sans-I/O.

use h3::error::Code;

/// Which of them: the client's encoder instructs this server's decoder, and its decoder this server's encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Encoder,
    Decoder,
}

/// What has been read of one.
#[derive(Debug)]
pub(super) struct Instructions {
    pub(super) role: Role,
    /// Inside an integer that goes on.
    continued: bool,
}

impl Instructions {
    pub(super) fn new(role: Role) -> Self {
        Self { role, continued: false }
    }

    /// Reads more of the stream. An error closes the connection.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), Code> {
        for &byte in bytes {
            if self.continued {
                self.continued = byte & 0x80 != 0;
                continue;
            }
            match self.role {
                // Set Dynamic Table Capacity to 0: any other is over the limit, and nothing fits into a table of 0.
                Role::Encoder if byte != 0x20 => return Err(Code::QPACK_ENCODER_STREAM_ERROR),
                Role::Encoder => {}
                // Stream Cancellation. No section refers to the table, and nothing is inserted: nothing to acknowledge.
                Role::Decoder if byte & 0xc0 != 0x40 => return Err(Code::QPACK_DECODER_STREAM_ERROR),
                Role::Decoder => self.continued = byte & 0x3f == 0x3f,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_without_room_takes_its_capacity_and_nothing_else() {
        let mut encoder = Instructions::new(Role::Encoder);
        assert_eq!(encoder.read(&[0x20, 0x20]), Ok(()));
        assert_eq!(encoder.read(&[0x21]), Err(Code::QPACK_ENCODER_STREAM_ERROR));
        assert_eq!(Instructions::new(Role::Encoder).read(b"\x41a\x01b"), Err(Code::QPACK_ENCODER_STREAM_ERROR));
    }

    #[test]
    fn streams_may_be_cancelled_and_nothing_acknowledged() {
        let mut decoder = Instructions::new(Role::Decoder);
        assert_eq!(decoder.read(&[0x44, 0x7f, 0x80]), Ok(()));
        assert_eq!(decoder.read(&[0x01, 0x40]), Ok(()));
        assert_eq!(decoder.read(&[0x80]), Err(Code::QPACK_DECODER_STREAM_ERROR));
        assert_eq!(Instructions::new(Role::Decoder).read(&[0x01]), Err(Code::QPACK_DECODER_STREAM_ERROR));
    }
}
