//! Cases of HTTP/3: what a request is answered with.

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};

use super::{Outcome, Target, expect};
use crate::Error;
use crate::check::expected_bytes;

pub(super) async fn the_index_is_served(target: Target) -> Result<Outcome, Error> {
    let response = target.http().await?.request(Method::GET, "/", "").await?;
    let page = String::from_utf8_lossy(&response.body).contains("Socket.IWA");
    Ok(expect(response.status == StatusCode::OK && page, format!("{response:?}")))
}

pub(super) async fn an_unknown_path_is_404(target: Target) -> Result<Outcome, Error> {
    let http = target.http().await?;
    for path in ["/nothing", "/bytes", "/../etc/passwd", "/echo/more"] {
        let response = http.request(Method::GET, path, "").await?;
        if response.status != StatusCode::NOT_FOUND {
            return Ok(Outcome::Failed(format!("GET {path}: {}", response.status)));
        }
    }
    Ok(Outcome::Passed)
}

pub(super) async fn a_wrong_method_is_405_and_names_the_right_ones(target: Target) -> Result<Outcome, Error> {
    let http = target.http().await?;
    for (method, path, allowed) in
        [(Method::POST, "/", "GET, HEAD"), (Method::GET, "/echo", "POST"), (Method::DELETE, "/bytes/1", "GET, HEAD")]
    {
        let response = http.request(method.clone(), path, "").await?;
        let allow = response.headers.get(header::ALLOW).and_then(|value| value.to_str().ok());
        if response.status != StatusCode::METHOD_NOT_ALLOWED || allow != Some(allowed) {
            return Ok(Outcome::Failed(format!("{method} {path}: {} allow {allow:?}", response.status)));
        }
    }
    Ok(Outcome::Passed)
}

pub(super) async fn head_has_the_headers_of_get_and_no_body(target: Target) -> Result<Outcome, Error> {
    let http = target.http().await?;
    for path in ["/bytes/1000", "/healthz", "/nothing"] {
        let (get, head) = (http.request(Method::GET, path, "").await?, http.request(Method::HEAD, path, "").await?);
        let length = |headers: &::http::HeaderMap| headers.get(header::CONTENT_LENGTH).cloned();
        let same = head.status == get.status && length(&head.headers) == length(&get.headers);
        if !same || !head.body.is_empty() || get.body.is_empty() {
            return Ok(Outcome::Failed(format!("{path}: {} {} bytes", head.status, head.body.len())));
        }
    }
    Ok(Outcome::Passed)
}

pub(super) async fn a_length_that_is_no_number_is_400(target: Target) -> Result<Outcome, Error> {
    let http = target.http().await?;
    for path in ["/bytes/abc", "/bytes/", "/bytes/-1", "/bytes/1073741825", "/bytes/99999999999999999999"] {
        let response = http.request(Method::GET, path, "").await?;
        if response.status != StatusCode::BAD_REQUEST {
            return Ok(Outcome::Failed(format!("GET {path}: {}", response.status)));
        }
    }
    Ok(Outcome::Passed)
}

pub(super) async fn any_length_comes_exactly(target: Target) -> Result<Outcome, Error> {
    let http = target.http().await?;
    for length in [0, 1, 65_535, 65_536, 65_537, 1_000_003] {
        let response = http.request(Method::GET, &format!("/bytes/{length}"), "").await?;
        if response.body != expected_bytes(length) {
            return Ok(Outcome::Failed(format!("/bytes/{length}: {} other bytes", response.body.len())));
        }
    }
    Ok(Outcome::Passed)
}

pub(super) async fn a_body_is_echoed_with_its_content_type(target: Target) -> Result<Outcome, Error> {
    let body = expected_bytes(target.max_body.min(300_000));
    let request = Request::post("https://localhost/echo")
        .header(header::CONTENT_TYPE, "application/x-test")
        .body(())
        .expect("the request is valid");
    let response = target.http().await?.send(request, body.clone().into()).await?;
    let content_type = response.headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    let right =
        response.status == StatusCode::OK && content_type == Some(b"application/x-test") && response.body == body;
    Ok(expect(right, format!("{} {content_type:?} {} bytes", response.status, response.body.len())))
}

pub(super) async fn a_declared_body_over_the_limit_is_413(target: Target) -> Result<Outcome, Error> {
    let http = target.http().await?;
    let request = Request::post("https://localhost/echo")
        .header(header::CONTENT_LENGTH, target.max_body + 1)
        .body(())
        .expect("the request is valid");
    // Without its body: the declaration is enough to refuse it.
    let response = http.send(request, Bytes::new()).await?;
    if response.status != StatusCode::PAYLOAD_TOO_LARGE {
        return Ok(Outcome::Failed(response.status.to_string()));
    }
    let next = http.request(Method::GET, "/", "").await?;
    Ok(expect(next.status == StatusCode::OK, format!("the next request on the connection: {}", next.status)))
}

pub(super) async fn a_body_far_over_the_limit_is_413_and_then_cut_off(target: Target) -> Result<Outcome, Error> {
    use super::raw::{DATA, Raw, headers, varints};
    const H3_EXCESSIVE_LOAD: u64 = 0x107;
    let raw = Raw::new(target).await?;
    let far = 1000 * target.max_body;
    let declared = far.to_string();
    let post = [(":method", "POST"), (":scheme", "https"), (":authority", "l"), (":path", "/upload")];
    for head in [&post[..], &[&post[..], &[("content-length", &declared)]].concat()] {
        let mut exchange = raw.bi(&[headers(head), varints(&[DATA, far])].concat()).await?;
        exchange.write(&vec![7; usize::try_from(target.max_body).expect("the limit fits the memory") + 1]).await?;
        let status = exchange.status().await?;
        let chunk = vec![7; 64 << 10];
        let stopped = loop {
            match exchange.send.write_all(&chunk).await {
                Ok(()) => {}
                Err(quinn::WriteError::Stopped(code)) => break code.into_inner(),
                Err(error) => return Err(Error::new("write a body", error)),
            }
        };
        let reset = exchange.reset().await?;
        if (status, reset, stopped) != (413, H3_EXCESSIVE_LOAD, H3_EXCESSIVE_LOAD) {
            return Ok(Outcome::Failed(format!("{status}, reset with {reset:#x}, stopped with {stopped:#x}")));
        }
    }
    let get = headers(&[(":method", "GET"), (":scheme", "https"), (":authority", "l"), (":path", "/")]);
    let status = raw.bi(&get).await?.status().await?;
    Ok(expect(status == 200, format!("the next request on the connection: {status}")))
}

pub(super) async fn an_undeclared_body_over_the_limit_is_cut_off(target: Target) -> Result<Outcome, Error> {
    let http = target.http().await?;
    let body = vec![7; usize::try_from(target.max_body).expect("the limit fits the memory") + 1];
    match http.request(Method::POST, "/echo", body).await {
        Ok(response) => {
            return Ok(Outcome::Failed(format!("{} {} bytes", response.status, response.body.len())));
        }
        // What the server gives as the reason (RFC 9114, section 8.1).
        Err(error) if error.to_string().contains("H3_EXCESSIVE_LOAD") => {}
        Err(error) => return Ok(Outcome::Failed(format!("cut off with another code: {error}"))),
    }
    let next = http.request(Method::GET, "/", "").await?;
    Ok(expect(next.status == StatusCode::OK, format!("the next request on the connection: {}", next.status)))
}

pub(super) async fn a_hundred_requests_at_once_are_answered(target: Target) -> Result<Outcome, Error> {
    let http = std::sync::Arc::new(target.http().await?);
    let ok = crate::check::concurrent_requests(&http, 100).await;
    Ok(expect(ok == 100, format!("{ok} of 100")))
}

pub(super) async fn an_upload_is_answered_with_its_hash(target: Target) -> Result<Outcome, Error> {
    let http = target.http().await?;
    let body = expected_bytes(target.max_body.min(300_000));
    let digest = ring::digest::digest(&ring::digest::SHA256, &body);
    let hash: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    for method in [Method::POST, Method::PUT] {
        let response = http.request(method.clone(), "/upload", body.clone()).await?;
        let answer = String::from_utf8_lossy(&response.body).into_owned();
        let right = answer.contains(&format!("\"bytes\":{}", body.len())) && answer.contains(&hash);
        if response.status != StatusCode::OK || !right {
            return Ok(Outcome::Failed(format!("{method}: {} {answer}", response.status)));
        }
    }
    let over = vec![7; usize::try_from(target.max_body).expect("the limit fits the memory") + 1];
    let response = http.request(Method::POST, "/upload", over).await?;
    Ok(expect(response.status == StatusCode::PAYLOAD_TOO_LARGE, format!("over the limit: {}", response.status)))
}

pub(super) async fn health_and_metrics_are_served(target: Target) -> Result<Outcome, Error> {
    let http = target.http().await?;
    let health = http.request(Method::GET, "/healthz", "").await?;
    let metrics = http.request(Method::GET, "/metrics", "").await?;
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    let counted = text.lines().any(|line| line.starts_with("socket_iwa_requests_total ") && !line.ends_with(" 0"));
    Ok(expect(health.status == StatusCode::OK && counted, format!("{} {text}", health.status)))
}

pub(super) async fn trailers_come_back(target: Target) -> Result<Outcome, Error> {
    use super::raw::{DATA, HEADERS, Raw, frame, headers};
    let raw = Raw::new(target).await?;
    let post = [(":method", "POST"), (":scheme", "https"), (":authority", "l"), (":path", "/echo")];
    let trailers = headers(&[("checksum", "0123456789")]);
    let mut exchange = raw.bi(&[headers(&post), frame(DATA, b"body"), trailers].concat()).await?;
    exchange.finish(b"").await?;
    let status = exchange.status().await?;
    let (kind, body) = exchange.frame().await?;
    if (status, kind, &body[..]) != (200, DATA, b"body") {
        return Ok(Outcome::Failed(format!("{status}, {kind}, {body:?}")));
    }
    let (kind, section) = exchange.frame().await?;
    // Both are literals, the name and perhaps the value in Huffman's code: that something came is told by its length.
    Ok(expect(kind == HEADERS && section.len() > 10, format!("{kind}, {section:02x?}")))
}

pub(super) async fn a_body_of_another_length_than_declared_is_malformed(target: Target) -> Result<Outcome, Error> {
    use super::raw::{DATA, Raw, frame, headers};
    const H3_MESSAGE_ERROR: u64 = 0x10e;
    for (path, body) in [("/echo", "too much"), ("/upload", "too much"), ("/upload", "few")] {
        let raw = Raw::new(target).await?;
        let post =
            [(":method", "POST"), (":scheme", "https"), (":authority", "l"), (":path", path), ("content-length", "5")];
        let mut exchange = raw.bi(&[headers(&post), frame(DATA, body.as_bytes())].concat()).await?;
        // The server may have stopped it.
        let _ = exchange.send.finish();
        let code = exchange.reset().await?;
        if code != H3_MESSAGE_ERROR {
            return Ok(Outcome::Failed(format!("{path} {body}: {code:#x}")));
        }
    }
    Ok(Outcome::Passed)
}

pub(super) async fn a_body_that_nobody_reads_is_stopped_without_an_error(target: Target) -> Result<Outcome, Error> {
    use super::raw::{DATA, Raw, headers, varints};
    const H3_NO_ERROR: u64 = 0x100;
    const LENGTH: u64 = 1 << 30;
    let raw = Raw::new(target).await?;
    for (method, path, expected) in [("POST", "/nothing", 404), ("PUT", "/", 405), ("GET", "/bytes/10", 200)] {
        let request = [(":method", method), (":scheme", "https"), (":authority", "l"), (":path", path)];
        let mut exchange = raw.bi(&[headers(&request), varints(&[DATA, LENGTH])].concat()).await?;
        let status = exchange.status().await?;
        if status != expected {
            return Ok(Outcome::Failed(format!("{method} {path}: {status}")));
        }
        // More than any window holds: a client that is not stopped waits here for ever.
        let chunk = vec![7; 64 << 10];
        let stopped = loop {
            match exchange.send.write_all(&chunk).await {
                Ok(()) => {}
                Err(quinn::WriteError::Stopped(code)) => break code.into_inner(),
                Err(error) => return Err(Error::new(format!("write the body of {method} {path}"), error)),
            }
        };
        if stopped != H3_NO_ERROR {
            return Ok(Outcome::Failed(format!("{method} {path}: stopped with {stopped:#x}")));
        }
        exchange.read_to_end().await?;
    }
    Ok(Outcome::Passed)
}
