//! A room: what one member sends, all others get, whichever way they came in. Among WebTransport sessions a datagram
//! goes on as a datagram and a unidirectional stream as one; a WebSocket sends and gets both as messages. Where a server
//! has several workers, each has a part of the room.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::future::{Either, join4, select};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::logged;
use crate::websocket::{self, WebSocket};
use crate::webtransport::Session;
use crate::workers::message::Said as Message;

/// The longest message, in bytes: a member holds that much for each one that it has not sent on yet.
const MAX_MESSAGE: usize = 64 << 10;
/// Messages that a member may be behind before it misses the oldest.
const BACKLOG: usize = 64;

/// The number of whoever speaks in another worker's part of the room.
const ELSEWHERE: u64 = u64::MAX;

/// Clones are the same room.
#[derive(Clone)]
pub(crate) struct Room {
    messages: broadcast::Sender<(u64, Message)>,
    /// The number of the next member.
    next: Rc<Cell<u64>>,
    /// What was said here and not yet elsewhere; None where there is no elsewhere.
    said: Rc<RefCell<Option<Vec<Message>>>>,
}

impl Default for Room {
    fn default() -> Self {
        Self { messages: broadcast::Sender::new(BACKLOG), next: Rc::default(), said: Rc::default() }
    }
}

/// For the loop, which connects the parts of the room that several workers have.
impl Room {
    /// From now on what is said is kept for [`said`](Self::said).
    pub(crate) fn keep_said(&self) {
        self.said.replace(Some(Vec::new()));
    }

    /// What was said here since the last call.
    pub(crate) fn said(&self) -> Vec<Message> {
        self.said.borrow_mut().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Somebody has said something elsewhere.
    pub(crate) fn hear(&self, message: Message) {
        // Fails when nobody listens, which is no failure.
        let _ = self.messages.send((ELSEWHERE, message));
    }
}

/// Somebody in the room.
struct Member {
    number: u64,
    messages: broadcast::Receiver<(u64, Message)>,
}

impl Room {
    fn enter(&self) -> Member {
        let number = self.next.get();
        self.next.set(number + 1);
        Member { number, messages: self.messages.subscribe() }
    }

    fn say(&self, number: u64, message: Message) {
        if let Some(said) = &mut *self.said.borrow_mut() {
            said.push(message.clone());
        }
        // Fails when nobody listens, which is no failure.
        let _ = self.messages.send((number, message));
    }

    /// Serves a WebTransport session.
    pub(super) async fn join(self, session: Session) {
        let mut member = self.enter();
        let number = member.number;
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
            let deliver = async {
                while let Some(message) = member.next().await {
                    if let Err(error) = deliver(&session, message).await {
                        logged::debug("room", &error);
                    }
                }
            };
            select(Box::pin(session.closed()), Box::pin(deliver)).await;
        };
        join4(datagrams, streams, refused, heard).await;
    }

    /// Serves a WebSocket.
    pub(super) async fn join_websocket(self, mut socket: WebSocket) {
        let mut member = self.enter();
        loop {
            // Neither loses anything by being given up.
            let next = match select(Box::pin(socket.message()), Box::pin(member.next())).await {
                Either::Left((said, _)) => Either::Left(said),
                Either::Right((heard, _)) => Either::Right(heard),
            };
            let sent = match next {
                Either::Left(Ok(Some(websocket::Message::Text(text)))) => {
                    self.say(member.number, Message::Text(text));
                    continue;
                }
                Either::Left(Ok(Some(websocket::Message::Binary(data)))) => {
                    self.say(member.number, Message::Stream(data));
                    continue;
                }
                Either::Left(Ok(None)) | Either::Right(None) => return,
                Either::Left(Err(error)) => Err(error),
                Either::Right(Some(Message::Text(text))) => socket.send(websocket::Message::Text(text)).await,
                Either::Right(Some(Message::Datagram(data) | Message::Stream(data))) => {
                    socket.send(websocket::Message::Binary(data)).await
                }
            };
            if let Err(error) = sent {
                return logged::debug("room", &error);
            }
        }
    }
}

impl Member {
    /// The next message of somebody else.
    async fn next(&mut self) -> Option<Message> {
        loop {
            match self.messages.recv().await {
                Ok((from, message)) if from != self.number => return Some(message),
                // A member that is slow misses some.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

async fn deliver(session: &Session, message: Message) -> Result<(), Box<dyn std::error::Error>> {
    let message = match message {
        Message::Datagram(datagram) => return Ok(session.send_datagram(&datagram)?),
        Message::Stream(message) => message,
        Message::Text(text) => text.into(),
    };
    let mut send = session.open_uni().await?;
    send.write_all(&message).await?;
    Ok(send.finish()?)
}
