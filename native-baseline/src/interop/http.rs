//! Exchanges of HTTP/3.

use std::sync::Arc;

use ::http::{Method, StatusCode};
use ring::digest::{Context, SHA256};

use super::Plan;
use crate::check::{concurrent_requests, expected_bytes, expected_sha256, hex};
use crate::{Error, Http};

pub(super) async fn transfer(plan: Plan) -> Result<(), Error> {
    download(&plan.http().await?, plan.bytes, |_| ()).await
}

/// `GET /bytes/LENGTH`, compared by hash; `progress` is told how much has come.
pub(super) async fn download(http: &Http, length: u64, mut progress: impl FnMut(u64)) -> Result<(), Error> {
    let path = format!("/bytes/{length}");
    let mut hash = Context::new(&SHA256);
    let mut received = 0;
    let status = http
        .download(&path, |data| {
            hash.update(data);
            received += data.len() as u64;
            progress(received);
        })
        .await?;
    let tried = || format!("GET {path}");
    if status != StatusCode::OK {
        return Err(Error::new(tried(), status));
    }
    let (got, expected) = (hex(hash), expected_sha256(length));
    if received != length || got != expected {
        return Err(Error::new(tried(), format!("{received} bytes, SHA-256 {got} instead of {expected}")));
    }
    Ok(())
}

pub(super) async fn upload(plan: Plan) -> Result<(), Error> {
    let response = plan.http().await?.request(Method::POST, "/upload", expected_bytes(plan.bytes)).await?;
    let said = String::from_utf8_lossy(&response.body);
    if response.status != StatusCode::OK || !said.contains(&expected_sha256(plan.bytes)) {
        return Err(Error::new("POST /upload", format!("{} {said}", response.status)));
    }
    Ok(())
}

pub(super) async fn parallel(plan: Plan) -> Result<(), Error> {
    const REQUESTS: usize = 20;
    match concurrent_requests(&Arc::new(plan.http().await?), REQUESTS).await {
        REQUESTS => Ok(()),
        right => Err(Error::new("requests at once", format!("{right} of {REQUESTS} answered right"))),
    }
}
