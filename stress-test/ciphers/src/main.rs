//! How fast QUIC packets are sealed and opened on this platform, with the ciphers that the server has there or with ring's:
//! `socket-iwa-ciphers [ring-]CIPHER MILLISECONDS [BYTES]`, of a datagram. Runs natively and as WebAssembly, and prints
//! "seal MB/s" and "open MB/s".

use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustls::crypto::ring::default_provider;
use rustls::quic::{PacketKey, Version};
use rustls::{CipherSuite, Side};

/// A datagram of Ethernet's size.
const DATAGRAM: usize = 1452;
const HEADER: [u8; 13] = [7; 13];
/// Bytes between two looks at the clock.
const BATCH: usize = 64 * DATAGRAM;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let name = arguments.first().map(String::as_str).unwrap_or_default();
    let suite = match name.trim_start_matches("ring-") {
        "chacha20-poly1305" => Some(CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
        "aes-128-gcm" => Some(CipherSuite::TLS13_AES_128_GCM_SHA256),
        _ => None,
    };
    let time = arguments.get(1).and_then(|text| text.parse().ok()).map(Duration::from_millis);
    let datagram = arguments.get(2).map_or(Some(DATAGRAM), |text| text.parse().ok());
    let (Some(suite), Some(time), Some(datagram @ 64..)) = (suite, time, datagram) else {
        eprintln!("usage: socket-iwa-ciphers [ring-](chacha20-poly1305|aes-128-gcm) MILLISECONDS [BYTES]");
        return ExitCode::from(2);
    };
    let mut provider = default_provider();
    if !name.starts_with("ring-") {
        socket_iwa_packet_protection::install(&mut provider);
    }
    let key = key(&provider, suite);
    let tag = key.tag_len();
    let batch = (BATCH / datagram).max(1) as u64;
    let mut packet = vec![7; datagram - HEADER.len()];
    let payload = packet.len() - tag;
    let seal = rate(time, batch, |number| key.encrypt_in_place(number, &HEADER, &mut packet[..payload]).is_ok());
    // One that is opened is no packet any more: each is a copy of one that was sealed.
    let Ok(made) = key.encrypt_in_place(0, &HEADER, &mut packet[..payload]) else { return ExitCode::FAILURE };
    packet[payload..].copy_from_slice(made.as_ref());
    let mut copy = packet.clone();
    let open = rate(time, batch, |_| {
        copy.copy_from_slice(&packet);
        key.decrypt_in_place(0, &HEADER, &mut copy).is_ok()
    });
    let (Some(seal), Some(open)) = (seal, open) else {
        println!("a packet was not sealed, or did not open");
        return ExitCode::FAILURE;
    };
    let megabytes = datagram as f64 / 1e6;
    println!("seal {:.1}\nopen {:.1}\ndone", seal * megabytes, open * megabytes);
    ExitCode::SUCCESS
}

/// A key of the suite: that of a client's Initial packets, if they were protected with it.
fn key(provider: &rustls::crypto::CryptoProvider, suite: CipherSuite) -> Box<dyn PacketKey> {
    let suite = provider.cipher_suites.iter().find(|candidate| candidate.suite() == suite);
    let suite = suite.and_then(|suite| suite.tls13()).and_then(|suite| suite.quic_suite());
    suite.expect("ring has the suite for QUIC").keys(b"connection", Side::Client, Version::V1).local.packet
}

/// Packets a second that `work` makes of their numbers. None when it fails.
fn rate(time: Duration, batch: u64, mut work: impl FnMut(u64) -> bool) -> Option<f64> {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < time {
        for _ in 0..batch {
            if !work(count) {
                return None;
            }
            count += 1;
        }
    }
    Some(count as f64 / start.elapsed().as_secs_f64())
}
