//! Measures one program on Linux, as WebAssembly on Node and in Chromium, and beside each of the latter a hand-written
//! JavaScript loop on the same Direct Sockets, which is the platform's limit. This machine keeps the time, from the other
//! end of the sockets; runtimes take turns, and a figure is the median of the rounds.

pub mod machine;
pub mod report;
mod stream;
pub mod subject;
mod tcp;
mod udp;
pub mod workload;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use report::{Figures, Report};
use subject::{Launchers, Runtime};
use workload::Workload;

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
pub fn run(plan: &Plan, launchers: &mut Launchers, progress: &dyn Fn(&str)) -> Result<Report> {
    let mut figures: BTreeMap<(usize, Runtime), Vec<f64>> = BTreeMap::new();
    let mut failures = Vec::new();
    let mut attempt = |round: usize, index: usize, runtime: Runtime, check: bool| {
        let workload = &plan.workloads[index];
        let what = if check { "check".into() } else { format!("round {round}/{}", plan.rounds) };
        let file = plan.profiles.as_ref().map(|directory| {
            directory.join(format!("{}-{}.cpuprofile", workload.name, runtime.name().replace(' ', "-")))
        });
        let measured = launchers
            .start(runtime, &workload.arguments(plan.scale, check), file.as_deref())
            .and_then(|mut running| workload.measure(&mut running, plan.scale, check));
        let text = match &measured {
            Ok(_) if check => "every byte arrived, once and in order".into(),
            Ok(value) => format!("{} {}", report::number(*value), workload.unit.name()),
            Err(error) => format!("FAILED: {error}"),
        };
        progress(&format!("{what}  {:<18} {:<13} {text}", workload.name, runtime.name()));
        match measured {
            Ok(value) if !check => figures.entry((index, runtime)).or_default().push(value),
            Ok(_) => {}
            Err(error) => failures.push(format!("{} on {}: {error}", workload.name, runtime.name())),
        }
    };
    for (index, workload) in plan.workloads.iter().enumerate().filter(|_| plan.profiles.is_none()) {
        for runtime in plan.runtimes.iter().filter(|runtime| workload.is_bulk() && workload.runs_on(**runtime)) {
            attempt(0, index, *runtime, true);
        }
    }
    for round in 1..=plan.rounds {
        for (index, workload) in plan.workloads.iter().enumerate() {
            // Who comes first changes from round to round: what one leaves behind does not always meet the same other.
            let turned = plan.runtimes.iter().cycle().skip(round).take(plan.runtimes.len());
            for runtime in turned.filter(|runtime| workload.runs_on(**runtime)) {
                attempt(round, index, *runtime, false);
            }
        }
    }
    let rows = plan.workloads.iter().enumerate().map(|(index, workload)| {
        let of = |runtime: &Runtime| figures.get(&(index, *runtime)).map(|values| (*runtime, Figures::new(values)));
        report::Row { workload: workload.clone(), figures: plan.runtimes.iter().filter_map(of).collect() }
    });
    Ok(Report { rows: rows.collect(), failures, rounds: plan.rounds })
}
