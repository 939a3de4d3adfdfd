//! WebSockets whose handler is the host: an exchange of messages in both directions.

use std::pin::pin;
use std::rc::Rc;

use ::http::uri::{Authority, PathAndQuery};
use futures_util::future::{Either, select};
use serde_json::{Value, json};
use tungstenite::protocol::frame::coding::CloseCode;

use super::exchange::{Outgoing, Said};
use super::fields;
use super::frame::Close;
use super::link::Link;
use crate::Handler;
use crate::websocket::{MAX_MESSAGE, WebSocket, WebSocketError};

/// Bytes that a control frame has for the reason of a close (RFC 6455, section 5.5).
const MAX_REASON: usize = 123;

/// Hands the WebSockets of `route` to the host.
pub(super) fn handler(link: &Rc<Link>, route: &str) -> impl Handler<WebSocket> {
    let (link, route) = (link.clone(), route.to_owned());
    move |socket| serve(link.clone(), route.clone(), socket)
}

async fn serve(link: Rc<Link>, route: String, mut socket: WebSocket) {
    let Some(host) = link.try_open_socket(&head(&socket, &route)) else {
        return end(socket, CloseCode::Again.into(), "the server has too many sockets").await;
    };
    let mut partial = Vec::new();
    // The host is heard while it takes no more, or each would wait for the other.
    let mut outgoing: Option<Outgoing> = None;
    let lost = loop {
        let from_client = async {
            match &mut outgoing {
                Some(message) => {
                    host.send(message).await;
                    None
                }
                None => Some(socket.message().await),
            }
        };
        let next = match select(pin!(from_client), pin!(host.said(&mut partial, MAX_MESSAGE))).await {
            Either::Left((event, _)) => Either::Left(event),
            Either::Right((said, _)) => Either::Right(said),
        };
        match next {
            Either::Left(None) => outgoing = None,
            Either::Left(Some(Ok(Some(message)))) => outgoing = Some(message.into()),
            Either::Left(Some(Ok(None))) => {
                let (code, reason) = socket.close_frame().unwrap_or((CloseCode::Away.into(), "the server stops"));
                return host.close(Close { clean: true, code: code.into(), reason: reason.to_owned() });
            }
            Either::Left(Some(Err(error))) => break error,
            Either::Right(Said::Message(message)) => match socket.send(message).await {
                // The client's close comes next.
                Ok(()) | Err(WebSocketError::Closed) => {}
                Err(error) => break error,
            },
            Either::Right(Said::Close(Close { clean, code, reason })) => {
                drop(host);
                let code = if clean { u16::try_from(code).unwrap_or_default() } else { CloseCode::Error.into() };
                return end(socket, code, &reason).await;
            }
            Either::Right(Said::TooLong) => {
                let (code, reason) = (CloseCode::Size.into(), "the handler's message is too long");
                host.close(Close { clean: false, code: u32::from(code), reason: reason.to_owned() });
                return end(socket, code, reason).await;
            }
        }
    };
    host.close(Close { clean: false, code: u16::from(CloseCode::Abnormal).into(), reason: lost.to_string() });
}

/// What the host is told of a WebSocket that it is to take.
fn head(socket: &WebSocket, route: &str) -> Value {
    let request = socket.request();
    json!({
        "kind": "websocket",
        "route": route,
        "authority": request.uri().authority().map(Authority::as_str),
        "path": request.uri().path_and_query().map(PathAndQuery::as_str),
        "headers": fields(request.headers()),
        "remote": socket.remote_address().to_string(),
    })
}

/// Closes, and waits for the client's own close.
async fn end(mut socket: WebSocket, code: u16, reason: &str) {
    let code = if CloseCode::from(code).is_allowed() { code } else { CloseCode::Normal.into() };
    let most = MAX_REASON.min(reason.len());
    let length = (0..=most).rev().find(|&at| reason.is_char_boundary(at)).unwrap_or(0);
    if socket.close(code, &reason[..length]).await.is_ok() {
        while let Ok(Some(_)) = socket.message().await {}
    }
}
