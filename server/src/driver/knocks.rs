//! Which first packets of strangers are answered when there are too many of them. To answer one takes keys, which even a
//! Retry needs; to pass it over takes a look at its header. What has to go is the oldest one of the address from which
//! most are waiting, so that one who comes in the midst of a flood is not taken for a part of it. It knows headers and
//! addresses, and neither keys nor connections.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::net::SocketAddr;

/// First packets that a turn of the loop answers in the order in which they come, with all that comes between them: early
/// data follows its first packet at once, and is lost ahead of it. A burst of that many clients is an ordinary day.
const IN_ORDER: usize = 32;
/// Of those after them, how many are answered when the turn has received everything. In WebAssembly each takes 70 us, by
/// 2,000 of them on Node with `--retry always`: together 18 ms.
const WAITING: usize = 256;

/// First packets in one turn.
#[derive(Debug)]
pub(super) struct Knocks<T> {
    in_order: usize,
    waiting: VecDeque<(SocketAddr, T)>,
    /// How many of those waiting each address has.
    shares: HashMap<SocketAddr, usize>,
    passed_over: u64,
}

impl<T> Default for Knocks<T> {
    fn default() -> Self {
        Self { in_order: 0, waiting: VecDeque::new(), shares: HashMap::new(), passed_over: 0 }
    }
}

impl<T> Knocks<T> {
    /// Whether one that has come is answered now; otherwise it is for [`wait`](Self::wait).
    pub(super) fn in_order(&mut self) -> bool {
        self.in_order += 1;
        self.in_order <= IN_ORDER
    }

    /// Keeps one until the end of the turn, or until too many others have come.
    pub(super) fn wait(&mut self, source: SocketAddr, knock: T) {
        *self.shares.entry(source).or_default() += 1;
        self.waiting.push_back((source, knock));
        if self.waiting.len() > WAITING {
            self.pass_one_over();
        }
    }

    fn pass_one_over(&mut self) {
        let Some((&greedy, _)) = self.shares.iter().max_by_key(|(_, share)| **share) else { return };
        let Some(oldest) = self.waiting.iter().position(|(source, _)| *source == greedy) else { return };
        self.waiting.remove(oldest);
        self.passed_over += 1;
        if let Entry::Occupied(mut share) = self.shares.entry(greedy) {
            *share.get_mut() -= 1;
            if *share.get() == 0 {
                share.remove();
            }
        }
    }

    /// Those that are answered now that the turn has received everything, and how many are not.
    pub(super) fn end_turn(self) -> (impl Iterator<Item = T>, u64) {
        (self.waiting.into_iter().map(|(_, knock)| knock), self.passed_over)
    }
}

/// Whether a datagram begins with an Initial packet without a token (RFC 9000, section 17.2.2): that of a client whose
/// address is not known to be its own.
pub(super) fn is_knock(datagram: &[u8]) -> bool {
    // A long header of type 0, and version 1.
    let [first, 0, 0, 0, 1, rest @ ..] = datagram else { return false };
    let after_id = |bytes: &[u8], at: usize| Some(at + 1 + usize::from(*bytes.get(at)?));
    let token_length = after_id(rest, 0).and_then(|source| after_id(rest, source)).and_then(|at| rest.get(at));
    first & 0xb0 == 0x80 && token_length == Some(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(port: usize) -> SocketAddr {
        ([192, 0, 2, 1], u16::try_from(port).unwrap()).into()
    }

    #[test]
    fn the_first_are_answered_in_order_and_of_the_rest_the_newest() {
        let mut knocks = Knocks::default();
        let came = 5 * WAITING;
        let in_order = (0..came).filter(|&number| {
            let now = knocks.in_order();
            if !now {
                knocks.wait(from(7), number);
            }
            now
        });
        assert!(in_order.eq(0..IN_ORDER));
        let (newest, passed_over) = knocks.end_turn();
        assert!(newest.eq(came - WAITING..came));
        assert_eq!(passed_over as usize, came - IN_ORDER - WAITING);
    }

    #[test]
    fn one_who_comes_in_the_midst_of_a_flood_is_not_passed_over() {
        let mut knocks = Knocks::default();
        for number in 0..8 * WAITING {
            if number == WAITING {
                knocks.wait(from(1), usize::MAX);
            }
            // Many sources, but fewer than there is room for.
            knocks.wait(from(1000 + number % (WAITING / 2)), number);
        }
        let (answered, passed_over) = knocks.end_turn();
        assert_eq!(answered.filter(|&number| number == usize::MAX).count(), 1);
        assert_eq!(passed_over as usize, 8 * WAITING + 1 - WAITING);
    }

    #[test]
    fn a_flood_from_everywhere_is_bounded_too() {
        let mut knocks = Knocks::default();
        (0..4 * WAITING).for_each(|number| knocks.wait(from(number), number));
        let (answered, passed_over) = knocks.end_turn();
        assert_eq!((answered.count(), passed_over as usize), (WAITING, 3 * WAITING));
    }

    #[test]
    fn a_knock_is_an_initial_packet_without_a_token() {
        let initial = |first: u8, version: u8, token: &[u8]| {
            [&[first, 0, 0, 0, version, 2, 7, 7, 1, 9, token.len() as u8], token, &[0x40, 0x64]].concat()
        };
        assert!(is_knock(&initial(0xc3, 1, b"")));
        // The fixed bit may be greased (RFC 9287).
        assert!(is_knock(&initial(0x80, 1, b"")));
        assert!(!is_knock(&initial(0xc3, 1, b"token")));
        assert!(!is_knock(&initial(0xc3, 2, b"")));
        // 0-RTT, Handshake and Retry packets, and a short header.
        for first in [0xd0, 0xe0, 0xf0, 0x40] {
            assert!(!is_knock(&initial(first, 1, b"")), "{first:#x}");
        }
        let whole = initial(0xc3, 1, b"");
        assert!((0..11).all(|length| !is_knock(&whole[..length])), "cut off");
    }
}
