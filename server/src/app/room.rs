//! A room: what one member sends, all others get. A datagram goes on as a datagram, a unidirectional stream as one.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::future::join4;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::webtransport::Session;

/// The longest message, in bytes: a member holds that much for each one that it has not sent on yet.
const MAX_MESSAGE: usize = 64 << 10;
/// Messages that a member may be behind before it misses the oldest.
const BACKLOG: usize = 64;

#[derive(Clone, Debug)]
enum Message {
    Datagram(Bytes),
    Stream(Bytes),
}

/// Clones are the same room.
#[derive(Clone)]
pub(super) struct Room {
    messages: broadcast::Sender<(u64, Message)>,
    /// The number of the next member.
    next: Rc<Cell<u64>>,
}

impl Default for Room {
    fn default() -> Self {
        Self { messages: broadcast::Sender::new(BACKLOG), next: Rc::default() }
    }
}

impl Room {
    fn enter(&self) -> (u64, broadcast::Receiver<(u64, Message)>) {
        let number = self.next.get();
        self.next.set(number + 1);
        (number, self.messages.subscribe())
    }

    fn say(&self, number: u64, message: Message) {
        // Fails when nobody listens, which is no failure.
        let _ = self.messages.send((number, message));
    }

    /// Serves a member.
    pub(super) async fn join(self, session: Session) {
        let (number, mut messages) = self.enter();
        let datagrams = async {
            while let Ok(datagram) = session.datagram().await {
                self.say(number, Message::Datagram(datagram));
            }
        };
        let streams = super::concurrently(
            || async { session.accept_uni().await.ok() },
            |mut recv| {
                let room = &self;
                async move {
                    if let Ok(Some(message)) = recv.read_to_end(MAX_MESSAGE).await {
                        room.say(number, Message::Stream(message.into()));
                    }
                }
            },
        );
        // Here nobody answers on a stream of the client's own.
        let refused = async { while session.accept_bi().await.is_ok() {} };
        let heard = async {
            let closed = session.closed();
            let deliver = async {
                while let Some(message) = next(&mut messages, number).await {
                    if let Err(close) = deliver(&session, message).await {
                        tracing::debug!("room: {close}");
                    }
                }
            };
            futures_util::future::select(Box::pin(closed), Box::pin(deliver)).await;
        };
        join4(datagrams, streams, refused, heard).await;
    }
}

/// The next message of somebody else.
async fn next(messages: &mut broadcast::Receiver<(u64, Message)>, number: u64) -> Option<Message> {
    loop {
        match messages.recv().await {
            Ok((from, message)) if from != number => return Some(message),
            // A member that is slow misses some.
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

async fn deliver(session: &Session, message: Message) -> Result<(), Box<dyn std::error::Error>> {
    match message {
        Message::Datagram(datagram) => session.send_datagram(&datagram)?,
        Message::Stream(message) => {
            let mut send = session.open_uni().await?;
            send.write_all(&message).await?;
            send.finish()?;
        }
    }
    Ok(())
}
