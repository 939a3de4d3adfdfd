//! The loop's end: what clients have asked for is answered, nothing new is begun, and whoever is left is told.

use std::io;
use std::time::{Duration, Instant};

use socket_iwa::Ready;

use super::{Entry, Server};
use crate::quic_config::no_error;
use crate::workers::message::Message;

/// How long a stopping server waits for its closed connections to be drained, which takes three probe timeouts: a few
/// milliseconds on this machine, longer than anybody wants to wait for a client that is gone.
const CLOSE_DEADLINE: Duration = Duration::from_millis(500);
/// Round trips between telling a client that the server stops and closing its connection (RFC 9114, section 5.2): what it
/// had sent before it knew is answered, and what it would send is sent elsewhere.
const NOTICE_ROUND_TRIPS: u32 = 2;

/// How much longer than it may take by itself a worker waits for others to stop.
const PATIENCE: Duration = Duration::from_secs(1);

impl Server {
    /// Ends as it was asked to, with all other workers.
    pub(super) fn stop(&mut self) -> io::Result<()> {
        let limit = self.drain_timeout + CLOSE_DEADLINE + PATIENCE;
        let deadline = Instant::now() + limit;
        if let Some(crew) = self.crew.as_mut().filter(|crew| crew.peers.number == 0) {
            crew.peers.tell_all(&Message::Stop);
        }
        self.drain()?;
        self.close()?;
        let Some(crew) = &mut self.crew else { return Ok(()) };
        crew.peers.tell(0, &Message::Stopped);
        // The first worker waits for the others, and they for it: a socket that is closed changes whose flows fall to which
        // of those that are left, and what comes to this one may be for them.
        let mut ready = Ready::default();
        loop {
            self.turn(ready)?;
            let others_serve = self
                .crew
                .as_ref()
                .is_some_and(|crew| if crew.peers.number == 0 { crew.peers.any_serving() } else { crew.peers.has(0) });
            if !others_serve {
                return Ok(());
            }
            if Instant::now() >= deadline {
                tracing::warn!("not all workers have stopped within {} s", limit.as_secs());
                return Ok(());
            }
            let wake = self.deadline(Some(deadline));
            ready = self.wait(wake, None)?;
        }
    }

    /// Tells the applications that the server stops, and closes each connection when all it was asked is answered and
    /// delivered, until none is left or the time is up.
    fn drain(&mut self) -> io::Result<()> {
        let begun = Instant::now();
        let deadline = begun + self.drain_timeout;
        self.clients.stopping = true;
        tracing::info!("stopping, {} connections to be answered", self.clients.connections.len());
        for Entry { connection, .. } in self.clients.connections.values() {
            connection.drain();
        }
        // With a turn, so that the applications hear of it.
        let mut ready = Ready { readable: true, ..Ready::default() };
        loop {
            self.turn(ready)?;
            let now = Instant::now();
            let Some(next) = self.close_answered(begun, now) else { return Ok(()) };
            if now >= deadline {
                return Ok(());
            }
            let wake = self.deadline(Some(next.map_or(deadline, |next| next.min(deadline))));
            ready = self.wait(wake, None)?;
        }
    }

    /// Closes the connections that have had their notice and their answers. None: there are no others; otherwise when to
    /// look again, if not after the next datagram.
    #[allow(clippy::option_option)]
    fn close_answered(&mut self, begun: Instant, now: Instant) -> Option<Option<Instant>> {
        let mut open = false;
        let mut next: Option<Instant> = None;
        for Entry { connection, .. } in self.clients.connections.values() {
            let (closed, round_trip) = connection.with_proto(|proto| (proto.is_closed(), proto.rtt()));
            if closed {
                continue;
            }
            let noticed = begun + NOTICE_ROUND_TRIPS * round_trip;
            if connection.is_established() && !connection.is_answered() {
                open = true;
            } else if connection.is_established() && now < noticed {
                open = true;
                next = Some(next.map_or(noticed, |next| next.min(noticed)));
            } else {
                connection.close(no_error(connection.alpn().as_deref()), b"server stopping");
            }
        }
        open.then_some(next)
    }

    /// Closes every connection, and says so again to whoever still sends, until all are drained (RFC 9000, section
    /// 10.2): under load the one datagram with the CONNECTION_CLOSE is as easily lost as any other.
    fn close(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + CLOSE_DEADLINE;
        let mut cut_off = 0;
        for Entry { connection, .. } in self.clients.connections.values() {
            if !connection.with_proto(|proto| proto.is_closed()) {
                cut_off += 1;
                connection.close(no_error(connection.alpn().as_deref()), b"server stopping");
            }
        }
        if cut_off > 0 {
            tracing::info!("{cut_off} connections cut off");
        }
        self.clients.endpoint.set_server_config(None);
        self.transmit();
        while !self.clients.connections.is_empty() && Instant::now() < deadline {
            let wake = self.deadline(Some(deadline));
            let ready = self.wait(wake, None)?;
            self.turn(ready)?;
        }
        Ok(())
    }
}
