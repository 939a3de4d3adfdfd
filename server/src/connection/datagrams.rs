//! An application's datagrams (RFC 9221): sent once, and lost where the network loses them.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use quinn_proto::{ConnectionError, SendDatagramError};

use super::{Connection, register};

impl Connection {
    /// Polls for the next datagram that the client sent.
    ///
    /// # Errors
    ///
    /// When the connection is lost.
    pub fn poll_datagram(&self, cx: &mut Context<'_>) -> Poll<Result<Bytes, ConnectionError>> {
        let mut state = self.state.borrow_mut();
        if let Some(datagram) = state.proto.datagrams().recv() {
            state.used = Instant::now();
            return Poll::Ready(Ok(datagram));
        }
        if let Some(error) = &state.lost {
            return Poll::Ready(Err(error.clone()));
        }
        register(&mut state.wakers.datagram, cx.waker());
        Poll::Pending
    }

    /// The next datagram that the client sends. Of those that nobody asked for in time the oldest are dropped.
    ///
    /// # Errors
    ///
    /// When the connection is lost.
    pub async fn datagram(&self) -> Result<Bytes, ConnectionError> {
        poll_fn(|cx| self.poll_datagram(cx)).await
    }

    /// Sends a datagram. Where the network is slower than the application, older ones that still wait are dropped.
    ///
    /// # Errors
    ///
    /// When the client takes none, or `data` is larger than [`max_datagram_size`](Self::max_datagram_size).
    pub fn send_datagram(&self, data: Bytes) -> Result<(), SendDatagramError> {
        let sent = self.with_proto(|proto| proto.datagrams().send(data, true));
        self.mark_dirty();
        sent
    }

    /// The most bytes that a datagram may have now; it changes with the path. None if the client takes none.
    #[must_use]
    pub fn max_datagram_size(&self) -> Option<usize> {
        self.with_proto(|proto| proto.datagrams().max_size())
    }
}
