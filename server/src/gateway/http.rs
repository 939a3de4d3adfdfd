//! Plain HTTP requests whose handler is the host: one exchange each, with the request's body in one direction and the
//! answer in the other.

use std::pin::pin;
use std::rc::Rc;

use ::http::uri::{Authority, PathAndQuery};
use ::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use futures_util::future::{Either, join, select};
use serde_json::{Value, json};

use super::exchange::{Receiving, Sending};
use super::fields;
use super::link::{Directions, Link, Pool};
use crate::Handler;
use crate::http::{Body, Exchange, Responder};
use crate::json;
use crate::logged;

/// Hands the requests of `route` to the host.
pub(super) fn handler(link: &Rc<Link>, route: &str) -> impl Handler<Exchange> {
    let (link, route) = (link.clone(), route.to_owned());
    move |exchange| serve(link.clone(), route.clone(), exchange)
}

async fn serve(link: Rc<Link>, route: String, exchange: Exchange) {
    let (request, body) = exchange.request.into_parts();
    let head = json!({
        "kind": "http",
        "route": route,
        "method": request.method.as_str(),
        "authority": request.uri.authority().map(Authority::as_str),
        "path": request.uri.path_and_query().map(PathAndQuery::as_str),
        "headers": fields(&request.headers),
        "remote": exchange.remote_address.to_string(),
    });
    match link.try_open(Pool::Requests, Directions::Both, &head) {
        Some((out, back)) => drop(join(ask(body, out), answer(back, exchange.response)).await),
        None => refuse(exchange.response, StatusCode::SERVICE_UNAVAILABLE, "Too many requests wait.\n").await,
    }
}

/// Sends the request's body to the host.
async fn ask(mut body: Body, mut out: Sending) {
    loop {
        let next = match select(pin!(body.chunk()), pin!(out.stopped())).await {
            Either::Left((next, _)) => next,
            // The body reads its own rest, where the client has to get rid of that.
            Either::Right(_) => return,
        };
        match next {
            Ok(Some(chunk)) => {
                if out.send(chunk).await.is_err() {
                    return;
                }
            }
            Ok(None) => {
                return match body.trailers().await {
                    Ok(Some(trailers)) => out.finish_with(json::text(&fields(&trailers)).into()),
                    Ok(None) => out.finish(),
                    Err(error) => logged::debug("gateway", &error),
                };
            }
            // The host leaves the answer to the server then: it is the responder's own.
            Err(error) => return logged::debug("gateway", &error),
        }
    }
}

/// Sends the host's answer to the client. Where that has gone, or the host breaks off, what is dropped says so to the other.
async fn answer(mut back: Receiving, response: Responder) {
    let head = match select(pin!(back.head()), pin!(response.cancelled())).await {
        Either::Left((head, _)) => head,
        Either::Right(_) => return,
    };
    let Ok(head) = head else { return };
    let head = match read_head(&head) {
        Ok(head) => head,
        Err(error) => {
            tracing::error!("the host's answer: {error}");
            return refuse(response, StatusCode::BAD_GATEWAY, "The answer is malformed.\n").await;
        }
    };
    let mut body = match response.begin(head).await {
        Ok(body) => body,
        Err(error) => return logged::debug("gateway", &error),
    };
    loop {
        let next = match select(pin!(back.chunk()), pin!(body.cancelled())).await {
            Either::Left((next, _)) => next,
            Either::Right(_) => return,
        };
        let sent = match next {
            Ok(Some(chunk)) => body.send(chunk).await,
            Ok(None) => {
                let ended = match read_trailers(&back.trailers()) {
                    Ok(trailers) if trailers.is_empty() => body.finish().await,
                    Ok(trailers) => body.finish_with(trailers).await,
                    // What lacks its trailers is not whole: dropping it says so.
                    Err(error) => return tracing::error!("the host's trailers: {error}"),
                };
                return ended.unwrap_or_else(|error| logged::debug("gateway", &error));
            }
            Err(_) => return,
        };
        if let Err(error) = sent {
            return logged::debug("gateway", &error);
        }
    }
}

async fn refuse(response: Responder, status: StatusCode, text: &'static str) {
    let mut answer = Response::new(Bytes::from_static(text.as_bytes()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if let Err(error) = response.send(answer).await {
        logged::debug("gateway", &error);
    }
}

/// The head of an answer: `{"status":200,"headers":[["name","value"],…]}`.
fn read_head(json: &Bytes) -> Result<Response<()>, String> {
    let head: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let mut response = Response::new(());
    let status = head["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    *response.status_mut() = status
        .and_then(|status| StatusCode::from_u16(status).ok())
        .filter(|status| !status.is_informational())
        .ok_or_else(|| format!("{} is no final status", json::text(&head["status"])))?;
    *response.headers_mut() = read_fields(&head["headers"])?;
    Ok(response)
}

/// Trailer fields: `[["name","value"],…]`, or nothing.
fn read_trailers(json: &Bytes) -> Result<HeaderMap, String> {
    if json.is_empty() {
        return Ok(HeaderMap::new());
    }
    read_fields(&serde_json::from_slice(json).map_err(|error| error.to_string())?)
}

fn read_fields(list: &Value) -> Result<HeaderMap, String> {
    let mut fields = HeaderMap::new();
    for field in list.as_array().into_iter().flatten() {
        let wrong = || Err(format!("{} is no header field", json::text(field)));
        let (Some(name), Some(value)) = (field[0].as_str(), field[1].as_str()) else { return wrong() };
        // Each character is a byte (super::fields).
        let bytes: Result<Vec<u8>, _> = value.chars().map(u8::try_from).collect();
        let value = bytes.ok().and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
        match (HeaderName::from_bytes(name.as_bytes()), value) {
            (Ok(name), Some(value)) => fields.append(name, value),
            _ => return wrong(),
        };
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str) -> Result<Response<()>, String> {
        read_head(&Bytes::copy_from_slice(head.as_bytes()))
    }

    #[test]
    fn the_head_of_an_answer_is_read_with_every_byte_of_its_fields() {
        let head = read(r#"{"status":201,"headers":[["set-cookie","a=1"],["Set-Cookie","b=ÿ"]]}"#).unwrap();
        assert_eq!(head.status(), StatusCode::CREATED);
        let cookies: Vec<_> = head.headers().get_all("set-cookie").iter().map(HeaderValue::as_bytes).collect();
        assert_eq!(cookies, [&b"a=1"[..], b"b=\xff"]);
    }

    #[test]
    fn trailers_are_fields_or_nothing() {
        assert!(read_trailers(&Bytes::new()).unwrap().is_empty());
        assert_eq!(read_trailers(&r#"[["Checksum","1"]]"#.into()).unwrap()["checksum"], "1");
        assert!(read_trailers(&r#"[[":status","200"]]"#.into()).unwrap_err().contains(":status"));
        assert!(read_trailers(&"[".into()).is_err());
    }

    #[test]
    fn what_is_no_head_of_an_answer_is_an_error_that_names_it() {
        for (head, named) in [
            ("", "EOF"),
            (r#"{"status":99}"#, "99"),
            (r#"{"status":103}"#, "103"),
            (r#"{"status":"200"}"#, "\"200\""),
            (r#"{"status":200,"headers":[["a b","c"]]}"#, "a b"),
            (r#"{"status":200,"headers":[["a","c\n"]]}"#, "\"a\""),
            (r#"{"status":200,"headers":[["a","€"]]}"#, "€"),
            (r#"{"status":200,"headers":[["a"]]}"#, "\"a\""),
        ] {
            let error = read(head).unwrap_err();
            assert!(error.contains(named), "{head}: {error}");
        }
    }
}
