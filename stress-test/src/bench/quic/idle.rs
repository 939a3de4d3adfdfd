//! What a connection that does nothing costs in memory.

use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::part;
use crate::bench::Result;
use quinn::{ClientConfig, Connection};

use crate::bench::client::{Client, Counters, ETHERNET};
use crate::bench::servers::Server;

const CONNECTIONS: usize = 1000;
/// After these, so many times as many.
const MORE: usize = 3;
/// Handshakes at once.
const AT_ONCE: usize = 8;
/// Connections before those that count: code is compiled, pools are filled.
const FIRST: usize = 50;
/// After these: the app's page draws its charts and its table when somebody is connected, which is 20 MiB however many come.
const SETTLE: Duration = Duration::from_secs(5);
const ALPN: &str = "hq-interop";

/// KiB for each: resident memory of the server and of all that runs it, for the first ones with what garbage their handshakes
/// have left, and for those that follow without, where it can be collected; and WebAssembly's own for all of them, which
/// grows in steps.
pub(super) async fn measure(server: &Server, scale: f64) -> Result<Vec<f64>> {
    let client = Client::new(server, ETHERNET)?;
    let config = client.configured(ALPN, false);
    let count = part(CONNECTIONS, scale, 100);
    let mut kept = connections(&client, &config, FIRST).await?;
    tokio::time::sleep(SETTLE).await;
    let before = look(server).await?;
    kept.extend(connections(&client, &config, count).await?);
    let first = look(server).await?;
    server.collect_garbage()?;
    let collected = server.processes().resident() as f64;
    kept.extend(connections(&client, &config, MORE * count).await?);
    server.collect_garbage()?;
    let all = look(server).await?;
    client.finish().await;
    let each = |after: f64, before: f64, count: usize| (after - before) / 1024.0 / count as f64;
    let resident = [each(first.0, before.0, count), each(all.0, collected, MORE * count)];
    let wasm = all.1.zip(before.1).map(|(after, before)| each(after, before, (1 + MORE) * count));
    Ok(resident.into_iter().chain(wasm).collect())
}

async fn connections(client: &Client, config: &ClientConfig, count: usize) -> Result<Vec<Connection>> {
    stream::iter(0..count).map(|_| client.connect_with(config)).buffer_unordered(AT_ONCE).try_collect().await
}

/// Bytes that are resident, and bytes of WebAssembly's memory where the server has one to tell of.
async fn look(server: &Server) -> Result<(f64, Option<f64>)> {
    let visitor = Client::new(server, ETHERNET)?;
    // quinn's own server has no HTTP/3.
    let wasm = match visitor.connect("h3").await {
        Ok(connection) => Counters::read(connection).await?.get("wasm_memory_bytes"),
        Err(_) => None,
    };
    visitor.finish().await;
    Ok((server.processes().resident() as f64, wasm))
}
