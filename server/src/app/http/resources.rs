//! What is at which path.
//!
//! | request                 | answer                                                                     |
//! |-------------------------|----------------------------------------------------------------------------|
//! | `GET /bytes/N`          | N bytes of a reproducible stream, N up to 1 GiB                            |
//! | `POST /echo`            | the request's body, and its trailers                                       |
//! | `POST`, `PUT /upload`   | the body's length and SHA-256, as JSON; nothing is kept                    |
//! | `GET /healthz`          | `ok`                                                                       |
//! | `GET /metrics`          | the counters, for Prometheus                                               |
//! | `GET` of another path   | a file below the root directory, if there is one; at `/` a page otherwise  |
//! | another method          | 405 with `allow`                                                           |
//! | anything else           | 404                                                                        |

use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use sha2::{Digest, Sha256};

use super::body::Body;
use super::bytes_stream::{self, BytesStream};
use super::exchange::{Exchange, HttpError};
use super::files::{self, Broken, Found};
use super::metrics;
use super::respond::{head, text, whole};
use super::responder::Responder;
use crate::app::Context;
use crate::json;

const INDEX: &str = concat!(
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Socket.IWA</title>\n",
    "<h1>Socket.IWA</h1>\n<p>This is an HTTP/3 server: <code>GET /bytes/N</code> sends N bytes, ",
    "<code>POST /echo</code> sends back what it gets, and WebTransport is at <code>/echo</code> and ",
    "<code>/room</code>.</p>\n</html>\n"
);

enum Resource {
    Index,
    Bytes(u64),
    /// `/bytes/` with something that is no length.
    BadLength,
    Echo,
    Upload,
    Health,
    Metrics,
    File(PathBuf),
    /// A directory without the slash at its end, which relative links on its page need.
    Directory,
}

impl Resource {
    fn find(context: &Context, path: &str) -> Option<Self> {
        let own = if context.routes.resources { Self::own(path) } else { None };
        if !matches!(own, None | Some(Self::Index)) {
            return own;
        }
        // A root has an index of its own, or none.
        match context.root.as_ref().and_then(|root| root.find(path)) {
            Some(Found::File(path)) => Some(Self::File(path)),
            Some(Found::Directory) => Some(Self::Directory),
            None => own,
        }
    }

    /// What the server brings with it.
    fn own(path: &str) -> Option<Self> {
        match path {
            "/" => Some(Self::Index),
            "/echo" => Some(Self::Echo),
            "/upload" => Some(Self::Upload),
            "/healthz" => Some(Self::Health),
            "/metrics" => Some(Self::Metrics),
            _ => {
                let length = path.strip_prefix("/bytes/")?;
                Some(bytes_stream::length(length).map_or(Self::BadLength, Self::Bytes))
            }
        }
    }

    fn allow(&self) -> &'static str {
        match self {
            Self::Echo => "POST",
            Self::Upload => "POST, PUT",
            _ => "GET, HEAD",
        }
    }

    fn allows(&self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }
}

pub(super) async fn respond(context: &Context, exchange: Exchange) -> Result<(), HttpError> {
    let Exchange { request, response, .. } = exchange;
    let (method, path) = (request.method(), request.uri().path());
    let answer = match Resource::find(context, path) {
        None => text(StatusCode::NOT_FOUND, "Nothing is here.\n"),
        Some(resource) if !resource.allows(method) => {
            let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, format!("This takes {}.\n", resource.allow()));
            refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static(resource.allow()));
            refusal
        }
        Some(Resource::Index) => whole(StatusCode::OK, "text/html; charset=utf-8", INDEX),
        Some(Resource::Bytes(length)) => {
            let head = head(StatusCode::OK, "application/octet-stream", Some(length));
            let length = if method == Method::HEAD { 0 } else { length };
            return stream(head, &mut BytesStream::new(length).map(Ok), response).await;
        }
        Some(Resource::BadLength) => {
            text(StatusCode::BAD_REQUEST, "The length is a number of bytes from 0 to 1073741824.\n")
        }
        Some(Resource::Echo) => {
            let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
            return echo(content_type, request.into_body(), response).await;
        }
        Some(Resource::Upload) => upload(request.into_body()).await?,
        Some(Resource::Health) => text(StatusCode::OK, "ok\n"),
        Some(Resource::Metrics) => whole(StatusCode::OK, metrics::CONTENT_TYPE, metrics::text(context)),
        Some(Resource::File(path)) => match files::answer(&path, method, request.headers()) {
            Some((head, mut content)) => return stream(head, &mut content, response).await,
            None => text(StatusCode::NOT_FOUND, "Nothing is here.\n"),
        },
        Some(Resource::Directory) => {
            let mut moved = text(StatusCode::MOVED_PERMANENTLY, "");
            let location = HeaderValue::try_from(format!("{path}/"));
            moved.headers_mut().insert(header::LOCATION, location.expect("it came as a header's value"));
            moved
        }
    };
    response.send(answer).await
}

/// Sends an answer whose body is made piece by piece. It breaks off with the first piece that can't be.
async fn stream(
    head: Response<()>,
    pieces: &mut dyn Iterator<Item = Result<Bytes, Broken>>,
    response: Responder,
) -> Result<(), HttpError> {
    let mut body = response.begin(head).await?;
    for piece in pieces {
        // Dropped without its end, it is reset: the length is sent, and can't be kept.
        let Ok(piece) = piece else { return Ok(()) };
        body.send(piece).await?;
    }
    body.finish().await
}

/// Sends the request's body back as it comes, so that its size costs no memory, and its trailers.
async fn echo(content_type: Option<HeaderValue>, mut body: Body, response: Responder) -> Result<(), HttpError> {
    let mut head = head(StatusCode::OK, "application/octet-stream", body.declared_length());
    if let Some(content_type) = content_type {
        head.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    let mut back = response.begin(head).await?;
    while let Some(chunk) = body.chunk().await? {
        back.send(chunk).await?;
    }
    match body.trailers().await? {
        Some(trailers) => back.finish_with(trailers).await,
        None => back.finish().await,
    }
}

/// Hashes the request's body as it comes.
async fn upload(mut body: Body) -> Result<Response<Bytes>, HttpError> {
    let (mut digest, mut length) = (Sha256::new(), 0);
    while let Some(chunk) = body.chunk().await? {
        digest.update(&chunk);
        length += chunk.len();
    }
    let hash: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let answer = json::text(&serde_json::json!({ "bytes": length, "sha256": hash })) + "\n";
    Ok(whole(StatusCode::OK, "application/json", answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(path: &str) -> Option<Resource> {
        Resource::find(&Context::for_tests(), path)
    }

    fn length(path: &str) -> Option<u64> {
        match find(path) {
            Some(Resource::Bytes(length)) => Some(length),
            _ => None,
        }
    }

    #[test]
    fn a_length_is_digits_up_to_one_gib() {
        assert_eq!(length("/bytes/0"), Some(0));
        assert_eq!(length("/bytes/1073741824"), Some(1 << 30));
        for path in ["/bytes/1073741825", "/bytes/abc", "/bytes/", "/bytes/-1", "/bytes/+1", "/bytes/1/2", "/bytes/1e3"]
        {
            assert!(matches!(find(path), Some(Resource::BadLength)), "{path}");
        }
    }

    #[test]
    fn without_a_root_other_paths_are_not_found() {
        for path in ["", "/bytes", "/echo/", "/../etc/passwd", "//"] {
            assert!(find(path).is_none(), "{path}");
        }
    }
}
