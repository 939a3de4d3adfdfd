//! The life of a session, on the stream of its CONNECT request: the answer, capsules, and the end from either side.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::future::FutureExt;
use h3::error::{Code, StreamError};
use http::{HeaderName, HeaderValue, Request, Response};

use super::capsule::{self, Capsule, Capsules};
use super::session::{Close, Session};
use super::sessions::Sessions;
use crate::app::h3::{RequestRecv, RequestSend};
use crate::app::{Context, Handler};

/// Chromium asks for the draft it understands to be named (seen with 156).
const DRAFT: (HeaderName, HeaderValue) =
    (HeaderName::from_static("sec-webtransport-http3-draft"), HeaderValue::from_static("draft02"));

/// Serves a session from the CONNECT request that asks for it to its end.
pub(crate) async fn serve(
    context: &Rc<Context>,
    sessions: &Rc<Sessions>,
    handler: &Rc<dyn Handler<Session>>,
    request: Request<()>,
    mut send: RequestSend,
    mut recv: RequestRecv,
) -> Result<(), StreamError> {
    let id = send.send_id().into_inner();
    let Some(session) = sessions.open(id, request) else {
        sessions.request_resolved(id);
        recv.stop_sending(Code::H3_REQUEST_REJECTED);
        send.stop_stream(Code::H3_REQUEST_REJECTED);
        return Ok(());
    };
    let mut response = Response::new(());
    response.headers_mut().extend([DRAFT]);
    let opened = send.send_response(response).await;
    if opened.is_ok() {
        let running = handler.serve(session.clone());
        let handled = session.clone();
        context.spawn(async move {
            running.await;
            handled.close(0, "");
        });
    }
    let ended = match opened {
        Ok(()) => run(context, &session, &mut send, &mut recv).await,
        Err(error) => Err(error),
    };
    // Has no effect where it has ended already, as it should have.
    session.core().end(Close { reason: "the CONNECT stream was lost".into(), ..Close::default() });
    sessions.closed(id);
    ended
}

/// What comes first.
enum Next {
    Data(Bytes),
    /// The client's end of the stream.
    End,
    /// The handler wants the session closed.
    Asked(Close),
}

async fn run(
    context: &Context,
    session: &Session,
    send: &mut RequestSend,
    recv: &mut RequestRecv,
) -> Result<(), StreamError> {
    let mut capsules = Capsules::default();
    let core = session.core();
    let mut draining = pin!(core.connection.draining().fuse());
    loop {
        let next = poll_fn(|cx| {
            if draining.poll_unpin(cx).is_ready() {
                session.close(0, "the server stops");
            }
            if let Poll::Ready(close) = core.poll_asked(cx) {
                return Poll::Ready(Ok(Next::Asked(close)));
            }
            recv.poll_recv_data(cx).map_ok(|data| match data {
                Some(mut data) => Next::Data(data.copy_to_bytes(data.remaining())),
                None => Next::End,
            })
        })
        .await?;
        match next {
            Next::Asked(Close { clean: false, .. }) => {
                recv.stop_sending(Code::H3_INTERNAL_ERROR);
                send.stop_stream(Code::H3_INTERNAL_ERROR);
                return Ok(());
            }
            Next::Asked(close) => {
                send.send_data(capsule::close(close.code, &close.reason)).await?;
                send.finish().await?;
                // Chromium 156 takes a session for lost when it is told to stop sending before it has read why.
                let rest = async {
                    while recv.recv_data().await?.is_some() {}
                    Ok(())
                };
                return context.patience.with(Duration::ZERO, rest).await.unwrap_or(Ok(()));
            }
            Next::Data(data) => {
                capsules.push(data);
                if !read(session, &mut capsules) {
                    malformed(send, recv);
                    return Ok(());
                }
            }
            Next::End => {
                if !capsules.is_complete() {
                    malformed(send, recv);
                    return Ok(());
                }
                // Without a capsule that says more, code 0 and no reason (draft-ietf-webtrans-http3, section 6).
                core.end(Close { clean: true, ..Close::default() });
                return send.finish().await;
            }
        }
    }
}

/// Whether the capsules that are here are well-formed. Nothing may follow a close.
fn read(session: &Session, capsules: &mut Capsules) -> bool {
    let core = session.core();
    loop {
        if core.closed().is_some() {
            return capsules.is_complete();
        }
        match capsules.next() {
            Ok(Some(Capsule::Datagram(datagram))) => core.deliver_datagram(datagram),
            Ok(Some(Capsule::Close { code, reason })) => core.end(Close { code, reason, clean: true }),
            Ok(None) => return true,
            Err(capsule::Malformed) => return false,
        }
    }
}

/// RFC 9297, section 3.3, and RFC 9114, section 4.1.2.
fn malformed(send: &mut RequestSend, recv: &mut RequestRecv) {
    recv.stop_sending(Code::H3_MESSAGE_ERROR);
    send.stop_stream(Code::H3_MESSAGE_ERROR);
}
