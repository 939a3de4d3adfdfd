//! `cargo xtask test`: runs suites one after the other and says how each ended. A suite that can't run here fails with
//! its reason, and the others run. What the later ones need is built beside them (ahead.rs).

use std::fs;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::ahead::{Ahead, Job};
use crate::build;
use crate::counts::Counts;
use crate::error::{Error, Result};
use crate::process::{Show, describe, interrupted, run};
use crate::report::{note, print, print_json, seconds, table};
use crate::setup::{self, Need};
use crate::suites::{Extent, Step, Suite};
use crate::toolchain::Toolchain;

/// For one command of a suite, what it compiles included.
const STEP_LIMIT: Duration = Duration::from_secs(20 * 60);

pub(crate) struct Request<'a> {
    /// All of them if empty.
    pub(crate) suites: &'a [Suite],
    pub(crate) toolchain: Toolchain,
    pub(crate) install: bool,
    pub(crate) json: bool,
}

pub(crate) fn command(request: &Request<'_>) -> Result<()> {
    let suites = if request.suites.is_empty() { Suite::value_variants() } else { request.suites };
    let needs: Vec<Need> = suites.iter().flat_map(|suite| suite.needs()).copied().collect();
    // Once for all, so that the user is told once; what can't be had is the matter of the suite that needs it.
    setup::ensure(&needs, request.install).or_else(|error| if error.is_interrupt() { Err(error) } else { Ok(()) })?;
    let ahead = Ahead::begin(jobs_before_their_turn(suites, request.toolchain));
    let mut endings = Vec::new();
    for suite in suites.iter().copied() {
        note(&format!("=== {}: {}", suite.name(), suite.about()));
        let ending = run_suite(suite, request, &ahead);
        if interrupted() {
            return Err(Error::interrupted(&suite.name()));
        }
        note(&format!("=== {}: {}, {}", suite.name(), ending.verdict(), seconds(ending.elapsed)));
        endings.push(ending);
    }
    show(&endings, request.json)
}

/// How a suite ended.
struct Ending {
    suite: Suite,
    counts: Counts,
    elapsed: Duration,
    /// Why it failed, and what it left out: one line each.
    reasons: Vec<String>,
    /// What a step reports besides, for --json.
    report: Option<Value>,
}

impl Ending {
    fn verdict(&self) -> &'static str {
        if self.counts.failed == 0 { "passed" } else { "FAILED" }
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.suite.name(), "ok": self.counts.failed == 0, "passed": self.counts.passed,
            "failed": self.counts.failed, "skipped": self.counts.skipped, "seconds": self.elapsed.as_secs_f64(),
            "reasons": self.reasons, "report": self.report,
        })
    }
}

/// The first suite's turn is now: what it needs, it makes itself.
fn jobs_before_their_turn(suites: &[Suite], toolchain: Toolchain) -> Vec<Job> {
    let Some((first, later)) = suites.split_first() else { return Vec::new() };
    let own = jobs_of(*first, toolchain);
    let mut jobs: Vec<Job> = later.iter().flat_map(|suite| jobs_of(*suite, toolchain)).collect();
    jobs.retain(|job| own.iter().all(|of_first| of_first.what != job.what));
    jobs
}

/// Where that can't be said there are none: the suite has its own words for why.
fn jobs_of(suite: Suite, toolchain: Toolchain) -> Vec<Job> {
    suite.ahead(toolchain).unwrap_or_default()
}

fn run_suite(suite: Suite, request: &Request<'_>, ahead: &Ahead) -> Ending {
    let start = Instant::now();
    let mut ending =
        Ending { suite, counts: Counts::default(), elapsed: Duration::ZERO, reasons: Vec::new(), report: None };
    match prepare(suite, request, ahead) {
        Ok(steps) => steps.into_iter().for_each(|step| run_step(step, &mut ending)),
        Err(error) => {
            ending.counts.failed += 1;
            ending.reasons.push(format!("can't run: {error}"));
        }
    }
    ending.reasons.iter().for_each(|reason| note(&format!("{}: {reason}", suite.name())));
    ending.elapsed = start.elapsed();
    ending
}

fn prepare(suite: Suite, request: &Request<'_>, ahead: &Ahead) -> Result<Vec<Step>> {
    jobs_of(suite, request.toolchain).iter().try_for_each(|job| ahead.finish(job.what))?;
    let mut needs = suite.needs().to_vec();
    needs.extend(build::needs(suite.artifacts(), request.toolchain)?);
    setup::ensure(&needs, request.install)?;
    if needs.contains(&Need::Container) {
        Toolchain::Container.prepare()?;
    }
    for artifact in suite.artifacts() {
        artifact.build(request.toolchain)?;
    }
    suite.steps(if request.suites.is_empty() { Extent::Brief } else { Extent::Whole })
}

fn run_step(mut step: Step, ending: &mut Ending) {
    if interrupted() {
        return;
    }
    note(&format!("--- {}", step.name));
    // Not that of an earlier run.
    step.report.iter().for_each(|file| drop(fs::remove_file(file)));
    let outcome = match run(step.name, &mut step.command, STEP_LIMIT, Show::Live) {
        Ok(outcome) => outcome,
        Err(error) => {
            ending.reasons.push(error.to_string());
            ending.counts.failed += 1;
            return;
        }
    };
    if let Some(text) = step.report.and_then(|file| fs::read_to_string(file).ok()) {
        ending.report = serde_json::from_str(&text).ok();
    }
    let mut counts = step.count.map_or(Counts { passed: 1, ..Counts::default() }, |count| count(&outcome.text));
    if !outcome.status.success() {
        ending.reasons.push(format!("{}: {}", step.name, describe(outcome.status)));
        counts = Counts {
            passed: if step.count.is_some() { counts.passed } else { 0 },
            failed: counts.failed.max(1),
            ..counts
        };
    } else if counts.passed == 0 {
        ending.reasons.push(format!("{}: succeeded without running a test", step.name));
        counts.failed += 1;
    }
    if counts.skipped > 0 {
        ending.reasons.push(format!("{}: {} left out, for the reasons above", step.name, counts.skipped));
    }
    ending.counts.add(counts);
}

fn show(endings: &[Ending], as_json: bool) -> Result<()> {
    let mut sum = Counts::default();
    endings.iter().for_each(|ending| sum.add(ending.counts));
    let row = |ending: &Ending| {
        let Counts { passed, failed, .. } = ending.counts;
        let numbers = [passed.to_string(), failed.to_string(), seconds(ending.elapsed)];
        [vec![ending.suite.name(), ending.verdict().into()], numbers.to_vec()].concat()
    };
    let rows: Vec<_> = endings.iter().map(row).collect();
    let mut lines =
        vec![table(&["suite", "result", "passed", "failed", "time"], &[false, false, true, true, true], &rows)];
    for ending in endings {
        lines.extend(ending.reasons.iter().map(|reason| format!("{}: {reason}", ending.suite.name())));
    }
    if as_json {
        note(&lines.join("\n"));
        print_json(&json!({
            "ok": sum.failed == 0, "passed": sum.passed, "failed": sum.failed, "skipped": sum.skipped,
            "suites": endings.iter().map(Ending::to_json).collect::<Vec<_>>(),
        }))?;
    } else {
        print(&lines.join("\n"))?;
        print(&format!("{} passed, {} failed", sum.passed, sum.failed))?;
    }
    // The last line has said it.
    if sum.failed == 0 { Ok(()) } else { Err(Error::with_code("", 1)) }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process::{Command, id};

    use super::*;
    use crate::build::Artifact;

    #[test]
    fn what_the_first_suite_needs_is_not_built_beside_it() {
        let of = |suites: &[Suite]| -> Vec<&'static str> {
            jobs_before_their_turn(suites, Toolchain::Container).iter().map(|job| job.what).collect()
        };
        let (native, wasm, image) = (Artifact::Native.what(), Artifact::Wasm.what(), "the toolchain image");
        assert!(of(&[Suite::Rust, Suite::Js]).is_empty() && of(&[Suite::Chromium]).is_empty() && of(&[]).is_empty());
        assert_eq!(of(&[Suite::Rust, Suite::Native, Suite::Tickets])[..2], [image, native]);
        let after_native = of(&[Suite::Native, Suite::Tickets]);
        assert!(after_native.contains(&wasm) && !after_native.contains(&native) && !after_native.contains(&image));
    }

    #[test]
    fn what_a_step_reports_is_in_the_json_and_nothing_of_an_earlier_run() {
        let file = env::temp_dir().join(format!("xtask-report-{}.json", id()));
        let mut ending = Ending {
            suite: Suite::Conformance,
            counts: Counts::default(),
            elapsed: Duration::ZERO,
            reasons: Vec::new(),
            report: None,
        };
        let step = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]).env("REPORT", &file);
            Step { name: "report", command, count: None, report: Some(file.clone()) }
        };
        fs::write(&file, "{\"old\": 1}").unwrap();
        run_step(step("true"), &mut ending);
        assert_eq!(ending.to_json()["report"], Value::Null);
        run_step(step("echo '{\"cases\": 7}' > \"$REPORT\""), &mut ending);
        assert_eq!(ending.to_json()["report"]["cases"], 7);
        fs::remove_file(&file).unwrap();
    }
}
