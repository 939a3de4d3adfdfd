//! Bulk: one stream and many, one connection and many, a good network and a bad one. MB/s, and the processor time of the
//! server and of all that runs it, a megabyte.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::try_join_all;
use http::{Method, StatusCode};
use socket_iwa_native::Http;
use tokio::sync::oneshot;

use super::part;
use crate::bench::client::block_on;
use crate::bench::client::{ANY, Client, ETHERNET, download as get, read, within};
use crate::bench::servers::Server;
use crate::bench::workload::Effort;
use crate::bench::{Error, Result, fail};
use crate::impairment::Impairment;
use crate::relay::{Config, Relay};

const ALPN: &str = "hq-interop";
const TOTAL: usize = 64 << 20;
/// Before what counts, on the same connections: congestion windows open, and the path's MTU is found.
const WARM_UP: usize = 4 << 20;
const STREAMS: usize = 256;
const STREAM: usize = 64 << 10;
const IN_FLIGHT: usize = 4;
/// A bad network is looked at for so long, after its congestion window has found its size.
const LOSSY_TIME: Duration = Duration::from_secs(3);
const LOSSY_WARM_UP: Duration = Duration::from_secs(1);
const DELAY: Duration = Duration::from_millis(20);
/// Longer than anybody waits for it.
const ENDLESS: u64 = 1 << 30;

/// Both figures of `bytes` that `transfer` moves.
pub(super) async fn timed(
    server: &Server,
    bytes: usize,
    transfer: impl Future<Output = Result<()>>,
) -> Result<Vec<f64>> {
    let processes = server.processes();
    let before = processes.cpu();
    let start = Instant::now();
    transfer.await?;
    let time = start.elapsed();
    let megabytes = bytes as f64 / 1e6;
    let cpu = processes.cpu().since(&before);
    Ok(vec![megabytes / time.as_secs_f64(), cpu.as_secs_f64() * 1e3 / megabytes])
}

pub(super) async fn download(server: &Server, payload: u16, scale: f64) -> Result<Vec<f64>> {
    let client = Client::new(server, payload)?;
    let connection = client.connect(ALPN).await?;
    get(&connection, part(WARM_UP, scale, 1) as u64).await?;
    let length = part(TOTAL, scale, 1);
    let figures = timed(server, length, get(&connection, length as u64)).await;
    client.finish().await;
    figures
}

pub(super) async fn upload(server: &Server, payload: u16, scale: f64) -> Result<Vec<f64>> {
    let client = Client::that_uploads(server, payload)?;
    let http = Http::new(client.connect("h3").await?).await.map_err(|error| Error(error.to_string()))?;
    let post = async |length: usize| {
        let body = Bytes::from(vec![7; length]);
        let response = http.request(Method::POST, "/upload", body).await.map_err(|error| Error(error.to_string()))?;
        let said: serde_json::Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if response.status != StatusCode::OK || said["bytes"] != length {
            return fail(format!("POST /upload: {} and {said}", response.status));
        }
        Ok(())
    };
    within(post(part(WARM_UP, scale, 1))).await?;
    let length = part(TOTAL, scale, 1);
    let figures = timed(server, length, within(post(length))).await;
    drop(http);
    client.finish().await;
    figures
}

pub(super) async fn streams(server: &Server, scale: f64) -> Result<Vec<f64>> {
    let client = Client::new(server, ANY)?;
    let connection = client.connect(ALPN).await?;
    get(&connection, part(WARM_UP, scale, 1) as u64).await?;
    let each = part(STREAMS, scale, IN_FLIGHT) / IN_FLIGHT;
    let one_after_the_other = async || {
        for _ in 0..each {
            get(&connection, STREAM as u64).await?;
        }
        Ok(())
    };
    let all = async { try_join_all((0..IN_FLIGHT).map(|_| one_after_the_other())).await.map(drop) };
    let figures = timed(server, each * IN_FLIGHT * STREAM, all).await;
    client.finish().await;
    figures
}

pub(super) async fn connections(server: &Server, count: usize, scale: f64) -> Result<Vec<f64>> {
    let client = Client::new(server, ANY)?;
    let config = client.configured(ALPN, false);
    let mut connections = Vec::new();
    for _ in 0..count {
        connections.push(client.connect_with(&config).await?);
    }
    let all = async |total: usize| {
        let each = (total / count).max(1) as u64;
        try_join_all(connections.iter().map(|connection| get(connection, each))).await.map(drop)
    };
    all(part(WARM_UP, scale, 1)).await?;
    let total = part(TOTAL, scale, 1);
    let figures = timed(server, total, all(total)).await;
    client.finish().await;
    figures
}

/// MB/s through a relay that loses and delays.
pub(super) async fn lossy(server: &Server, percent: u8, effort: Effort) -> Result<Vec<f64>> {
    let impairment = Impairment { loss: f64::from(percent) / 100.0, delay: DELAY, ..Impairment::default() };
    let (relay, _stop) = relay(server.address, impairment, effort.round as u64)?;
    let client = Client::at(server, relay, ETHERNET)?;
    let connection = client.connect(ALPN).await?;
    let start = Instant::now();
    let from = start + LOSSY_WARM_UP;
    let to = from + LOSSY_TIME.mul_f64(effort.scale);
    let mut counted = 0;
    let mut more = |bytes| {
        let now = Instant::now();
        counted += if (from..to).contains(&now) { bytes } else { 0 };
        now < to
    };
    within(read(&connection, ENDLESS, &mut more)).await?;
    client.finish().await;
    Ok(vec![counted as f64 / 1e6 / (to - from).as_secs_f64()])
}

/// A relay on a thread of its own: it is no part of the load. Ends when what comes with its address is dropped.
fn relay(server: SocketAddr, impairment: Impairment, seed: u64) -> Result<(SocketAddr, oneshot::Sender<()>)> {
    let (address, is_ready) = channel();
    let (stop, stopped) = oneshot::channel::<()>();
    thread::spawn(move || {
        let listen = (Ipv4Addr::LOCALHOST, 0).into();
        let (to_server, to_client) = (impairment.clone(), impairment);
        let config = Config { listen, server, to_server, to_client, rebind_after: None, seed };
        block_on(async {
            let relay = Relay::start(config).await?;
            let _ = address.send(relay.address());
            let _ = stopped.await;
            Ok(())
        })
    });
    let address = is_ready.recv().map_err(|_| Error("the relay did not start".into()))?;
    Ok((address, stop))
}
