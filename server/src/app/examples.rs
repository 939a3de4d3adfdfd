//! The handlers that the server brings with it: what a client sends comes back (`/echo`), or goes to everybody else
//! (`/room`).

use futures_util::future::join3;

use super::Routes;
use super::room::Room;
use crate::logged;
use crate::websocket::WebSocket;
use crate::webtransport::{RecvStream, SendStream, Session, StreamError};

/// Adds `/echo` and `/room`.
pub(super) fn add(mut routes: Routes) -> Routes {
    let room = Room::default();
    let same = room.clone();
    routes.room = Some(room.clone());
    routes
        .webtransport("/echo", echo)
        .webtransport("/room", move |session| room.clone().join(session))
        .websocket("/echo", echo_messages)
        .websocket("/room", move |socket| same.clone().join_websocket(socket))
}

/// Sends back datagrams as datagrams, bidirectional streams on themselves, and unidirectional ones on new ones.
async fn echo(session: Session) {
    let datagrams = async {
        while let Ok(datagram) = session.datagram().await {
            if let Err(error) = session.send_datagram(&datagram) {
                logged::debug("echo", &error);
            }
        }
    };
    let bidirectional = super::concurrently(
        || async { session.accept_bi().await.ok() },
        |(send, recv)| async move { log(copy(recv, send).await) },
    );
    let unidirectional = super::concurrently(
        || async { session.accept_uni().await.ok() },
        |recv| {
            let session = &session;
            async move {
                match session.open_uni().await {
                    Ok(send) => log(copy(recv, send).await),
                    Err(close) => logged::debug("echo", &close),
                }
            }
        },
    );
    join3(datagrams, bidirectional, unidirectional).await;
}

async fn copy(mut recv: RecvStream, mut send: SendStream) -> Result<(), StreamError> {
    loop {
        match recv.chunk().await {
            Ok(Some(chunk)) => send.write_all(&chunk).await?,
            Ok(None) => return send.finish(),
            Err(StreamError::Stopped(code)) => {
                send.reset(code.unwrap_or_default());
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}

fn log(ended: Result<(), StreamError>) {
    if let Err(error) = ended {
        logged::debug("echo", &error);
    }
}

async fn echo_messages(mut socket: WebSocket) {
    let ended = async {
        while let Some(message) = socket.message().await? {
            socket.send(message).await?;
        }
        Ok::<(), crate::websocket::WebSocketError>(())
    };
    if let Err(error) = ended.await {
        logged::debug("echo", &error);
    }
}
