//! The programs under test: starts one on a runtime with arguments, hears its lines, ends it. A native binary and Node are
//! a process each time; Chromium is one process for the whole run (chromium.mjs), which is told what to run.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::SockRef;

use super::lab::Paths;
use super::processes::Processes;
use super::runtime::Runtime;
use super::sockets::enlarge;
use super::{Error, Result, fail};

/// A program that says nothing for so long hangs.
const LIMIT: Duration = Duration::from_secs(45);
/// Chromium on a busy machine.
const CHROMIUM_LIMIT: Duration = Duration::from_secs(180);
/// Connections that wait to be accepted: Linux's net.core.somaxconn.
const BACKLOG: i32 = 4096;
/// The last line of a program whose work is done.
const DONE: &str = "done";
/// What a program gets for its exit: Node 26.10 can hang in it (1 of 18 times on a busy machine), when all is done.
const EXIT_LIMIT: Duration = Duration::from_secs(5);

/// A program that is measured.
#[derive(Clone, Copy)]
pub(super) enum Program {
    /// subject.c, or bare.js in its place.
    Sockets,
    /// stress-test/ciphers.
    Ciphers,
}

/// Its command line: its mode, the port of the other end if it connects, the rest.
pub(super) struct Arguments {
    pub(super) program: Program,
    pub(super) mode: &'static str,
    pub(super) socket: OtherEnd,
    pub(super) rest: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherEnd {
    None,
    Udp,
    Tcp,
}

pub(super) struct Launchers {
    paths: Paths,
    chromium: Option<Chromium>,
}

impl Launchers {
    pub(super) fn new(paths: Paths) -> Self {
        Self { paths, chromium: None }
    }

    /// Starts Chromium if it does not run yet; its version.
    pub(super) fn chromium_version(&mut self) -> Result<String> {
        Ok(self.chromium()?.version.clone())
    }

    fn chromium(&mut self) -> Result<&mut Chromium> {
        if self.chromium.is_none() {
            self.chromium = Some(Chromium::start(&self.paths)?);
        }
        self.chromium.as_mut().ok_or_else(|| Error("Chromium does not run".into()))
    }

    pub(super) fn start(&mut self, runtime: Runtime, arguments: &Arguments, profile: Option<&Path>) -> Result<Running> {
        let mut words = vec![arguments.mode.to_string()];
        let (mut tcp, mut udp) = (None, None);
        match arguments.socket {
            OtherEnd::None => {}
            OtherEnd::Tcp => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
                // A client may connect faster than this end accepts. Beyond the 128 that std asks for, the kernel drops its
                // packets, and it asks again after a second.
                SockRef::from(&listener).listen(BACKLOG)?;
                // An accept() that waits no longer than this.
                SockRef::from(&listener).set_read_timeout(Some(LIMIT))?;
                words.push(listener.local_addr()?.port().to_string());
                tcp = Some(listener);
            }
            OtherEnd::Udp => {
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
                enlarge(&socket)?;
                words.push(socket.local_addr()?.port().to_string());
                udp = Some(socket);
            }
        }
        words.extend(arguments.rest.iter().cloned());
        let bare = |name: &str| self.paths.repository.join("stress-test/subject").join(name);
        let (native, wasm) = match arguments.program {
            Program::Sockets => (self.paths.built("subject"), self.paths.built("subject.js")),
            Program::Ciphers => (self.paths.release("socket-iwa-ciphers"), self.paths.built("socket-iwa-ciphers.js")),
        };
        let (process, events) = match runtime {
            Runtime::Native => spawn(Command::new(&native).args(words))?,
            Runtime::Node => spawn(self.paths.node(profile).arg(wasm).args(words))?,
            Runtime::NodeBare => spawn(self.paths.node(profile).arg(bare("bare-node.mjs")).args(words))?,
            Runtime::Chromium => self.chromium()?.run(&wasm, &words, profile)?,
            Runtime::ChromiumBare => {
                let program = bare("bare.js");
                self.chromium()?.run(&program, &words, profile)?
            }
            Runtime::Quinn => return fail("quinn has no such program"),
        };
        Ok(Running { process, events, ended: None, printed: Vec::new(), tcp, udp })
    }
}

enum Event {
    Line(String),
    End { code: i64, stderr: String },
}

enum Process {
    /// Its standard input is held open: a program that would run for ever ends with it, should this one be killed.
    Own {
        child: Arc<Mutex<Child>>,
        _stdin: Option<ChildStdin>,
    },
    InChromium {
        id: u64,
        orders: Arc<Mutex<ChildStdin>>,
    },
}

/// A program under test; dropping it ends it.
pub(super) struct Running {
    process: Process,
    events: Receiver<Event>,
    ended: Option<(i64, String)>,
    printed: Vec<String>,
    /// What the program connects to.
    tcp: Option<TcpListener>,
    udp: Option<UdpSocket>,
}

impl Running {
    /// The port that it serves on.
    pub(super) fn port(&mut self) -> Result<u16> {
        Ok(self.value("port")? as u16)
    }

    /// Its process, where it has one of its own.
    pub(super) fn processes(&self) -> Option<Processes> {
        match &self.process {
            Process::Own { child, .. } => Some(Processes { root: lock(child).id(), with_root: true }),
            Process::InChromium { .. } => None,
        }
    }

    /// The value of its next line, which must have this name.
    pub(super) fn value(&mut self, name: &str) -> Result<f64> {
        if self.ended.is_none() {
            match self.events.recv_timeout(LIMIT) {
                Ok(Event::Line(line)) => {
                    let value = line.strip_prefix(name).and_then(|rest| rest.trim().parse().ok());
                    self.printed.push(line);
                    if let Some(value) = value {
                        return Ok(value);
                    }
                }
                Ok(Event::End { code, stderr }) => self.ended = Some((code, stderr)),
                Err(_) => {}
            }
        }
        fail(format!("no line {name:?} came{}", self.story()))
    }

    /// A connection that the program makes.
    pub(super) fn accept(&self) -> Result<TcpStream> {
        let listener = self.tcp.as_ref().ok_or_else(|| Error("this program connects to nothing".into()))?;
        let (connection, _) = listener.accept().map_err(|error| Error(format!("accept: {error}")))?;
        Ok(connection)
    }

    /// The socket that the program sends to.
    pub(super) fn udp(&self) -> Result<UdpSocket> {
        let socket = self.udp.as_ref().ok_or_else(|| Error("this program sends nothing".into()))?;
        Ok(socket.try_clone()?)
    }

    /// Waits for the program's own end, which must be a good one; one that hangs in its exit is ended when dropped.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.finish_with(|| Ok(()))
    }

    /// As `finish`, making `ask` every now and then until the program ends: a datagram that says so may be lost.
    pub(super) fn finish_with(&mut self, ask: impl Fn() -> std::io::Result<()>) -> Result<()> {
        let mut deadline = Instant::now() + LIMIT;
        let mut is_done = false;
        while self.ended.is_none() && Instant::now() < deadline {
            // Refused once the program has ended.
            let _ = ask();
            match self.events.recv_timeout(Duration::from_millis(200)) {
                Ok(Event::Line(line)) if line == DONE => {
                    is_done = true;
                    deadline = Instant::now() + EXIT_LIMIT;
                }
                Ok(Event::Line(line)) => self.printed.push(line),
                Ok(Event::End { code, stderr }) => self.ended = Some((code, stderr)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return fail(format!("what ran it has gone{}", self.story())),
            }
        }
        match &self.ended {
            Some((0, _)) => Ok(()),
            Some(_) => fail(format!("it failed{}", self.story())),
            None if is_done => Ok(()),
            None => fail(format!("it does not end{}", self.story())),
        }
    }

    /// The error of the other end, with what the program has said about it.
    pub(super) fn explain(&mut self, error: Error) -> Error {
        while let Ok(event) = self.events.recv_timeout(Duration::from_millis(500)) {
            match event {
                Event::Line(line) => self.printed.push(line),
                Event::End { code, stderr } => self.ended = Some((code, stderr)),
            }
        }
        Error(format!("{error}{}", self.story()))
    }

    fn story(&self) -> String {
        let printed = self.printed.join(", ");
        match &self.ended {
            Some((code, stderr)) => format!(" (exit code {code}; it printed: {printed} {})", stderr.trim()),
            None => format!(" (it printed: {printed})"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_some() {
            return;
        }
        match &self.process {
            Process::Own { child, .. } => {
                let _ = lock(child).kill();
            }
            Process::InChromium { id, orders } => {
                let _ = writeln!(lock(orders), "{}", json!({"id": id, "stop": true}));
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process whose lines and end become events.
fn spawn(command: &mut Command) -> Result<(Process, Receiver<Event>)> {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| Error(format!("{name} can't be started: {error}")))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let child = Arc::new(Mutex::new(child));
    let (sender, events) = channel();
    thread::spawn({
        let child = Arc::clone(&child);
        move || {
            let errors = thread::spawn(move || {
                let mut text = Vec::new();
                let _ = stderr.map(|mut stderr| stderr.read_to_end(&mut text));
                String::from_utf8_lossy(&text).into_owned()
            });
            for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines().map_while(|line| line.ok()))
            {
                let _ = sender.send(Event::Line(line));
            }
            // The output has ended, so the process has or soon will.
            let code = loop {
                match lock(&child).try_wait() {
                    Ok(Some(status)) => break status.code().map_or(-1, i64::from),
                    Ok(None) => {}
                    Err(_) => break -1,
                }
                thread::sleep(Duration::from_millis(2));
            };
            let _ = sender.send(Event::End { code, stderr: errors.join().unwrap_or_default() });
        }
    });
    Ok((Process::Own { child, _stdin: stdin }, events))
}

/// The browser, through chromium.mjs.
struct Chromium {
    child: Child,
    orders: Option<Arc<Mutex<ChildStdin>>>,
    version: String,
    programs: Arc<Mutex<HashMap<u64, Sender<Event>>>>,
    next: u64,
}

impl Chromium {
    fn start(paths: &Paths) -> Result<Self> {
        let mut command = Command::new(&paths.node);
        command.arg(paths.repository.join("stress-test/chromium.mjs"));
        if let Some(chromium) = &paths.chromium {
            command.env("CHROMIUM", chromium);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return fail("Chromium's launcher has no pipes");
        };
        let programs: Arc<Mutex<HashMap<u64, Sender<Event>>>> = Arc::default();
        let (ready, is_ready) = channel();
        thread::spawn({
            let programs = Arc::clone(&programs);
            move || {
                for line in BufReader::new(stdout).lines().map_while(|line| line.ok()) {
                    let message: Value = serde_json::from_str(&line).unwrap_or_default();
                    if let Some(version) = message["ready"].as_str() {
                        let _ = ready.send(version.to_string());
                        continue;
                    }
                    let id = message["id"].as_u64().unwrap_or_default();
                    let text = |key: &str| message[key].as_str().unwrap_or_default().to_string();
                    let mut programs = lock(&programs);
                    if let Some(code) = message["code"].as_i64() {
                        let program = programs.remove(&id);
                        program.map(|program| program.send(Event::End { code, stderr: text("stderr") }));
                    } else if let Some(program) = programs.get(&id) {
                        let _ = program.send(Event::Line(text("line")));
                    }
                }
                // Whoever waits for one of them hears that nothing will come.
                lock(&programs).clear();
            }
        });
        let orders = Some(Arc::new(Mutex::new(stdin)));
        let mut chromium = Self { child, orders, version: String::new(), programs, next: 0 };
        match is_ready.recv_timeout(CHROMIUM_LIMIT) {
            Ok(version) => chromium.version = version,
            Err(_) => return fail("Chromium did not start; its launcher has said why"),
        }
        Ok(chromium)
    }

    fn run(&mut self, program: &Path, args: &[String], profile: Option<&Path>) -> Result<(Process, Receiver<Event>)> {
        self.next += 1;
        let id = self.next;
        let orders = self.orders.as_ref().ok_or_else(|| Error("Chromium has been closed".into()))?;
        let (sender, events) = channel();
        lock(&self.programs).insert(id, sender);
        let order = json!({"id": id, "program": program, "args": args, "profile": profile});
        writeln!(lock(orders), "{order}").map_err(|error| Error(format!("Chromium's launcher has gone: {error}")))?;
        Ok((Process::InChromium { id, orders: Arc::clone(orders) }, events))
    }
}

impl Drop for Chromium {
    /// The end of its input ends the launcher, which closes the browser.
    fn drop(&mut self) {
        self.orders = None;
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
