//! What processes cost: the processor time and the memory of one and of all that it started, from /proc.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// A process and its descendants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Processes {
    pub(super) root: u32,
    /// A launcher does not count.
    pub(super) with_root: bool,
}

/// A thread that has used less is no part of the table.
const SHOWN: Duration = Duration::from_millis(1);

/// Processor time so far, by thread.
#[derive(Debug, Default)]
pub(super) struct Cpu(HashMap<(u32, u32), Thread>);

#[derive(Debug)]
struct Thread {
    name: String,
    time: Duration,
}

impl Processes {
    pub(super) fn cpu(self) -> Cpu {
        let mut threads = HashMap::new();
        for process in self.ids() {
            let kind = kind(process);
            for thread in numbers(&format!("/proc/{process}/task")) {
                let place = format!("/proc/{process}/task/{thread}");
                // One that ends between the two reads has no time any more.
                let Some(time) = run_time(&place) else { continue };
                let name = fs::read_to_string(format!("{place}/comm")).unwrap_or_default();
                threads.insert((process, thread), Thread { name: format!("{kind}{}", name.trim()), time });
            }
        }
        Cpu(threads)
    }

    /// Bytes of memory in use, those that two processes share counted in both.
    pub(super) fn resident(self) -> u64 {
        let of = |process: u32| {
            let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
            let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        };
        self.ids().into_iter().filter_map(of).sum::<u64>() << 10
    }

    fn ids(self) -> Vec<u32> {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for process in numbers("/proc") {
            if let Some(parent) = parent(process) {
                children.entry(parent).or_default().push(process);
            }
        }
        let mut found = vec![self.root];
        let mut next = 0;
        while let Some(process) = found.get(next) {
            found.extend(children.get(process).into_iter().flatten().copied().collect::<Vec<_>>());
            next += 1;
        }
        if !self.with_root {
            found.remove(0);
        }
        found
    }
}

impl Cpu {
    /// What was used since. A thread that has ended in between is not in it.
    pub(super) fn since(&self, earlier: &Self) -> Duration {
        self.by_thread(earlier).into_iter().map(|(_, time)| time).sum()
    }

    /// The same in milliseconds by the threads' names, for people.
    pub(super) fn table(&self, earlier: &Self) -> String {
        let line = |(name, time): (String, Duration)| format!("{:>8.0} ms  {name}\n", time.as_secs_f64() * 1e3);
        self.by_thread(earlier).into_iter().filter(|(_, time)| *time >= SHOWN).map(line).collect()
    }

    /// By the threads' names, those of one name together, the costliest first.
    fn by_thread(&self, earlier: &Self) -> Vec<(String, Duration)> {
        let mut times: HashMap<&str, Duration> = HashMap::new();
        for (id, thread) in &self.0 {
            let before = earlier.0.get(id).map_or(Duration::ZERO, |thread| thread.time);
            *times.entry(&thread.name).or_default() += thread.time.saturating_sub(before);
        }
        let mut times: Vec<_> = times.into_iter().map(|(name, time)| (name.to_string(), time)).collect();
        times.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        times
    }
}

/// What a process of Chromium's is for, as a prefix; nothing of another's.
fn kind(process: u32) -> String {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    // Chromium's children write their command line anew, with spaces in the place of zeros.
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    let value = |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name));
    match (value("--type="), value("--utility-sub-type=")) {
        (_, Some(service)) => format!("{}/", service.split('.').next().unwrap_or(service)),
        (Some(kind), None) => format!("{kind}/"),
        (None, None) if line.contains("--user-data-dir=") => "browser/".into(),
        (None, None) => String::new(),
    }
}

/// Time that a thread has run, to the nanosecond.
fn run_time(place: &str) -> Option<Duration> {
    let text = fs::read_to_string(format!("{place}/schedstat")).ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before it may have spaces and brackets in it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn numbers(directory: &str) -> Vec<u32> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_counts_with_what_it_has_started() {
        let shell = Command::new("sh").args(["-c", "sleep 60 & read line; kill $!"]).stdin(Stdio::piped()).spawn();
        let mut shell = shell.unwrap();
        let all = Processes { root: shell.id(), with_root: true };
        while all.ids().len() < 2 {
            std::thread::yield_now();
        }
        let without = Processes { with_root: false, ..all }.ids();
        assert_eq!(all.ids().len(), without.len() + 1);
        assert!(!without.contains(&shell.id()));
        assert!(all.resident() > Processes { with_root: false, ..all }.resident());
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }

    #[test]
    fn work_takes_processor_time_of_its_thread() {
        let own = Processes { root: std::process::id(), with_root: true };
        let before = own.cpu();
        let mut after = own.cpu();
        while after.since(&before) < Duration::from_millis(20) {
            after = own.cpu();
        }
        assert!(after.by_thread(&before)[0].1 > Duration::ZERO);
        assert_eq!(before.since(&before), Duration::ZERO);
    }
}
