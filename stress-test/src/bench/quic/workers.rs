//! A server of several workers (--workers) under clients with a socket each, of which the system gives every worker some:
//! bulk, handshakes and requests. The load is one thread, so a machine needs a core more than there are workers.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use quinn::VarInt;
use socket_iwa_native::Http;

use super::part;
use super::requests::{BODY, get};
use super::transfers::timed;
use crate::bench::client::{ANY, Client, ETHERNET, download, within};
use crate::bench::servers::Server;
use crate::bench::{Error, Result};

/// Clients at once: each worker of two gets some but once in 32,768 times.
const CLIENTS: usize = 16;
const TOTAL: usize = 64 << 20;
const WARM_UP: usize = 8 << 20;
/// Handshakes and requests are made for so long each.
const TIME: Duration = Duration::from_millis(1500);
/// Requests of each client in flight.
const IN_FLIGHT: usize = 4;
const ALPN: &str = "hq-interop";

/// MB/s of downloads, handshakes and HTTP/3 requests a second; each with the processor time of the server, and of all that
/// runs it, for one: what a machine with other work than this measures best.
pub(super) async fn measure(server: &Server, scale: f64) -> Result<Vec<f64>> {
    let mut figures = downloads(server, scale).await?;
    figures.extend(handshakes(server, scale).await?);
    figures.extend(requests(server, scale).await?);
    Ok(figures)
}

fn clients(server: &Server, payload: u16) -> Result<Vec<Client>> {
    (0..CLIENTS).map(|_| Client::new(server, payload)).collect()
}

async fn finish(clients: Vec<Client>) {
    futures_util::future::join_all(clients.into_iter().map(Client::finish)).await;
}

async fn downloads(server: &Server, scale: f64) -> Result<Vec<f64>> {
    let clients = clients(server, ANY)?;
    let connections = try_join_all(clients.iter().map(|client| client.connect(ALPN))).await?;
    let all = async |total: usize| {
        let each = (total / CLIENTS).max(1) as u64;
        try_join_all(connections.iter().map(|connection| download(connection, each))).await.map(drop)
    };
    all(part(WARM_UP, scale, CLIENTS)).await?;
    let total = part(TOTAL, scale, CLIENTS);
    let figures = timed(server, total, all(total)).await;
    finish(clients).await;
    figures
}

/// Does `work` over and over, for each client at once, until the time is over. How often it was done, a second, and the
/// microseconds of processor time for one.
async fn rate<T>(server: &Server, all: &[T], scale: f64, work: impl AsyncFn(&T) -> Result<()>) -> Result<Vec<f64>> {
    let processes = server.processes();
    let before = processes.cpu();
    let start = Instant::now();
    let end = start + TIME.mul_f64(scale);
    let one_after_the_other = async |one: &T| {
        let mut done = 0;
        while Instant::now() < end {
            work(one).await?;
            done += 1;
        }
        Ok::<_, Error>(done)
    };
    let done: usize = within(try_join_all(all.iter().map(one_after_the_other))).await?.into_iter().sum();
    let time = start.elapsed();
    let cpu = processes.cpu().since(&before);
    Ok(vec![done as f64 / time.as_secs_f64(), cpu.as_secs_f64() * 1e6 / done as f64])
}

async fn handshakes(server: &Server, scale: f64) -> Result<Vec<f64>> {
    let clients = clients(server, ETHERNET)?;
    let once = async |(client, config): &(&Client, quinn::ClientConfig)| {
        client.connect_with(config).await?.close(VarInt::from_u32(0), b"");
        Ok(())
    };
    let configured: Vec<_> = clients.iter().map(|client| (client, client.configured(ALPN, false))).collect();
    let rate = rate(server, &configured, scale, once).await;
    drop(configured);
    finish(clients).await;
    rate
}

async fn requests(server: &Server, scale: f64) -> Result<Vec<f64>> {
    let clients = clients(server, ETHERNET)?;
    let begin =
        async |client: &Client| Http::new(client.connect("h3").await?).await.map_err(|error| Error(error.to_string()));
    let https = try_join_all(clients.iter().map(begin)).await?;
    let path = format!("/bytes/{BODY}");
    let ask = async |http: &&Http| get(http, &path).await;
    let in_flight: Vec<&Http> = https.iter().flat_map(|http| [http; IN_FLIGHT]).collect();
    let rate = rate(server, &in_flight, scale, ask).await;
    drop(https);
    finish(clients).await;
    rate
}
