//! The workloads of QUIC servers: this project's on each runtime and, where it can do the same, quinn's own. The load is
//! quinn natively, in this process, on one thread.

mod handshakes;
mod idle;
mod requests;
mod transfers;
mod workers;

use super::client::{ANY, ETHERNET, block_on};
use super::lab::Lab;
use super::runtime::Runtime;
use super::servers::Server;
use super::workload::{self, Effort, Unit, Workload, figure};
use super::{Error, Result, sockets};
use handshakes::Handshake;

/// A transfer is this many times as long where a profile of the server is taken: of its whole life.
const PROFILED: f64 = 3.0;
/// Browser sockets of the bare sender: as many as the server comes to.
const STRIPES: usize = 16;

#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    Handshakes(Handshake),
    StreamEcho,
    Download {
        payload: u16,
    },
    Upload {
        payload: u16,
    },
    Streams,
    Connections(usize),
    Requests(usize),
    Idle,
    /// Of one server, under clients with sockets of their own.
    Workers(usize),
    /// Percent of the datagrams, each way.
    Lossy(u8),
}

/// Those that a smoke test takes: one of each kind.
const SAMPLES: [&str; 6] =
    ["quic-handshake-resumed", "quic-stream-echo", "quic-download", "quic-upload", "http3-requests-10", "workers-2"];

const BULK: [(&str, Unit); 2] = [("", Unit::MegabytesPerSecond), ("CPU", Unit::MillisecondsPerMegabyte)];

/// All of them, in the order in which they are shown.
pub(super) fn all() -> Vec<Workload> {
    let mut all = handshakes_and_streams();
    all.extend(many_at_once());
    all.extend([1, 5].map(|percent| {
        let about = format!("download with {percent} % loss, 20 ms each way, datagrams of 1452 bytes");
        one(&format!("quic-loss-{percent}"), &about, &[("", Unit::MegabytesPerSecond)], Task::Lossy(percent))
    }));
    all.push(one(
        "quic-idle",
        "1,000 connections that do nothing; 3,000 more, garbage collected: resident memory each",
        &[("", Unit::Kibibytes), ("more", Unit::Kibibytes), ("wasm", Unit::Kibibytes)],
        Task::Idle,
    ));
    all.extend([1, 2].map(of_workers));
    all
}

fn one(name: &str, about: &str, figures: &[(&'static str, Unit)], task: Task) -> Workload {
    Workload {
        name: name.into(),
        about: about.into(),
        figures: figures.iter().map(|(name, unit)| figure(name, *unit)).collect(),
        is_sample: SAMPLES.contains(&name),
        task: workload::Task::Quic(task),
    }
}

/// What one connection does.
fn handshakes_and_streams() -> Vec<Workload> {
    use Task::*;
    let handshakes = [
        ("p50", Unit::Milliseconds),
        ("p99", Unit::Milliseconds),
        ("rate", Unit::Handshakes),
        ("CPU", Unit::Microseconds),
    ];
    let latency = [("p50", Unit::Microseconds), ("p99", Unit::Microseconds)];
    let full = "QUIC, connect to handshake complete; rate, and CPU for one: 16 at once";
    let early = "connect to the answer to a request in early data";
    let download = "one stream of 64 MiB, datagrams as large as both ends take";
    let download_1452 = "the same, datagrams of 1452 bytes (bare: datagrams alone, 16 sockets)";
    let upload = "POST of 64 MiB, datagrams as large as both ends take; SHA-256 of it included";
    vec![
        one("quic-handshake-full", full, &handshakes, Handshakes(Handshake::Full)),
        one("quic-handshake-resumed", "the same with a ticket", &handshakes, Handshakes(Handshake::Resumed)),
        one("quic-handshake-0rtt", early, &handshakes, Handshakes(Handshake::EarlyData)),
        one("quic-stream-echo", "32 bytes there and back on a new stream", &latency, StreamEcho),
        one("quic-download", download, &BULK, Download { payload: ANY }),
        one("quic-download-1452", download_1452, &BULK, Download { payload: ETHERNET }),
        one("quic-upload", upload, &BULK, Upload { payload: ANY }),
        one("quic-upload-1452", "the same, datagrams of 1452 bytes", &BULK, Upload { payload: ETHERNET }),
        one("quic-streams", "256 streams of 64 KiB, 4 at once", &BULK, Streams),
    ]
}

/// Connections and requests, more and more at once.
fn many_at_once() -> impl Iterator<Item = Workload> {
    let connections = [1, 10, 100].map(|count| {
        let about = format!("64 MiB by {count} connection{} at once", if count == 1 { "" } else { "s" });
        one(&format!("quic-connections-{count}"), &about, &BULK, Task::Connections(count))
    });
    let requests = [1, 10, 100].map(|count| {
        let about = format!("HTTP/3, GET of 1 KiB, {count} in flight");
        one(&format!("http3-requests-{count}"), &about, &[("", Unit::Requests)], Task::Requests(count))
    });
    connections.into_iter().chain(requests)
}

fn of_workers(count: usize) -> Workload {
    let about =
        format!("{count} worker{}, 16 clients: downloads, handshakes, requests", if count == 1 { "" } else { "s" });
    let figures = [
        ("downloads", Unit::MegabytesPerSecond),
        ("downloads, CPU", Unit::MillisecondsPerMegabyte),
        ("handshakes", Unit::Handshakes),
        ("handshakes, CPU", Unit::Microseconds),
        ("requests", Unit::Requests),
        ("requests, CPU", Unit::Microseconds),
    ];
    one(&format!("workers-{count}"), &about, &figures, Task::Workers(count))
}

impl Task {
    pub(super) fn runs_on(self, runtime: Runtime) -> bool {
        match runtime {
            Runtime::Native | Runtime::Node | Runtime::Chromium => true,
            // It serves HTTP/0.9 and no more.
            Runtime::Quinn => {
                matches!(
                    self,
                    Self::Handshakes(_)
                        | Self::Download { .. }
                        | Self::Streams
                        | Self::Connections(_)
                        | Self::Lossy(_)
                        | Self::Idle
                )
            }
            Runtime::ChromiumBare | Runtime::NodeBare => matches!(self, Self::Download { payload: ETHERNET }),
        }
    }

    pub(super) fn measure(self, lab: &mut Lab, runtime: Runtime, effort: Effort) -> Result<Vec<f64>> {
        if !runtime.runs_the_server() && runtime != Runtime::Quinn {
            return Ok(vec![sockets::bare_sender(lab, runtime, usize::from(ETHERNET), STRIPES, effort.scale)?]);
        }
        if let Some(profile) = lab.profile.take() {
            let server = lab.servers.of_workers(runtime, Some(&profile), self.workers())?;
            let before = server.processes().cpu();
            let measured = self.on(&server, Effort { scale: PROFILED, ..effort });
            let threads = server.processes().cpu().table(&before);
            std::fs::write(profile.with_extension("threads"), threads)?;
            return server.stop().and(measured);
        }
        if matches!(self, Self::Idle | Self::Workers(_)) {
            let server = lab.servers.of_workers(runtime, None, self.workers())?;
            return self.on(&server, effort).map_err(|error| Error(format!("{error}{}", server.log())));
        }
        let measured = self.on(lab.servers.shared(runtime)?, effort);
        measured.map_err(|error| Error(format!("{error}{}", lab.servers.forget(runtime))))
    }

    /// Of the server.
    fn workers(self) -> usize {
        if let Self::Workers(count) = self { count } else { 1 }
    }

    fn on(self, server: &Server, effort: Effort) -> Result<Vec<f64>> {
        let scale = effort.scale;
        block_on(async {
            match self {
                Self::Handshakes(kind) => handshakes::measure(server, kind, scale).await,
                Self::StreamEcho => requests::stream_echo(server, scale).await,
                Self::Download { payload } => transfers::download(server, payload, scale).await,
                Self::Upload { payload } => transfers::upload(server, payload, scale).await,
                Self::Streams => transfers::streams(server, scale).await,
                Self::Connections(count) => transfers::connections(server, count, scale).await,
                Self::Requests(count) => requests::http3(server, count, scale).await,
                Self::Idle => idle::measure(server, scale).await,
                Self::Workers(_) => workers::measure(server, scale).await,
                Self::Lossy(percent) => transfers::lossy(server, percent, effort).await,
            }
        })
    }
}

/// So much of a number, and at least `least`.
fn part(number: usize, scale: f64, least: usize) -> usize {
    ((number as f64 * scale) as usize).max(least)
}
