//! Which first packets of strangers are answered, and when, once there are too many of them. To answer one takes keys, which
//! even a Retry needs; to keep one waiting, or to pass it over, takes a look at its header. So a flood is received as fast as
//! it can be, which leaves the system's buffer with room for whoever else comes, and a part of the time is for answers: to
//! the newest packet of each address in turn, as whoever sent an old one has given up or asked again. What has to go is the
//! oldest one of those who have most waiting. It knows headers, addresses and times, and neither keys nor connections.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// First packets that a turn of the loop answers in the order in which they come, with all that comes between them: early
/// data follows its first packet at once, and is lost ahead of it. A burst of that many clients is an ordinary day.
const IN_ORDER: usize = 32;
/// And for how long: a handshake takes 1 ms in WebAssembly, and several before V8 has optimised it, in which a flood overruns
/// the system's buffer.
const IN_ORDER_TIME: Duration = Duration::from_millis(4);
/// How many may wait: in WebAssembly 18 ms of work, as each takes 70 us there, by 2,000 of them on Node with
/// `--retry always`.
const WAITING: usize = 256;
/// Lines that they wait in, each address in one of them. By a hash whose seed is secret: nobody can choose whom to share a
/// line with.
const LINES: usize = 64;
/// For how long they are answered in one go, before the socket is looked at again.
const SLICE: Duration = Duration::from_millis(1);
/// For how many times as long nobody is answered then: what comes in that time is received at once, and gets in line. Of the
/// processor time that a datagram of a flood took in WebAssembly the answers were two thirds with a pause as long as they.
const PAUSE: u32 = 3;

/// First packets that wait for an answer.
#[derive(Debug)]
pub(super) struct Knocks<T> {
    lines: Vec<VecDeque<T>>,
    waiting: usize,
    /// The line whose turn it is.
    next: usize,
    hasher: RandomState,
    /// None are answered before.
    resume: Option<Instant>,
}

impl<T> Default for Knocks<T> {
    fn default() -> Self {
        let lines = std::iter::repeat_with(VecDeque::new).take(LINES).collect();
        Self { lines, waiting: 0, next: 0, hasher: RandomState::new(), resume: None }
    }
}

impl<T> Knocks<T> {
    /// Which ones are answered in their order in a turn that begins now, with no more handshakes in flight than an ordinary
    /// day has, or with more. None while others wait, as they were here before.
    pub(super) fn in_order(&self, ordinary: bool) -> InOrder {
        InOrder { left: if ordinary && self.waiting == 0 { IN_ORDER } else { 0 }, spent: Duration::ZERO }
    }

    /// Keeps one until it is its turn, or until too many others have come. Returns whether one had to go for it.
    pub(super) fn wait(&mut self, source: SocketAddr, knock: T) -> bool {
        let full = self.waiting == WAITING;
        if full {
            let longest = self.lines.iter_mut().max_by_key(|line| line.len());
            longest.and_then(VecDeque::pop_front);
        } else {
            self.waiting += 1;
        }
        let line = self.line_of(source);
        self.lines[line].push_back(knock);
        full
    }

    fn line_of(&self, source: SocketAddr) -> usize {
        self.hasher.hash_one(source) as usize % LINES
    }

    /// The next one to be answered.
    fn take(&mut self) -> Option<T> {
        for _ in 0..LINES {
            let line = self.next;
            self.next = (line + 1) % LINES;
            if let Some(newest) = self.lines[line].pop_back() {
                self.waiting -= 1;
                return Some(newest);
            }
        }
        None
    }

    /// Has those `answer`ed whose time it is, by `clock`. On an `ordinary` day the pause after them is as long as they took.
    pub(super) fn answer(
        &mut self,
        ordinary: bool,
        mut clock: impl FnMut() -> Instant,
        mut answer: impl FnMut(Instant, T),
    ) {
        if self.waiting == 0 {
            return;
        }
        let begun = clock();
        if self.resume.is_some_and(|resume| begun < resume) {
            return;
        }
        let mut now = begun;
        while now < begun + SLICE
            && let Some(knock) = self.take()
        {
            answer(now, knock);
            now = clock();
        }
        let pause = if ordinary { 1 } else { PAUSE };
        self.resume = Some(now + pause * (now - begun));
    }

    /// When the next one is to be answered.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.resume.filter(|_| self.waiting > 0)
    }
}

/// What a turn has left for first packets in their order.
#[derive(Debug)]
pub(super) struct InOrder {
    left: usize,
    spent: Duration,
}

impl InOrder {
    /// Whether the next one may be answered at once.
    pub(super) fn has_left(&self) -> bool {
        self.left > 0 && self.spent < IN_ORDER_TIME
    }

    /// It was, which took so long.
    pub(super) fn took(&mut self, time: Duration) {
        self.left -= 1;
        self.spent += time;
    }
}

/// Whether a datagram begins with an Initial packet without a token (RFC 9000, section 17.2.2) to a connection ID that is
/// not `ours`: that of a client whose address is not known to be its own, and who has not heard of the server yet.
pub(super) fn is_knock(datagram: &[u8], ours: impl FnOnce(&[u8]) -> bool) -> bool {
    // A long header of type 0, and version 1.
    let [first, 0, 0, 0, 1, rest @ ..] = datagram else { return false };
    let after_id = |bytes: &[u8], at: usize| Some(at + 1 + usize::from(*bytes.get(at)?));
    let destination = after_id(rest, 0).and_then(|end| rest.get(1..end));
    let token_length = after_id(rest, 0).and_then(|source| after_id(rest, source)).and_then(|at| rest.get(at));
    first & 0xb0 == 0x80 && token_length == Some(&0) && !destination.is_some_and(ours)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn from(port: usize) -> SocketAddr {
        ([192, 0, 2, 1], u16::try_from(port).unwrap()).into()
    }

    /// All that are answered, each of which takes no time.
    fn answers<T>(knocks: &mut Knocks<T>) -> Vec<T> {
        let now = Instant::now();
        let mut answered = Vec::new();
        knocks.answer(false, || now, |_, knock| answered.push(knock));
        answered
    }

    /// How many of many are answered in their order, each of which takes `time`.
    fn in_order(knocks: &Knocks<i32>, ordinary: bool, time: Duration) -> usize {
        let mut in_order = knocks.in_order(ordinary);
        let mut count = 0;
        while in_order.has_left() {
            in_order.took(time);
            count += 1;
        }
        count
    }

    #[test]
    fn what_is_answered_in_order_is_bounded_in_number_and_time() {
        let knocks = Knocks::default();
        assert_eq!(in_order(&knocks, true, Duration::ZERO), IN_ORDER);
        assert_eq!(in_order(&knocks, true, IN_ORDER_TIME / 4), 4);
        assert_eq!(in_order(&knocks, false, Duration::ZERO), 0);
    }

    #[test]
    fn nobody_overtakes_who_waits() {
        let mut knocks = Knocks::default();
        knocks.wait(from(7), 7);
        assert_eq!(in_order(&knocks, true, Duration::ZERO), 0);
        assert_eq!(answers(&mut knocks), [7]);
        assert_eq!(in_order(&knocks, true, Duration::ZERO), IN_ORDER);
    }

    #[test]
    fn of_one_address_the_newest_are_answered_and_first() {
        let mut knocks = Knocks::default();
        let came = 5 * WAITING;
        let passed_over = (0..came).filter(|&number| knocks.wait(from(7), number)).count();
        assert!(answers(&mut knocks).into_iter().eq((came - WAITING..came).rev()));
        assert_eq!(passed_over, came - WAITING);
    }

    #[test]
    fn one_who_comes_in_the_midst_of_a_flood_is_neither_passed_over_nor_behind_it() {
        let mut knocks = Knocks::default();
        // With fewer sources than there are lines.
        let flood = |number: usize| from(1000 + number % 8);
        let others: Vec<_> = (0..8).map(|number| knocks.line_of(flood(number))).collect();
        let client = (1..1000).map(from).find(|&client| !others.contains(&knocks.line_of(client))).unwrap();
        for number in 0..8 * WAITING {
            if number == WAITING {
                knocks.wait(client, usize::MAX);
            }
            knocks.wait(flood(number), number);
        }
        let place = answers(&mut knocks).iter().position(|&number| number == usize::MAX);
        assert!(place.is_some_and(|place| place < LINES), "{place:?}");
    }

    #[test]
    fn one_who_comes_after_a_flood_waits_for_a_turn_of_the_lines_at_most() {
        let mut knocks = Knocks::default();
        for number in 0..8 * WAITING {
            knocks.wait(from(number), number);
        }
        knocks.wait(from(50_000), usize::MAX);
        let place = answers(&mut knocks).iter().position(|&number| number == usize::MAX);
        assert!(place.is_some_and(|place| place < LINES), "{place:?}");
    }

    #[test]
    fn a_flood_from_everywhere_is_bounded_too() {
        let mut knocks = Knocks::default();
        let passed_over = (0..4 * WAITING).filter(|&number| knocks.wait(from(number), number)).count();
        assert_eq!((answers(&mut knocks).len(), passed_over), (WAITING, 3 * WAITING));
    }

    #[test]
    fn a_part_of_the_time_is_for_answers() {
        for (ordinary, pause) in [(true, 1), (false, PAUSE)] {
            let mut knocks = Knocks::default();
            for number in 0..5 {
                knocks.wait(from(7), number);
            }
            let clock = Cell::new(Instant::now());
            let mut slice = || {
                let mut count = 0;
                let pass = |_, _| {
                    clock.set(clock.get() + SLICE / 2);
                    count += 1;
                };
                knocks.answer(ordinary, || clock.get(), pass);
                (count, knocks.next_due())
            };
            let resume = clock.get() + (1 + pause) * SLICE;
            assert_eq!(slice(), (2, Some(resume)));
            assert_eq!(slice(), (0, Some(resume)));
            clock.set(resume);
            assert_eq!(slice().0, 2);
            clock.set(clock.get() + pause * SLICE);
            assert_eq!(slice(), (1, None));
        }
    }

    #[test]
    fn a_knock_is_an_initial_packet_without_a_token_to_an_id_that_is_not_ours() {
        let initial = |first: u8, version: u8, token: &[u8]| {
            [&[first, 0, 0, 0, version, 2, 7, 7, 1, 9, token.len() as u8], token, &[0x40, 0x64]].concat()
        };
        let is_knock = |datagram: &[u8]| super::is_knock(datagram, |id| id != [7, 7]);
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
        assert!(!super::is_knock(&whole, |id| id == [7, 7]), "of a handshake that is under way");
    }
}
