//! Cases of HTTP/0.9 over QUIC (ALPN hq-interop).

use quinn::ReadToEndError;

use super::{Outcome, Target, expect};
use crate::Error;
use crate::check::expected_bytes;

/// What a request is answered with: bytes, or the code of a reset.
async fn get(connection: &quinn::Connection, request: &[u8]) -> Result<Result<Vec<u8>, u64>, Error> {
    let (mut send, mut recv) = connection.open_bi().await.map_err(|error| Error::new("open a stream", error))?;
    // The server may have stopped it.
    let _ = send.write_all(request).await;
    let _ = send.finish();
    match recv.read_to_end(1 << 24).await {
        Ok(body) => Ok(Ok(body)),
        Err(ReadToEndError::Read(quinn::ReadError::Reset(code))) => Ok(Err(code.into_inner())),
        Err(error) => Err(Error::new("read", error)),
    }
}

pub(super) async fn http_0_9_transfers_bytes(target: Target) -> Result<Outcome, Error> {
    let connection = target.client()?.connect(target.server, &[b"hq-interop"]).await?;
    for length in [0, 1, 1_000_003] {
        for end in ["\r\n", "\n", ""] {
            let body = get(&connection, format!("GET /bytes/{length}{end}").as_bytes()).await?;
            if body != Ok(expected_bytes(length)) {
                return Ok(Outcome::Failed(format!("{length} bytes: {:?}", body.map(|body| body.len()))));
            }
        }
    }
    let requests = (0..20u64).map(|number| {
        let connection = connection.clone();
        tokio::spawn(async move {
            let request = format!("GET /bytes/{}\r\n", 1000 + number);
            get(&connection, request.as_bytes()).await.is_ok_and(|body| body == Ok(expected_bytes(1000 + number)))
        })
    });
    let mut right = 0;
    for request in requests.collect::<Vec<_>>() {
        right += usize::from(request.await.map_err(|error| Error::new("request", error))?);
    }
    Ok(expect(right == 20, format!("{right} of 20 at once")))
}

pub(super) async fn http_0_9_resets_what_it_does_not_have(target: Target) -> Result<Outcome, Error> {
    let connection = target.client()?.connect(target.server, &[b"hq-interop"]).await?;
    let long = [b"GET /".to_vec(), vec![b'x'; 10_000]].concat();
    for (request, expected) in [
        (&b"GET /nothing\r\n"[..], 404),
        (b"GET /../etc/passwd\r\n", 404),
        (b"GET /bytes/-1\r\n", 404),
        (b"POST /bytes/1\r\n", 400),
        (b"GET bytes\r\n", 400),
        (b"", 400),
        (b"GET /\xff\r\n", 400),
        (&long, 400),
    ] {
        let answer = get(&connection, request).await?;
        if answer != Err(expected) {
            let request = String::from_utf8_lossy(&request[..request.len().min(20)]).into_owned();
            return Ok(Outcome::Failed(format!("{request:?}: {:?}", answer.map(|body| body.len()))));
        }
    }
    Ok(Outcome::Passed)
}
