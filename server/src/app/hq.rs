//! ALPN `hq-interop`: HTTP/0.9 over QUIC, the simplest thing that transfers a file, which other implementations test each
//! other with. A request is `GET`, a path and the end of a stream or line; the answer is the file and the stream's end,
//! or a reset.

use std::rc::Rc;
use std::time::Duration;

use quinn_proto::VarInt;

use super::Context;
use super::http::{BytesStream, Found, chunks};
use crate::{Connection, RecvStream, SendStream};

/// The longest request, in bytes.
const MAX_REQUEST: usize = 4096;
/// What is not there, and what is no request. There are no codes to agree with: these are HTTP's.
const NOT_FOUND: VarInt = VarInt::from_u32(404);
const BAD_REQUEST: VarInt = VarInt::from_u32(400);

pub(super) async fn serve(context: Rc<Context>, connection: Connection) {
    // Ends with the connection.
    while let Ok((send, recv)) = connection.accept_bi().await {
        context.spawn(request(context.clone(), send, recv));
    }
}

async fn request(context: Rc<Context>, mut send: SendStream, mut recv: RecvStream) {
    let path = context.patience.with(Duration::ZERO, path(&mut recv)).await.flatten();
    let Some(path) = path else {
        recv.stop(BAD_REQUEST);
        return send.reset(BAD_REQUEST);
    };
    if let Err(error) = answer(&context, &path, &mut send).await {
        tracing::debug!(path, "hq: {error}");
    }
}

/// The path of a request; None if it is none.
async fn path(recv: &mut RecvStream) -> Option<String> {
    let mut request = Vec::new();
    while let Some(chunk) = recv.chunk().await.ok()? {
        request.extend_from_slice(&chunk);
        if request.len() > MAX_REQUEST {
            return None;
        }
        if request.contains(&b'\n') {
            break;
        }
    }
    let line = request.split(|&byte| byte == b'\n').next()?;
    let path = std::str::from_utf8(line).ok()?.trim_end().strip_prefix("GET ")?;
    path.starts_with('/').then(|| path.to_owned())
}

async fn answer(context: &Context, path: &str, send: &mut SendStream) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(bytes) = BytesStream::at(path) {
        for chunk in bytes {
            send.write_chunk(chunk).await?;
        }
        return Ok(send.finish()?);
    }
    let Some(Found::File(file)) = context.root.as_ref().and_then(|root| root.find(path)) else {
        send.reset(NOT_FOUND);
        return Ok(());
    };
    // Dropped after an error, the stream is reset: a part is not taken for the whole.
    for chunk in chunks(&file)? {
        send.write_all(&chunk?).await?;
    }
    Ok(send.finish()?)
}
