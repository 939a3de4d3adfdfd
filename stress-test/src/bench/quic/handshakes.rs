//! How long a client waits for its handshake, and how many a second there are.

use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use quinn::{ClientConfig, Connection, VarInt};

use super::part;
use crate::bench::client::{Client, ETHERNET, download, within};
use crate::bench::report::quantile;
use crate::bench::servers::Server;
use crate::bench::{Error, Result};

/// One after the other, for their times; and then so many at once, for the rate.
const ALONE: usize = 100;
const TOGETHER: usize = 400;
const AT_ONCE: usize = 16;
const WARM_UP: usize = 5;
const ALPN: &str = "hq-interop";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Handshake {
    Full,
    Resumed,
    EarlyData,
}

/// Milliseconds, the median and the 99th percentile; handshakes a second, and the microseconds of processor time of the
/// server, and of all that runs it, for one of those.
pub(super) async fn measure(server: &Server, kind: Handshake, scale: f64) -> Result<Vec<f64>> {
    let client = Client::new(server, ETHERNET)?;
    let config = client.configured(ALPN, kind != Handshake::Full);
    for _ in 0..WARM_UP {
        visit(&client, &config, Handshake::Full, true).await?;
    }
    let mut times = Vec::new();
    for _ in 0..part(ALONE, scale, 10) {
        times.push(once(&client, &config, kind).await?.as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);

    let count = part(TOGETHER, scale, 20);
    let configs: Vec<_> = (0..AT_ONCE).map(|_| client.configured(ALPN, kind != Handshake::Full)).collect();
    if kind != Handshake::Full {
        // Each has tickets of its own: they are used once, and are not in another's hands.
        for config in &configs {
            visit(&client, config, Handshake::Full, true).await?;
        }
    }
    let processes = server.processes();
    let before = processes.cpu();
    let start = Instant::now();
    let all = stream::iter(&configs).map(Ok).try_for_each_concurrent(None, async |config| {
        for _ in 0..count / AT_ONCE + 1 {
            once(&client, config, kind).await?;
        }
        Ok::<_, Error>(())
    });
    all.await?;
    let time = start.elapsed();
    let cpu = processes.cpu().since(&before);
    let made = ((count / AT_ONCE + 1) * AT_ONCE) as f64;
    client.finish().await;
    let rate = made / time.as_secs_f64();
    Ok(vec![quantile(&times, 0.5), quantile(&times, 0.99), rate, cpu.as_secs_f64() * 1e6 / made])
}

/// One that counts: what it was is checked.
async fn once(client: &Client, config: &ClientConfig, kind: Handshake) -> Result<Duration> {
    let before = client.certificates();
    // A ticket for the next one comes with an answer.
    let time = visit(client, config, kind, kind != Handshake::Full).await?;
    if kind != Handshake::Full && client.certificates() != before {
        return Err(Error("the server did not take the ticket".into()));
    }
    Ok(time)
}

async fn visit(client: &Client, config: &ClientConfig, kind: Handshake, ask: bool) -> Result<Duration> {
    within(async {
        let start = Instant::now();
        let connecting = client.start(config)?;
        let (connection, time) = if kind == Handshake::EarlyData {
            let Ok((connection, accepted)) = connecting.into_0rtt() else {
                return Err(Error("there is no ticket that allows early data".into()));
            };
            request(&connection).await?;
            let time = start.elapsed();
            if !accepted.await {
                return Err(Error("the server did not take the early data".into()));
            }
            // The answer was here before the end of the handshake, behind which the next tickets come.
            request(&connection).await?;
            (connection, time)
        } else {
            let connection = connecting.await.map_err(|error| Error(format!("connect: {error}")))?;
            let time = start.elapsed();
            if ask {
                request(&connection).await?;
            }
            (connection, time)
        };
        connection.close(VarInt::from_u32(0), b"");
        Ok(time)
    })
    .await
}

async fn request(connection: &Connection) -> Result<()> {
    download(connection, 32).await
}
