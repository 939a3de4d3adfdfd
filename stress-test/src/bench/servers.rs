//! The QUIC servers under test: this project's on a runtime, or quinn's own. One that is ready stays between the
//! measurements that may share it. They end with their standard input, so none outlives this process.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use socket_iwa_native::Pin;

use super::lab::Paths;
use super::processes::Processes;
use super::runtime::Runtime;
use super::{Error, Result, fail};

/// From the command to the ready line: Chromium on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(180);
/// From the end of its input to its own end.
const STOP_LIMIT: Duration = Duration::from_secs(45);
const COLLECT_LIMIT: Duration = Duration::from_secs(60);
/// Lines of its log that are kept.
const LOG: usize = 20;
/// The largest body, so that an upload may be as long as a download; and connections that wait for each other's turn.
const ARGUMENTS: [&str; 11] = [
    "--listen",
    "127.0.0.1:0",
    "--json",
    "--stop-on-stdin-close",
    "--log",
    "error",
    "--drain-timeout",
    "0",
    "--max-body=1073741824",
    "--idle-timeout",
    "300",
];

pub(super) struct Servers {
    paths: Paths,
    ready: BTreeMap<Runtime, Server>,
}

impl Servers {
    pub(super) fn new(paths: Paths) -> Self {
        Self { paths, ready: BTreeMap::new() }
    }

    /// The server of a runtime, started if it does not run.
    pub(super) fn shared(&mut self, runtime: Runtime) -> Result<&Server> {
        if self.ready.get_mut(&runtime).is_some_and(|server| !server.is_alive()) {
            self.ready.remove(&runtime);
        }
        if !self.ready.contains_key(&runtime) {
            let server = self.fresh(runtime, None)?;
            self.ready.insert(runtime, server);
        }
        self.ready.get(&runtime).ok_or_else(|| Error("the server is gone".into()))
    }

    /// Ends it: after a failure nobody knows what state it is in. What it has said.
    pub(super) fn forget(&mut self, runtime: Runtime) -> String {
        self.ready.remove(&runtime).map_or_else(String::new, |server| server.log())
    }

    /// One of its own for a measurement that changes it; `profile` is written when it stops.
    pub(super) fn fresh(&self, runtime: Runtime, profile: Option<&Path>) -> Result<Server> {
        self.of_workers(runtime, profile, 1)
    }

    /// The same with several workers.
    pub(super) fn of_workers(&self, runtime: Runtime, profile: Option<&Path>, workers: usize) -> Result<Server> {
        let repository = &self.paths.repository;
        let (mut command, with_root) = match runtime {
            Runtime::Native => (Command::new(self.paths.release("socket-iwa-server")), true),
            Runtime::Quinn => (Command::new(self.paths.release("socket-iwa-quinn-server")), true),
            Runtime::Node => {
                let mut command = self.paths.node(profile);
                command.arg(repository.join("server/node.mjs"));
                (command, true)
            }
            Runtime::Chromium => {
                let mut command = Command::new(&self.paths.node);
                command.arg(repository.join("iwa/serve.mjs")).arg("--json");
                if let Some(chromium) = &self.paths.chromium {
                    command.arg("--chromium").arg(chromium);
                }
                if let Some(file) = profile {
                    command.arg("--profile").arg(file);
                }
                command.arg("--");
                (command, false)
            }
            Runtime::NodeBare | Runtime::ChromiumBare => return fail("the bare loop is no server"),
        };
        if runtime != Runtime::Quinn {
            command.args(ARGUMENTS).arg(format!("--workers={workers}"));
        }
        Server::start(command, with_root, runtime == Runtime::Chromium)
    }
}

/// A server that is ready; dropping it stops it.
pub(super) struct Server {
    process: Process,
    /// Of its standard output, after the ready line.
    lines: Receiver<String>,
    with_root: bool,
    /// It can be asked to collect its garbage.
    collects: bool,
    pub(super) address: SocketAddr,
    pub(super) pin: Pin,
    /// From its start to its being ready; in the app, from the press of the button.
    pub(super) launch: Duration,
}

impl Server {
    fn start(mut command: Command, with_root: bool, collects: bool) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let start = Instant::now();
        let (process, lines) =
            Process::start(&mut command).map_err(|error| Error(format!("{name} can't be started: {error}")))?;
        loop {
            let left = START_LIMIT.saturating_sub(start.elapsed());
            let Ok(line) = lines.recv_timeout(left) else {
                return fail(format!("{name}: the server does not get ready{}", process.log()));
            };
            let said: Value = serde_json::from_str(&line).unwrap_or_default();
            if said["ready"] == true {
                let text = |key: &str| said[key].as_str().unwrap_or_default();
                let parsed =
                    text("address").parse().ok().zip(said["port"].as_u64()).zip(text("cert_sha256").parse().ok());
                let Some(((ip, port), pin)) = parsed else {
                    return fail(format!("{name}: a ready line without address: {line}"));
                };
                let from_press = said["start_ms"].as_f64().map(|ms| Duration::from_secs_f64(ms / 1e3));
                let launch = from_press.unwrap_or_else(|| start.elapsed());
                let address = SocketAddr::new(ip, port as u16);
                return Ok(Self { process, lines, with_root, collects, address, pin, launch });
            }
        }
    }

    pub(super) fn processes(&self) -> Processes {
        Processes { root: self.process.child.id(), with_root: self.with_root }
    }

    /// Has the browser collect the garbage of its page and workers. Elsewhere nothing is done: natively there is none.
    pub(super) fn collect_garbage(&self) -> Result<()> {
        if !self.collects {
            return Ok(());
        }
        let asked = Command::new("kill").args(["-s", "USR2", &self.process.child.id().to_string()]).status();
        if !asked.is_ok_and(|status| status.success()) {
            return fail("the launcher can't be asked to collect garbage");
        }
        let start = Instant::now();
        while let Ok(line) = self.lines.recv_timeout(COLLECT_LIMIT.saturating_sub(start.elapsed())) {
            let said: Value = serde_json::from_str(&line).unwrap_or_default();
            if said["collected"] == true {
                return Ok(());
            }
        }
        fail(format!("the browser does not collect its garbage{}", self.log()))
    }

    fn is_alive(&mut self) -> bool {
        self.process.is_alive()
    }

    /// The end of what it has said, as a suffix.
    pub(super) fn log(&self) -> String {
        self.process.log()
    }

    /// Ends its input and waits for its own end, by which it has written what it was to write.
    pub(super) fn stop(mut self) -> Result<()> {
        if self.process.end() { Ok(()) } else { fail("the server did not stop; killed") }
    }
}

/// Ends when it is dropped, by itself if it can.
struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    log: Arc<Mutex<VecDeque<String>>>,
}

impl Process {
    /// It, and the lines of its standard output.
    fn start(command: &mut Command) -> io::Result<(Self, Receiver<String>)> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (stdin, lines) = (child.stdin.take(), lines(child.stdout.take()));
        let log = Arc::default();
        gather(child.stderr.take(), Arc::clone(&log));
        Ok((Self { child, stdin, log }, lines))
    }

    fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn log(&self) -> String {
        let log = lock(&self.log);
        let text = log.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        if text.trim().is_empty() { String::new() } else { format!("; the server said: {}", text.trim()) }
    }

    fn end(&mut self) -> bool {
        drop(self.stdin.take());
        let start = Instant::now();
        while start.elapsed() < STOP_LIMIT {
            if !self.is_alive() {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lines of a stream, which is read to its end whoever listens.
fn lines(stream: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in stream.into_iter().flat_map(|stream| BufReader::new(stream).lines().map_while(|line| line.ok())) {
            let _ = sender.send(line);
        }
    });
    lines
}

fn gather(stream: Option<impl Read + Send + 'static>, log: Arc<Mutex<VecDeque<String>>>) {
    let lines = lines(stream);
    thread::spawn(move || {
        for line in lines {
            let mut log = lock(&log);
            log.push_back(line);
            if log.len() > LOG {
                log.pop_front();
            }
        }
    });
}
