//! How fast ring seals and opens packets on this platform: `socket-iwa-ciphers CIPHER MILLISECONDS`. Runs natively and as
//! WebAssembly, and prints "seal MB/s" and "open MB/s".

use std::process::ExitCode;
use std::time::{Duration, Instant};

use ring::aead::{AES_128_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

/// A QUIC packet in a datagram of Ethernet's size: header, payload, tag.
const DATAGRAM: usize = 1452;
const HEADER: usize = 13;
/// Packets between two looks at the clock.
const BATCH: u64 = 64;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let algorithm = match arguments.first().map(String::as_str) {
        Some("chacha20-poly1305") => Some(&CHACHA20_POLY1305),
        Some("aes-128-gcm") => Some(&AES_128_GCM),
        _ => None,
    };
    let time = arguments.get(1).and_then(|text| text.parse().ok()).map(Duration::from_millis);
    let (Some(algorithm), Some(time)) = (algorithm, time) else {
        eprintln!("usage: socket-iwa-ciphers chacha20-poly1305|aes-128-gcm MILLISECONDS");
        return ExitCode::from(2);
    };
    let key = key(algorithm);
    let header = [7; HEADER];
    let mut packet = vec![7; DATAGRAM - HEADER - algorithm.tag_len()];
    let seal = rate(time, |number| {
        packet.truncate(DATAGRAM - HEADER - algorithm.tag_len());
        key.seal_in_place_append_tag(nonce(number), Aad::from(&header), &mut packet).is_ok()
    });
    // One that is opened is no packet any more: each is a copy of one that was sealed.
    packet.truncate(DATAGRAM - HEADER - algorithm.tag_len());
    let sealed = key.seal_in_place_append_tag(nonce(0), Aad::from(&header), &mut packet).map(|()| packet);
    let Ok(sealed) = sealed else { return ExitCode::FAILURE };
    let mut copy = sealed.clone();
    let open = rate(time, |_| {
        copy.copy_from_slice(&sealed);
        key.open_in_place(nonce(0), Aad::from(&header), &mut copy).is_ok()
    });
    let (Some(seal), Some(open)) = (seal, open) else {
        println!("a packet was not sealed, or did not open");
        return ExitCode::FAILURE;
    };
    println!("seal {seal:.1}\nopen {open:.1}\ndone");
    ExitCode::SUCCESS
}

fn key(algorithm: &'static Algorithm) -> LessSafeKey {
    let bytes = vec![1; algorithm.key_len()];
    LessSafeKey::new(UnboundKey::new(algorithm, &bytes).expect("the key is of the algorithm's length"))
}

fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// MB/s of datagrams that `work` makes of packet numbers. None when it fails.
fn rate(time: Duration, mut work: impl FnMut(u64) -> bool) -> Option<f64> {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < time {
        for _ in 0..BATCH {
            if !work(count) {
                return None;
            }
            count += 1;
        }
    }
    Some(count as f64 * DATAGRAM as f64 / 1e6 / start.elapsed().as_secs_f64())
}
