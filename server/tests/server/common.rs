//! The server as a user runs it: the binary, its standard streams, and the client that talks to it.

use std::io::{self, BufRead, BufReader, Lines, Read, Write};
use std::net::SocketAddr;
use std::process::{self, Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use socket_iwa_native::Pin;

/// How long a test may have a server: many times what the longest takes.
const LIMIT: Duration = Duration::from_secs(300);

/// Ends the tests with a message where one is not over, and this not dropped, in time: it waits for what does not come, and
/// many do so in calls that nothing else ends.
pub(crate) struct Limit {
    _over: mpsc::Sender<()>,
}

impl Limit {
    pub(crate) fn start() -> Self {
        let test = thread::current().name().unwrap_or("a test").to_owned();
        let (over, end) = mpsc::channel();
        thread::spawn(move || {
            if end.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
                // Not eprintln, whose text is kept for a test that ends.
                let _ = writeln!(io::stderr(), "{test} has not ended within {} s", LIMIT.as_secs());
                process::exit(1);
            }
        });
        Self { _over: over }
    }
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    _limit: Limit,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    pub(crate) address: SocketAddr,
    pub(crate) pin: Pin,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_socket-iwa-server"));
    command.args(["--json", "--stop-on-stdin-close"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the server to its end, which comes at once: it can't start, or prints its help.
pub(crate) fn run(arguments: &[&str]) -> Output {
    command(arguments).stdin(Stdio::null()).output().expect("the server can be started")
}

impl Server {
    /// Starts the server on a free port of the loopback address and waits until it is ready.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let limit = Limit::start();
        let mut child = command(arguments);
        if !arguments.contains(&"--listen") {
            child.args(["--listen", "127.0.0.1:0"]);
        }
        let mut child = child.spawn().expect("the server can be started");
        let stdin = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().expect("standard output is a pipe")).lines();
        let Some(Ok(line)) = lines.next() else {
            let mut said = String::new();
            child.stderr.take().expect("standard error is a pipe").read_to_string(&mut said).unwrap();
            panic!("no ready line: {said}");
        };
        let ready: Value = serde_json::from_str(&line).expect("the ready line is JSON");
        assert_eq!(ready["ready"], true, "{line}");
        let ip = ready["address"].as_str().unwrap().parse().unwrap();
        let port = ready["port"].as_u64().unwrap().try_into().unwrap();
        let pin = ready["cert_sha256"].as_str().unwrap().parse().unwrap();
        Self { _limit: limit, child, stdin, lines, address: SocketAddr::new(ip, port), pin }
    }

    /// The next line it prints.
    pub(crate) fn line(&mut self) -> Value {
        let line = self.lines.next().expect("standard output has not ended").unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The next counters it prints.
    pub(crate) fn stats(&mut self) -> Value {
        loop {
            let line = self.line();
            if let Some(stats) = line.get("stats") {
                return stats.clone();
            }
        }
    }

    /// Writes a line to its standard input.
    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().expect("standard input is open"), "{line}").unwrap();
    }

    /// Gives it a command; returns the answer, before which counters may be printed.
    pub(crate) fn ask(&mut self, command: &Value) -> Value {
        self.say(&command.to_string());
        loop {
            let line = self.line();
            if line.get("stats").is_none() {
                return line;
            }
        }
    }

    /// Ends its standard input.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until it has ended, however.
    pub(crate) fn end(&mut self) {
        self.child.wait().unwrap();
    }

    /// The most memory it has had, in bytes (VmHWM).
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Waits for its end; returns the status, the rest of what it printed, and what it logged.
    pub(crate) fn wait(mut self) -> (ExitStatus, Vec<Value>, String) {
        let rest = self.lines.by_ref().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap(), rest, log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already where the test waited for it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
