//! The check of a running server: handshake, a request, a download compared by hash, concurrent requests, an echo.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use http::{Method, StatusCode};
use ring::digest::{Context, SHA256};
use serde_json::{Value, json};

use crate::{Client, Error, Http, Pin};

/// How often what is measured is repeated. The first time meets a server whose code is not compiled to its end yet where
/// it is WebAssembly; a median of three says what the next one will see.
pub const REPETITIONS: usize = 3;

/// What to check.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub server: SocketAddr,
    /// SHA-256 of its certificate.
    pub pin: Pin,
    /// Bytes to download.
    pub bytes: u64,
    /// Requests at once.
    pub requests: usize,
}

/// What was found. Times are in milliseconds, rates in megabytes (10^6 bytes) a second.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// From the first packet to the completed handshake, the median of [`REPETITIONS`] connections.
    pub handshake_ms: f64,
    /// `GET /` on a connection that is up, to the end of the body, the median of [`REPETITIONS`].
    pub request_ms: f64,
    /// Bytes that came.
    pub download_bytes: u64,
    /// Their rate, the median of [`REPETITIONS`] downloads one after another.
    pub download_mb_per_s: f64,
    /// Their SHA-256; of the first download that differs, if one does.
    pub sha256: String,
    /// The SHA-256 they should have, computed here.
    pub sha256_expected: String,
    /// Concurrent requests whose answer was right.
    pub requests_ok: usize,
    /// Whether an echo stream came back unchanged.
    pub echo_ok: bool,
}

impl Report {
    /// Whether everything is as it should be.
    #[must_use]
    pub fn is_ok(&self, plan: &Plan) -> bool {
        self.download_bytes == plan.bytes
            && self.sha256 == self.sha256_expected
            && self.requests_ok == plan.requests
            && self.echo_ok
    }

    /// As one JSON object, with `error` where the check broke off.
    #[must_use]
    pub fn to_json(&self, plan: &Plan, error: Option<&Error>) -> Value {
        json!({
            "ok": error.is_none() && self.is_ok(plan),
            "handshake_ms": self.handshake_ms,
            "request_ms": self.request_ms,
            "download_bytes": self.download_bytes,
            "download_mb_per_s": self.download_mb_per_s,
            "sha256": self.sha256,
            "sha256_expected": self.sha256_expected,
            "requests": plan.requests,
            "requests_ok": self.requests_ok,
            "echo_ok": self.echo_ok,
            "error": error.map(ToString::to_string),
        })
    }
}

/// Runs the check. What was found until an error stays in `report`.
///
/// # Errors
///
/// When a connection or a stream fails; a wrong answer is no error but in the report.
pub async fn run(plan: &Plan, report: &mut Report) -> Result<(), Error> {
    let client = Client::new(plan.server, plan.pin)?;
    let mut times = Vec::new();
    let connection = loop {
        let started = Instant::now();
        let connection = client.connect(plan.server, &[b"h3"]).await?;
        times.push(milliseconds(started));
        if times.len() == REPETITIONS {
            break connection;
        }
        connection.close(0x100u32.into(), b"");
    };
    report.handshake_ms = median(times);
    let http = Arc::new(Http::new(connection.clone()).await?);

    let mut times = Vec::new();
    while times.len() < REPETITIONS {
        let started = Instant::now();
        let index = http.request(Method::GET, "/", "").await?;
        times.push(milliseconds(started));
        if index.status != StatusCode::OK {
            return Err(Error::new("GET /", index.status));
        }
    }
    report.request_ms = median(times);

    download(&http, plan, report).await?;
    report.requests_ok = concurrent_requests(&http, plan.requests).await;
    connection.close(0x100u32.into(), b"");

    let connection = client.connect(plan.server, &[b"echo"]).await?;
    report.echo_ok = echo(&connection, &expected_bytes(100_000)).await?;
    connection.close(0u32.into(), b"");
    client.finish().await;
    Ok(())
}

async fn download(http: &Http, plan: &Plan, report: &mut Report) -> Result<(), Error> {
    let path = format!("/bytes/{}", plan.bytes);
    report.sha256_expected = expected_sha256(plan.bytes);
    let mut rates = Vec::new();
    while rates.len() < REPETITIONS {
        let mut hash = Context::new(&SHA256);
        report.download_bytes = 0;
        let started = Instant::now();
        let status = http
            .download(&path, |data| {
                hash.update(data);
                report.download_bytes += data.len() as u64;
            })
            .await?;
        rates.push(report.download_bytes as f64 / started.elapsed().as_secs_f64() / 1e6);
        if status != StatusCode::OK {
            return Err(Error::new(format!("GET {path}"), status));
        }
        report.sha256 = hex(hash);
        if report.sha256 != report.sha256_expected {
            break;
        }
    }
    report.download_mb_per_s = median(rates);
    Ok(())
}

/// Requests of different lengths at once, so that an answer on the wrong stream shows.
pub(crate) async fn concurrent_requests(http: &Arc<Http>, count: usize) -> usize {
    let tasks: Vec<_> = (0..count)
        .map(|number| {
            let http = http.clone();
            tokio::spawn(async move {
                let length = 1000 + number as u64;
                let response = http.request(Method::GET, &format!("/bytes/{length}"), "").await.ok()?;
                (response.status == StatusCode::OK && response.body == expected_bytes(length)).then_some(())
            })
        })
        .collect();
    let mut ok = 0;
    for task in tasks {
        if let Ok(Some(())) = task.await {
            ok += 1;
        }
    }
    ok
}

/// Sends a message on a stream of its own. Returns whether it comes back as it is.
pub(crate) async fn echo(connection: &quinn::Connection, message: &[u8]) -> Result<bool, Error> {
    let failed = |error: &dyn std::error::Error| Error::new("echo", error);
    let (mut send, mut recv) = connection.open_bi().await.map_err(|error| failed(&error))?;
    let sent = message.to_vec();
    let sending = tokio::spawn(async move {
        send.write_all(&sent).await?;
        send.finish().map_err(quinn::WriteError::from)
    });
    let received = recv.read_to_end(2 * message.len() + 1).await.map_err(|error| failed(&error))?;
    sending.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
    Ok(received == message)
}

/// The words of the stream that `/bytes/N` serves: SplitMix64 seeded with 0, little-endian.
fn words() -> impl Iterator<Item = [u8; 8]> {
    let mut state = 0u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)).to_le_bytes()
    })
}

/// The first `length` bytes of the stream that `/bytes/N` serves.
#[must_use]
pub fn expected_bytes(length: u64) -> Vec<u8> {
    let length = usize::try_from(length).expect("the length fits the memory");
    let mut bytes = Vec::with_capacity(length + 8);
    for word in words().take(length.div_ceil(8)) {
        bytes.extend_from_slice(&word);
    }
    bytes.truncate(length);
    bytes
}

/// The SHA-256 of the first `length` bytes of the stream that `/bytes/N` serves, hexadecimal.
#[must_use]
pub fn expected_sha256(length: u64) -> String {
    let mut hash = Context::new(&SHA256);
    let mut left = length;
    for word in words() {
        let take = left.min(8);
        hash.update(&word[..take as usize]);
        left -= take;
        if left == 0 {
            break;
        }
    }
    hex(hash)
}

pub(crate) fn hex(hash: Context) -> String {
    hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The middle one of an odd number of values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_bytes() {
        for length in [0, 1, 8, 9, 100_001] {
            let mut hash = Context::new(&SHA256);
            hash.update(&expected_bytes(length));
            assert_eq!(expected_sha256(length), hex(hash), "{length} bytes");
        }
    }

    #[test]
    fn the_stream_is_splitmix64_seeded_with_zero() {
        // The first output of the reference implementation.
        assert_eq!(expected_bytes(8), 0xE220_A839_7B1D_CDAF_u64.to_le_bytes());
    }
}
