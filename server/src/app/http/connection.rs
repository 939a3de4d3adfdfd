//! ALPN `h3`: an HTTP/3 connection, whose requests come through the `h3` crate and go to handlers, or to `resources.rs`.
//!
//! Early data may be a replay, so a request in it that is not safe (RFC 9110, section 9.2.1) is answered with 425 Too
//! Early, and the client sends it again when the handshake is complete (RFC 8470, section 5.2).

use std::pin::pin;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::future::{Either, FutureExt, select};
use h3::error::{Code, StreamError};
use h3::server::RequestResolver;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};

use super::exchange::{Exchange, HttpError};
use super::resources;
use super::respond::text;
use super::responder::OF_CONNECTIONS;
use crate::Connection;
use crate::app::h3::{H3Connection, MAX_FIELD_SECTION_SIZE, Protocol, Protocols, RequestRecv, RequestSend, Streams};
use crate::app::webtransport::{self, MAX_SESSIONS, Sessions};
use crate::app::{Context, websocket};
use crate::logged;
use crate::stats::add;

/// Between the numbers of two requests one after the other (RFC 9000, section 2.1).
const REQUEST_STEP: u64 = 4;

/// A connection as its requests see it.
struct Client {
    connection: Connection,
    context: Rc<Context>,
    sessions: Rc<Sessions>,
    protocols: Protocols,
}

pub(in crate::app) async fn serve(context: Rc<Context>, connection: Connection) {
    let sessions = Sessions::new(connection.clone());
    let streams = Streams::new(connection.clone(), sessions.clone(), context.patience.clone());
    let client = Rc::new(Client {
        connection: connection.clone(),
        context: context.clone(),
        sessions,
        protocols: streams.protocols(),
    });
    let mut builder = h3::server::builder();
    builder
        .max_field_section_size(MAX_FIELD_SECTION_SIZE)
        .enable_extended_connect(true)
        .enable_datagram(true)
        .enable_webtransport(true)
        .max_webtransport_sessions(MAX_SESSIONS as u64);
    let closing = streams.closing();
    // In a box, as what it needs would stay part of this future, which lasts as long as the connection.
    let mut http = match Box::pin(builder.build(H3Connection(streams))).await {
        Ok(http) => http,
        Err(error) => return logged::debug("http", &error),
    };
    context.spawn(deliver_datagrams(connection.clone(), client.sessions.clone()));
    let mut draining = pin!(connection.draining().fuse());
    // The numbers of the request accepted last, and of the highest one: a header section that comes late is accepted after
    // those of higher requests.
    let (mut last, mut highest) = (0, 0);
    loop {
        let next = match select(pin!(http.accept()), draining.as_mut()).await {
            Either::Left((accepted, _)) => Some(accepted),
            Either::Right(_) => None,
        };
        let Some(accepted) = next else {
            // What was accepted is answered; what comes now is rejected, and may be sent elsewhere. GOAWAY alone would still
            // accept streams below the highest one.
            closing.set(true);
            if let Err(error) = Box::pin(http.shutdown(requests_after(last, highest))).await {
                return logged::debug("http", &error);
            }
            continue;
        };
        match accepted {
            Ok(Some(resolver)) => {
                last = resolver.frame_stream.id().into_inner();
                highest = highest.max(last);
                // Of this moment: had the handshake been complete a turn earlier, it would be nobody's replay.
                let early = !connection.is_established();
                let task = request(client.clone(), resolver, early);
                context.spawn(task);
            }
            Ok(None) => return,
            Err(error) if error.is_h3_no_error() => return,
            Err(error) => return logged::debug("http", &error),
        }
    }
}

/// Ends with the connection.
async fn deliver_datagrams(connection: Connection, sessions: Rc<Sessions>) {
    while let Ok(datagram) = connection.datagram().await {
        sessions.deliver_datagram(datagram);
    }
}

/// How many requests after the `last` one that was accepted GOAWAY is to name the stream behind the `highest`, which is
/// what it has to name (RFC 9114, section 5.2).
fn requests_after(last: u64, highest: u64) -> usize {
    ((highest - last) / REQUEST_STEP) as usize + 1
}

/// Answers a request that came as early data or not.
async fn request(client: Rc<Client>, resolver: RequestResolver<H3Connection, Bytes>, early: bool) {
    let id = resolver.frame_stream.id().into_inner();
    let protocol = client.protocols.borrow_mut().remove(&id);
    // A stream that ends before its header section does, or breaks a rule, is answered by h3 itself.
    let (request, stream) = match resolver.resolve_request().await {
        Ok(resolved) => resolved,
        Err(error) => {
            client.sessions.request_resolved(id);
            return logged::debug("request", &error);
        }
    };
    add(&client.context.stats.requests_total, 1);
    let (mut send, mut recv) = stream.split();
    if has_fields_of_connections(request.headers()) {
        client.sessions.request_resolved(id);
        recv.stop_sending(Code::H3_MESSAGE_ERROR);
        send.stop_stream(Code::H3_MESSAGE_ERROR);
        return;
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let ended = if method == Method::CONNECT && !early {
        connect(&client, protocol, request, send, recv).await
    } else {
        client.sessions.request_resolved(id);
        let exchange = Exchange::new(&client.context, &client.connection, request, send, recv);
        answer(&client.context, exchange, early).await.map_err(|error| error.to_string())
    };
    if let Err(error) = ended {
        tracing::debug!(%method, path, "request: {error}");
    }
}

/// Whether there are fields that are about a connection, which make a request malformed (RFC 9114, section 4.2).
fn has_fields_of_connections(headers: &HeaderMap) -> bool {
    let other = |value: &HeaderValue| value != "trailers";
    OF_CONNECTIONS.iter().any(|name| headers.contains_key(name)) || headers.get_all(header::TE).iter().any(other)
}

async fn answer(context: &Context, exchange: Exchange, early: bool) -> Result<(), HttpError> {
    let request = &exchange.request;
    if early && !request.method().is_safe() {
        let body = "This can't be early data: send it after the handshake.\n";
        return exchange.response.send(text(StatusCode::TOO_EARLY, body)).await;
    }
    if request.body().declares_too_much() {
        // It answers that by itself.
        return Ok(());
    }
    match context.routes.for_http(request.uri().path()) {
        Some(handler) => {
            handler.serve(exchange).await;
            Ok(())
        }
        None => resources::respond(context, exchange).await,
    }
}

/// An extended CONNECT (RFC 9220), or an ordinary one, which asks for a proxy.
async fn connect(
    client: &Client,
    protocol: Option<Protocol>,
    request: Request<()>,
    send: RequestSend,
    recv: RequestRecv,
) -> Result<(), String> {
    let said = |error: StreamError| error.to_string();
    let path = request.uri().path();
    let (status, body) = match protocol {
        Some(Protocol::WebTransport) => {
            if let Some(handler) = client.context.routes.for_webtransport(path) {
                let served = webtransport::serve(&client.context, &client.sessions, handler, request, send, recv);
                return served.await.map_err(said);
            }
            (StatusCode::NOT_FOUND, "Nothing is here.\n")
        }
        Some(Protocol::WebSocket) => {
            if let Some(handler) = client.context.routes.for_websocket(path) {
                client.sessions.request_resolved(send.send_id().into_inner());
                let served = websocket::serve(&client.context, &client.connection, handler, request, send, recv);
                return served.await.map_err(said);
            }
            (StatusCode::NOT_FOUND, "Nothing is here.\n")
        }
        Some(Protocol::Other) | None => {
            (StatusCode::NOT_IMPLEMENTED, "This is no proxy, and knows no such protocol.\n")
        }
    };
    client.sessions.request_resolved(send.send_id().into_inner());
    let Exchange { request, response, .. } = Exchange::new(&client.context, &client.connection, request, send, recv);
    // What would have been said on the stream is for nobody.
    request.into_body().stop();
    response.send(text(status, body)).await.map_err(|error| error.to_string())
}
