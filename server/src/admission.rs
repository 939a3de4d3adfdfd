//! Who gets in: what a connection attempt is answered with, before it has cost anything. It knows numbers, and neither
//! the socket nor the protocol.

use crate::Config;
use crate::config::Retry;

/// Handshakes in flight from which an address has to be proved: those of clients that are there end after a round trip, so
/// more than this is the sign of a flood. Each costs a signature and a key exchange, 2 ms in WebAssembly, and 50 KiB: a
/// burst of 50,000 first packets with half of `max_handshakes` (500) let in kept a new client in Chromium waiting for 0.4 s,
/// and took 50 MiB.
const LOAD: usize = 32;

/// The limits of a server.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    max_connections: usize,
    max_handshakes: usize,
    retry: Retry,
}

/// What there is when a client knocks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    /// Connections, the handshakes among them.
    pub(crate) connections: usize,
    /// Handshakes in flight.
    pub(crate) handshakes: usize,
    /// The server is about to stop.
    pub(crate) stopping: bool,
}

/// What to do with a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accept,
    /// Let it prove its address first.
    Retry,
    /// CONNECTION_REFUSED, and no more.
    Refuse,
}

impl Admission {
    pub(crate) fn new(config: &Config) -> Self {
        let &Config { max_connections, max_handshakes, retry, .. } = config;
        Self { max_connections, max_handshakes, retry }
    }

    /// Whether `handshakes` in flight are no more than clients that are there have.
    pub(crate) fn is_ordinary(&self, handshakes: usize) -> bool {
        handshakes < LOAD.min(self.max_handshakes.div_ceil(2))
    }

    /// The verdict on a client who has `validated` its address or not.
    pub(crate) fn decide(&self, load: Load, validated: bool) -> Verdict {
        if load.stopping || load.connections >= self.max_connections || load.handshakes >= self.max_handshakes {
            return Verdict::Refuse;
        }
        let check = match self.retry {
            Retry::Always => true,
            Retry::UnderLoad => !self.is_ordinary(load.handshakes),
            Retry::Never => false,
        };
        if check && !validated { Verdict::Retry } else { Verdict::Accept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(retry: Retry) -> Admission {
        Admission { max_connections: 10, max_handshakes: 4, retry }
    }

    fn load(connections: usize, handshakes: usize) -> Load {
        Load { connections, handshakes, stopping: false }
    }

    #[test]
    fn connections_and_handshakes_over_the_limit_are_refused() {
        let admission = admission(Retry::Never);
        assert_eq!(admission.decide(load(9, 3), false), Verdict::Accept);
        assert_eq!(admission.decide(load(10, 0), true), Verdict::Refuse);
        assert_eq!(admission.decide(load(4, 4), true), Verdict::Refuse);
    }

    #[test]
    fn a_stopping_server_lets_nobody_in() {
        let stopping = Load { stopping: true, ..Load::default() };
        assert_eq!(admission(Retry::Never).decide(stopping, true), Verdict::Refuse);
    }

    #[test]
    fn an_address_is_checked_always_under_load_or_never() {
        let verdicts = |retry| [0, 1, 2, 3].map(|handshakes| admission(retry).decide(load(3, handshakes), false));
        use Verdict::{Accept, Retry as Again};
        assert_eq!(verdicts(Retry::Always), [Again; 4]);
        assert_eq!(verdicts(Retry::UnderLoad), [Accept, Accept, Again, Again]);
        assert_eq!(verdicts(Retry::Never), [Accept; 4]);
    }

    #[test]
    fn however_many_handshakes_are_allowed_an_address_is_checked_beyond_a_few_dozens() {
        let admission = Admission { max_connections: 100_000, max_handshakes: 10_000, retry: Retry::UnderLoad };
        assert_eq!(admission.decide(load(LOAD, LOAD - 1), false), Verdict::Accept);
        assert_eq!(admission.decide(load(LOAD, LOAD), false), Verdict::Retry);
    }

    #[test]
    fn a_checked_address_is_not_checked_again() {
        assert_eq!(admission(Retry::Always).decide(load(0, 0), true), Verdict::Accept);
    }
}
