//! Small things there and back: a stream's bytes, and HTTP/3 requests.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use http::{Method, StatusCode};
use socket_iwa_native::Http;

use super::part;
use crate::bench::client::{Client, ETHERNET, within};
use crate::bench::report::quantile;
use crate::bench::servers::Server;
use crate::bench::{Error, Result};

const ECHOES: usize = 1000;
const ECHO: [u8; 32] = [7; 32];
/// Requests are made for so long.
const TIME: Duration = Duration::from_millis(1500);
const WARM_UP: Duration = Duration::from_millis(300);
/// Bytes that they ask for.
pub(super) const BODY: usize = 1024;

/// Microseconds of 32 bytes on a new stream and back, the median and the 99th percentile.
pub(super) async fn stream_echo(server: &Server, scale: f64) -> Result<Vec<f64>> {
    let client = Client::new(server, ETHERNET)?;
    let connection = client.connect("echo").await?;
    let mut times = Vec::new();
    let warm_up = part(ECHOES, scale, 10) / 10;
    let failed = |error: &dyn std::fmt::Display| Error(format!("echo: {error}"));
    for round in 0..warm_up + part(ECHOES, scale, 10) {
        let start = Instant::now();
        let back = within(async {
            let (mut send, mut recv) = connection.open_bi().await.map_err(|error| failed(&error))?;
            send.write_all(&ECHO).await.map_err(|error| failed(&error))?;
            send.finish().map_err(|error| failed(&error))?;
            recv.read_to_end(2 * ECHO.len()).await.map_err(|error| failed(&error))
        });
        if back.await? != ECHO {
            return Err(Error("echo: it came back changed".into()));
        }
        if round >= warm_up {
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    client.finish().await;
    times.sort_by(f64::total_cmp);
    Ok(vec![quantile(&times, 0.5), quantile(&times, 0.99)])
}

/// GETs `path`, of which `BODY` bytes have to come.
pub(super) async fn get(http: &Http, path: &str) -> Result<()> {
    let response = http.request(Method::GET, path, "").await.map_err(|error| Error(error.to_string()))?;
    if response.status != StatusCode::OK || response.body.len() != BODY {
        return Err(Error(format!("GET {path}: {} and {} bytes", response.status, response.body.len())));
    }
    Ok(())
}

/// Requests a second on one connection, `count` of them in flight.
pub(super) async fn http3(server: &Server, count: usize, scale: f64) -> Result<Vec<f64>> {
    let client = Client::new(server, ETHERNET)?;
    let http = Http::new(client.connect("h3").await?).await.map_err(|error| Error(error.to_string()))?;
    let path = format!("/bytes/{BODY}");
    let start = Instant::now();
    let (from, to) = (start + WARM_UP, start + WARM_UP + TIME.mul_f64(scale).max(WARM_UP));
    let one_after_the_other = async || {
        let mut answered = 0;
        while Instant::now() < to {
            get(&http, &path).await?;
            answered += usize::from((from..to).contains(&Instant::now()));
        }
        Ok(answered)
    };
    let answered = within(try_join_all((0..count).map(|_| one_after_the_other()))).await?;
    drop(http);
    client.finish().await;
    Ok(vec![answered.iter().sum::<usize>() as f64 / (to - from).as_secs_f64()])
}
