//! What a bad network does to a datagram, decided one by one from a seed: the same datagrams at the same times meet the
//! same fate in every run. It takes the time and returns times; sockets and waiting are relay.rs's.

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::Serialize;

/// What happens to datagrams in one direction. Shares are from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Impairment {
    /// Every datagram takes this long.
    pub delay: Duration,
    /// And up to this much longer, each its own time, so that close ones overtake each other.
    pub jitter: Duration,
    /// Share that never arrives.
    pub loss: f64,
    /// Share that is held back for [`Impairment::reorder_by`], while those behind it pass.
    pub reorder: f64,
    /// How long those are held back.
    pub reorder_by: Duration,
    /// Share that arrives twice.
    pub duplicate: f64,
    /// Bits a second that the narrowest link carries.
    pub rate: Option<u64>,
    /// Bytes that wait in front of that link; what comes when it is full is dropped.
    pub queue: u64,
}

impl Default for Impairment {
    /// A network without faults.
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            reorder: 0.0,
            reorder_by: Duration::from_millis(5),
            duplicate: 0.0,
            rate: None,
            queue: 256 << 10,
        }
    }
}

/// How many datagrams of one direction met which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// That came.
    pub datagrams: u64,
    /// Their payloads' bytes.
    pub bytes: u64,
    /// Lost at random.
    pub lost: u64,
    /// Held back.
    pub reordered: u64,
    /// Sent twice.
    pub duplicated: u64,
    /// Dropped in front of a full link.
    pub overflowed: u64,
}

/// One direction of the network.
#[derive(Debug)]
pub struct Link {
    impairment: Impairment,
    random: Pcg64Mcg,
    /// When the narrowest link has sent all it was given.
    free_at: Option<Instant>,
    counters: Counters,
}

impl Link {
    /// Two links of one seed and different `stream`s have nothing in common.
    #[must_use]
    pub fn new(impairment: Impairment, seed: u64, stream: u64) -> Self {
        let random = Pcg64Mcg::seed_from_u64(seed.wrapping_mul(2).wrapping_add(stream));
        Self { impairment, random, free_at: None, counters: Counters::default() }
    }

    /// What it did so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// When a datagram of `length` bytes that came `now` goes out: never, once, or twice.
    pub fn pass(&mut self, now: Instant, length: usize) -> impl Iterator<Item = Instant> + use<> {
        let bytes = length as u64;
        self.counters.datagrams += 1;
        self.counters.bytes += bytes;
        // Always the same number of draws, so that one setting does not move the others' choices.
        let [lost, reordered, duplicated, jitter] = std::array::from_fn(|_| self.random.random::<f64>());
        let lost = lost < self.impairment.loss;
        let sent_at = if lost { None } else { self.transmit(now, bytes) };
        self.counters.lost += u64::from(lost);
        let Some(sent_at) = sent_at else { return [None, None].into_iter().flatten() };
        let mut arrival = sent_at + self.impairment.delay + self.impairment.jitter.mul_f64(jitter);
        if reordered < self.impairment.reorder {
            self.counters.reordered += 1;
            arrival += self.impairment.reorder_by;
        }
        let twice = duplicated < self.impairment.duplicate;
        self.counters.duplicated += u64::from(twice);
        [Some(arrival), twice.then_some(arrival)].into_iter().flatten()
    }

    /// When the narrowest link has sent the datagram; None if there is no room to wait for it.
    fn transmit(&mut self, now: Instant, bytes: u64) -> Option<Instant> {
        let Some(rate) = self.impairment.rate else { return Some(now) };
        let time_of = |bytes: u64| Duration::from_secs_f64(bytes as f64 * 8.0 / rate as f64);
        let begin = self.free_at.map_or(now, |free_at| free_at.max(now));
        if begin - now + time_of(bytes) > time_of(self.impairment.queue) {
            self.counters.overflowed += 1;
            return None;
        }
        let end = begin + time_of(bytes);
        self.free_at = Some(end);
        Some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(impairment: Impairment, count: u64) -> (Vec<Vec<Duration>>, Counters) {
        let mut link = Link::new(impairment, 7, 0);
        let start = Instant::now();
        let each = (0..count).map(|number| start + Duration::from_millis(number));
        let times = each.map(|now| link.pass(now, 1000).map(|time| time - start).collect()).collect();
        (times, link.counters())
    }

    #[test]
    fn a_network_without_faults_passes_everything_at_once() {
        let (times, counters) = arrivals(Impairment::default(), 10);
        assert!(times.iter().zip(0..).all(|(times, number)| *times == [Duration::from_millis(number)]));
        assert_eq!(counters, Counters { datagrams: 10, bytes: 10_000, ..Counters::default() });
    }

    #[test]
    fn the_same_seed_makes_the_same_choices_and_another_seed_others() {
        let impairment = Impairment { loss: 0.3, duplicate: 0.3, reorder: 0.3, ..Impairment::default() };
        assert_eq!(arrivals(impairment.clone(), 200), arrivals(impairment.clone(), 200));
        let now = Instant::now();
        let fates = |seed, stream| {
            let mut link = Link::new(impairment.clone(), seed, stream);
            (0..200).map(|_| link.pass(now, 1).count()).collect::<Vec<_>>()
        };
        assert_ne!(fates(7, 0), fates(8, 0));
        assert_ne!(fates(7, 0), fates(7, 1));
    }

    #[test]
    fn a_share_is_lost_duplicated_or_held_back() {
        let impairment = Impairment { loss: 0.05, duplicate: 0.1, reorder: 0.2, ..Impairment::default() };
        let (times, counters) = arrivals(impairment, 10_000);
        assert!((400..600).contains(&counters.lost), "{counters:?}");
        assert!((800..1100).contains(&counters.duplicated), "{counters:?}");
        assert!((1700..2100).contains(&counters.reordered), "{counters:?}");
        assert_eq!(times.iter().filter(|times| times.is_empty()).count() as u64, counters.lost);
        assert_eq!(times.iter().filter(|times| times.len() == 2).count() as u64, counters.duplicated);
        let overtaken = times.windows(2).filter(|pair| pair[0].first() > pair[1].first()).count();
        assert!(overtaken > 1000, "{overtaken} were overtaken");
    }

    #[test]
    fn delay_and_jitter_bound_the_time_on_the_way() {
        let (least, most) = (Duration::from_millis(20), Duration::from_millis(25));
        let impairment = Impairment { delay: least, jitter: most - least, ..Impairment::default() };
        let (times, _) = arrivals(impairment, 1000);
        for (times, number) in times.iter().zip(0..) {
            let on_the_way = times[0] - Duration::from_millis(number);
            assert!(on_the_way >= least && on_the_way <= most, "{on_the_way:?}");
        }
    }

    #[test]
    fn a_narrow_link_spaces_datagrams_and_drops_what_its_queue_cannot_hold() {
        // A thousand bytes take 10 ms; the queue holds four.
        let impairment = Impairment { rate: Some(800_000), queue: 4000, ..Impairment::default() };
        let mut link = Link::new(impairment, 0, 0);
        let now = Instant::now();
        let times: Vec<_> = (0..6).flat_map(|_| link.pass(now, 1000)).map(|time| time - now).collect();
        assert_eq!(times, [10, 20, 30, 40].map(Duration::from_millis));
        assert_eq!(link.counters().overflowed, 2);
        let later = now + Duration::from_millis(15);
        assert_eq!(link.pass(later, 1000).count(), 1, "room again after one has left");
    }
}
