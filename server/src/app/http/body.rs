//! The body of a request as it comes, held to the server's limits and to its own declared length.

use std::fmt;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use futures_executor::LocalSpawner;
use futures_util::task::LocalSpawnExt;
use http::{HeaderMap, header};

use super::exchange::{HttpError, Progress};
use crate::app::Context;
use crate::app::h3::H3Recv;
use crate::timers::Patience;

type RecvHalf = h3::server::RequestStream<H3Recv, Bytes>;

/// The least that has to come in the time of the server's patience, in bytes.
const PACE: u64 = 1024;

/// The body of a request. It takes no more memory than the stream's window, however long it is.
///
/// What is not read of it is read and dropped when it is, so that a client that sends all of its request before it looks
/// at the answer gets to it.
pub struct Body {
    /// Until it is dropped.
    incoming: Option<Incoming>,
    declared: Option<u64>,
    ended: bool,
    progress: Progress,
    spawner: LocalSpawner,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("declared", &self.declared).field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Body {
    pub(super) fn new(context: &Context, headers: &HeaderMap, recv: RecvHalf, progress: Progress) -> Self {
        let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let incoming = Incoming {
            recv,
            limit: context.max_body,
            length: 0,
            patience: context.patience.clone(),
            waited: Duration::ZERO,
            measured_from: 0,
        };
        Self { incoming: Some(incoming), declared, ended: false, progress, spawner: context.spawner.clone() }
    }

    /// The length that the request's head declares, in bytes.
    #[must_use]
    pub fn declared_length(&self) -> Option<u64> {
        self.declared
    }

    pub(super) fn declares_too_much(&self) -> bool {
        self.declared.is_some_and(|declared| declared > self.incoming().limit)
    }

    /// The next piece, as it came; None at the end.
    ///
    /// # Errors
    ///
    /// When it is larger than the server's `max_body`, takes longer than its `request_timeout` for a KiB, is not of its
    /// declared length, or the stream is lost; from then on always.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        if self.ended {
            return Ok(None);
        }
        if let Some(error) = self.progress.failure() {
            return Err(error);
        }
        let next = self.incoming_mut().next().await;
        let length = self.incoming().length;
        let next = next.and_then(|data| {
            let wrong = self.declared.is_some_and(|declared| match data {
                Some(_) => length > declared,
                None => length != declared,
            });
            if wrong { Err(HttpError::Malformed) } else { Ok(data) }
        });
        match next {
            Ok(data) => {
                self.ended = data.is_none();
                Ok(data)
            }
            Err(error) => Err(self.progress.fail(error)),
        }
    }

    /// All of it, if that is at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk), and when there is more.
    pub async fn read_to_end(&mut self, limit: usize) -> Result<Vec<u8>, HttpError> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if whole.len() + chunk.len() > limit {
                return Err(self.progress.fail(HttpError::TooLarge));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole)
    }

    /// The trailer fields behind it, if there are any. What has not been read of the body is passed over.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk).
    pub async fn trailers(&mut self) -> Result<Option<HeaderMap>, HttpError> {
        while self.chunk().await?.is_some() {}
        let Incoming { recv, patience, .. } = self.incoming_mut();
        let trailers = match patience.with(Duration::ZERO, recv.recv_trailers()).await {
            Some(trailers) => trailers.map_err(HttpError::from),
            None => Err(HttpError::TimedOut),
        };
        trailers.map_err(|error| self.progress.fail(error))
    }

    /// The client need not send the rest.
    pub(super) fn stop(mut self) {
        self.incoming = None;
    }

    fn incoming(&self) -> &Incoming {
        self.incoming.as_ref().expect("it is there until the body is dropped")
    }

    fn incoming_mut(&mut self) -> &mut Incoming {
        self.incoming.as_mut().expect("it is there until the body is dropped")
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let Some(mut incoming) = self.incoming.take() else { return };
        match self.progress.failure() {
            None if self.ended => {}
            // Who answers says what was wrong, and that is to be heard.
            None => incoming.discard(&self.spawner),
            Some(HttpError::TooLarge) if !self.progress.is_begun() => incoming.discard(&self.spawner),
            // An answer to what was complete enough for it: without an error the rest is stopped (RFC 9114, section 4.1).
            Some(HttpError::TimedOut) if !self.progress.is_begun() => {}
            Some(error) => incoming.recv.stop_sending(error.code()),
        }
    }
}

/// What comes on the stream.
struct Incoming {
    recv: RecvHalf,
    limit: u64,
    /// Bytes that have come.
    length: u64,
    patience: Patience,
    /// How long the next [`PACE`] bytes have been waited for, and how long the body was before.
    waited: Duration,
    measured_from: u64,
}

impl Incoming {
    async fn next(&mut self) -> Result<Option<Bytes>, HttpError> {
        let begun = Instant::now();
        let Some(data) = self.patience.with(self.waited, self.recv.recv_data()).await else {
            return Err(HttpError::TimedOut);
        };
        let data = data?.map(|mut data| data.copy_to_bytes(data.remaining()));
        self.length += data.as_ref().map_or(0, |data| data.len() as u64);
        self.waited += begun.elapsed();
        if self.length - self.measured_from >= PACE {
            (self.waited, self.measured_from) = (Duration::ZERO, self.length);
        }
        if self.length > self.limit { Err(HttpError::TooLarge) } else { Ok(data) }
    }

    /// Reads what is left of a request that needs it no more, up to the limits of a body. Chromium 156 does not look at the
    /// answer while it still has a body to send, and waits for ever when it is told to stop.
    fn discard(mut self, spawner: &LocalSpawner) {
        let mut cx = TaskContext::from_waker(Waker::noop());
        // Mostly the end is here already, and costs no task.
        match self.recv.poll_recv_data(&mut cx) {
            Poll::Ready(Ok(None) | Err(_)) => return,
            Poll::Ready(Ok(Some(_))) | Poll::Pending => {}
        }
        self.limit += self.length;
        let rest = async move { while let Ok(Some(_)) = self.next().await {} };
        if spawner.spawn_local(rest).is_err() {
            tracing::debug!("a body was dropped: the server has stopped");
        }
    }
}
