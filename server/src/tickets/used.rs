//! Which tickets were used: the single-use record of RFC 8446, section 8.1, in bounded memory; and the same for address
//! tokens (RFC 9000, section 8.1.4).

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use quinn_proto::{TokenLog, TokenReuseError};

use super::{Nonce, lock, millis, milliseconds};

/// Tickets remembered, of some 30 bytes each. Beyond it the oldest are given up all together: see [`Used::insert`].
pub(super) const MAX_USED: usize = 1 << 16;

/// The used tickets by the time they were issued, in milliseconds since 1970, and their number.
#[derive(Default)]
pub(super) struct Used {
    /// Tickets issued until then count as used, whether they were or not.
    pub(super) horizon: u64,
    pub(super) tickets: BTreeSet<(u64, Nonce)>,
}

impl Used {
    /// Notes the use of a ticket. Returns false if it was used before, or if that is no longer known.
    ///
    /// Where there are too many, the horizon moves past the oldest: nobody gains a second use by flooding the record, and
    /// whoever holds an old ticket pays with a full handshake.
    pub(super) fn insert(&mut self, issued: u64, nonce: Nonce) -> bool {
        if issued <= self.horizon || !self.tickets.insert((issued, nonce)) {
            return false;
        }
        if self.tickets.len() > MAX_USED
            && let Some((oldest, _)) = self.tickets.pop_first()
        {
            self.horizon = oldest;
        }
        true
    }

    /// Forgets what has expired, and can't be used again for that reason.
    pub(super) fn forget(&mut self, now: u64, lifetime: Duration) {
        let alive = now.saturating_sub(millis(lifetime));
        while self.tickets.first().is_some_and(|&(issued, _)| issued < alive) {
            self.tickets.pop_first();
        }
    }
}

/// The used address tokens. quinn-proto's own log drops tokens that come in another order than they were issued in.
#[derive(Default)]
pub(crate) struct AddressTokens(Mutex<Used>);

impl TokenLog for AddressTokens {
    fn check_and_insert(&self, nonce: u128, issued: SystemTime, lifetime: Duration) -> Result<(), TokenReuseError> {
        let mut used = lock(&self.0);
        // A random number, whose first bytes are as good: a record of its own kind would be the same code once more.
        let nonce = *nonce.to_le_bytes().first_chunk().expect("a ticket's number is shorter");
        used.forget(milliseconds(SystemTime::now()), lifetime);
        if used.insert(milliseconds(issued), nonce) { Ok(()) } else { Err(TokenReuseError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce(number: usize) -> Nonce {
        let mut nonce = Nonce::default();
        nonce[..8].copy_from_slice(&number.to_be_bytes());
        nonce
    }

    #[test]
    fn a_flood_of_uses_is_bounded_and_gives_nobody_a_second_one() {
        let mut used = Used::default();
        for number in 0..MAX_USED + 100 {
            assert!(used.insert(1 + number as u64, nonce(number)));
        }
        assert_eq!(used.tickets.len(), MAX_USED);
        for number in 0..MAX_USED + 100 {
            assert!(!used.insert(1 + number as u64, nonce(number)), "{number}");
        }
    }

    #[test]
    fn an_address_token_is_good_once_in_whatever_order_it_comes() {
        let (tokens, now, day) = (AddressTokens::default(), SystemTime::now(), Duration::from_secs(86_400));
        let earlier = now - Duration::from_secs(60);
        assert!(tokens.check_and_insert(1, now, day).is_ok());
        assert!(tokens.check_and_insert(2, earlier, day).is_ok());
        assert!(tokens.check_and_insert(1, now, day).is_err());
        assert!(tokens.check_and_insert(2, earlier, day).is_err());
    }

    #[test]
    fn what_has_expired_is_forgotten() {
        let mut used = Used::default();
        assert!(used.insert(1000, nonce(1)) && used.insert(5000, nonce(2)));
        used.forget(6000, Duration::from_secs(2));
        assert_eq!(used.tickets.len(), 1);
    }
}
