//! What applications wait for that is a time: the loop wakes them when it is due. It knows nothing of what they wait for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Who waits, by when they are due. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<(Instant, u64), Waker>,
    /// Tells those apart that are due at the same time.
    next: u64,
}

impl Timers {
    /// When the loop has to look again.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.0.borrow().waiting.first_key_value().map(|(&(due, _), _)| due)
    }

    /// Wakes who is due at `now`.
    pub(crate) fn expire(&self, now: Instant) {
        let due = {
            let waiting = &mut self.0.borrow_mut().waiting;
            let later = waiting.split_off(&(now, u64::MAX));
            std::mem::replace(waiting, later)
        };
        due.into_values().for_each(Waker::wake);
    }

    /// Ends after `duration`.
    pub(crate) fn sleep(&self, duration: Duration) -> Sleep {
        let state = &mut *self.0.borrow_mut();
        state.next += 1;
        Sleep { timers: self.clone(), key: (Instant::now() + duration, state.next) }
    }
}

/// Ends when its time has come.
#[derive(Debug)]
pub(crate) struct Sleep {
    timers: Timers,
    key: (Instant, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.key.0 {
            return Poll::Ready(());
        }
        self.timers.0.borrow_mut().waiting.insert(self.key, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.timers.0.borrow_mut().waiting.remove(&self.key);
    }
}

/// How long a client may leave the server waiting for what it has begun.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patience {
    timers: Timers,
    /// None: for ever.
    limit: Option<Duration>,
}

impl Patience {
    /// Zero is without a limit.
    pub(crate) fn new(timers: Timers, limit: Duration) -> Self {
        Self { timers, limit: Some(limit).filter(|limit| !limit.is_zero()) }
    }

    /// A wait that has lasted for `waited` already. None: it may last for ever.
    pub(crate) fn left(&self, waited: Duration) -> Option<Sleep> {
        self.limit.map(|limit| self.timers.sleep(limit.saturating_sub(waited)))
    }

    /// What `future` ends with; None if that takes too long. What is here already is taken, however late.
    pub(crate) async fn with<F: Future>(&self, waited: Duration, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        // Made at the first wait: to look at the clock for each piece that is here already was 6 % of an upload on Node.
        let mut left = None;
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => match left.get_or_insert_with(|| self.left(waited)) {
                Some(sleep) => Pin::new(sleep).poll(cx).map(|()| None),
                None => Poll::Pending,
            },
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(sleep: &mut Sleep) -> Poll<()> {
        Pin::new(sleep).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn who_waits_is_known_by_when_it_is_due_until_it_is_dropped() {
        let timers = Timers::default();
        let (mut late, mut soon) = (timers.sleep(Duration::from_secs(200)), timers.sleep(Duration::from_secs(100)));
        assert_eq!(timers.next_due(), None);
        assert!(poll(&mut late).is_pending() && poll(&mut soon).is_pending());
        assert_eq!(timers.next_due(), Some(soon.key.0));
        timers.expire(soon.key.0);
        assert_eq!(timers.next_due(), Some(late.key.0));
        drop(late);
        assert_eq!(timers.next_due(), None);
        assert!(poll(&mut timers.sleep(Duration::ZERO)).is_ready());
    }

    #[test]
    fn zero_is_without_a_limit() {
        assert!(Patience::new(Timers::default(), Duration::ZERO).left(Duration::ZERO).is_none());
    }
}
