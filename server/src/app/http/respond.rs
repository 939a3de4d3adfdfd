//! Parts of answers that several resources share.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::exchange::HttpError;
use super::responder::Responder;

pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// An answer's head.
pub(super) fn head(status: StatusCode, content_type: &'static str, length: Option<u64>) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    response
}

pub(super) async fn text(response: Responder, status: StatusCode, body: impl Into<Bytes>) -> Result<(), HttpError> {
    let body = body.into();
    response.send(head(status, TEXT, None).map(|()| body)).await
}
