//! What later suites need, built while earlier ones run: their tests wait for most of their time. One job after the other,
//! at the lowest priority, so that the tests beside it have the processor whenever they want it, until a suite waits for it.
//! It shows nothing: a suite makes again what went wrong here, and then says why. Knows neither suites nor what is built.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::process::{Group, HEARTBEAT, TICK, interrupted, wait_until};
use crate::report::{note, seconds};

/// For one job beside tests, on a slow machine, the image included.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// A command whose outcome is files.
pub(crate) struct Job {
    /// What it makes: its name, to the user and to who waits for it.
    pub(crate) what: &'static str,
    pub(crate) command: Command,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Waiting,
    Running,
    /// Whatever came of it.
    Over,
}

/// Jobs under way; dropping it ends the one that runs, and begins no other.
pub(crate) struct Ahead {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

struct Queue {
    states: Mutex<Vec<(&'static str, State)>>,
    /// The one that runs, and which process it began with.
    running: Mutex<Option<(&'static str, i32)>>,
    stopped: AtomicBool,
}

impl Queue {
    fn states(&self) -> MutexGuard<'_, Vec<(&'static str, State)>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self, what: &str) -> State {
        self.states().iter().find(|(name, _)| *name == what).map_or(State::Over, |(_, state)| *state)
    }

    /// Sets the state of a job that is in `from`, and says whether it was.
    fn change(&self, what: &str, from: State, to: State) -> bool {
        match self.states().iter_mut().find(|(name, state)| *name == what && *state == from) {
            Some((_, state)) => {
                *state = to;
                true
            }
            None => false,
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst) || interrupted()
    }

    fn work(&self, jobs: Vec<Job>) {
        for job in jobs {
            if !self.is_stopped() && self.change(job.what, State::Waiting, State::Running) {
                self.run(&job);
                *self.running() = None;
                self.change(job.what, State::Running, State::Over);
            }
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<(&'static str, i32)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, job: &Job) {
        let mut command = at_lowest_priority(&job.command);
        let Ok(mut group) = Group::spawn(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))
        else {
            return;
        };
        *self.running() = Some((job.what, group.pid().as_raw()));
        let start = Instant::now();
        while matches!(group.poll(), Ok(None)) && !self.is_stopped() && start.elapsed() < LIMIT {
            thread::sleep(TICK);
        }
    }
}

impl Ahead {
    /// Begins with the first job. A second one of the same name is left out.
    pub(crate) fn begin(mut jobs: Vec<Job>) -> Self {
        let mut states: Vec<(&'static str, State)> = Vec::new();
        jobs.retain(|job| {
            let new = states.iter().all(|(name, _)| *name != job.what);
            if new {
                states.push((job.what, State::Waiting));
            }
            new
        });
        let queue =
            Arc::new(Queue { states: Mutex::new(states), running: Mutex::default(), stopped: AtomicBool::new(false) });
        let shared = Arc::clone(&queue);
        let thread = (!jobs.is_empty()).then(|| thread::spawn(move || shared.work(jobs)));
        Self { queue, thread }
    }

    /// Waits for a job that runs; one that was not begun is left to the caller, who shows it. Err when it was interrupted.
    pub(crate) fn finish(&self, what: &str) -> Result<()> {
        if self.queue.change(what, State::Waiting, State::Over) || self.queue.state(what) == State::Over {
            return Ok(());
        }
        note(&format!("{what}: in the making since an earlier suite, waiting for it ..."));
        let (start, mut spoken, mut raised) = (Instant::now(), Instant::now(), None::<Instant>);
        wait_until(what, LIMIT, || {
            if raised.is_none_or(|raised| raised.elapsed() >= AGAIN) {
                raised = Some(Instant::now());
                self.raise(what);
            }
            if spoken.elapsed() >= HEARTBEAT {
                spoken = Instant::now();
                note(&format!("  {what}: still at it after {}", seconds(start.elapsed())));
            }
            Ok(self.queue.state(what) == State::Over)
        })
    }
}

impl Ahead {
    /// To this program's own priority, as far as the system lets: on a machine with other work it would else come to nothing.
    fn raise(&self, what: &str) {
        let Some((_, pid)) = self.queue.running().filter(|(name, _)| *name == what) else { return };
        let mut command = Command::new("sh");
        command.args(["-c", RAISE, "sh"]).args(with_descendants(pid).iter().map(ToString::to_string));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = command.status();
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.queue.stopped.store(true, Ordering::SeqCst);
        // It ends what it runs; that it panicked was said.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What is run in front of a program, whichever of it a system has: with the second, a test that wakes up does not wait for
/// the end of a time slice either.
const LOWEST: &str = r#"renice -n 19 $$; chrt --idle --pid 0 $$; exec "$@""#;

/// For processes: what began while they were found is found the next time.
const RAISE: &str = r#"for pid; do chrt --other --pid 0 "$pid"; done; renice -n "$(nice)" -p "$@""#;
/// From one time to the next.
const AGAIN: Duration = Duration::from_secs(2);

/// A process and those below it, as /proc has them now; itself alone where there is none.
fn with_descendants(pid: i32) -> BTreeSet<i32> {
    let mut found = BTreeSet::from([pid]);
    let parents: Vec<(i32, i32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            // `12 (a name) S 1 ...`: the name may have anything in it.
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((pid, stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?))
        })
        .collect();
    loop {
        let before = found.len();
        found.extend(
            parents.iter().filter(|(_, parent)| found.contains(parent)).map(|(pid, _)| *pid).collect::<Vec<_>>(),
        );
        if found.len() == before {
            return found;
        }
    }
}

/// The same command, with what it starts.
fn at_lowest_priority(command: &Command) -> Command {
    let mut lowest = Command::new("sh");
    lowest.args(["-c", LOWEST, "sh"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => lowest.env(name, value),
            None => lowest.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        lowest.current_dir(directory);
    }
    lowest
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::io::{self, BufRead, BufReader, Write};
    use std::os::fd::OwnedFd;
    use std::path::PathBuf;
    use std::process::id;

    use nix::unistd::Uid;

    use super::*;

    /// A directory of its own for a test, removed with it.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = env::temp_dir().join(format!("xtask-ahead-{name}-{}", id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn job(&self, what: &'static str, script: &str) -> Job {
            let mut command = Command::new("sh");
            command.args(["-c", script]).current_dir(&self.0);
            Job { what, command }
        }

        fn has(&self, name: &str) -> bool {
            self.0.join(name).exists()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_job_that_runs_is_waited_for_whatever_comes_of_it() {
        let scratch = Scratch::new("runs");
        // Ends when it is told to: it is running when it is waited for.
        let script = "touch begun; while ! [ -e go ]; do sleep 0.01; done; touch made; exit 3";
        let ahead = Ahead::begin(vec![scratch.job("a", script)]);
        wait_until("its beginning", LIMIT, || Ok(scratch.has("begun"))).unwrap();
        fs::write(scratch.0.join("go"), "").unwrap();
        ahead.finish("a").unwrap();
        assert!(scratch.has("made"));
    }

    #[test]
    fn a_job_that_was_not_begun_is_left_to_its_suite_and_the_next_one_runs() {
        let scratch = Scratch::new("left");
        let first = "touch begun; while ! [ -e go ]; do sleep 0.01; done";
        let jobs = [scratch.job("a", first), scratch.job("b", "touch b"), scratch.job("c", "touch c")];
        let ahead = Ahead::begin(jobs.into());
        wait_until("its beginning", LIMIT, || Ok(scratch.has("begun"))).unwrap();
        ahead.finish("b").unwrap();
        fs::write(scratch.0.join("go"), "").unwrap();
        wait_until("the last job", LIMIT, || Ok(ahead.queue.state("c") == State::Over)).unwrap();
        assert!(!scratch.has("b") && scratch.has("c"));
    }

    #[test]
    fn what_is_waited_for_has_the_priority_of_who_waits_and_what_it_started_too() {
        if !Uid::effective().is_root() {
            // Not captured, as what the macros print is.
            let _ = writeln!(io::stderr(), "left out: only root can raise a priority");
            return;
        }
        let scratch = Scratch::new("raised");
        let own = Command::new("nice").output().unwrap().stdout;
        let own = String::from_utf8(own).unwrap().trim().to_string();
        // A child waits until it is raised, and not for ever.
        let until = format!("for _ in $(seq 500); do [ \"$(nice)\" = {own} ] && exec touch raised; sleep 0.01; done");
        let ahead = Ahead::begin(vec![scratch.job("a", &format!("sh -c '{until}'; touch over"))]);
        wait_until("its beginning", LIMIT, || Ok(ahead.queue.state("a") == State::Running)).unwrap();
        ahead.finish("a").unwrap();
        assert!(scratch.has("raised") && scratch.has("over"));
    }

    #[test]
    fn what_is_no_job_is_not_waited_for_and_what_can_not_be_started_stops_nothing() {
        let scratch = Scratch::new("none");
        let missing = Job { what: "a", command: Command::new("no-such-program") };
        let ahead = Ahead::begin(vec![missing, scratch.job("b", "touch b"), scratch.job("b", "touch twice")]);
        ahead.finish("another").unwrap();
        wait_until("the last job", LIMIT, || Ok(ahead.queue.state("b") == State::Over)).unwrap();
        drop(ahead);
        assert!(scratch.has("b") && !scratch.has("twice"));
    }

    #[test]
    fn dropping_it_ends_the_job_with_what_it_started() {
        let scratch = Scratch::new("dropped");
        let (reader, writer) = std::io::pipe().unwrap();
        // Descriptor 0 to 2 are set: the pipe goes to the grandchild by its name.
        let path = format!("/proc/{}/fd/{}", id(), std::os::fd::AsRawFd::as_raw_fd(&writer));
        let script = format!("sleep 1000 > {path} & echo begun > {path}; wait");
        let ahead = Ahead::begin(vec![scratch.job("a", &script), scratch.job("b", "touch b")]);
        let mut lines = BufReader::new(reader).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "begun");
        drop(OwnedFd::from(writer));
        drop(ahead);
        // The pipe ends when the last process that has it open has ended: well before sleep's time.
        assert!(lines.next().is_none());
        assert!(!scratch.has("b"));
    }

    #[test]
    fn a_command_keeps_its_arguments_its_environment_and_its_directory() {
        let scratch = Scratch::new("kept");
        let mut job = scratch.job("a", "echo \"$0 $GIVEN $(pwd) ${HOME-none} $(nice)\" > out");
        job.command.arg("zero").env("GIVEN", "value").env_remove("HOME");
        assert!(at_lowest_priority(&job.command).status().unwrap().success());
        let directory = fs::canonicalize(&scratch.0).unwrap();
        let out = fs::read_to_string(scratch.0.join("out")).unwrap();
        assert_eq!(out, format!("zero value {} none 19\n", directory.display()));
    }
}
