//! The workloads: what each is, what the program under test is told, and which figure comes out.

use std::time::Duration;

use super::subject::{Running, Runtime};
use super::{Result, tcp, udp};

/// A measurement of datagrams takes this long, at full scale.
const UDP_TIME: Duration = Duration::from_millis(1500);
const REQUEST: usize = 64;
/// The datagram of the echo figures: what a QUIC packet carries at least.
const DATAGRAM: usize = 1200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Echoes,
    Datagrams,
    Connections,
    MegabytesPerSecond,
    /// The only one of which less is better.
    Microseconds,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Echoes => "echoes/s",
            Self::Datagrams => "datagrams/s",
            Self::Connections => "connections/s",
            Self::MegabytesPerSecond => "MB/s",
            Self::Microseconds => "us",
        }
    }

    pub fn less_is_better(self) -> bool {
        self == Self::Microseconds
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    UdpEcho { window: usize },
    UdpRoundTrip,
    UdpSend,
    UdpReceive,
    TcpUpload { chunk: usize, bytes: u64 },
    TcpDownload { chunk: usize, bytes: u64 },
    TcpConnect { count: usize },
    TcpAccept { count: usize },
    TcpRoundTrip { count: usize },
}

#[derive(Clone, Debug)]
pub struct Workload {
    pub name: &'static str,
    pub about: &'static str,
    pub unit: Unit,
    kind: Kind,
    /// `DS_STRIPES`: the number of browser sockets on the one port.
    stripes: usize,
}

const MIB: u64 = 1 << 20;

/// All of them, in the order in which they are shown.
pub fn all() -> Vec<Workload> {
    let one = |name, about, unit, kind| Workload { name, about, unit, kind, stripes: 1 };
    let four = |name, about, unit, kind| Workload { name, about, unit, kind, stripes: 4 };
    use Kind::*;
    use Unit::*;
    vec![
        one(
            "tcp-upload-1k",
            "TCP, sent in pieces of 1 KiB",
            MegabytesPerSecond,
            TcpUpload { chunk: 1 << 10, bytes: 256 * MIB },
        ),
        one(
            "tcp-upload-64k",
            "TCP, sent in pieces of 64 KiB",
            MegabytesPerSecond,
            TcpUpload { chunk: 1 << 16, bytes: 256 * MIB },
        ),
        one(
            "tcp-download-1k",
            "TCP, received into 1 KiB",
            MegabytesPerSecond,
            TcpDownload { chunk: 1 << 10, bytes: 256 * MIB },
        ),
        one(
            "tcp-download-64k",
            "TCP, received into 64 KiB",
            MegabytesPerSecond,
            TcpDownload { chunk: 1 << 16, bytes: 256 * MIB },
        ),
        one("tcp-connect", "TCP, connect and close, one after the other", Connections, TcpConnect { count: 400 }),
        one("tcp-accept", "TCP, accept and close, eight clients", Connections, TcpAccept { count: 400 }),
        one("tcp-round-trip", "TCP, 64 bytes there and back, median", Microseconds, TcpRoundTrip { count: 3000 }),
        one("udp-round-trip", "UDP, 1200 bytes there and back, median", Microseconds, UdpRoundTrip),
        one("udp-echo-1", "UDP, 1200 bytes, one under way", Echoes, UdpEcho { window: 1 }),
        one("udp-echo-64", "UDP, 1200 bytes, 64 under way", Echoes, UdpEcho { window: 64 }),
        one("udp-echo-256", "UDP, 1200 bytes, 256 under way", Echoes, UdpEcho { window: 256 }),
        four("udp-echo-256x4", "the same, four stripes (bare: one socket)", Echoes, UdpEcho { window: 256 }),
        one("udp-send", "UDP, 1200 bytes, sending only; what arrived", Datagrams, UdpSend),
        four("udp-send-x4", "the same, four stripes (bare: one socket)", Datagrams, UdpSend),
        one("udp-receive", "UDP, 1200 bytes, receiving only, of 120,000 offered", Datagrams, UdpReceive),
    ]
}

impl Workload {
    /// Every byte of these is compared once.
    pub(super) fn is_bulk(&self) -> bool {
        matches!(self.kind, Kind::TcpUpload { .. } | Kind::TcpDownload { .. })
    }

    /// Only browsers have stripes.
    pub(super) fn runs_on(&self, runtime: Runtime) -> bool {
        self.stripes == 1 || matches!(runtime, Runtime::Chromium | Runtime::ChromiumBare)
    }

    /// What the program is told before the port of the other end, which `measure` adds where the program connects.
    pub(super) fn arguments(&self, scale: f64, check: bool) -> Arguments {
        let text = |words: &[&dyn ToString]| words.iter().map(|word| word.to_string()).collect();
        let ms = udp_time(scale).as_millis();
        let stripes = &self.stripes;
        let (mode, connects, rest): (_, _, Vec<String>) = match self.kind {
            Kind::UdpEcho { .. } | Kind::UdpRoundTrip => ("udp-echo", false, text(&[stripes])),
            Kind::UdpSend => ("udp-send", true, text(&[&DATAGRAM, &ms, stripes])),
            Kind::UdpReceive => ("udp-receive", false, text(&[&DATAGRAM, &ms, stripes])),
            Kind::TcpUpload { chunk, bytes } => ("tcp-upload", true, text(&[&scaled(bytes, scale), &chunk])),
            Kind::TcpDownload { chunk, bytes } => {
                ("tcp-download", true, text(&[&scaled(bytes, scale), &chunk, &u8::from(check)]))
            }
            Kind::TcpConnect { count } => ("tcp-connect", true, text(&[&scaled(count as u64, scale)])),
            Kind::TcpAccept { count } => ("tcp-accept", false, text(&[&accepted(count, scale)])),
            Kind::TcpRoundTrip { .. } => ("tcp-echo", false, vec![]),
        };
        let socket = match (connects, mode.starts_with("udp")) {
            (false, _) => OtherEnd::None,
            (true, true) => OtherEnd::Udp,
            (true, false) => OtherEnd::Tcp,
        };
        Arguments { mode, socket, rest }
    }

    /// The figure, in `unit`.
    pub(super) fn measure(&self, running: &mut Running, scale: f64, check: bool) -> Result<f64> {
        let time = udp_time(scale);
        match self.kind {
            Kind::UdpEcho { window } => Ok(udp::echo(running, DATAGRAM, window, time)?.per_second),
            Kind::UdpRoundTrip => Ok(udp::echo(running, DATAGRAM, 1, time)?.median_us),
            Kind::UdpSend => udp::count_arrivals(running, time),
            Kind::UdpReceive => udp::flood(running, DATAGRAM),
            Kind::TcpUpload { bytes, .. } => tcp::take_upload(running, scaled(bytes, scale), check),
            Kind::TcpDownload { bytes, .. } => tcp::give_download(running, scaled(bytes, scale)),
            Kind::TcpConnect { count } => tcp::take_connections(running, scaled(count as u64, scale) as usize),
            Kind::TcpAccept { count } => tcp::make_connections(running, accepted(count, scale)),
            Kind::TcpRoundTrip { count } => tcp::round_trip(running, REQUEST, scaled(count as u64, scale) as usize),
        }
    }
}

/// Command line of the program: its mode, the port of the other end if it connects, the rest.
pub struct Arguments {
    pub mode: &'static str,
    pub socket: OtherEnd,
    pub rest: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum OtherEnd {
    None,
    Udp,
    Tcp,
}

fn udp_time(scale: f64) -> Duration {
    UDP_TIME.mul_f64(scale)
}

fn scaled(amount: u64, scale: f64) -> u64 {
    ((amount as f64 * scale) as u64).max(1)
}

/// Each client makes as many.
fn accepted(count: usize, scale: f64) -> usize {
    (scaled(count as u64, scale) as usize).next_multiple_of(tcp::CLIENTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_rates_are_better_when_they_are_more() {
        let mut names: Vec<_> = all().iter().map(|workload| workload.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().len());
        assert!(Unit::Microseconds.less_is_better() && !Unit::Echoes.less_is_better());
    }

    #[test]
    fn a_scaled_down_workload_is_still_one() {
        for workload in all() {
            let arguments = workload.arguments(1e-9, true);
            assert!(!arguments.mode.is_empty());
            assert!(arguments.rest.iter().all(|word| word.parse::<u64>().is_ok()), "{}", workload.name);
        }
        assert_eq!(accepted(1, 1.0), tcp::CLIENTS);
    }
}
