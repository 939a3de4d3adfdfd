//! What h3 0.0.8 does not look at in the frames of a control stream (RFC 9114, section 7.2). Whole frames in, and whether they may
//! stand there.

use h3::error::Code;

use super::frames::varint;

const CANCEL_PUSH: u64 = 0x3;
const SETTINGS: u64 = 0x4;
const GOAWAY: u64 = 0x7;
const MAX_PUSH_ID: u64 = 0xd;
/// SETTINGS_H3_DATAGRAM (RFC 9297, section 2.1.1).
const H3_DATAGRAM: u64 = 0x33;

/// What has been said on a control stream.
#[derive(Debug, Default)]
pub(super) struct Control {
    /// Nothing else may come before; h3 knows the code.
    settings: bool,
    largest_push: u64,
}

impl Control {
    /// Looks at a frame, its type and length before it. An error closes the connection.
    pub(super) fn check(&mut self, mut frame: &[u8]) -> Result<(), Code> {
        let (kind, _) = (varint(&mut frame), varint(&mut frame));
        let payload = frame;
        match kind {
            Some(SETTINGS) => {
                self.settings = true;
                settings(payload)
            }
            Some(MAX_PUSH_ID) if self.settings => {
                let push = number(payload)?;
                let shrinks = push < self.largest_push;
                self.largest_push = push;
                if shrinks { Err(Code::H3_ID_ERROR) } else { Ok(()) }
            }
            // No push is promised here.
            Some(CANCEL_PUSH) if self.settings => number(payload).and(Err(Code::H3_ID_ERROR)),
            Some(GOAWAY) if self.settings => number(payload).map(drop),
            _ => Ok(()),
        }
    }
}

/// A payload that is one number.
fn number(mut payload: &[u8]) -> Result<u64, Code> {
    let number = varint(&mut payload).filter(|_| payload.is_empty());
    number.ok_or(Code::H3_FRAME_ERROR)
}

/// h3 looks for settings of HTTP/2, and for those that stand twice.
fn settings(mut payload: &[u8]) -> Result<(), Code> {
    while !payload.is_empty() {
        let (Some(setting), Some(value)) = (varint(&mut payload), varint(&mut payload)) else {
            return Err(Code::H3_FRAME_ERROR);
        };
        if setting == H3_DATAGRAM && value > 1 {
            return Err(Code::H3_SETTINGS_ERROR);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of frames one after the other.
    fn check(frames: &[&[u8]]) -> Result<(), Code> {
        let mut control = Control::default();
        frames.iter().try_for_each(|frame| control.check(frame))
    }

    #[test]
    fn settings_are_whole_and_datagrams_are_on_or_off() {
        assert_eq!(check(&[b"\x04\x00"]), Ok(()));
        assert_eq!(check(&[b"\x04\x04\x33\x01\x06\x09"]), Ok(()));
        assert_eq!(check(&[b"\x04\x02\x33\x02"]), Err(Code::H3_SETTINGS_ERROR));
        assert_eq!(check(&[b"\x04\x03\x33\x01\x06"]), Err(Code::H3_FRAME_ERROR));
    }

    #[test]
    fn the_largest_push_only_grows_and_none_is_to_be_cancelled() {
        const EMPTY: &[u8] = b"\x04\x00";
        assert_eq!(check(&[EMPTY, b"\x0d\x01\x05", b"\x0d\x01\x05", b"\x07\x01\x00"]), Ok(()));
        assert_eq!(check(&[EMPTY, b"\x0d\x01\x05", b"\x0d\x01\x04"]), Err(Code::H3_ID_ERROR));
        assert_eq!(check(&[EMPTY, b"\x03\x01\x00"]), Err(Code::H3_ID_ERROR));
        for wrong in [&b"\x0d\x00"[..], b"\x0d\x02\x00\x00", b"\x07\x00", b"\x03\x00", b"\x07\x01\x40"] {
            assert_eq!(check(&[EMPTY, wrong]), Err(Code::H3_FRAME_ERROR), "{wrong:?}");
        }
    }
}
