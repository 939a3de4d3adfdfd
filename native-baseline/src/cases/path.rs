//! Cases of the path and what protects it: addresses that change under a connection, keys that change, datagrams, and how
//! much an address gets that has proved nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::Notify;

use super::transport::bind;
use super::{Outcome, Target, expect};
use crate::check::{echo, expected_bytes, expected_sha256};
use crate::{Error, Http};

/// Bytes of a download in which something happens.
const LENGTH: u64 = 8 << 20;
/// After so many of them.
const MIDDLE: u64 = LENGTH / 4;

/// Downloads [`LENGTH`] bytes, calls `middle` on the way, and compares the hash.
async fn download(connection: quinn::Connection, middle: impl FnOnce()) -> Result<Outcome, Error> {
    let http = Http::new(connection).await?;
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    let (mut received, mut middle) = (0, Some(middle));
    http.download(&format!("/bytes/{LENGTH}"), |data| {
        hash.update(data);
        received += data.len() as u64;
        if received >= MIDDLE
            && let Some(middle) = middle.take()
        {
            middle();
        }
    })
    .await?;
    let hash = crate::check::hex(hash);
    Ok(expect(hash == expected_sha256(LENGTH), format!("{received} bytes with another hash")))
}

pub(super) async fn a_client_that_moves_in_a_download_gets_all_of_it(target: Target) -> Result<Outcome, Error> {
    let client = target.client()?;
    let connection = client.connect(target.server, &[b"h3"]).await?;
    let socket = bind(target.server.ip()).await?.into_std().map_err(|error| Error::new("bind", error))?;
    let endpoint = client.endpoint().clone();
    let mut moved = Ok(());
    let outcome = download(connection, || moved = endpoint.rebind(socket)).await?;
    moved.map_err(|error| Error::new("move to another port", error))?;
    Ok(outcome)
}

/// As when a router forgets a mapping: the client does not know that its address has changed.
pub(super) async fn a_nat_that_rebinds_in_a_download_loses_nothing(target: Target) -> Result<Outcome, Error> {
    let inside = bind(target.server.ip()).await?;
    let through = inside.local_addr().map_err(|error| Error::new("bind", error))?;
    let outside = [bind(target.server.ip()).await?, bind(target.server.ip()).await?];
    let rebind = Arc::new(Notify::new());
    let router = tokio::spawn(route(inside, outside, target.server, rebind.clone()));
    let client = target.client()?;
    let connection = client.connect(through, &[b"h3"]).await?;
    let outcome = download(connection, || rebind.notify_one()).await;
    router.abort();
    outcome
}

/// Passes datagrams between `server` and the client behind `inside`, from the first of `outside`, and from the second after
/// `rebind`.
async fn route(inside: UdpSocket, outside: [UdpSocket; 2], server: SocketAddr, rebind: Arc<Notify>) {
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    let (mut client, mut mapping) = (None, 0);
    loop {
        // What can't be sent is lost, as on a network.
        tokio::select! {
            Ok((length, from)) = inside.recv_from(&mut up) => {
                client = Some(from);
                let _ = outside[mapping].send_to(&up[..length], server).await;
            }
            // The old mapping is gone: what still comes there reaches nobody.
            Ok(length) = outside[mapping].recv(&mut down) => {
                if let Some(client) = client {
                    let _ = inside.send_to(&down[..length], client).await;
                }
            }
            () = rebind.notified() => mapping = 1,
        }
    }
}

pub(super) async fn a_key_update_by_the_client_is_followed(target: Target) -> Result<Outcome, Error> {
    let client = target.client()?;
    let connection = client.connect(target.server, &[b"echo"]).await?;
    for number in 0..3u64 {
        // The server must read with the new keys, and answer with its own new ones.
        connection.force_key_update();
        if !echo(&connection, &expected_bytes(200_000 + number)).await? {
            return Ok(Outcome::Failed(format!("after update {number} the echo came back changed")));
        }
    }
    Ok(Outcome::Passed)
}

pub(super) async fn datagrams_come_back(target: Target) -> Result<Outcome, Error> {
    let connection = target.echo().await?;
    let largest =
        connection.max_datagram_size().ok_or_else(|| Error::new("send a datagram", "the server takes none"))?;
    for length in [0, 1, 1000, largest] {
        let sent: Bytes = expected_bytes(length as u64).into();
        // Sent again until one is back: datagrams may be lost.
        let back = loop {
            connection.send_datagram(sent.clone()).map_err(|error| Error::new("send a datagram", error))?;
            let wait = tokio::time::timeout(Duration::from_secs(1), connection.read_datagram());
            match wait.await {
                Ok(back) => break back.map_err(|error| Error::new("receive a datagram", error))?,
                Err(_) => continue,
            }
        };
        if back != sent {
            return Ok(Outcome::Failed(format!("of {length} bytes came back {}, others", back.len())));
        }
    }
    Ok(Outcome::Passed)
}

pub(super) async fn an_address_that_proves_nothing_gets_three_times_what_it_sent(
    target: Target,
) -> Result<Outcome, Error> {
    /// Long enough for the server to repeat itself several times.
    const LISTEN: Duration = Duration::from_secs(2);
    let relay = bind(target.server.ip()).await?;
    let address = relay.local_addr().map_err(|error| Error::new("bind", error))?;
    let client = target.client()?;
    let connecting = client.start(address, vec![b"h3".to_vec()])?;
    let mut buffer = vec![0; 65_536];
    let failed = |error| Error::new("relay", error);
    let (sent, _) = relay.recv_from(&mut buffer).await.map_err(failed)?;
    relay.send_to(&buffer[..sent], target.server).await.map_err(failed)?;
    let mut received = 0;
    // Nothing of the answer is passed on, and nothing else of the client's.
    let listen = async {
        loop {
            let (length, from) = relay.recv_from(&mut buffer).await.map_err(failed)?;
            if from == target.server {
                received += length;
            }
        }
    };
    if let Ok(error) = tokio::time::timeout(LISTEN, listen).await {
        return error;
    }
    drop(connecting);
    // RFC 9000, section 8.1.
    Ok(expect(received > 0 && received <= 3 * sent, format!("{received} bytes for {sent}")))
}
