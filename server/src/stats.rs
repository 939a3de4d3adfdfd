//! What the server counts. Owned by the loop, shared with the applications on the same thread.

use std::cell::Cell;

/// Counters of one worker since the server started; those without `_total` that name things are current numbers.
#[derive(Debug, Default)]
pub struct Stats {
    /// Connections open now, handshakes in flight included.
    pub connections: Cell<u64>,
    /// Connections accepted.
    pub connections_total: Cell<u64>,
    /// Handshakes in flight.
    pub handshakes: Cell<u64>,
    /// Handshakes given up because they took too long.
    pub handshakes_timed_out_total: Cell<u64>,
    /// Connection attempts refused because of a limit.
    pub refused_total: Cell<u64>,
    /// Connection attempts answered with a Retry.
    pub retries_total: Cell<u64>,
    /// First packets of strangers that were passed over, because there were too many.
    pub initials_dropped_total: Cell<u64>,
    /// Connections that began with a ticket.
    pub resumed_total: Cell<u64>,
    /// Connections whose early data was accepted.
    pub early_data_total: Cell<u64>,
    /// Key updates that the server began.
    pub key_updates_total: Cell<u64>,
    /// HTTP requests whose header section was read.
    pub requests_total: Cell<u64>,
    /// Streams opened by clients.
    pub streams_total: Cell<u64>,
    /// UDP payload bytes sent.
    pub bytes_sent: Cell<u64>,
    /// UDP payload bytes received.
    pub bytes_received: Cell<u64>,
    /// Datagrams sent.
    pub datagrams_sent: Cell<u64>,
    /// Datagrams received.
    pub datagrams_received: Cell<u64>,
    /// Datagrams received with an ECN codepoint set; none where the platform does not tell.
    pub datagrams_ecn: Cell<u64>,
    /// Datagrams that the receive buffer had no room for.
    pub datagrams_dropped: Cell<u64>,
    /// Datagrams received that were passed to the worker whose connection they belong to.
    pub datagrams_forwarded: Cell<u64>,
    /// Datagrams that could not be sent, and datagrams from an address that can't be answered.
    pub send_errors: Cell<u64>,
    /// What other workers have counted.
    others: Cell<[u64; COUNTERS]>,
}

/// Adds to a counter.
pub(crate) fn add(counter: &Cell<u64>, amount: u64) {
    counter.set(counter.get() + amount);
}

/// How many there are.
pub(crate) const COUNTERS: usize = 20;

impl Stats {
    /// Each under its field's name.
    fn named(&self) -> [(&'static str, &Cell<u64>); COUNTERS] {
        [
            ("connections", &self.connections),
            ("connections_total", &self.connections_total),
            ("handshakes", &self.handshakes),
            ("handshakes_timed_out_total", &self.handshakes_timed_out_total),
            ("refused_total", &self.refused_total),
            ("retries_total", &self.retries_total),
            ("initials_dropped_total", &self.initials_dropped_total),
            ("resumed_total", &self.resumed_total),
            ("early_data_total", &self.early_data_total),
            ("key_updates_total", &self.key_updates_total),
            ("requests_total", &self.requests_total),
            ("streams_total", &self.streams_total),
            ("bytes_sent", &self.bytes_sent),
            ("bytes_received", &self.bytes_received),
            ("datagrams_sent", &self.datagrams_sent),
            ("datagrams_received", &self.datagrams_received),
            ("datagrams_ecn", &self.datagrams_ecn),
            ("datagrams_dropped", &self.datagrams_dropped),
            ("datagrams_forwarded", &self.datagrams_forwarded),
            ("send_errors", &self.send_errors),
        ]
    }

    /// What this worker has counted.
    pub(crate) fn own(&self) -> [u64; COUNTERS] {
        self.named().map(|(_, counter)| counter.get())
    }

    /// Notes what the others have counted, all together.
    pub(crate) fn set_others(&self, counters: [u64; COUNTERS]) {
        self.others.set(counters);
    }

    /// The counters as one JSON object, each under its field's name; those of the server's other workers are added, as
    /// they were a second ago.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let others = self.others.get();
        let all = self.named().into_iter().zip(others);
        all.map(|((name, counter), others)| (name.to_owned(), serde_json::Value::from(counter.get() + others)))
            .collect()
    }
}
