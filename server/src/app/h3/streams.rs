//! A client's streams as they open: read until it is clear what each is, then given to whom it is for. It knows the
//! types of streams and frames, and nothing of what is said on them.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use h3::error::Code;
use quinn_proto::ConnectionError;

use super::frames::{Frames, Kind, Refused, varint as read_varint};
use super::protocol::{self, Protocol};
use super::pseudo;
use super::qpack::{Instructions, Role};
use super::transport::{H3Recv, varint};
use crate::app::webtransport::{Incoming, Sessions};
use crate::timers::{Patience, Sleep};
use crate::{Connection, ReadError, RecvStream, SendStream};

/// Unidirectional stream types (RFC 9114, section 6.2; RFC 9204, section 4.2; draft-ietf-webtrans-http3, section 4.2).
const CONTROL: u64 = 0x00;
const PUSH: u64 = 0x01;
const QPACK_ENCODER: u64 = 0x02;
const QPACK_DECODER: u64 = 0x03;
const WEBTRANSPORT_UNI: u64 = 0x54;
/// What a bidirectional stream of WebTransport begins with instead of a frame.
const WEBTRANSPORT_BI: u64 = 0x41;

/// A HEADERS frame of `:status: 431`: static name 24, literal value (RFC 9204, section 4.5.4).
const FIELDS_TOO_LARGE: &[u8] = b"\x01\x08\x00\x00\x5f\x09\x03431";

/// The protocols that extended CONNECTs named, by the number of their stream.
pub(crate) type Protocols = Rc<RefCell<HashMap<u64, Protocol>>>;

/// A connection's streams on their way to whom they are for.
pub(crate) struct Streams {
    connection: Connection,
    sessions: Rc<Sessions>,
    /// With streams of which it is not known what they are.
    patience: Patience,
    protocols: Protocols,
    bidirectional: Vec<OpeningRequest>,
    unidirectional: Vec<OpeningUni>,
    qpack: Vec<(Instructions, RecvStream)>,
    closing: Rc<Cell<bool>>,
}

/// What became of a stream.
enum Opened<H, W> {
    /// h3's.
    Http(H),
    /// Of the session with this number.
    WebTransport(u64, W),
    /// Nobody's any more.
    Gone,
    /// A rule was broken that ends the connection.
    Close(Code),
}

impl Streams {
    pub(crate) fn new(connection: Connection, sessions: Rc<Sessions>, patience: Patience) -> Self {
        Self {
            connection,
            sessions,
            patience,
            protocols: Protocols::default(),
            bidirectional: Vec::new(),
            unidirectional: Vec::new(),
            qpack: Vec::new(),
            closing: Rc::default(),
        }
    }

    /// While it is true, requests are rejected.
    pub(crate) fn closing(&self) -> Rc<Cell<bool>> {
        self.closing.clone()
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Where the protocols of extended CONNECTs are kept.
    pub(crate) fn protocols(&self) -> Protocols {
        self.protocols.clone()
    }

    /// Polls for a request whose header section is here.
    pub(super) fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<Result<(SendStream, H3Recv), ConnectionError>> {
        while let Poll::Ready((send, recv)) = self.connection.poll_accept_bi(cx)? {
            self.sessions.request_opened(send.id());
            self.bidirectional.push(OpeningRequest::new(send, recv, self.patience.clone()));
        }
        if self.closing.get() {
            for OpeningRequest { mut send, mut recv, .. } in self.bidirectional.drain(..) {
                self.sessions.request_resolved(send.id());
                send.reset(varint(Code::H3_REQUEST_REJECTED.value()));
                recv.stop(varint(Code::H3_REQUEST_REJECTED.value()));
            }
        }
        let mut index = 0;
        while let Some(opening) = self.bidirectional.get_mut(index) {
            let Poll::Ready(opened) = opening.poll(cx) else {
                index += 1;
                continue;
            };
            let OpeningRequest { send, recv, protocol, pieces, input, frames, .. } = self.bidirectional.remove(index);
            let id = send.id();
            match opened {
                Opened::Http(()) => {
                    if let Some(protocol) = protocol {
                        self.protocols.borrow_mut().insert(id.into(), protocol);
                    }
                    return Poll::Ready(Ok((send, H3Recv::new(recv, frames, pieces, input))));
                }
                Opened::WebTransport(session, ()) => {
                    self.sessions.request_resolved(id);
                    self.deliver(session, Incoming::Bi(send, recv, input));
                }
                Opened::Gone => self.sessions.request_resolved(id),
                Opened::Close(code) => return Poll::Ready(Err(self.close(code))),
            }
        }
        Poll::Pending
    }

    /// Polls for the control stream.
    pub(super) fn poll_control(&mut self, cx: &mut Context<'_>) -> Poll<Result<H3Recv, ConnectionError>> {
        while let Poll::Ready(recv) = self.connection.poll_accept_uni(cx)? {
            self.unidirectional.push(OpeningUni {
                recv: Some(recv),
                head: BytesMut::new(),
                patience: Wait::new(self.patience.clone()),
            });
        }
        let mut index = 0;
        while let Some(opening) = self.unidirectional.get_mut(index) {
            let Poll::Ready(opened) = opening.poll(cx, &mut self.qpack) else {
                index += 1;
                continue;
            };
            self.unidirectional.remove(index);
            match opened {
                Opened::Http(recv) => return Poll::Ready(Ok(recv)),
                Opened::WebTransport(session, stream) => self.deliver(session, stream),
                Opened::Gone => {}
                Opened::Close(code) => return Poll::Ready(Err(self.close(code))),
            }
        }
        match self.poll_qpack(cx) {
            Ok(()) => Poll::Pending,
            Err(code) => Poll::Ready(Err(self.close(code))),
        }
    }

    /// Reads what is said on QPACK's streams.
    fn poll_qpack(&mut self, cx: &mut Context<'_>) -> Result<(), Code> {
        for (instructions, recv) in &mut self.qpack {
            while let Poll::Ready(read) = recv.poll_chunk(cx) {
                match read {
                    Ok(Some(chunk)) => instructions.read(&chunk)?,
                    Ok(None) | Err(ReadError::Reset(_)) => return Err(Code::H3_CLOSED_CRITICAL_STREAM),
                    // Whoever accepts streams hears of it too.
                    Err(_) => return Ok(()),
                }
            }
        }
        Ok(())
    }

    fn deliver(&self, session: u64, stream: Incoming) {
        // A session has the number of a client's bidirectional stream (draft-ietf-webtrans-http3, section 4).
        if session.is_multiple_of(4) {
            self.sessions.deliver(session, stream);
        } else {
            self.close(Code::H3_ID_ERROR);
        }
    }

    fn close(&self, code: Code) -> ConnectionError {
        self.connection.close(varint(code.value()), b"");
        ConnectionError::LocallyClosed
    }
}

/// How long something has been waited for.
struct Wait {
    patience: Patience,
    /// Once there was something to wait for, which there mostly is not.
    begun: Option<Option<Sleep>>,
}

impl Wait {
    fn new(patience: Patience) -> Self {
        Self { patience, begun: None }
    }

    /// Ready when it was too long.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.begun.get_or_insert_with(|| self.patience.left(Duration::ZERO)) {
            Some(sleep) => Pin::new(sleep).poll(cx),
            None => Poll::Pending,
        }
    }
}

/// A bidirectional stream before its first frame is here.
struct OpeningRequest {
    send: SendStream,
    recv: RecvStream,
    /// Bytes before the first frame's type is known.
    head: Option<BytesMut>,
    frames: Frames,
    protocol: Option<Protocol>,
    /// For h3.
    pieces: VecDeque<Bytes>,
    /// Received and not yet looked at.
    input: Bytes,
    patience: Wait,
}

impl OpeningRequest {
    fn new(send: SendStream, recv: RecvStream, patience: Patience) -> Self {
        Self {
            patience: Wait::new(patience),
            send,
            recv,
            head: Some(BytesMut::new()),
            frames: Frames::new(Kind::Request),
            protocol: None,
            pieces: VecDeque::new(),
            input: Bytes::new(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Opened<(), ()>> {
        loop {
            if let Some(opened) = self.look() {
                return Poll::Ready(opened);
            }
            let read = match self.recv.poll_chunk(cx) {
                Poll::Ready(read) => read,
                Poll::Pending => {
                    std::task::ready!(self.patience.poll(cx));
                    // Nothing was done for it yet.
                    self.send.reset(varint(Code::H3_REQUEST_REJECTED.value()));
                    self.recv.stop(varint(Code::H3_REQUEST_REJECTED.value()));
                    return Poll::Ready(Opened::Gone);
                }
            };
            match read {
                Ok(Some(chunk)) => match &mut self.head {
                    Some(head) => head.extend_from_slice(&chunk),
                    None => self.input = chunk,
                },
                Ok(None) => return Poll::Ready(self.ended()),
                Err(_) => {
                    self.send.reset(varint(Code::H3_REQUEST_CANCELLED.value()));
                    return Poll::Ready(Opened::Gone);
                }
            }
        }
    }

    /// Looks at what has been received. None: more is needed.
    fn look(&mut self) -> Option<Opened<(), ()>> {
        if let Some(head) = &mut self.head {
            let mut bytes = &head[..];
            if read_varint(&mut bytes)? == WEBTRANSPORT_BI {
                let session = read_varint(&mut bytes)?;
                head.advance(head.len() - bytes.len());
                self.input = head.split().freeze();
                return Some(Opened::WebTransport(session, ()));
            }
            self.input = head.split().freeze();
            self.head = None;
        }
        let piece = match self.frames.next(&mut self.input) {
            Ok(piece) => piece?,
            Err(Refused::TooLarge) => return Some(self.refuse()),
            Err(Refused::Connection(code)) => return Some(Opened::Close(code)),
        };
        let bytes = match piece.headers {
            Some(header) => {
                if !pseudo::are_in_order(&piece.bytes[header..]) {
                    return Some(self.malformed());
                }
                let (protocol, bytes) = protocol::read(piece.bytes, header);
                self.protocol = protocol;
                bytes
            }
            None => piece.bytes,
        };
        self.pieces.push_back(bytes);
        Some(Opened::Http(()))
    }

    /// The client has sent all of it: h3 knows what an unfinished header section is answered with.
    fn ended(&mut self) -> Opened<(), ()> {
        let rest = match self.head.take() {
            Some(head) => Ok(Some(head.freeze()).filter(|head| !head.is_empty())),
            None => self.frames.end(),
        };
        match rest {
            Ok(rest) => {
                self.pieces.extend(rest);
                Opened::Http(())
            }
            Err(Refused::Connection(code)) => Opened::Close(code),
            Err(Refused::TooLarge) => Opened::Gone,
        }
    }

    /// Resets a malformed request (RFC 9114, section 4.1.2).
    fn malformed(&mut self) -> Opened<(), ()> {
        self.send.reset(varint(Code::H3_MESSAGE_ERROR.value()));
        self.recv.stop(varint(Code::H3_MESSAGE_ERROR.value()));
        Opened::Gone
    }

    /// Answers a header section that is larger than any this server takes, without reading it.
    fn refuse(&mut self) -> Opened<(), ()> {
        self.recv.stop(varint(Code::H3_NO_ERROR.value()));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        // The first bytes of a stream always have room, unless the client gives none: then it is not to be helped.
        if let Poll::Ready(Ok(length)) = self.send.poll_write(&mut cx, FIELDS_TOO_LARGE)
            && length == FIELDS_TOO_LARGE.len()
        {
            // The client stopped it: it knows already.
            let _ = self.send.finish();
        } else {
            self.send.reset(varint(Code::H3_EXCESSIVE_LOAD.value()));
        }
        Opened::Gone
    }
}

/// A unidirectional stream before its type is known.
struct OpeningUni {
    /// Taken when it is known.
    recv: Option<RecvStream>,
    head: BytesMut,
    patience: Wait,
}

impl OpeningUni {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        qpack: &mut Vec<(Instructions, RecvStream)>,
    ) -> Poll<Opened<H3Recv, Incoming>> {
        loop {
            let mut bytes = &self.head[..];
            let kind = read_varint(&mut bytes);
            let session = kind.filter(|&kind| kind == WEBTRANSPORT_UNI).and_then(|_| read_varint(&mut bytes));
            let header = self.head.len() - bytes.len();
            if let Some(kind) = kind
                && (kind != WEBTRANSPORT_UNI || session.is_some())
            {
                let recv = self.recv.take().expect("the type of a stream is found once");
                return Poll::Ready(self.open(kind, session, header, recv, qpack));
            }
            let recv = self.recv.as_mut().expect("the type is not known yet");
            let read = match recv.poll_chunk(cx) {
                Poll::Ready(read) => read,
                Poll::Pending => {
                    std::task::ready!(self.patience.poll(cx));
                    recv.stop(varint(Code::H3_STREAM_CREATION_ERROR.value()));
                    return Poll::Ready(Opened::Gone);
                }
            };
            match read {
                Ok(Some(chunk)) => self.head.extend_from_slice(&chunk),
                // A stream may end before its type (RFC 9114, section 6.2).
                Ok(None) | Err(_) => return Poll::Ready(Opened::Gone),
            }
        }
    }

    fn open(
        &mut self,
        kind: u64,
        session: Option<u64>,
        header: usize,
        mut recv: RecvStream,
        qpack: &mut Vec<(Instructions, RecvStream)>,
    ) -> Opened<H3Recv, Incoming> {
        let head = self.head.split_to(header).freeze();
        let input = self.head.split().freeze();
        let role = match (kind, session) {
            (_, Some(session)) => return Opened::WebTransport(session, Incoming::Uni(recv, input)),
            (CONTROL, _) => return Opened::Http(H3Recv::new(recv, Frames::new(Kind::Control), [head].into(), input)),
            // Only a server pushes (RFC 9114, section 6.2.2).
            (PUSH, _) => return Opened::Close(Code::H3_STREAM_CREATION_ERROR),
            (QPACK_ENCODER, _) => Role::Encoder,
            (QPACK_DECODER, _) => Role::Decoder,
            _ => {
                recv.stop(varint(Code::H3_STREAM_CREATION_ERROR.value()));
                return Opened::Gone;
            }
        };
        // One of each (RFC 9204, section 4.2).
        if qpack.iter().any(|(instructions, _)| instructions.role == role) {
            return Opened::Close(Code::H3_STREAM_CREATION_ERROR);
        }
        let mut instructions = Instructions::new(role);
        match instructions.read(&input) {
            Ok(()) => {
                qpack.push((instructions, recv));
                Opened::Gone
            }
            Err(code) => Opened::Close(code),
        }
    }
}
