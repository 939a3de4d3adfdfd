//! The body of a request as it comes, held to the server's limits and to its own declared length.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use futures_executor::LocalSpawner;
use futures_util::task::LocalSpawnExt;
use http::{HeaderMap, header};

use super::exchange::{Answer, HttpError, Progress};
use crate::app::Context;
use crate::app::h3::RequestRecv;
use crate::timers::Patience;

/// The least that has to come in the time of the server's patience, in bytes.
const PACE: u64 = 1024;
/// How many times the largest body is read and dropped, where nobody wants it.
const DROPPED: u64 = 16;

/// The body of a request. It takes no more memory than the stream's window, however long it is.
///
/// What is left of it when it is dropped is read all the same, within limits, and dropped: Chromium 156 takes no answer before
/// its body has gone, and waits for ever when it is told to stop.
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
    pub(super) fn new(context: &Context, headers: &HeaderMap, recv: RequestRecv, progress: Progress) -> Self {
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

    /// Whether it declares more than it may have, which is its failure then.
    pub(super) fn declares_too_much(&self) -> bool {
        let too_much = self.declared.is_some_and(|declared| declared > self.incoming().limit);
        if too_much {
            self.progress.fail(HttpError::TooLarge);
        }
        too_much
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
        let Some(incoming) = self.incoming.take() else { return };
        match (self.progress.failure(), self.progress.answer()) {
            (None, _) if self.ended => {}
            // What is answered with half of it is not to be taken for whole.
            (Some(error), Answer::Begun) | (Some(error @ HttpError::Malformed), _) => incoming.stop(&error),
            _ => incoming.drop_rest(self.declared, &self.progress, &self.spawner),
        }
    }
}

/// What comes on the stream.
struct Incoming {
    recv: RequestRecv,
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
        let (recv, mut begun) = (&mut self.recv, None);
        let data = poll_fn(|cx| {
            let data = recv.poll_recv_data(cx);
            if data.is_pending() {
                begun.get_or_insert_with(Instant::now);
            }
            data
        });
        let Some(data) = self.patience.with(self.waited, data).await else {
            return Err(HttpError::TimedOut);
        };
        let data = data?.map(|mut data| data.copy_to_bytes(data.remaining()));
        self.length += data.as_ref().map_or(0, |data| data.len() as u64);
        self.waited += begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        if self.length - self.measured_from >= PACE {
            (self.waited, self.measured_from) = (Duration::ZERO, self.length);
        }
        if self.length > self.limit { Err(HttpError::TooLarge) } else { Ok(data) }
    }

    fn stop(mut self, error: &HttpError) {
        self.recv.stop_sending(error.code());
    }

    /// Reads what is left and drops it. More than [`DROPPED`] times the largest body is stopped; of one that declares more than
    /// that, as much as one may have, which is time enough for clients that look at the answer.
    fn drop_rest(mut self, declared: Option<u64>, progress: &Progress, spawner: &LocalSpawner) {
        let mut cx = TaskContext::from_waker(Waker::noop());
        // Mostly the end is here already, and costs no task.
        match self.recv.poll_recv_data(&mut cx) {
            Poll::Ready(Ok(None) | Err(_)) => return progress.settle(true),
            Poll::Ready(Ok(Some(data))) => self.length += data.remaining() as u64,
            Poll::Pending => {}
        }
        let most = self.limit.saturating_mul(DROPPED);
        let hopeless = declared.is_some_and(|declared| declared > most);
        self.limit = self.length.saturating_add(if hopeless { self.limit } else { most });
        (self.waited, self.measured_from) = (Duration::ZERO, self.length);
        let progress = progress.clone();
        let rest = async move {
            let ended = loop {
                match self.next().await {
                    Ok(Some(_)) => {}
                    // A client that gives its request up has looked at the answer.
                    Ok(None) | Err(HttpError::Lost(_)) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            progress.settle(ended.is_ok());
            // Where the answer says what was wrong, it is reset too. Any other is complete without the rest.
            if let (Err(error), Some(_), Answer::None) = (ended, progress.failure(), progress.answer()) {
                self.stop(&error);
            }
        };
        if spawner.spawn_local(rest).is_err() {
            tracing::debug!("a body was dropped: the server has stopped");
        }
    }
}
