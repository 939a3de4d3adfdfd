//! What a task holds of an exchange with the host: the two directions of a request or a stream, or a session. Dropped
//! before its end, each tells the host so.

use std::future::poll_fn;
use std::rc::Rc;

use bytes::Bytes;

use super::frame::{Close, Kind, LAST, TEXT};
use super::link::{Coming, Directions, Link};
use crate::websocket::Message;

/// The direction to the host. Dropped before [`finish`](Self::finish), it is reset.
pub(super) struct Sending {
    link: Rc<Link>,
    id: u64,
}

impl Sending {
    pub(super) fn new(link: Rc<Link>, id: u64) -> Self {
        Self { link, id }
    }

    /// Sends all of `data`; waits while the host takes no more.
    ///
    /// # Errors
    ///
    /// With its code, when the host wants no more.
    pub(super) async fn send(&mut self, mut data: Bytes) -> Result<(), u32> {
        while !data.is_empty() {
            poll_fn(|cx| self.link.poll_send(self.id, cx, &mut data)).await?;
        }
        Ok(())
    }

    /// Waits until the host wants no more, and returns its code.
    pub(super) async fn stopped(&self) -> u32 {
        poll_fn(|cx| self.link.poll(self.id, cx, |exchange| exchange.stopped)).await
    }

    pub(super) fn finish(self) {
        self.finish_with(Bytes::new());
    }

    /// Ends with trailer fields in JSON.
    pub(super) fn finish_with(self, trailers: Bytes) {
        self.link.end(self.id, Kind::End(trailers));
    }

    pub(super) fn reset(self, code: u32) {
        self.link.end(self.id, Kind::Reset(code));
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.link.end(self.id, Kind::Reset(0));
        self.link.release(self.id);
    }
}

/// The direction from the host. Dropped before its end, the host is told to stop.
pub(super) struct Receiving {
    link: Rc<Link>,
    id: u64,
    stop: u32,
}

impl Receiving {
    pub(super) fn new(link: Rc<Link>, id: u64) -> Self {
        Self { link, id, stop: 0 }
    }

    /// Lets the host begin with a stream that it has opened.
    pub(super) fn grant(&self) {
        self.link.grant(self.id);
    }

    /// The head of the host's answer.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(super) async fn head(&mut self) -> Result<Bytes, u32> {
        poll_fn(|cx| {
            self.link.poll(self.id, cx, |exchange| match (exchange.head.take(), &exchange.coming) {
                (Some(head), _) => Some(Ok(head)),
                (None, Coming::More) => None,
                (None, Coming::Reset(code)) => Some(Err(*code)),
                (None, _) => Some(Err(0)),
            })
        })
        .await
    }

    /// What comes next; `None` at the end.
    ///
    /// # Errors
    ///
    /// With its code, when the host breaks off.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, u32> {
        let next = poll_fn(|cx| {
            self.link.poll(self.id, cx, |exchange| match (exchange.data.pop_front(), &exchange.coming) {
                (Some(data), _) => Some(Ok(Some(data))),
                (None, Coming::More) => None,
                (None, Coming::Reset(code)) => Some(Err(*code)),
                (None, _) => Some(Ok(None)),
            })
        })
        .await;
        if let Ok(Some(data)) = &next {
            self.link.took(self.id, data.len());
        }
        next
    }

    /// The trailer fields behind what came, in JSON; nothing if there are none.
    pub(super) fn trailers(&mut self) -> Bytes {
        self.link.with(self.id, |exchange| std::mem::take(&mut exchange.trailers))
    }

    /// Tells the host to send no more, with the application's code.
    pub(super) fn stop(mut self, code: u32) {
        self.stop = code;
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.link.stop(self.id, self.stop);
        self.link.release(self.id);
    }
}

/// A WebTransport session as the host has it. Dropped before it is closed, it is closed.
pub(super) struct HostSession {
    link: Rc<Link>,
    id: u64,
}

impl HostSession {
    pub(super) fn new(link: Rc<Link>, id: u64) -> Self {
        Self { link, id }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Sends a datagram, or drops it when the host is behind.
    pub(super) fn send_datagram(&self, data: Bytes) {
        self.link.send_datagram(self.id, data);
    }

    /// The host's next datagram; `None` when it has closed the session.
    pub(super) async fn datagram(&self) -> Option<Bytes> {
        let next = poll_fn(|cx| {
            self.link.poll(self.id, cx, |exchange| match exchange.data.pop_front() {
                Some(data) => Some(Some(data)),
                None => (exchange.coming != Coming::More).then_some(None),
            })
        })
        .await;
        if let Some(data) = &next {
            self.link.took(self.id, data.len());
        }
        next
    }

    /// The next stream that the host opens; `None` when it has closed the session.
    pub(super) async fn stream(&self) -> Option<(Option<Sending>, Receiving)> {
        let (id, directions): (u64, Directions) = poll_fn(|cx| {
            self.link.poll(self.id, cx, |exchange| match exchange.streams.pop_front() {
                Some(stream) => Some(Some(stream)),
                None => (exchange.coming != Coming::More).then_some(None),
            })
        })
        .await?;
        Some(self.link.handles(id, directions))
    }

    /// Waits until the host closes the session.
    pub(super) async fn closed(&self) -> Close {
        poll_fn(|cx| {
            self.link.poll(self.id, cx, |exchange| match &exchange.coming {
                Coming::Closed(close) => Some(close.clone()),
                _ => None,
            })
        })
        .await
    }

    /// Tells the host that the session is over.
    pub(super) fn close(&self, close: Close) {
        self.link.end(self.id, Kind::Close(close));
    }
}

impl Drop for HostSession {
    fn drop(&mut self) {
        self.close(Close { clean: true, code: 0, reason: String::new() });
        self.link.release(self.id);
    }
}

/// A WebSocket as the host has it. Dropped before it is closed, it is closed.
pub(super) struct HostSocket {
    link: Rc<Link>,
    id: u64,
}

/// A message on its way to the host.
pub(super) struct Outgoing {
    data: Bytes,
    text: bool,
}

/// What the host has to say.
pub(super) enum Said {
    Message(Message),
    Close(Close),
    /// More than a message may have.
    TooLong,
}

impl From<Message> for Outgoing {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self { data: text.into(), text: true },
            Message::Binary(data) => Self { data, text: false },
        }
    }
}

impl HostSocket {
    pub(super) fn new(link: Rc<Link>, id: u64) -> Self {
        Self { link, id }
    }

    /// Sends all of a message; waits while the host takes no more. Given up half-way, `message` is what is left.
    pub(super) async fn send(&self, message: &mut Outgoing) {
        let Outgoing { data, text } = message;
        poll_fn(|cx| self.link.poll_send_message(self.id, cx, data, *text)).await;
    }

    /// What the host says next: a message of at most `limit` bytes. Given up half-way, `partial` is what has come of it.
    pub(super) async fn said(&self, partial: &mut Vec<u8>, limit: usize) -> Said {
        loop {
            let next = poll_fn(|cx| {
                self.link.poll(self.id, cx, |exchange| match (exchange.data.pop_front(), &exchange.coming) {
                    (Some(part), _) => Some(Ok(part)),
                    (None, Coming::More) => None,
                    (None, Coming::Closed(close)) => Some(Err(close.clone())),
                    (None, _) => Some(Err(Close { clean: false, code: 0, reason: String::new() })),
                })
            })
            .await;
            let part = match next {
                Ok(part) => part,
                Err(close) => return Said::Close(close),
            };
            self.link.took(self.id, part.len());
            partial.extend_from_slice(&part[1..]);
            if partial.len() > limit {
                return Said::TooLong;
            }
            if part[0] & LAST == 0 {
                continue;
            }
            let data = std::mem::take(partial);
            return Said::Message(if part[0] & TEXT == 0 {
                Message::Binary(data.into())
            } else {
                Message::Text(String::from_utf8_lossy(&data).into_owned())
            });
        }
    }

    /// Tells the host that it is over.
    pub(super) fn close(&self, close: Close) {
        self.link.end(self.id, Kind::Close(close));
    }
}

impl Drop for HostSocket {
    fn drop(&mut self) {
        self.close(Close { clean: false, code: 0, reason: String::new() });
        self.link.release(self.id);
    }
}
