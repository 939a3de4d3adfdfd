//! How many streams a client may have open: few at first, and all that the server's limit says once it uses them.
//!
//! quinn-proto makes an entry for every stream that a client may open. With 256 in each direction those were 33 of the 53
//! KiB of an idle connection natively, and 25 of 38 on Node; most clients never have ten open.

use quinn_proto::{Dir, StreamEvent, VarInt};

/// Streams at first, by direction: as many requests as HTTP/3 is to permit at once (RFC 9114, section 6.1), and more than
/// the three unidirectional streams that it needs (section 6.2). Together with the server's own three they fit tables for
/// 112, which is what hashbrown makes of 128 places.
const FIRST: [u32; 2] = [100, 8];

/// Streams of a direction that a client may open before it is known to use them, of `whole` that it may have at most.
pub(crate) fn at_first(whole: u32, dir: Dir) -> u32 {
    let first = FIRST[dir as usize];
    // quinn-proto tells a client of more only where that is more than an eighth of all.
    if whole.saturating_sub(first) > whole / 8 { first } else { whole }
}

/// What one client has been given.
pub(super) struct Allowance {
    whole: u32,
    /// By direction.
    is_whole: [bool; 2],
}

impl Allowance {
    /// That of a new connection.
    pub(super) fn of(whole: u32) -> Self {
        Self { whole, is_whole: [Dir::Bi, Dir::Uni].map(|dir| at_first(whole, dir) == whole) }
    }

    /// Gives a client the whole when it has more than half of its first streams open.
    pub(super) fn look(&mut self, event: &StreamEvent, proto: &mut quinn_proto::Connection) {
        let &StreamEvent::Opened { dir } = event else { return };
        let is_whole = &mut self.is_whole[dir as usize];
        let half = u64::from(at_first(self.whole, dir)) / 2;
        if !*is_whole && proto.streams().remote_open_streams(dir) > half {
            proto.set_max_concurrent_streams(dir, VarInt::from_u32(self.whole));
            *is_whole = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_little_more_than_the_first_streams_is_given_whole() {
        let at_first = |whole| [Dir::Bi, Dir::Uni].map(|dir| at_first(whole, dir));
        assert_eq!(at_first(0), [0, 0]);
        assert_eq!(at_first(8), [8, 8]);
        assert_eq!(at_first(9), [9, 9]);
        assert_eq!(at_first(10), [10, 8]);
        assert_eq!(at_first(100), [100, 8]);
        assert_eq!(at_first(114), [114, 8]);
        assert_eq!(at_first(115), [100, 8]);
        assert_eq!(at_first(u32::MAX), [100, 8]);
    }
}
