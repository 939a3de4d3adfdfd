//! The sessions of one connection, and what arrives for sessions that are not there yet: a client may open streams and
//! send datagrams before its CONNECT is read, or before it arrives at all (draft-ietf-webtrans-http3, section 4.5).

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::{Rc, Weak};

use bytes::Bytes;
use h3::error::Code;
use http::Request;
use quinn_proto::coding::Codec;
use quinn_proto::{StreamId, VarInt};

use super::session::{Core, Session};
use super::{BUFFERED_STREAM_REJECTED, SESSION_GONE};
use crate::{Connection, RecvStream, SendStream};

/// Sessions of one connection at once; this many are announced, and more are rejected.
pub(crate) const MAX_SESSIONS: usize = 64;
/// Streams that wait for their session, on one connection. Their data waits within the flow control windows.
const MAX_WAITING_STREAMS: usize = 16;
/// Datagrams that wait for their session, on one connection.
const MAX_WAITING_DATAGRAMS: usize = 64;

/// A stream of a session, with the bytes behind its header that have been read already.
pub(crate) enum Incoming {
    Bi(SendStream, RecvStream, Bytes),
    Uni(RecvStream, Bytes),
}

impl Incoming {
    /// Ends the stream in both directions.
    pub(super) fn refuse(self, code: VarInt) {
        match self {
            Self::Bi(mut send, mut recv, _) => {
                send.reset(code);
                recv.stop(code);
            }
            Self::Uni(mut recv, _) => recv.stop(code),
        }
    }
}

pub(crate) struct Sessions {
    connection: Connection,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    open: HashMap<u64, Weak<Core>>,
    /// Requests that have arrived, of which it is not known whether they open a session.
    unresolved: HashSet<u64>,
    /// One more than the number of the last request that arrived.
    next: u64,
    streams: VecDeque<(u64, Incoming)>,
    datagrams: VecDeque<(u64, Bytes)>,
}

impl State {
    /// Whether a session of this number may come still.
    fn may_come(&self, session: u64) -> bool {
        session >= self.next || self.unresolved.contains(&session)
    }
}

impl Sessions {
    pub(crate) fn new(connection: Connection) -> Rc<Self> {
        Rc::new(Self { connection, state: RefCell::default() })
    }

    /// A bidirectional stream was opened: a request, for all that is known.
    pub(crate) fn request_opened(&self, id: StreamId) {
        let mut state = self.state.borrow_mut();
        state.unresolved.insert(id.into());
        state.next = state.next.max(u64::from(id) + 1);
    }

    /// It opens no session.
    pub(crate) fn request_resolved(&self, id: impl Into<u64>) {
        let id = id.into();
        let mut state = self.state.borrow_mut();
        state.unresolved.remove(&id);
        state.datagrams.retain(|(session, _)| *session != id);
        let waiting = take(&mut state.streams, id);
        drop(state);
        waiting.into_iter().for_each(|stream| stream.refuse(BUFFERED_STREAM_REJECTED));
    }

    /// It opens one. `None` when there are as many as there may be.
    pub(super) fn open(self: &Rc<Self>, id: u64, request: Request<()>) -> Option<Session> {
        let mut state = self.state.borrow_mut();
        state.open.retain(|_, core| core.strong_count() > 0);
        if state.open.len() >= MAX_SESSIONS {
            return None;
        }
        let core = Core::new(self.connection.clone(), id, request);
        state.unresolved.remove(&id);
        state.open.insert(id, Rc::downgrade(&core));
        let streams = take(&mut state.streams, id);
        let datagrams = take(&mut state.datagrams, id);
        drop(state);
        streams.into_iter().for_each(|stream| core.deliver(stream));
        datagrams.into_iter().for_each(|datagram| core.deliver_datagram(datagram));
        Some(Session::new(core))
    }

    /// It is over.
    pub(super) fn closed(&self, id: u64) {
        self.state.borrow_mut().open.remove(&id);
    }

    fn session(&self, id: u64) -> Option<Rc<Core>> {
        self.state.borrow().open.get(&id).and_then(Weak::upgrade)
    }

    /// Gives a stream to its session, keeps it until there is one, or refuses it.
    pub(crate) fn deliver(&self, session: u64, stream: Incoming) {
        if let Some(core) = self.session(session) {
            return core.deliver(stream);
        }
        let mut state = self.state.borrow_mut();
        if !state.may_come(session) {
            drop(state);
            return stream.refuse(SESSION_GONE);
        }
        if state.streams.len() >= MAX_WAITING_STREAMS {
            drop(state);
            return stream.refuse(BUFFERED_STREAM_REJECTED);
        }
        state.streams.push_back((session, stream));
    }

    /// Gives an HTTP datagram (RFC 9297, section 2.1) to its session, keeps it until there is one, or drops it.
    pub(crate) fn deliver_datagram(&self, mut datagram: Bytes) {
        let quarter = VarInt::decode(&mut datagram).ok().map(VarInt::into_inner);
        // The quarter of the largest stream number is the largest there is.
        let Some(session) = quarter.filter(|quarter| *quarter < 1 << 60).map(|quarter| quarter * 4) else {
            let code = VarInt::try_from(Code::H3_DATAGRAM_ERROR.value()).expect("a code is below 2^62");
            return self.connection.close(code, b"");
        };
        if let Some(core) = self.session(session) {
            return core.deliver_datagram(datagram);
        }
        let mut state = self.state.borrow_mut();
        if state.may_come(session) && state.datagrams.len() < MAX_WAITING_DATAGRAMS {
            state.datagrams.push_back((session, datagram));
        }
    }
}

/// Takes what waits for a session.
fn take<T>(waiting: &mut VecDeque<(u64, T)>, session: u64) -> Vec<T> {
    let (taken, left): (VecDeque<_>, _) = waiting.drain(..).partition(|(id, _)| *id == session);
    *waiting = left;
    taken.into_iter().map(|(_, it)| it).collect()
}
