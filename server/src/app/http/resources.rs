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
use h3::error::{Code, StreamError};
use http::{HeaderValue, Method, Request, StatusCode, header};
use ring::digest::{Context as Digest, SHA256};

use super::bytes_stream::{self, BytesStream};
use super::files::{self, Found};
use super::respond::{Body, Part, TEXT, discard_body, head, send, text, too_large, too_slow};
use super::{RequestStream, metrics};
use crate::app::Context;

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
        match path {
            "/echo" => return Some(Self::Echo),
            "/upload" => return Some(Self::Upload),
            "/healthz" => return Some(Self::Health),
            "/metrics" => return Some(Self::Metrics),
            _ => {}
        }
        if let Some(length) = path.strip_prefix("/bytes/") {
            return Some(bytes_stream::length(length).map_or(Self::BadLength, Self::Bytes));
        }
        match context.root.as_ref().and_then(|root| root.find(path)) {
            Some(Found::File(path)) => Some(Self::File(path)),
            Some(Found::Directory) => Some(Self::Directory),
            None => (path == "/").then_some(Self::Index),
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

    /// Whether the answer is made of the request's body.
    fn reads_body(&self, method: &Method) -> bool {
        matches!(self, Self::Echo | Self::Upload) && self.allows(method)
    }
}

pub(super) async fn respond(
    context: &Context,
    request: &Request<()>,
    stream: &mut RequestStream,
) -> Result<(), StreamError> {
    let resource = Resource::find(context, request.uri().path());
    let reads_body = resource.as_ref().is_some_and(|resource| resource.reads_body(request.method()));
    answer(context, resource, request, stream).await?;
    if reads_body { Ok(()) } else { discard_body(context, stream).await }
}

async fn answer(
    context: &Context,
    resource: Option<Resource>,
    request: &Request<()>,
    stream: &mut RequestStream,
) -> Result<(), StreamError> {
    let (method, path) = (request.method(), request.uri().path());
    let Some(resource) = resource else {
        return text(stream, StatusCode::NOT_FOUND, "Nothing is here.\n", method).await;
    };
    if !resource.allows(method) {
        let body = format!("This takes {}.\n", resource.allow());
        let mut response = head(StatusCode::METHOD_NOT_ALLOWED, TEXT, Some(body.len() as u64));
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(resource.allow()));
        return send(stream, response, [body.into()], method).await;
    }
    match resource {
        Resource::Index => {
            let response = head(StatusCode::OK, "text/html; charset=utf-8", Some(INDEX.len() as u64));
            send(stream, response, [Bytes::from_static(INDEX.as_bytes())], method).await
        }
        Resource::Bytes(length) => {
            let response = head(StatusCode::OK, "application/octet-stream", Some(length));
            send(stream, response, BytesStream::new(length), method).await
        }
        Resource::BadLength => {
            let body = "The length is a number of bytes from 0 to 1073741824.\n";
            text(stream, StatusCode::BAD_REQUEST, body, method).await
        }
        Resource::Echo => echo(context, request, stream).await,
        Resource::Upload => upload(context, request, stream).await,
        Resource::Health => text(stream, StatusCode::OK, "ok\n", method).await,
        Resource::Metrics => {
            let body = metrics::text(context);
            let response = head(StatusCode::OK, metrics::CONTENT_TYPE, Some(body.len() as u64));
            send(stream, response, [body.into()], method).await
        }
        Resource::File(path) => files::send(&path, request, stream).await,
        Resource::Directory => {
            let mut response = head(StatusCode::MOVED_PERMANENTLY, TEXT, Some(0));
            let location = HeaderValue::try_from(format!("{path}/"));
            response.headers_mut().insert(header::LOCATION, location.expect("it came as a header's value"));
            send(stream, response, [], method).await
        }
    }
}

/// Sends the request's body back as it comes, so that its size costs no memory, and its trailers.
async fn echo(context: &Context, request: &Request<()>, stream: &mut RequestStream) -> Result<(), StreamError> {
    let mut body = Body::new(context, request);
    if body.declares_too_much() {
        return too_large(context, request, stream).await;
    }
    let mut response = head(StatusCode::OK, "application/octet-stream", body.declared);
    if let Some(content_type) = request.headers().get(header::CONTENT_TYPE) {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type.clone());
    }
    stream.send_response(response).await?;
    loop {
        match body.next(stream).await? {
            Part::Data(data) => stream.send_data(data).await?,
            Part::End => break,
            Part::Malformed => return Ok(()),
            Part::TimedOut => {
                stream.stop_sending(Code::H3_REQUEST_CANCELLED);
                stream.stop_stream(Code::H3_REQUEST_CANCELLED);
                return Ok(());
            }
            Part::TooLarge => {
                // The status is sent: what is left is to break off, so that nobody takes a part for the whole.
                stream.stop_sending(Code::H3_EXCESSIVE_LOAD);
                stream.stop_stream(Code::H3_EXCESSIVE_LOAD);
                return Ok(());
            }
        }
    }
    if let Some(trailers) = stream.recv_trailers().await? {
        stream.send_trailers(trailers).await?;
    }
    stream.finish().await
}

/// Hashes the request's body as it comes.
async fn upload(context: &Context, request: &Request<()>, stream: &mut RequestStream) -> Result<(), StreamError> {
    let mut body = Body::new(context, request);
    if body.declares_too_much() {
        return too_large(context, request, stream).await;
    }
    let mut digest = Digest::new(&SHA256);
    loop {
        match body.next(stream).await? {
            Part::Data(data) => digest.update(&data),
            Part::End => break,
            Part::Malformed => return Ok(()),
            Part::TimedOut => return too_slow(request, stream).await,
            Part::TooLarge => return too_large(context, request, stream).await,
        }
    }
    let hash: String = digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let answer = format!("{}\n", serde_json::json!({ "bytes": body.length, "sha256": hash }));
    let response = head(StatusCode::OK, "application/json", Some(answer.len() as u64));
    send(stream, response, [answer.into()], request.method()).await
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
