//! Cases of QUIC: streams, connections, and clients that break the rules or go away.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use quinn::VarInt;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::{Outcome, Target, expect};
use crate::Error;
use crate::check::{echo, expected_bytes};

/// How long to wait for something that has to come.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn an_echo_stream_comes_back(target: Target) -> Result<Outcome, Error> {
    let connection = target.echo().await?;
    for length in [0, 1, 100_000, 3_000_000] {
        if !echo(&connection, &expected_bytes(length)).await? {
            return Ok(Outcome::Failed(format!("{length} bytes came back changed")));
        }
    }
    Ok(Outcome::Passed)
}

pub(super) async fn fifty_echo_streams_at_once_come_back(target: Target) -> Result<Outcome, Error> {
    let connection = target.echo().await?;
    let tasks: Vec<_> = (0..50u64)
        .map(|number| {
            let connection = connection.clone();
            tokio::spawn(async move { echo(&connection, &expected_bytes(20_000 + number)).await })
        })
        .collect();
    let mut ok = 0;
    for task in tasks {
        ok += usize::from(task.await.map_err(|error| Error::new("echo", error))??);
    }
    Ok(expect(ok == 50, format!("{ok} of 50")))
}

pub(super) async fn a_reset_stream_is_reset_back(target: Target) -> Result<Outcome, Error> {
    let connection = target.echo().await?;
    let (mut send, mut recv) = connection.open_bi().await.map_err(|error| Error::new("open a stream", error))?;
    send.write_all(b"and then no more").await.map_err(|error| Error::new("write", error))?;
    send.reset(VarInt::from_u32(42)).map_err(|error| Error::new("reset", error))?;
    let code = match recv.read_to_end(1000).await {
        Err(quinn::ReadToEndError::Read(quinn::ReadError::Reset(code))) => code,
        other => return Ok(Outcome::Failed(format!("{other:?}"))),
    };
    if code != VarInt::from_u32(42) {
        return Ok(Outcome::Failed(format!("reset with {code}")));
    }
    Ok(expect(echo(&connection, b"the next").await?, "the next stream came back changed"))
}

pub(super) async fn twenty_connections_at_once_are_served(target: Target) -> Result<Outcome, Error> {
    let tasks: Vec<_> = (0..20u64)
        .map(|number| {
            tokio::spawn(async move {
                let connection = target.echo().await?;
                echo(&connection, &expected_bytes(10_000 + number)).await
            })
        })
        .collect();
    let mut ok = 0;
    for task in tasks {
        ok += usize::from(task.await.map_err(|error| Error::new("echo", error))??);
    }
    Ok(expect(ok == 20, format!("{ok} of 20")))
}

pub(super) async fn an_unknown_application_protocol_is_refused(target: Target) -> Result<Outcome, Error> {
    let connecting = target.client()?.start(target.server, vec![b"smtp".to_vec()])?;
    // no_application_protocol is TLS alert 120 (RFC 7301), so CRYPTO_ERROR 0x100 + 120 (RFC 9001, section 4.8).
    match connecting.await {
        Err(quinn::ConnectionError::ConnectionClosed(close)) if u64::from(close.error_code) == 0x178 => {
            Ok(Outcome::Passed)
        }
        Err(error) => Ok(Outcome::Failed(format!("{error:?}"))),
        Ok(_) => Ok(Outcome::Failed("it was accepted".into())),
    }
}

pub(crate) async fn an_unknown_version_is_answered_with_the_known_ones(target: Target) -> Result<Outcome, Error> {
    // A reserved version (RFC 9000, section 15).
    version_negotiation(target, 0x1a2a_3a4a).await
}

pub(super) async fn version_2_is_answered_with_version_1(target: Target) -> Result<Outcome, Error> {
    // RFC 9369.
    version_negotiation(target, 0x6b33_43cf).await
}

/// Sends a packet of `version`, and expects a Version Negotiation packet that names version 1.
async fn version_negotiation(target: Target, version: u32) -> Result<Outcome, Error> {
    let socket = bind(target.server.ip()).await?;
    // A long header, two connection ids of eight bytes, padded.
    let mut packet = vec![0xc0, 0, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    packet[1..5].copy_from_slice(&version.to_be_bytes());
    packet.resize(1200, 0);
    socket.send_to(&packet, target.server).await.map_err(|error| Error::new("send", error))?;
    let mut answer = [0; 1500];
    let Ok(received) = tokio::time::timeout(PATIENCE, socket.recv(&mut answer)).await else {
        return Ok(Outcome::Failed("no answer".into()));
    };
    let length = received.map_err(|error| Error::new("receive", error))?;
    // Version 0, the connection ids swapped, then versions of four bytes (RFC 9000, section 17.2.1).
    let header = answer[0] & 0x80 != 0 && answer[1..5] == [0; 4] && answer[6..14] == packet[15..23];
    let known = answer[23..length].chunks(4).any(|version| version == [0, 0, 0, 1]);
    Ok(expect(header && known, format!("{:02x?}", &answer[..length])))
}

pub(super) async fn a_client_hello_of_two_datagrams_is_understood(target: Target) -> Result<Outcome, Error> {
    // Names of 200 bytes make it about 2.5 kB, as a post-quantum key share does.
    let mut alpn: Vec<Vec<u8>> = (b'a'..b'l').map(|letter| vec![letter; 200]).collect();
    alpn.push(b"echo".to_vec());
    let connecting = target.client()?.start(target.server, alpn)?;
    let connection = connecting.await.map_err(|error| Error::new("connect", error))?;
    Ok(expect(echo(&connection, b"hello").await?, "the echo came back changed"))
}

pub(super) async fn a_client_that_stops_reading_holds_up_nobody(target: Target) -> Result<Outcome, Error> {
    let client = target.client()?;
    let connection = client.connect(target.server, &[b"echo"]).await?;
    let (mut send, _recv) = connection.open_bi().await.map_err(|error| Error::new("open a stream", error))?;
    // Nothing of the echo is read, so the stream fills up both ways and the write never ends.
    let filling = tokio::spawn(async move { send.write_all(&expected_bytes(16 << 20)).await });
    let outcome = target.serves_others().await;
    let blocked = !filling.is_finished();
    filling.abort();
    Ok(match outcome? {
        Outcome::Passed => expect(blocked, "the server took 16 MiB that nobody read"),
        other => other,
    })
}

pub(super) async fn a_client_that_vanishes_holds_up_nobody(target: Target) -> Result<Outcome, Error> {
    let relay = bind(target.server.ip()).await?;
    let address = relay.local_addr().map_err(|error| Error::new("bind", error))?;
    let relay = tokio::spawn(forward(relay, target.server));
    let client = target.client()?;
    let through = SocketAddr::new(target.server.ip(), address.port());
    let connection = client.connect(through, &[b"h3"]).await?;
    let http = crate::Http::new(connection).await?;
    let mut received = 0;
    let download = http.download("/bytes/1073741824", |data| {
        received += data.len();
        if received > 1_000_000 {
            // From here on nothing gets through any more, in either direction, and nobody says goodbye.
            relay.abort();
        }
    });
    // The client itself waits for more until it is dropped.
    let ended = tokio::time::timeout(Duration::from_secs(1), download).await.is_ok();
    if ended {
        return Ok(Outcome::Failed("the download ended".into()));
    }
    target.serves_others().await
}

pub(super) async fn garbage_datagrams_hold_up_nobody(target: Target) -> Result<Outcome, Error> {
    let socket = bind(target.server.ip()).await?;
    let noise = expected_bytes(70_000);
    for number in 0..2000usize {
        // Of every length up to a large one; every other one with the form of a long header of version 1.
        let length = number * 7 % 1500;
        let mut packet = noise[number..number + length].to_vec();
        if number % 2 == 0 && length > 5 {
            packet[..5].copy_from_slice(&[0xc3, 0, 0, 0, 1]);
        }
        // A full socket is no failure of the server's.
        let _ = socket.send_to(&packet, target.server).await;
    }
    target.serves_others().await
}

pub(super) async fn a_datagram_from_port_0_holds_up_nobody(target: Target) -> Result<Outcome, Error> {
    let IpAddr::V4(_) = target.server.ip() else {
        return Ok(Outcome::Skipped("the case builds IPv4 packets".into()));
    };
    let raw = match Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)) {
        Ok(raw) => raw,
        Err(error) => return Ok(Outcome::Skipped(format!("a raw socket needs root: {error}"))),
    };
    // A version the server does not know makes it answer, which from port 0 can't be done.
    let mut payload = vec![0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    payload.resize(1200, 0);
    let length = (8 + payload.len()) as u16;
    let mut packet = Vec::new();
    // Source port, destination port, length, no checksum (RFC 768).
    for field in [0, target.server.port(), length, 0] {
        packet.extend_from_slice(&field.to_be_bytes());
    }
    packet.extend_from_slice(&payload);
    for _ in 0..20 {
        raw.send_to(&packet, &target.server.into()).map_err(|error| Error::new("send from port 0", error))?;
    }
    target.serves_others().await
}

pub(super) async fn a_handshake_that_is_never_finished_holds_up_nobody(target: Target) -> Result<Outcome, Error> {
    // Each is dropped with its first packet on the way, before an answer can be read.
    for _ in 0..100 {
        let client = target.client()?;
        let connecting = client.start(target.server, vec![b"h3".to_vec()])?;
        drop(connecting);
    }
    target.serves_others().await
}

pub(super) async fn bind(like: IpAddr) -> Result<UdpSocket, Error> {
    let local: IpAddr = if like.is_ipv4() { [127, 0, 0, 1].into() } else { [0, 0, 0, 0, 0, 0, 0, 1].into() };
    UdpSocket::bind((local, 0)).await.map_err(|error| Error::new(format!("bind {local}"), error))
}

/// Passes datagrams between `server` and whoever sent the last one from elsewhere.
async fn forward(relay: UdpSocket, server: SocketAddr) {
    let mut buffer = vec![0; 65_536];
    let mut client = None;
    while let Ok((length, from)) = relay.recv_from(&mut buffer).await {
        let to = if from == server { client } else { Some(server) };
        if from != server {
            client = Some(from);
        }
        if let Some(to) = to {
            // A datagram that can't be sent is lost, as on a network.
            let _ = relay.send_to(&buffer[..length], to).await;
        }
    }
}
