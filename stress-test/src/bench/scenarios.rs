//! What a server makes of those who only cost it something: floods of first packets, at several paces, and of garbage. The
//! server tells how many datagrams it has handled and dropped, and the kernel how many it had no room for; a new client tells
//! how long it then waits. Beside it stands what the platform takes of the same flood: JavaScript that reads everything, counts
//! it, and answers nothing but a datagram with a mark.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use socket_iwa_native::initial::{MIN_DATAGRAM, first_flight, seal};

use super::client::{Client, Counters, ETHERNET, block_on};
use super::lab::Lab;
use super::processes::Processes;
use super::runtime::Runtime;
use super::servers::Server;
use super::subject::{Arguments, OtherEnd, Program, Running};
use super::workload::{self, Effort, Unit, Workload, figure};
use super::{Error, Result, fail};

/// Ports that the flood comes from: a browser's sockets of one port each get some of them.
const SOURCES: usize = 64;
/// When a client comes after a burst, beside at once.
const LATER: [(&str, Duration); 3] =
    [("5 ms", Duration::from_millis(5)), ("20 ms", Duration::from_millis(20)), ("100 ms", Duration::from_millis(100))];
/// The place of the wait among the figures of a flood.
const WAIT: usize = 3;
const SOURCE_ID: &[u8; 8] = b"a client";
/// Of each other than the burst, in seconds.
const TIME: f64 = 5.0;
/// They are sent in bursts, one in each such time.
const TICK: Duration = Duration::from_millis(1);
/// What the bare loop answers at once, and what ends it. A knock is as long as a first packet.
const KNOCK: &[u8] = b"knock";
const END: &[u8] = b"end";
/// Sockets of the bare loop on its one port, and the bytes of receive buffer that each asks for, as the server does. In
/// Chromium a client that came 3 or 10 ms after a burst was answered within 100 ms 11 times of 12 by one, 6 times by four and
/// once by sixteen, although these read more of the burst: docs/performance.md has the reason.
const BARE: [u32; 2] = [1, 256 << 10];
/// After so long a client sends its first packet again, and then after twice as long each time: an RTT of 333 ms is assumed,
/// with a variation of half of it (RFC 9002, section 6.2).
const PROBE: Duration = Duration::from_millis(999);
/// Of a handshake, as of QUIC's clients here.
const LIMIT: Duration = Duration::from_secs(30);
/// Memory is looked at so often.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    /// So many first packets as fast as they go, and a new client so long after.
    Burst(usize, Duration),
    /// A burst for each of `LATER`, and only how long its client waits.
    Later(usize),
    /// First packets, so many a second.
    Constant(u32),
    /// First packets, from one pace to another.
    Ramp(u32, u32),
    /// First packets whole, cut off, changed and of another version, packets of no connection, and garbage.
    Chaos(u32),
    /// Bytes that are no packet, so many datagrams a second.
    Garbage(u32),
}

/// All of them, in the order in which they are shown.
pub(super) fn all() -> Vec<Workload> {
    use Task::*;
    let one = |name: &str, about: &str, task| Workload {
        name: format!("flood-{name}"),
        about: about.into(),
        figures: vec![
            figure("handled", Unit::Count),
            figure("dropped", Unit::Count),
            figure("lost", Unit::Count),
            figure("wait", Unit::Milliseconds),
            figure("CPU", Unit::Microseconds),
            figure("memory", Unit::Mebibytes),
        ],
        is_sample: name == "chaos",
        task: workload::Task::Scenario(task),
    };
    vec![
        one("burst", "50,000 first packets at once; a new client's handshake then", Burst(50_000, Duration::ZERO)),
        Workload {
            name: "flood-burst-later".into(),
            about: "the wait of a client that comes so long after such a burst".into(),
            figures: LATER.map(|(name, _)| figure(name, Unit::Milliseconds)).to_vec(),
            is_sample: false,
            task: workload::Task::Scenario(Later(50_000)),
        },
        one("constant", "2,000 first packets a second for 5 s", Constant(2000)),
        one("ramp", "first packets, from 500 to 10,000 a second in 5 s", Ramp(500, 10_000)),
        one("chaos", "5,000 datagrams a second for 5 s: first packets whole and broken, garbage", Chaos(5000)),
        one("garbage", "10,000 datagrams a second for 5 s that are no packets", Garbage(10_000)),
    ]
}

impl Task {
    pub(super) fn runs_on(self, runtime: Runtime) -> bool {
        runtime != Runtime::Quinn
    }

    pub(super) fn measure(self, lab: &mut Lab, runtime: Runtime, effort: Effort) -> Result<Vec<f64>> {
        if let Self::Later(count) = self {
            let wait = |(_, later)| Ok(Self::Burst(count, later).measure(lab, runtime, effort)?[WAIT]);
            return LATER.into_iter().map(wait).collect();
        }
        if !runtime.runs_the_server() {
            let arguments = Arguments {
                program: Program::Sockets,
                mode: "udp-flood",
                socket: OtherEnd::None,
                rest: BARE.map(|word| word.to_string()).to_vec(),
            };
            let mut running = lab.programs.start(runtime, &arguments, lab.profile.take().as_deref())?;
            return self.on_bare(&mut running, effort).map_err(|error| running.explain(error));
        }
        let server = lab.servers.fresh(runtime, lab.profile.take().as_deref())?;
        let measured = self.on(&server, effort).map_err(|error| Error(format!("{error}{}", server.log())));
        server.stop().and(measured)
    }

    fn on(self, server: &Server, effort: Effort) -> Result<Vec<f64>> {
        let datagrams = self.datagrams(effort)?;
        let schedule = self.schedule(datagrams.len(), effort.scale);
        block_on(async {
            // What a server has of its own accord is there before.
            let (_, before) = visit(Client::new(server, ETHERNET)?, Instant::now()).await?;
            let client = Client::new(server, ETHERNET)?;
            let lost_before = lost_by_the_kernel(server.address.port());
            let memory = Watch::start(server.processes());
            let cpu = server.processes().cpu();
            send(server.address, &datagrams, &schedule)?;
            let (wait, after) = visit(client, self.pause()).await?;
            let cpu = server.processes().cpu().since(&cpu);
            let handled = after.since(&before, "datagrams_received_total")?;
            Ok(vec![
                handled,
                after.since(&before, "datagrams_dropped_total")?,
                lost_by_the_kernel(server.address.port()).saturating_sub(lost_before) as f64,
                wait.as_secs_f64() * 1e3,
                cpu.as_secs_f64() * 1e6 / handled,
                memory.stop()? as f64 / f64::from(1 << 20),
            ])
        })
    }

    /// Waits until the new client comes, who then is there.
    fn pause(self) -> Instant {
        if let Self::Burst(_, later) = self {
            thread::sleep(later);
        }
        Instant::now()
    }

    /// The same but for the memory, and in Chromium for the processor time: there the loop has no processes of its own.
    fn on_bare(self, running: &mut Running, effort: Effort) -> Result<Vec<f64>> {
        let datagrams = self.datagrams(effort)?;
        let schedule = self.schedule(datagrams.len(), effort.scale);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, running.port()?));
        knock(&connected(address)?, Instant::now())?;
        let client = connected(address)?;
        let lost_before = lost_by_the_kernel(address.port());
        let processes = running.processes();
        let before = processes.map(Processes::cpu);
        send(address, &datagrams, &schedule)?;
        let (wait, handled) = knock(&client, self.pause())?;
        let cpu = processes.zip(before).map(|(processes, before)| processes.cpu().since(&before));
        let lost = lost_by_the_kernel(address.port()).saturating_sub(lost_before);
        running.finish_with(|| client.send(END).map(drop))?;
        let figures = [handled as f64, 0.0, lost as f64, wait.as_secs_f64() * 1e3];
        Ok(figures.into_iter().chain(cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / handled as f64)).collect())
    }

    /// How many are sent in each tick; empty for all at once.
    fn schedule(self, count: usize, scale: f64) -> Vec<usize> {
        let ticks = (TIME * scale / TICK.as_secs_f64()) as usize;
        let due = |tick: usize| {
            let share = tick as f64 / ticks as f64;
            let share = match self {
                // Twice the integral of the pace, by that of the whole.
                Self::Ramp(from, to) => {
                    let (from, to) = (f64::from(from), f64::from(to));
                    (2.0 * from * share + (to - from) * share * share) / (from + to)
                }
                _ => share,
            };
            (share * count as f64).round() as usize
        };
        match self {
            Self::Burst(..) | Self::Later(_) => Vec::new(),
            _ => (0..ticks).map(|tick| due(tick + 1) - due(tick)).collect(),
        }
    }

    fn datagrams(self, effort: Effort) -> Result<Vec<Vec<u8>>> {
        let paced = |pace: f64| (pace * TIME * effort.scale) as usize;
        let count = match self {
            Self::Burst(count, _) | Self::Later(count) => (count as f64 * effort.scale) as usize,
            Self::Constant(pace) | Self::Chaos(pace) | Self::Garbage(pace) => paced(f64::from(pace)),
            Self::Ramp(from, to) => paced(f64::from(from + to) / 2.0),
        };
        let mut random = Pcg64Mcg::seed_from_u64(effort.round as u64);
        let frames = first_flight(SOURCE_ID).map_err(|error| Error(error.to_string()))?;
        let mut first = |random: &mut Pcg64Mcg| seal(&random.random(), SOURCE_ID, &frames, MIN_DATAGRAM);
        Ok((0..count)
            .map(|_| match self {
                Self::Chaos(_) => anything(&mut random, &mut first),
                Self::Garbage(_) => garbage(&mut random),
                _ => first(&mut random),
            })
            .collect())
    }
}

fn garbage(random: &mut Pcg64Mcg) -> Vec<u8> {
    let length = random.random_range(1..=1452);
    (0..length).map(|_| random.random()).collect()
}

fn anything(random: &mut Pcg64Mcg, first: &mut impl FnMut(&mut Pcg64Mcg) -> Vec<u8>) -> Vec<u8> {
    match random.random_range(0..6) {
        0 => first(random),
        1 => {
            let mut cut = first(random);
            cut.truncate(random.random_range(1..MIN_DATAGRAM));
            cut
        }
        2 => {
            let mut changed = first(random);
            let place = random.random_range(0..changed.len());
            changed[place] ^= 1 << random.random_range(0..8);
            changed
        }
        3 => {
            let mut other = first(random);
            other[1..5].copy_from_slice(&[0x1a, 0x2a, 0x3a, 0x4a]); // reserved (RFC 9000, section 15)
            other
        }
        4 => {
            // A short header and an ID that nobody has.
            let mut unknown = garbage(random);
            unknown[0] = unknown[0] & 0x7f | 0x40;
            unknown
        }
        _ => garbage(random),
    }
}

fn connected(to: SocketAddr) -> Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(to)?;
    Ok(socket)
}

/// Knocks at the bare loop until it answers: how long after `start`, and how many datagrams it has read by then.
fn knock(socket: &UdpSocket, start: Instant) -> Result<(Duration, u64)> {
    let mut packet = [0; MIN_DATAGRAM];
    packet[..KNOCK.len()].copy_from_slice(KNOCK);
    let mut answer = [0; size_of::<u64>()];
    let mut patience = PROBE;
    while start.elapsed() < LIMIT {
        socket.send(&packet)?;
        socket.set_read_timeout(Some(patience))?;
        if socket.recv(&mut answer).is_ok() {
            return Ok((start.elapsed(), u64::from_le_bytes(answer)));
        }
        patience *= 2;
    }
    fail(format!("no answer within {} s", LIMIT.as_secs()))
}

/// Sends them from several ports. What the system does not take is lost, as on a network.
fn send(to: SocketAddr, datagrams: &[Vec<u8>], schedule: &[usize]) -> Result<()> {
    let sockets: Vec<_> = (0..SOURCES).map(|_| connected(to)).collect::<Result<_>>()?;
    let mut pairs = sockets.iter().cycle().zip(datagrams);
    let mut pass = |count: usize| pairs.by_ref().take(count).for_each(|(socket, datagram)| drop(socket.send(datagram)));
    let mut next = Instant::now();
    for count in schedule {
        pass(*count);
        next += TICK;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    pass(usize::MAX);
    Ok(())
}

/// Datagrams to a port of this machine that its sockets had no room for, before anybody could read them.
fn lost_by_the_kernel(port: u16) -> u64 {
    let mut lost = 0;
    for file in ["/proc/net/udp", "/proc/net/udp6"] {
        // A machine without IPv6 has no second one.
        let text = std::fs::read_to_string(file).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            let is_it = fields.get(1).is_some_and(|local| local.ends_with(&format!(":{port:04X}")));
            lost += fields.last().filter(|_| is_it).and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    lost
}

/// A new client's handshake, how long after `start` it is complete, and what the server then says.
async fn visit(client: Client, start: Instant) -> Result<(Duration, Counters)> {
    let connection = client.connect("h3").await?;
    let wait = start.elapsed();
    let counters = Counters::read(connection).await?;
    client.finish().await;
    Ok((wait, counters))
}

/// Looks at memory until it is stopped.
struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Watch {
    fn start(processes: Processes) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let before = processes.resident();
        let thread = thread::spawn({
            let over = Arc::clone(&over);
            move || {
                let mut most = before;
                while !over.load(Ordering::Relaxed) {
                    most = most.max(processes.resident());
                    thread::sleep(LOOK);
                }
                most.max(processes.resident()) - before
            }
        });
        Self { over, thread }
    }

    /// Bytes by which it grew at the most.
    fn stop(self) -> Result<u64> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| Error("looking at the memory failed".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_sends_everything_and_a_ramp_ends_at_its_highest_pace() {
        for task in [Task::Constant(2000), Task::Ramp(500, 10_000), Task::Chaos(5000)] {
            let effort = Effort { scale: 0.1, round: 1 };
            let count = task.datagrams(effort).unwrap().len();
            let schedule = task.schedule(count, effort.scale);
            assert_eq!(schedule.iter().sum::<usize>(), count);
            if let Task::Ramp(..) = task {
                assert!(schedule[0] <= 1 && *schedule.last().unwrap() >= 9, "{schedule:?}");
            }
        }
    }

    #[test]
    fn the_wait_is_where_it_is_looked_for() {
        for workload in all() {
            match workload.task {
                workload::Task::Scenario(Task::Later(_)) => assert_eq!(workload.figures.len(), LATER.len()),
                _ => assert_eq!(workload.figures[WAIT].name, "wait"),
            }
        }
    }

    #[test]
    fn who_gets_no_answer_knocks_again() {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = connected(server.local_addr().unwrap()).unwrap();
        let other = thread::spawn(move || {
            let mut packet = [0; 2 * MIN_DATAGRAM];
            for number in 0..2_u64 {
                let (length, from) = server.recv_from(&mut packet).unwrap();
                assert_eq!((length, packet.starts_with(KNOCK)), (MIN_DATAGRAM, true));
                // The first one is lost.
                if number > 0 {
                    server.send_to(&number.to_le_bytes(), from).unwrap();
                }
            }
        });
        let (wait, handled) = knock(&client, Instant::now()).unwrap();
        other.join().unwrap();
        assert!(wait >= PROBE);
        assert_eq!(handled, 1);
    }

    #[test]
    fn chaos_is_of_the_same_kinds_for_the_same_round_and_of_others_for_another() {
        // What is in a ClientHello is random each time.
        let lengths = |round| {
            let datagrams = Task::Chaos(5000).datagrams(Effort { scale: 0.02, round }).unwrap();
            datagrams.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(lengths(1), lengths(1));
        assert_ne!(lengths(1), lengths(2));
    }
}
