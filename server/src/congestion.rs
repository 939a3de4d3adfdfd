//! Congestion control: the algorithm that was asked for, and one that lets a CONNECTION_CLOSE out.
//!
//! quinn-proto 0.11 counts a closed connection's packet as one more with data while stream data is pending, and holds it
//! back when the congestion window is full; acknowledgements make no room any more, because a closed connection reads
//! none. The client of a download that is cut off would then hear nothing and wait for its idle timeout. RFC 9002,
//! section 3 counts a packet of CONNECTION_CLOSE frames toward no congestion limit.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use quinn_proto::RttEstimator;
use quinn_proto::congestion::{
    BbrConfig, Controller, ControllerFactory, ControllerMetrics, CubicConfig, NewRenoConfig,
};

use crate::config::CongestionControl;

/// A window that nothing fills, and that quinn-proto's pacer can still compute with.
const NO_LIMIT: u64 = 1 << 40;

/// Makes the controllers of a server, all of which open their window while [`open`](Self::open) runs.
#[derive(Clone, Debug)]
pub(crate) struct Congestion {
    algorithm: CongestionControl,
    opened: Arc<AtomicBool>,
}

impl Congestion {
    pub(crate) fn new(algorithm: CongestionControl) -> Self {
        Self { algorithm, opened: Arc::default() }
    }

    /// Runs `transmit` with every window open: for a connection that is closed and has only that to say.
    pub(crate) fn open<R>(&self, transmit: impl FnOnce() -> R) -> R {
        self.opened.store(true, Ordering::Relaxed);
        let result = transmit();
        self.opened.store(false, Ordering::Relaxed);
        result
    }
}

impl ControllerFactory for Congestion {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        let inner = match self.algorithm {
            CongestionControl::Cubic => Arc::new(CubicConfig::default()).build(now, current_mtu),
            CongestionControl::Bbr => Arc::new(BbrConfig::default()).build(now, current_mtu),
            CongestionControl::NewReno => Arc::new(NewRenoConfig::default()).build(now, current_mtu),
        };
        Box::new(Opening { inner, opened: self.opened.clone() })
    }
}

/// A controller whose window opens when asked to.
struct Opening {
    inner: Box<dyn Controller>,
    opened: Arc<AtomicBool>,
}

impl Controller for Opening {
    fn window(&self) -> u64 {
        if self.opened.load(Ordering::Relaxed) { NO_LIMIT } else { self.inner.window() }
    }

    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.inner.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &RttEstimator) {
        self.inner.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, largest_acked: Option<u64>) {
        self.inner.on_end_acks(now, in_flight, app_limited, largest_acked);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, is_persistent_congestion: bool, lost_bytes: u64) {
        self.inner.on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.inner.on_mtu_update(new_mtu);
    }

    fn metrics(&self) -> ControllerMetrics {
        self.inner.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self { inner: self.inner.clone_box(), opened: self.opened.clone() })
    }

    fn initial_window(&self) -> u64 {
        self.inner.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self.inner.into_any()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_open_only_while_asked_for() {
        let congestion = Congestion::new(CongestionControl::Cubic);
        let controller = Arc::new(congestion.clone()).build(Instant::now(), 1200);
        let limited = controller.window();
        assert!(limited < NO_LIMIT);
        assert_eq!(congestion.open(|| controller.window()), NO_LIMIT);
        assert_eq!(controller.window(), limited);
    }

    #[test]
    fn the_algorithm_is_the_one_asked_for() {
        use quinn_proto::congestion::{Bbr, Cubic, NewReno};
        let made = |algorithm| Arc::new(Congestion::new(algorithm)).build(Instant::now(), 1200).into_any();
        assert!(made(CongestionControl::Cubic).is::<Cubic>());
        assert!(made(CongestionControl::Bbr).is::<Bbr>());
        assert!(made(CongestionControl::NewReno).is::<NewReno>());
    }
}
