//! The workloads of plain sockets: what the program under test (subject.c, or bare.js) is told, and which figures come out.

mod stream;
mod tcp;
mod udp;

use std::time::Duration;

use super::Result;
use super::lab::Lab;
use super::runtime::Runtime;
use super::subject::{Arguments, OtherEnd, Program, Running};
use super::workload::{self, Effort, Figure, Unit, Workload, figure};
pub(super) use udp::enlarge;

/// A measurement of datagrams takes this long, at full scale.
const UDP_TIME: Duration = Duration::from_millis(1500);
/// On a busy machine a program may not get a turn for this long.
const LEAST_TIME: Duration = Duration::from_millis(200);
const REQUEST: usize = 64;
/// The datagram where its size is not what is measured: what a QUIC packet carries at least.
const DATAGRAM: usize = 1200;
/// Of the echo: a small one, QUIC's least, Ethernet's most, and one that only the loopback interface takes whole.
const SIZES: [usize; 4] = [64, 1200, 1452, 9000];
const WINDOWS: [usize; 3] = [1, 64, 256];
/// A program's measurement is this many times as long where its profile is taken.
const PROFILED: f64 = 8.0;

#[derive(Clone, Copy, Debug)]
enum Kind {
    UdpEcho { size: usize, window: usize },
    UdpSend { size: usize },
    UdpReceive,
    TcpUpload { chunk: usize, bytes: u64 },
    TcpDownload { chunk: usize, bytes: u64 },
    TcpConnect { count: usize },
    TcpAccept { count: usize },
    TcpRoundTrip { count: usize },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    kind: Kind,
    /// `DS_STRIPES`: the number of browser sockets on the one port.
    stripes: usize,
}

const MIB: u64 = 1 << 20;

/// All of them, in the order in which they are shown.
pub(super) fn all() -> Vec<Workload> {
    let one = |name: &str, about: &str, unit, kind| workload(name, about, &[figure("", unit)], kind, 1);
    use Kind::*;
    use Unit::*;
    let mut all = vec![
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
    ];
    for size in SIZES {
        all.extend(WINDOWS.map(|window| echo(size, window, 1)));
    }
    let datagrams = [figure("", Datagrams)];
    let (send, again) = ("UDP, 1200 bytes, sending only; what arrived", "the same, four stripes (bare: one socket)");
    all.extend([
        echo(DATAGRAM, 256, 4),
        workload("udp-send", send, &datagrams, UdpSend { size: DATAGRAM }, 1),
        workload("udp-send-x4", again, &datagrams, UdpSend { size: DATAGRAM }, 4),
        workload("udp-receive", "UDP, 1200 bytes, receiving only, of 120,000 offered", &datagrams, UdpReceive, 1),
    ]);
    for one in &mut all {
        one.is_sample = ["tcp-upload-64k", "tcp-accept", "udp-echo-1200-w64", "udp-send"].contains(&&*one.name);
    }
    all
}

fn workload(name: &str, about: &str, figures: &[Figure], kind: Kind, stripes: usize) -> Workload {
    let task = workload::Task::Sockets(Task { kind, stripes });
    Workload { name: name.into(), about: about.into(), figures: figures.into(), is_sample: false, task }
}

fn echo(size: usize, window: usize, stripes: usize) -> Workload {
    let figures = [figure("", Unit::Echoes), figure("p50", Unit::Microseconds), figure("p99", Unit::Microseconds)];
    let (name, about) = (format!("udp-echo-{size}-w{window}"), format!("UDP, {size} bytes, {window} under way"));
    let kind = Kind::UdpEcho { size, window };
    if stripes == 1 {
        workload(&name, &about, &figures, kind, 1)
    } else {
        let about = format!("{about}, {stripes} stripes (bare: one socket)");
        workload(&format!("{name}-x{stripes}"), &about, &figures, kind, stripes)
    }
}

impl Task {
    /// Only browsers have stripes.
    pub(super) fn runs_on(&self, runtime: Runtime) -> bool {
        runtime != Runtime::Quinn && (self.stripes == 1 || runtime.is_chromium())
    }

    /// Every byte of these is compared once.
    pub(super) fn is_bulk(&self) -> bool {
        matches!(self.kind, Kind::TcpUpload { .. } | Kind::TcpDownload { .. })
    }

    pub(super) fn check(&self, lab: &mut Lab, runtime: Runtime, scale: f64) -> Result<()> {
        let mut running = lab.programs.start(runtime, &self.arguments(scale, true), None)?;
        self.figures(&mut running, scale, true).map(drop)
    }

    pub(super) fn measure(&self, lab: &mut Lab, runtime: Runtime, effort: Effort) -> Result<Vec<f64>> {
        let profile = lab.profile.take();
        let scale = if profile.is_some() { PROFILED } else { effort.scale };
        let mut running = lab.programs.start(runtime, &self.arguments(scale, false), profile.as_deref())?;
        self.figures(&mut running, scale, false)
    }

    /// What the program is told.
    fn arguments(&self, scale: f64, check: bool) -> Arguments {
        let text = |words: &[&dyn ToString]| words.iter().map(|word| word.to_string()).collect();
        let ms = udp_time(scale).as_millis();
        let stripes = &self.stripes;
        let (mode, connects, rest): (_, _, Vec<String>) = match self.kind {
            Kind::UdpEcho { .. } => ("udp-echo", false, text(&[stripes])),
            Kind::UdpSend { size } => ("udp-send", true, text(&[&size, &ms, stripes])),
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
        Arguments { program: Program::Sockets, mode, socket, rest }
    }

    fn figures(&self, running: &mut Running, scale: f64, check: bool) -> Result<Vec<f64>> {
        let time = udp_time(scale);
        let one = match self.kind {
            Kind::UdpEcho { size, window } => {
                let udp::Echoes { per_second, p50_us, p99_us } = udp::echo(running, size, window, time)?;
                return Ok(vec![per_second, p50_us, p99_us]);
            }
            Kind::UdpSend { .. } => udp::count_arrivals(running, time),
            Kind::UdpReceive => udp::flood(running, DATAGRAM),
            Kind::TcpUpload { bytes, .. } => tcp::take_upload(running, scaled(bytes, scale), check),
            Kind::TcpDownload { bytes, .. } => tcp::give_download(running, scaled(bytes, scale)),
            Kind::TcpConnect { count } => tcp::take_connections(running, scaled(count as u64, scale) as usize),
            Kind::TcpAccept { count } => tcp::make_connections(running, accepted(count, scale)),
            Kind::TcpRoundTrip { count } => tcp::round_trip(running, REQUEST, scaled(count as u64, scale) as usize),
        };
        Ok(vec![one?])
    }
}

/// MB/s of datagrams of `size` bytes that hand-written JavaScript sends, on several sockets of one port.
pub(super) fn bare_sender(lab: &mut Lab, runtime: Runtime, size: usize, stripes: usize, scale: f64) -> Result<f64> {
    let rest = [size, udp_time(scale).as_millis() as usize, stripes].map(|word| word.to_string()).to_vec();
    let arguments = Arguments { program: Program::Sockets, mode: "udp-send-striped", socket: OtherEnd::Udp, rest };
    let mut running = lab.programs.start(runtime, &arguments, lab.profile.take().as_deref())?;
    Ok(udp::count_arrivals(&mut running, udp_time(scale))? * size as f64 / 1e6)
}

fn udp_time(scale: f64) -> Duration {
    UDP_TIME.mul_f64(scale).max(LEAST_TIME)
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
    fn a_scaled_down_workload_is_still_one() {
        for workload in all() {
            let workload::Task::Sockets(task) = workload.task else { panic!("{} is of another kind", workload.name) };
            let arguments = task.arguments(1e-9, true);
            assert!(!arguments.mode.is_empty());
            assert!(arguments.rest.iter().all(|word| word.parse::<u64>().is_ok()), "{}", workload.name);
        }
        assert_eq!(accepted(1, 1.0), tcp::CLIENTS);
    }
}
