//! Parts of answers that several resources share.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

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

/// An answer of plain text.
pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    whole(status, TEXT, body)
}

/// An answer with all of its body.
pub(super) fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    head(status, content_type, None).map(|()| body.into())
}
