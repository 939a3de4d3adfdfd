//! Child processes. Each runs in a process group of its own, so that ending it ends what it started too; every wait is
//! bounded, is cut short by Ctrl-C, and leaves nothing running. Knows nothing of what the programs do.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::error::{Error, IoContext, Result};
use crate::report::{note, seconds};

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(5);
/// How often a child's state, the clock and the interrupt flag are looked at.
pub(crate) const TICK: Duration = Duration::from_millis(20);
/// A step that shows no output of its own says after this time that it is still at work.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(30);
/// After a child's end, for what it wrote last to come through the pipe. Only a process that left the group holds a
/// pipe open longer.
const DRAIN: Duration = Duration::from_secs(2);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// SIGINT, SIGTERM and SIGHUP set a flag that every wait looks at; the second one ends the children and this process at
/// once.
pub(crate) fn catch_signals() -> Result<()> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            for group in groups().iter() {
                let _ = killpg(*group, Signal::SIGKILL);
            }
            std::process::exit(130);
        }
    })
    .map_err(|error| Error::failed(format!("signals can't be caught: {error}")))
}

pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Waits for `done` to be true: Err when it took longer than `limit` or was interrupted.
pub(crate) fn wait_until(what: &str, limit: Duration, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    loop {
        if done()? {
            return Ok(());
        }
        if interrupted() {
            return Err(Error::interrupted(what));
        }
        if start.elapsed() >= limit {
            return Err(Error::failed(format!("{what}: not done after {}", seconds(limit))));
        }
        thread::sleep(TICK);
    }
}

fn groups() -> MutexGuard<'static, Vec<Pid>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running child that leads its own process group; dropping it ends the group.
pub(crate) struct Group {
    child: Child,
    pid: Pid,
    ended: Option<ExitStatus>,
}

impl Group {
    /// Starts `command`, whose standard streams the caller has set.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.process_group(0).spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::unusable(format!("{name}: no such program")),
            _ => Error::failed(format!("{name} can't be started: {error}")),
        })?;
        let pid = Pid::from_raw(child.id().cast_signed());
        groups().push(pid);
        Ok(Self { child, pid, ended: None })
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// The exit status once the child has ended; what is left of its group is ended with it.
    pub(crate) fn poll(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            // WNOWAIT: the zombie keeps its number from being given to another process until the group is killed.
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
            match waitid(Id::Pid(self.pid), flags) {
                Ok(WaitStatus::StillAlive) => return Ok(None),
                Ok(_) => {}
                Err(nix::errno::Errno::EINTR) => return Ok(None),
                Err(error) => return Err(Error::failed(format!("waiting for process {}: {error}", self.pid))),
            }
            let _ = killpg(self.pid, Signal::SIGKILL);
            groups().retain(|group| *group != self.pid);
            self.ended = Some(self.child.wait().during("waiting for a child")?);
        }
        Ok(self.ended)
    }

    /// Waits for the end; on a timeout or an interrupt the child still runs (until it is dropped).
    pub(crate) fn wait(&mut self, what: &str, limit: Duration) -> Result<ExitStatus> {
        let mut status = None;
        wait_until(what, limit, || {
            status = self.poll()?;
            Ok(status.is_some())
        })?;
        status.ok_or_else(|| no_status(what))
    }

    /// As [`Self::wait`], but goes on waiting when interrupted: for a child that was told to stop.
    pub(crate) fn wait_for_stop(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let start = Instant::now();
        loop {
            let status = self.poll()?;
            if status.is_some() || start.elapsed() >= limit {
                return Ok(status);
            }
            thread::sleep(TICK);
        }
    }

    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Lines of the child's piped standard output, as they come; the channel ends with the output.
    pub(crate) fn stdout_lines(&mut self) -> Receiver<String> {
        let (sender, receiver) = channel();
        if let Some(stdout) = self.child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(stdout).split(b'\n').map_while(|line| line.ok()) {
                    if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                        return;
                    }
                }
            });
        }
        receiver
    }

    /// Gathers the child's piped standard error.
    pub(crate) fn gather_stderr(&mut self) -> Gathered {
        let gathered = Gathered::default();
        if let Some(stderr) = self.child.stderr.take() {
            gathered.follow(stderr, false);
        }
        gathered
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            if matches!(self.poll(), Ok(None)) {
                let _ = killpg(self.pid, signal);
                let _ = self.wait_for_stop(GRACE);
            }
        }
    }
}

/// What a child writes, gathered while it runs.
#[derive(Clone, Default)]
pub(crate) struct Gathered {
    text: Arc<Mutex<Vec<u8>>>,
    open: Arc<()>,
}

impl Gathered {
    fn follow(&self, mut from: impl Read + Send + 'static, show: bool) {
        let (text, open) = (Arc::clone(&self.text), Arc::clone(&self.open));
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                if show {
                    let _ = io::stderr().write_all(&buffer[..count]);
                }
                text.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..count]);
            }
            drop(open);
        });
    }

    /// Everything written, once the pipes are closed (or will not be soon).
    pub(crate) fn text(&self) -> String {
        let start = Instant::now();
        while Arc::strong_count(&self.open) > 1 && start.elapsed() < DRAIN {
            thread::sleep(TICK);
        }
        String::from_utf8_lossy(&self.text.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

fn no_status(what: &str) -> Error {
    Error::failed(format!("{what}: no exit status"))
}

/// What becomes of a step's output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// All of it on standard error as it comes.
    Live,
    /// On standard error if the step fails.
    OnFailure,
}

/// How a step ended.
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    /// Standard output.
    pub(crate) text: String,
    /// Standard error, where it was not shown live.
    pub(crate) errors: String,
}

impl Outcome {
    /// Both outputs, for a user who has seen neither.
    pub(crate) fn all(&self) -> String {
        [self.text.trim_end(), self.errors.trim_end()].join("\n").trim().to_string()
    }
}

/// Runs a program to its end, whatever its exit status.
pub(crate) fn run(what: &str, command: &mut Command, limit: Duration, show: Show) -> Result<Outcome> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(if show == Show::Live { Stdio::inherit() } else { Stdio::piped() });
    let mut group = Group::spawn(command).map_err(|error| error.context(what))?;
    let gathered = Gathered::default();
    if let Some(stdout) = group.child.stdout.take() {
        gathered.follow(stdout, show == Show::Live);
    }
    let errors = group.gather_stderr();
    let (start, mut spoken) = (Instant::now(), Instant::now());
    let mut ended = None;
    let waited = wait_until(what, limit, || {
        ended = group.poll()?;
        if show == Show::OnFailure && spoken.elapsed() >= HEARTBEAT {
            spoken = Instant::now();
            note(&format!("  {what}: still at it after {}", seconds(start.elapsed())));
        }
        Ok(ended.is_some())
    });
    match waited.and_then(|()| ended.ok_or_else(|| no_status(what))) {
        Ok(status) => Ok(Outcome { status, text: gathered.text(), errors: errors.text() }),
        Err(error) => {
            drop(group);
            if show == Show::OnFailure && !error.is_interrupt() {
                note(gathered.text().trim_end());
                note(errors.text().trim_end());
            }
            Err(error)
        }
    }
}

/// Runs a program that must succeed, saying on standard error what is done and how long it took.
pub(crate) fn step(what: &str, command: &mut Command, limit: Duration, show: Show) -> Result<String> {
    note(&format!("{what} ..."));
    let start = Instant::now();
    let outcome = run(what, command, limit, show)?;
    if outcome.status.success() {
        note(&format!("{what}: done in {}", seconds(start.elapsed())));
        return Ok(outcome.text);
    }
    if show == Show::OnFailure {
        note(&outcome.all());
    }
    Err(Error::failed(format!("{what}: {}", describe(outcome.status))))
}

/// A program's whole output, where it exists and succeeds.
pub(crate) fn output_of(command: &mut Command) -> Option<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut group = Group::spawn(command).ok()?;
    let gathered = Gathered::default();
    gathered.follow(group.child.stdout.take()?, false);
    let status = group.wait("a version query", Duration::from_secs(30)).ok()?;
    status.success().then(|| gathered.text())
}

/// Becomes `command`: its signals, streams and exit status are then the user's own. Returns only the error.
pub(crate) fn replace(command: &mut Command) -> Error {
    let error = command.exec();
    let name = command.get_program().to_string_lossy();
    Error::unusable(format!("{name} can't be started: {error}"))
}

/// `exit code 3`, `killed by signal 9`.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "no exit status".into(),
    }
}

/// The exit code a shell would give.
pub(crate) fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(1)
}

/// The next line, or None at the output's end; Err(()) when nothing came within `limit`.
pub(crate) fn next_line(lines: &Receiver<String>, limit: Duration) -> std::result::Result<Option<String>, ()> {
    match lines.recv_timeout(limit) {
        Ok(line) => Ok(Some(line)),
        Err(RecvTimeoutError::Disconnected) => Ok(None),
        Err(RecvTimeoutError::Timeout) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn exit_status_and_output_come_back() {
        let outcome = run("a step", &mut shell("echo out; echo err >&2; exit 3"), MINUTE, Show::OnFailure).unwrap();
        assert_eq!(code_of(outcome.status), 3);
        assert_eq!((outcome.text.as_str(), outcome.errors.as_str()), ("out\n", "err\n"));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run("a step", &mut Command::new("no-such-program"), MINUTE, Show::OnFailure).err().unwrap();
        assert_eq!(error.to_string(), "a step: no-such-program: no such program");
        assert_eq!(error.code(), 2);
    }

    #[test]
    fn a_step_over_its_time_names_itself_and_leaves_nothing_running() {
        let mut command = shell("sleep 1000 & echo $!; wait");
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut group = Group::spawn(&mut command).unwrap();
        let lines = group.stdout_lines();
        assert!(next_line(&lines, MINUTE).unwrap().is_some(), "the grandchild did not start");
        let error = group.wait("counting sheep", Duration::from_millis(1)).unwrap_err();
        assert!(error.to_string().starts_with("counting sheep: not done after"), "{error}");
        drop(group);
        // The output ends when the last process of the group, which has it open, has ended: well before sleep's time.
        assert_eq!(next_line(&lines, MINUTE), Ok(None));
    }

    #[test]
    fn a_signal_is_reported_as_a_shell_reports_it() {
        let outcome = run("a step", &mut shell("kill -9 $$"), MINUTE, Show::OnFailure).unwrap();
        assert_eq!((code_of(outcome.status), describe(outcome.status).as_str()), (137, "killed by signal 9"));
    }
}
