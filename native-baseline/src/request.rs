//! An HTTP/3 request, or the same one several times at once, and what became of each: for whoever writes a handler, and
//! alone knows what it has to answer.

use bytes::{Buf, Bytes};
use h3::error::{Code, StreamError};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use ring::digest::{Context, SHA256};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::check::{expected_bytes, hex};
use crate::{Error, Http};

type RecvHalf = h3::client::RequestStream<h3_quinn::RecvStream, Bytes>;

/// Answers of at most so many bytes are told as text, if they are some.
const MAX_TEXT: u64 = 4096;

/// What to ask for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Further header fields.
    pub headers: HeaderMap,
    /// The body: so many bytes of the stream that `/bytes/N` sends.
    pub body: u64,
    /// Cancel the request when so many bytes of the answer have come, 0: before any.
    pub cancel_after: Option<u64>,
}

/// Asks, and tells status, header and trailer fields, length, hash and, where it is short, text of the answer; or `{"cancelled": true}`.
///
/// # Errors
///
/// When the stream or the connection fails.
pub async fn ask(http: &Http, asked: &Asked) -> Result<Value, Error> {
    let tried = format!("{} {}", asked.method, asked.path);
    let failed = |error| Error::new(&tried, error);
    let mut request = Request::builder()
        .method(asked.method.clone())
        .uri(format!("https://localhost{}", asked.path))
        .body(())
        .map_err(|error| Error::new(&tried, error))?;
    *request.headers_mut() = asked.headers.clone();
    let (mut send, mut recv) = http.start(request).await.map_err(failed)?.split();
    let body = Bytes::from(expected_bytes(asked.body));
    let (cancel, cancelled) = oneshot::channel();
    let sending = async {
        let sent = async {
            // A server may answer without having read all of it, and say so by stopping it.
            if body.is_empty() || send.send_data(body).await.is_ok() {
                let _ = send.finish().await;
            }
        };
        let given_up = tokio::select! {
            () = sent => false,
            Ok(()) = cancelled => true,
        };
        if given_up {
            send.stop_stream(Code::H3_REQUEST_CANCELLED);
        }
    };
    let receiving = async move {
        let outcome = receive(&mut recv, asked.cancel_after).await;
        if let Ok(None) | Err(_) = &outcome {
            // Fails when all is sent.
            let _ = cancel.send(());
        }
        // Dropping it stops it; stop_sending of h3-quinn 0.0.10 panics while a read is under way.
        drop(recv);
        outcome.map_err(failed)
    };
    let ((), outcome) = tokio::join!(sending, receiving);
    Ok(outcome?.unwrap_or_else(|| json!({ "cancelled": true })))
}

/// The answer; `None` when as much of it has come as is wanted.
async fn receive(recv: &mut RecvHalf, cancel_after: Option<u64>) -> Result<Option<Value>, StreamError> {
    if cancel_after == Some(0) {
        return Ok(None);
    }
    let response = recv.recv_response().await?;
    let (mut received, mut text, mut hash) = (0, Vec::new(), Context::new(&SHA256));
    while let Some(mut data) = recv.recv_data().await? {
        let data = data.copy_to_bytes(data.remaining());
        received += data.len() as u64;
        hash.update(&data);
        if received <= MAX_TEXT {
            text.extend_from_slice(&data);
        }
        if cancel_after.is_some_and(|limit| received >= limit) {
            return Ok(None);
        }
    }
    let trailers = recv.recv_trailers().await?.unwrap_or_default();
    let field =
        |(name, value): (&HeaderName, &HeaderValue)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]);
    Ok(Some(json!({
        "status": response.status().as_u16(),
        "headers": response.headers().iter().map(field).collect::<Vec<_>>(),
        "trailers": trailers.iter().map(field).collect::<Vec<_>>(),
        "bytes": received,
        "sha256": hex(hash),
        "text": String::from_utf8(text).ok().filter(|_| received <= MAX_TEXT),
    })))
}
