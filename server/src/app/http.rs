//! ALPN `h3`: HTTP/3 requests through the `h3` crate.
//!
//! | request           | answer                                                   |
//! |-------------------|----------------------------------------------------------|
//! | `GET /`           | a page that says what is here                            |
//! | `GET /bytes/N`    | N bytes of a reproducible stream, N up to 1 GiB          |
//! | `POST /echo`      | the request's body                                       |
//! | another method    | 405 with `allow`                                         |
//! | anything else     | 404                                                      |
//!
//! Early data may be a replay, so a request in it that is not safe (RFC 9110, section 9.2.1) is answered with 425 Too
//! Early, and the client sends it again when the handshake is complete (RFC 8470, section 5.2).

use std::pin::pin;
use std::rc::Rc;

use bytes::{Buf, Bytes};
use futures_util::future::{Either, FutureExt, select};
use h3::error::{Code, StreamError};
use h3::server::RequestResolver;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use super::Context;
use super::bytes_stream::{self, BytesStream};
use super::h3::{H3Connection, H3Stream, MAX_FIELD_SECTION_SIZE, Protocol, Protocols, Streams};
use super::webtransport::{self, MAX_SESSIONS, Sessions};
use crate::Connection;
use crate::stats::add;

type RequestStream = h3::server::RequestStream<H3Stream<Bytes>, Bytes>;

const INDEX: &str = concat!(
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Socket.IWA</title>\n",
    "<h1>Socket.IWA</h1>\n<p>This is an HTTP/3 server: <code>GET /bytes/N</code> sends N bytes, ",
    "<code>POST /echo</code> sends back what it gets.</p>\n</html>\n"
);

/// A connection as its requests see it.
struct Client {
    context: Rc<Context>,
    sessions: Rc<Sessions>,
    protocols: Protocols,
}

pub(super) async fn serve(context: Rc<Context>, connection: Connection) {
    let sessions = Sessions::new(connection.clone());
    let streams = Streams::new(connection.clone(), sessions.clone());
    let client = Rc::new(Client { context: context.clone(), sessions, protocols: streams.protocols() });
    let mut builder = h3::server::builder();
    builder
        .max_field_section_size(MAX_FIELD_SECTION_SIZE)
        .enable_extended_connect(true)
        .enable_datagram(true)
        .enable_webtransport(true)
        .max_webtransport_sessions(MAX_SESSIONS as u64);
    let closing = streams.closing();
    let mut http = match builder.build(H3Connection(streams)).await {
        Ok(http) => http,
        Err(error) => return tracing::debug!("http: {error}"),
    };
    let datagrams = client.sessions.clone();
    let quic = connection.clone();
    context.spawn(async move {
        // Ends with the connection.
        while let Ok(datagram) = quic.datagram().await {
            datagrams.deliver_datagram(datagram);
        }
    });
    let mut draining = pin!(connection.draining().fuse());
    loop {
        let next = match select(pin!(http.accept()), draining.as_mut()).await {
            Either::Left((accepted, _)) => Some(accepted),
            Either::Right(_) => None,
        };
        let Some(accepted) = next else {
            // What was accepted is answered; what comes now is rejected, and may be sent elsewhere. The 1 is the stream
            // after the last one accepted, which GOAWAY names (RFC 9114, section 5.2); h3 alone would still accept it.
            closing.set(true);
            if let Err(error) = http.shutdown(1).await {
                return tracing::debug!("http: {error}");
            }
            continue;
        };
        match accepted {
            Ok(Some(resolver)) => {
                // Of this moment: had the handshake been complete a turn earlier, it would be nobody's replay.
                let early = !connection.is_established();
                let task = request(client.clone(), resolver, early);
                context.spawn(task);
            }
            Ok(None) => return,
            Err(error) if error.is_h3_no_error() => return,
            Err(error) => return tracing::debug!("http: {error}"),
        }
    }
}

/// Answers a request that came as early data or not.
async fn request(client: Rc<Client>, resolver: RequestResolver<H3Connection, Bytes>, early: bool) {
    let id = resolver.frame_stream.id().into_inner();
    let protocol = client.protocols.borrow_mut().remove(&id);
    // A stream that ends before its header section does, or breaks a rule, is answered by h3 itself.
    let (request, mut stream) = match resolver.resolve_request().await {
        Ok(resolved) => resolved,
        Err(error) => {
            client.sessions.request_resolved(id);
            return tracing::debug!("request: {error}");
        }
    };
    add(&client.context.stats.requests_total, 1);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let ended = if early && !method.is_safe() {
        client.sessions.request_resolved(id);
        too_early(&request, &mut stream).await
    } else if method == Method::CONNECT {
        connect(&client, protocol, request, stream).await
    } else {
        client.sessions.request_resolved(id);
        let answered = respond(&client.context, &request, &mut stream).await;
        if answered.is_err() {
            // A part must not be taken for the whole. Has no effect on a stream that has ended otherwise.
            stream.stop_stream(Code::H3_REQUEST_CANCELLED);
        }
        answered
    };
    if let Err(error) = ended {
        tracing::debug!(%method, path, "request: {error}");
    }
}

/// An extended CONNECT (RFC 9220), or an ordinary one, which asks for a proxy.
async fn connect(
    client: &Client,
    protocol: Option<Protocol>,
    request: Request<()>,
    mut stream: RequestStream,
) -> Result<(), StreamError> {
    let path = request.uri().path();
    match protocol {
        Some(Protocol::WebTransport) => {
            if let Some(handler) = client.context.routes.for_webtransport(path) {
                return webtransport::serve(&client.context, &client.sessions, handler, request, stream).await;
            }
        }
        Some(Protocol::WebSocket | Protocol::Other) | None => {
            client.sessions.request_resolved(stream.id().into_inner());
            let body = "This is no proxy, and knows no such protocol.\n";
            return text(&mut stream, StatusCode::NOT_IMPLEMENTED, body, request.method()).await;
        }
    }
    client.sessions.request_resolved(stream.id().into_inner());
    text(&mut stream, StatusCode::NOT_FOUND, "Nothing is here.\n", request.method()).await
}

async fn too_early(request: &Request<()>, stream: &mut RequestStream) -> Result<(), StreamError> {
    // H3_NO_ERROR: the response is complete without the rest of the request (RFC 9114, section 4.1).
    stream.stop_sending(Code::H3_NO_ERROR);
    text(stream, StatusCode::TOO_EARLY, "This can't be early data: send it after the handshake.\n", request.method())
        .await
}

/// What a path serves.
enum Resource {
    Index,
    Bytes(u64),
    /// `/bytes/` with something that is no length.
    BadLength,
    Echo,
}

impl Resource {
    fn find(path: &str) -> Option<Self> {
        match path {
            "/" => Some(Self::Index),
            "/echo" => Some(Self::Echo),
            _ => {
                let length = path.strip_prefix("/bytes/")?;
                // `parse` alone would take a sign.
                let digits = length.bytes().all(|byte| byte.is_ascii_digit());
                match length.parse() {
                    Ok(length) if digits && length <= bytes_stream::MAX => Some(Self::Bytes(length)),
                    _ => Some(Self::BadLength),
                }
            }
        }
    }

    fn allow(&self) -> &'static str {
        match self {
            Self::Echo => "POST",
            _ => "GET, HEAD",
        }
    }

    fn allows(&self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }
}

async fn respond(context: &Context, request: &Request<()>, stream: &mut RequestStream) -> Result<(), StreamError> {
    let Some(resource) = Resource::find(request.uri().path()) else {
        return text(stream, StatusCode::NOT_FOUND, "Nothing is here.\n", request.method()).await;
    };
    if !resource.allows(request.method()) {
        let body = format!("This takes {}.\n", resource.allow());
        let mut response = head(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", Some(body.len() as u64));
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(resource.allow()));
        return send(stream, response, [body.into()], request.method()).await;
    }
    match resource {
        Resource::Index => {
            let response = head(StatusCode::OK, "text/html; charset=utf-8", Some(INDEX.len() as u64));
            send(stream, response, [Bytes::from_static(INDEX.as_bytes())], request.method()).await
        }
        Resource::Bytes(length) => {
            let response = head(StatusCode::OK, "application/octet-stream", Some(length));
            send(stream, response, BytesStream::new(length), request.method()).await
        }
        Resource::BadLength => {
            let body = "The length is a number of bytes from 0 to 1073741824.\n";
            text(stream, StatusCode::BAD_REQUEST, body, request.method()).await
        }
        Resource::Echo => echo(context, request, stream).await,
    }
}

/// Sends the request's body back as it comes, so that its size costs no memory.
async fn echo(context: &Context, request: &Request<()>, stream: &mut RequestStream) -> Result<(), StreamError> {
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > context.max_body) {
        // H3_NO_ERROR: the response is complete without the rest of the request (RFC 9114, section 4.1).
        stream.stop_sending(Code::H3_NO_ERROR);
        let body = format!("A request body may have {} bytes.\n", context.max_body);
        return text(stream, StatusCode::PAYLOAD_TOO_LARGE, &body, request.method()).await;
    }
    let mut response = head(StatusCode::OK, "application/octet-stream", declared);
    if let Some(content_type) = request.headers().get(header::CONTENT_TYPE) {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type.clone());
    }
    stream.send_response(response).await?;
    let mut length = 0;
    while let Some(mut data) = stream.recv_data().await? {
        length += data.remaining() as u64;
        if length > context.max_body {
            // The status is sent: what is left is to break off, so that nobody takes a part for the whole.
            stream.stop_sending(Code::H3_EXCESSIVE_LOAD);
            stream.stop_stream(Code::H3_EXCESSIVE_LOAD);
            return Ok(());
        }
        let data = data.copy_to_bytes(data.remaining());
        stream.send_data(data).await?;
    }
    stream.finish().await
}

fn head(status: StatusCode, content_type: &'static str, length: Option<u64>) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    response
}

async fn text(stream: &mut RequestStream, status: StatusCode, body: &str, method: &Method) -> Result<(), StreamError> {
    let response = head(status, "text/plain; charset=utf-8", Some(body.len() as u64));
    send(stream, response, [Bytes::copy_from_slice(body.as_bytes())], method).await
}

/// Sends a response; the body only where the method has one (RFC 9110, section 9.3.2).
async fn send(
    stream: &mut RequestStream,
    response: Response<()>,
    body: impl IntoIterator<Item = Bytes>,
    method: &Method,
) -> Result<(), StreamError> {
    stream.send_response(response).await?;
    if method != Method::HEAD {
        for chunk in body {
            stream.send_data(chunk).await?;
        }
    }
    stream.finish().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(path: &str) -> Option<u64> {
        match Resource::find(path) {
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
            assert!(matches!(Resource::find(path), Some(Resource::BadLength)), "{path}");
        }
    }

    #[test]
    fn other_paths_are_not_found() {
        for path in ["", "/bytes", "/echo/", "/../etc/passwd", "//"] {
            assert!(Resource::find(path).is_none(), "{path}");
        }
    }
}
