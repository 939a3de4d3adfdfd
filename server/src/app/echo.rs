//! ALPN `echo`: what a client sends on a bidirectional stream comes back on it, its end too, and so does every datagram.

use std::rc::Rc;

use super::Context;
use crate::logged;
use crate::{Connection, ReadError, RecvStream, SendStream};

pub(super) async fn serve(context: Rc<Context>, connection: Connection) {
    context.spawn(echo_datagrams(connection.clone()));
    // Ends with the connection.
    while let Ok((send, recv)) = connection.accept_bi().await {
        context.spawn(echo(send, recv));
    }
}

async fn echo_datagrams(connection: Connection) {
    while let Ok(datagram) = connection.datagram().await {
        // Too large for the way back, whose limit may differ: lost, as datagrams are.
        if let Err(error) = connection.send_datagram(datagram) {
            logged::debug("echo", &error);
        }
    }
}

async fn echo(mut send: SendStream, mut recv: RecvStream) {
    loop {
        match recv.chunk().await {
            Ok(Some(chunk)) => {
                if let Err(error) = send.write_all(&chunk).await {
                    logged::debug("echo", &error);
                    return;
                }
            }
            Ok(None) => {
                if let Err(error) = send.finish() {
                    logged::debug("echo", &error);
                }
                return;
            }
            Err(ReadError::Reset(code)) => return send.reset(code),
            Err(error) => {
                logged::debug("echo", &error);
                return;
            }
        }
    }
}
