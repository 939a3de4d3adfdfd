//! The other end of the UDP workloads: one socket, which keeps the time and replaces what is lost. Every wait has a limit.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::RcvBufForce;
use socket2::SockRef;

use crate::bench::report::quantile;
use crate::bench::subject::Running;
use crate::bench::{Result, fail};

const RECEIVE_BUFFER: usize = 32 << 20;
/// Before the datagrams that count.
const WARM_UP: Duration = Duration::from_millis(300);
/// After so much silence what is under way is taken for lost, and sent again.
const LOST: Duration = Duration::from_millis(20);
/// Sending has ended when nothing came for so long.
const OVER: Duration = Duration::from_millis(300);
const START_LIMIT: Duration = Duration::from_secs(30);
/// Datagrams a second that are offered to a receiver: more than a browser takes, and little enough to leave it a core.
const OFFERED: u32 = 120_000;
/// They go out in bursts, one in each such time.
const BURST_TIME: Duration = Duration::from_millis(1);

pub(super) struct Echoes {
    pub(super) per_second: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
}

/// As large a receive queue as the system gives: a burst is not to be lost here. Root gets all of it.
pub(in crate::bench) fn enlarge(socket: &UdpSocket) -> Result<()> {
    if setsockopt(socket, RcvBufForce, &RECEIVE_BUFFER).is_err() {
        SockRef::from(socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
    }
    Ok(())
}

fn connected(port: u16) -> Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect((Ipv4Addr::LOCALHOST, port))?;
    enlarge(&socket)?;
    Ok(socket)
}

/// Keeps `window` datagrams of `size` bytes under way for `time`. Each carries when it was sent.
pub(super) fn echo(running: &mut Running, size: usize, window: usize, time: Duration) -> Result<Echoes> {
    let socket = connected(running.port()?)?;
    socket.set_read_timeout(Some(LOST))?;
    let (mut out, mut back) = (vec![0; size], vec![0; 65_536]);
    let start = Instant::now();
    let (counted_from, end) = (start + WARM_UP, start + WARM_UP + time);
    let mut send = |now: Instant| {
        out[..8].copy_from_slice(&((now - start).as_nanos() as u64).to_le_bytes());
        socket.send(&out).map(|_| ())
    };
    for _ in 0..window {
        send(Instant::now())?;
    }
    let mut trips = Vec::new();
    let mut silence = 0;
    loop {
        let got = socket.recv(&mut back);
        let now = Instant::now();
        if now >= end {
            break;
        }
        let Ok(length) = got else {
            silence += 1;
            if LOST * silence > START_LIMIT {
                return fail("no datagram comes back").map_err(|error| running.explain(error));
            }
            for _ in 0..window {
                send(now)?;
            }
            continue;
        };
        silence = 0;
        if length != size {
            return fail(format!("a datagram of {length} bytes came back, not of {size}"));
        }
        if now >= counted_from {
            let sent =
                Duration::from_nanos(back[..8].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)));
            trips.push(((now - start).saturating_sub(sent)).as_secs_f64() * 1e6);
        }
        send(now)?;
    }
    let per_second = trips.len() as f64 / time.as_secs_f64();
    // What is still under way would be echoed to no one.
    while socket.recv(&mut back).is_ok() {}
    running.finish_with(|| socket.send(&[0]).map(|_| ()))?;
    if trips.is_empty() {
        return fail("no datagram came back");
    }
    trips.sort_by(f64::total_cmp);
    Ok(Echoes { per_second, p50_us: quantile(&trips, 0.5), p99_us: quantile(&trips, 0.99) })
}

/// Datagrams a second that arrived, from the first to the last.
pub(super) fn count_arrivals(running: &mut Running, time: Duration) -> Result<f64> {
    let socket = running.udp()?;
    let mut data = vec![0; 65_536];
    socket.set_read_timeout(Some(START_LIMIT))?;
    socket.recv(&mut data).map_err(|error| running.explain(error.into()))?;
    socket.set_read_timeout(Some(OVER))?;
    let start = Instant::now();
    let (mut count, mut last) = (0_u64, start);
    while socket.recv(&mut data).is_ok() {
        count += 1;
        last = Instant::now();
        if last - start > 10 * time + START_LIMIT {
            return fail("the program does not stop sending");
        }
    }
    running.finish()?;
    Ok(count as f64 / (last - start).as_secs_f64())
}

/// Datagrams a second that the program received, while more are offered.
pub(super) fn flood(running: &mut Running, size: usize) -> Result<f64> {
    let socket = connected(running.port()?)?;
    let over = Arc::new(AtomicBool::new(false));
    let sender = thread::spawn({
        let over = Arc::clone(&over);
        move || {
            let data = vec![7; size];
            let start = Instant::now();
            let mut next = start;
            while !over.load(Ordering::Relaxed) && start.elapsed() < START_LIMIT {
                for _ in 0..OFFERED / 1000 {
                    // Refused once the program has closed its socket.
                    let _ = socket.send(&data);
                }
                next += BURST_TIME;
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        }
    });
    let received = running.value("received");
    let ms = running.value("ms");
    over.store(true, Ordering::Relaxed);
    let _ = sender.join();
    let rate = received? / (ms? / 1e3);
    running.finish()?;
    Ok(rate)
}
