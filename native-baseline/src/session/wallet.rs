//! A client's tickets, given out as a test wants it: any ticket to any server, at any time.

use std::sync::{Arc, Mutex};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use tokio::sync::Notify;

/// A ticket, and what the client knows of its session. rustls lets nobody copy one.
#[derive(Debug)]
pub struct Ticket(Tls13ClientSessionValue);

/// What a client has got and will offer. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Wallet(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    got: Mutex<Vec<Ticket>>,
    more: Notify,
    offer: Mutex<Option<Ticket>>,
}

impl Wallet {
    /// The next handshake offers `ticket`.
    pub(super) fn offer(&self, ticket: Ticket) {
        *lock(&self.0.offer) = Some(ticket);
    }

    /// The next ticket that servers send, or have sent and nobody has taken yet.
    pub(super) async fn next(&self) -> Ticket {
        loop {
            let more = self.0.more.notified();
            if let Some(ticket) = lock(&self.0.got).pop() {
                return ticket;
            }
            more.await;
        }
    }

    /// Throws away what servers have sent.
    pub(super) fn clear(&self) {
        lock(&self.0.got).clear();
    }
}

impl ClientSessionStore for Wallet {
    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        lock(&self.0.got).push(Ticket(ticket));
        self.0.more.notify_one();
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        lock(&self.0.offer).take().map(|ticket| ticket.0)
    }

    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}
}

/// A clock that can be stopped, so that a client offers a ticket after its time.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock(Arc<Mutex<Option<UnixTime>>>);

impl Clock {
    pub(super) fn stop(&self) {
        *lock(&self.0) = Some(UnixTime::now());
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(lock(&self.0).unwrap_or_else(UnixTime::now))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics with the wallet locked")
}
