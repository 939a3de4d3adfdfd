//! WebTransport over HTTP/3 (draft-ietf-webtrans-http3): sessions, their streams and datagrams.
//!
//! A [`Handler`](crate::Handler) gets a [`Session`] for each one that a client opens at its path. Any number of sessions
//! share a connection, beside ordinary requests.

mod capsule;
mod control;
mod session;
mod sessions;
mod streams;

pub(crate) use control::serve;
pub use session::{Close, Session};
pub(crate) use sessions::{Incoming, MAX_SESSIONS, Sessions};
pub use streams::{RecvStream, SendStream, StreamError};

use quinn_proto::VarInt;

/// Where a stream belongs to a session that is over.
const SESSION_GONE: VarInt = VarInt::from_u32(0x170d_7b68);
/// Where a stream belongs to a session that is not there yet, and too many wait for theirs.
const BUFFERED_STREAM_REJECTED: VarInt = VarInt::from_u32(0x3994_bd84);

/// The HTTP/3 error codes that stand for an application's own, 0 first (draft-ietf-webtrans-http3, section 4.4).
const FIRST_APPLICATION_CODE: u64 = 0x52e4_a40f_a8db;
const LAST_APPLICATION_CODE: u64 = 0x52e5_ac98_3162;

/// An application's error code of a stream as HTTP/3 has it. Every 31st of HTTP/3's is reserved (RFC 9114, section 8.1).
fn to_http(code: u32) -> VarInt {
    let code = u64::from(code);
    VarInt::from_u64(FIRST_APPLICATION_CODE + code + code / 0x1e).expect("the largest code is below 2^62")
}

/// An application's error code out of HTTP/3's; `None` for one that stands for none.
fn from_http(code: VarInt) -> Option<u32> {
    let code = code.into_inner();
    if !(FIRST_APPLICATION_CODE..=LAST_APPLICATION_CODE).contains(&code) || (code - 0x21).is_multiple_of(0x1f) {
        return None;
    }
    let shifted = code - FIRST_APPLICATION_CODE;
    u32::try_from(shifted - shifted / 0x1f).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_s_code_survives_http3() {
        assert_eq!(u64::from(to_http(0)), FIRST_APPLICATION_CODE);
        assert_eq!(u64::from(to_http(u32::MAX)), LAST_APPLICATION_CODE);
        for code in (0..100).chain([u32::MAX - 1, u32::MAX]) {
            assert_eq!(from_http(to_http(code)), Some(code));
        }
    }

    #[test]
    fn other_codes_are_no_application_s() {
        for code in [0, 0x10c, FIRST_APPLICATION_CODE - 1, LAST_APPLICATION_CODE + 1, FIRST_APPLICATION_CODE + 0x1e] {
            assert_eq!(from_http(VarInt::from_u64(code).unwrap()), None, "{code:#x}");
        }
    }
}
