//! Measures programs and servers on Linux, as WebAssembly on Node and in Chromium, and beside them what they are held
//! against: hand-written JavaScript on the same Direct Sockets, which is the platform's limit, and natively quinn's own
//! server. This machine keeps the time, from the other end of the sockets; runtimes take turns, and a figure is the median
//! of the rounds.

mod charts;
mod client;
pub mod document;
pub mod lab;
pub mod machine;
mod processes;
mod programs;
mod quic;
pub mod record;
pub mod report;
pub mod runtime;
mod scenarios;
mod servers;
mod sockets;
mod subject;
pub mod workload;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use lab::Lab;
use report::{Figures, Report, Row};
use runtime::Runtime;
use workload::{Effort, Workload};

/// What went wrong, in words that name what was tried and on what.
#[derive(Debug)]
pub struct Error(pub String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

pub type Result<T> = std::result::Result<T, Error>;

pub(crate) fn fail<T>(message: impl Into<String>) -> Result<T> {
    Err(Error(message.into()))
}

/// What to measure and how often.
pub struct Plan {
    pub workloads: Vec<Workload>,
    pub runtimes: Vec<Runtime>,
    pub rounds: usize,
    /// Each measurement is cut to this share of its size.
    pub scale: f64,
    /// Where a profile of each measurement goes, instead of figures.
    pub profiles: Option<PathBuf>,
}

/// Runs the plan, saying what it does line by line through `progress`. A measurement that fails is named in the report and
/// does not stop the others.
pub fn run(plan: &Plan, lab: &mut Lab, progress: &dyn Fn(&str)) -> Report {
    let mut measured: BTreeMap<(usize, Runtime), Vec<Vec<f64>>> = BTreeMap::new();
    let mut failures = Vec::new();
    let total = plan.measurements();
    let mut done = 0;
    let mut attempt = |round: usize, index: usize, runtime: Runtime| {
        let workload = &plan.workloads[index];
        done += 1;
        let name = runtime.name();
        lab.profile = plan
            .profiles
            .as_ref()
            .map(|directory| directory.join(format!("{}-{}.cpuprofile", workload.name, name.replace(' ', "-"))));
        let outcome = if round == 0 {
            workload.check(lab, runtime, plan.scale).map(|()| "every byte arrived, once and in order".into())
        } else {
            let effort = Effort { scale: plan.scale, round };
            workload.measure(lab, runtime, effort).map(|values| {
                let text = report::line(workload, &values);
                measured.entry((index, runtime)).or_default().push(values);
                text
            })
        };
        let text = outcome.unwrap_or_else(|error| {
            failures.push(format!("{} on {name}: {error}", workload.name));
            format!("FAILED: {error}")
        });
        let what = if round == 0 { "check".into() } else { format!("round {round}/{}", plan.rounds) };
        progress(&format!("{done:>4}/{total}  {what:<10}  {:<22} {name:<13} {text}", workload.name));
    };
    if plan.profiles.is_none() {
        for (index, workload) in plan.workloads.iter().enumerate().filter(|(_, one)| one.is_checked()) {
            plan.turns(workload, 0).for_each(|runtime| attempt(0, index, runtime));
        }
    }
    for round in 1..=plan.rounds {
        for (index, workload) in plan.workloads.iter().enumerate() {
            plan.turns(workload, round).for_each(|runtime| attempt(round, index, runtime));
        }
    }
    let rows = plan.workloads.iter().enumerate().flat_map(|(index, workload)| {
        let values = &measured;
        workload.rows().zip(&workload.figures).enumerate().map(move |(place, (name, figure))| {
            let of = |runtime: &Runtime| {
                let rounds = values.get(&(index, *runtime))?;
                let values: Vec<_> = rounds.iter().filter_map(|values| values.get(place).copied()).collect();
                (!values.is_empty()).then(|| (*runtime, Figures::new(&values)))
            };
            Row {
                name,
                about: workload.about.clone(),
                unit: figure.unit,
                figures: plan.runtimes.iter().filter_map(of).collect(),
            }
        })
    });
    Report { rows: rows.collect(), failures, rounds: plan.rounds }
}

impl Plan {
    /// The runtimes of a workload. Who comes first changes from round to round: what one leaves behind does not always meet
    /// the same other.
    fn turns(&self, workload: &Workload, round: usize) -> impl Iterator<Item = Runtime> {
        let turned = self.runtimes.iter().cycle().skip(round % self.runtimes.len().max(1)).take(self.runtimes.len());
        turned.copied().filter(|runtime| workload.runs_on(*runtime))
    }

    fn measurements(&self) -> usize {
        let of = |workload: &Workload| {
            let checks = usize::from(workload.is_checked() && self.profiles.is_none());
            self.turns(workload, 0).count() * (self.rounds + checks)
        };
        self.workloads.iter().map(of).sum()
    }
}
