//! What a workload is: a name, the figures that come out of it, and where it runs. The kinds of workloads are modules of
//! their own, and this one knows nothing of what they do.

use super::lab::Lab;
use super::runtime::Runtime;
use super::{Result, programs, quic, scenarios, sockets};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Echoes,
    Datagrams,
    /// A number of datagrams, not a rate.
    Count,
    Connections,
    Handshakes,
    Requests,
    MegabytesPerSecond,
    Microseconds,
    Milliseconds,
    MillisecondsPerMegabyte,
    Kibibytes,
    Mebibytes,
}

impl Unit {
    pub(super) const ALL: [Self; 12] = [
        Self::Echoes,
        Self::Datagrams,
        Self::Count,
        Self::Connections,
        Self::Handshakes,
        Self::Requests,
        Self::MegabytesPerSecond,
        Self::Microseconds,
        Self::Milliseconds,
        Self::MillisecondsPerMegabyte,
        Self::Kibibytes,
        Self::Mebibytes,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Echoes => "echoes/s",
            Self::Datagrams => "datagrams/s",
            Self::Count => "datagrams",
            Self::Connections => "connections/s",
            Self::Handshakes => "handshakes/s",
            Self::Requests => "requests/s",
            Self::MegabytesPerSecond => "MB/s",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::MillisecondsPerMegabyte => "ms/MB",
            Self::Kibibytes => "KiB",
            Self::Mebibytes => "MiB",
        }
    }

    pub fn less_is_better(self) -> bool {
        use Unit::{Kibibytes, Mebibytes, Microseconds, Milliseconds, MillisecondsPerMegabyte};
        matches!(self, Microseconds | Milliseconds | MillisecondsPerMegabyte | Kibibytes | Mebibytes)
    }
}

/// A figure of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What it is, behind the workload's name; empty where the name says it.
    pub name: &'static str,
    pub unit: Unit,
}

pub(super) const fn figure(name: &'static str, unit: Unit) -> Figure {
    Figure { name, unit }
}

/// One measurement.
#[derive(Clone, Debug)]
pub struct Workload {
    pub name: String,
    pub about: String,
    pub figures: Vec<Figure>,
    /// Whether it stands for its kind where each kind is only to be seen working.
    pub is_sample: bool,
    pub(super) task: Task,
}

#[derive(Clone, Debug)]
pub(super) enum Task {
    Sockets(sockets::Task),
    Quic(quic::Task),
    Scenario(scenarios::Task),
    Program(programs::Task),
}

/// Of one measurement on one runtime.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// It is cut to this share of its size.
    pub(super) scale: f64,
    /// From 1; random choices are another's in another round.
    pub(super) round: usize,
}

/// All of them, in the order in which they are shown.
pub fn all() -> Vec<Workload> {
    [sockets::all(), quic::all(), scenarios::all(), programs::all()].concat()
}

impl Workload {
    /// The name of each of its figures in a report.
    pub fn rows(&self) -> impl Iterator<Item = String> {
        self.figures.iter().map(|figure| format!("{} {}", self.name, figure.name).trim_end().to_string())
    }

    pub(super) fn runs_on(&self, runtime: Runtime) -> bool {
        match &self.task {
            Task::Sockets(task) => task.runs_on(runtime),
            Task::Quic(task) => task.runs_on(runtime),
            Task::Scenario(task) => task.runs_on(runtime),
            Task::Program(task) => task.runs_on(runtime),
        }
    }

    /// Whether the bytes that arrive are compared before anything is measured.
    pub(super) fn is_checked(&self) -> bool {
        matches!(&self.task, Task::Sockets(task) if task.is_bulk())
    }

    pub(super) fn check(&self, lab: &mut Lab, runtime: Runtime, scale: f64) -> Result<()> {
        match &self.task {
            Task::Sockets(task) => task.check(lab, runtime, scale),
            _ => Ok(()),
        }
    }

    /// The figures, in the order of `figures`; a runtime that lacks the last ones leaves them out.
    pub(super) fn measure(&self, lab: &mut Lab, runtime: Runtime, effort: Effort) -> Result<Vec<f64>> {
        match &self.task {
            Task::Sockets(task) => task.measure(lab, runtime, effort),
            Task::Quic(task) => task.measure(lab, runtime, effort),
            Task::Scenario(task) => task.measure(lab, runtime, effort),
            Task::Program(task) => task.measure(lab, runtime, effort),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_has_a_name_of_its_own() {
        let mut names: Vec<_> = all().iter().flat_map(|one| one.rows().collect::<Vec<_>>()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_kind_of_workload_has_a_sample() {
        let samples: Vec<_> = all().into_iter().filter(|one| one.is_sample).map(|one| one.task).collect();
        assert!(samples.iter().any(|task| matches!(task, Task::Sockets(_))));
        assert!(samples.iter().any(|task| matches!(task, Task::Quic(_))));
        assert!(samples.iter().any(|task| matches!(task, Task::Scenario(_))));
        assert!(samples.iter().any(|task| matches!(task, Task::Program(_))));
    }

    #[test]
    fn rates_are_better_when_they_are_more() {
        assert!(Unit::Microseconds.less_is_better() && Unit::Kibibytes.less_is_better());
        assert!(!Unit::Echoes.less_is_better() && !Unit::MegabytesPerSecond.less_is_better());
    }
}
