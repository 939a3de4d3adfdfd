//! WebTransport sessions whose handler is the host: every stream is an exchange of its own, datagrams and the end go with
//! the session's.

use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, join, join5, select};
use serde_json::json;

use super::exchange::{HostSession, Receiving, Sending};
use super::fields;
use super::frame::Close;
use super::link::{Directions, Link, Pool};
use crate::Handler;
use crate::app::concurrently;
use crate::logged;
use crate::webtransport::{self, RecvStream, SendStream, Session, StreamError};

/// Hands the sessions of `route` to the host.
pub(super) fn handler(link: &Rc<Link>, route: &str) -> impl Handler<Session> {
    let (link, route) = (link.clone(), route.to_owned());
    move |session| serve(link.clone(), route.clone(), session)
}

async fn serve(link: Rc<Link>, route: String, session: Session) {
    let request = session.request();
    let head = json!({
        "kind": "webtransport",
        "route": route,
        "authority": request.uri().authority().map(http::uri::Authority::as_str),
        "path": request.uri().path_and_query().map(http::uri::PathAndQuery::as_str),
        "headers": fields(request.headers()),
        "remote": session.remote_address().to_string(),
        "maxDatagramSize": session.max_datagram_size(),
    });
    let Some(host) = link.try_open_session(&head) else {
        return session.close(0, "the server has too many sessions");
    };
    let datagrams_out = async {
        while let Ok(datagram) = session.datagram().await {
            host.send_datagram(datagram);
        }
    };
    let datagrams_in = async {
        while let Some(datagram) = host.datagram().await {
            if let Err(error) = session.send_datagram(&datagram) {
                logged::debug("gateway", &error);
            }
        }
    };
    let bidirectional =
        concurrently(|| async { session.accept_bi().await.ok() }, |(send, recv)| offer(&link, &host, Some(send), recv));
    let unidirectional =
        concurrently(|| async { session.accept_uni().await.ok() }, |recv| offer(&link, &host, None, recv));
    let opened = concurrently(|| host.stream(), |(out, back)| open(&session, out, back));
    let ended = async {
        match select(pin!(session.closed()), pin!(host.closed())).await {
            Either::Left((webtransport::Close { code, reason, clean }, _)) => host.close(Close { clean, code, reason }),
            Either::Right((Close { clean: true, code, reason }, _)) => session.close(code, &reason),
            Either::Right(_) => session.abort(),
        }
        // The host answers a close with its own.
        host.closed().await;
    };
    join5(datagrams_out, datagrams_in, bidirectional, unidirectional, join(opened, ended)).await;
}

/// Hands a stream that the client has opened to the host.
async fn offer(link: &Rc<Link>, host: &HostSession, send: Option<SendStream>, recv: RecvStream) {
    let (kind, directions) = if send.is_some() { ("bidi", Directions::Both) } else { ("uni", Directions::Out) };
    let head = json!({ "kind": kind, "session": host.id() });
    let (out, back) = link.open(Pool::Streams, directions, &head).await;
    match send {
        Some(send) => drop(join(to_host(recv, out), to_client(back, send)).await),
        None => to_host(recv, out).await,
    }
}

/// Opens a stream to the client for one that the host has opened.
async fn open(session: &Session, out: Option<Sending>, back: Receiving) {
    match out {
        Some(out) => {
            let Ok((send, recv)) = session.open_bi().await else { return };
            back.grant();
            join(to_host(recv, out), to_client(back, send)).await;
        }
        None => {
            let Ok(send) = session.open_uni().await else { return };
            back.grant();
            to_client(back, send).await;
        }
    }
}

async fn to_host(mut recv: RecvStream, mut out: Sending) {
    loop {
        let next = match select(pin!(recv.chunk()), pin!(out.stopped())).await {
            Either::Left((next, _)) => next,
            Either::Right((code, _)) => Err(StreamError::Stopped(Some(code))),
        };
        match next {
            Ok(Some(chunk)) => {
                if let Err(code) = out.send(chunk).await {
                    return recv.stop(code);
                }
            }
            Ok(None) => return out.finish(),
            // By the client, or by the host: to the one that has done so, its own code comes too late to be heard.
            Err(StreamError::Stopped(code)) => {
                recv.stop(code.unwrap_or_default());
                return out.reset(code.unwrap_or_default());
            }
            Err(_) => return,
        }
    }
}

async fn to_client(mut back: Receiving, mut send: SendStream) {
    loop {
        match back.chunk().await {
            Ok(Some(chunk)) => match send.write_all(&chunk).await {
                Ok(()) => {}
                Err(StreamError::Stopped(code)) => return back.stop(code.unwrap_or_default()),
                Err(_) => return,
            },
            Ok(None) => {
                if let Err(error) = send.finish() {
                    logged::debug("gateway", &error);
                }
                return;
            }
            Err(code) => return send.reset(code),
        }
    }
}
