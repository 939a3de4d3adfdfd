//! What a connection that does nothing costs in memory.

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::part;
use crate::bench::Result;
use crate::bench::client::{Client, ETHERNET};
use crate::bench::servers::Server;

const CONNECTIONS: usize = 1000;
/// Handshakes at once.
const AT_ONCE: usize = 8;
/// Connections before those that count: code is compiled, pools are filled.
const FIRST: usize = 50;
const ALPN: &str = "hq-interop";

/// KiB of resident memory for each, of the server and all that runs it.
pub(super) async fn measure(server: &Server, scale: f64) -> Result<Vec<f64>> {
    let client = Client::new(server, ETHERNET)?;
    let config = client.configured(ALPN, false);
    let mut kept = Vec::new();
    let mut before = 0;
    let count = part(CONNECTIONS, scale, 100);
    for number in [FIRST, count] {
        before = server.processes().resident();
        let connecting = stream::iter(0..number).map(|_| client.connect_with(&config)).buffer_unordered(AT_ONCE);
        kept.extend(connecting.try_collect::<Vec<_>>().await?);
    }
    let after = server.processes().resident();
    client.finish().await;
    Ok(vec![after.saturating_sub(before) as f64 / 1024.0 / count as f64])
}
