//! `cargo xtask test`: which suites there are, what each needs and runs, and how its tests are counted. A suite that
//! can't run fails with its reason; none is skipped.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::build::{Artifact, cargo};
use crate::error::{Error, Result};
use crate::process::{Show, describe, interrupted, run};
use crate::repo;
use crate::report::{note, print, print_json, seconds, table};
use crate::setup::{self, Need};
use crate::toolchain::Toolchain;

const STEP_LIMIT: Duration = Duration::from_secs(20 * 60);

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Suite {
    /// rustfmt, clippy, the crates' own tests (client against server natively)
    Rust,
    /// eslint, types, the unit tests of the JavaScript parts
    Js,
    /// C programs: Linux, Node and Chromium print the same
    Conformance,
    /// the WebAssembly server on Node with the native client
    Node,
    /// the WebAssembly server in Chromium with the native client
    Chromium,
    /// these tools: missing programs, bad arguments, orderly ends
    Tools,
}

impl Suite {
    const ALL: [Self; 6] = [
        Self::Rust,
        Self::Js,
        Self::Conformance,
        Self::Node,
        Self::Chromium,
        Self::Tools,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Conformance => "conformance",
            Self::Node => "node",
            Self::Chromium => "chromium",
            Self::Tools => "tools",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Rust => "rustfmt, clippy, the crates' own tests (client against server natively)",
            Self::Js => "eslint, types, the unit tests of the JavaScript parts",
            Self::Conformance => "C programs: Linux, Node and Chromium print the same",
            Self::Node => "the WebAssembly server on Node with the native client",
            Self::Chromium => "the WebAssembly server in Chromium with the native client",
            Self::Tools => "these tools: missing programs, bad arguments, orderly ends",
        }
    }

    fn needs(self) -> &'static [Need] {
        match self {
            Self::Rust => &[Need::Compiler],
            Self::Js | Self::Node => &[Need::Packages],
            Self::Conformance => &[Need::Compiler, Need::Container, Need::Packages, Need::Chromium],
            Self::Chromium => &[Need::Packages, Need::Chromium],
            Self::Tools => &[Need::Packages, Need::Container, Need::Chromium],
        }
    }

    fn artifacts(self) -> &'static [Artifact] {
        match self {
            Self::Rust | Self::Js => &[],
            Self::Conformance => &[Artifact::Iwa],
            Self::Node => &[Artifact::Native, Artifact::Wasm],
            Self::Chromium | Self::Tools => &Artifact::ALL,
        }
    }

    fn steps(self) -> Result<Vec<Step>> {
        Ok(match self {
            Self::Rust => vec![
                Step::one("cargo fmt --check", cargo_with(&["fmt", "--all", "--", "--check"])),
                Step::one(
                    "cargo clippy",
                    cargo_with(&[
                        "clippy",
                        "--quiet",
                        "--workspace",
                        "--all-targets",
                        "--",
                        "-D",
                        "warnings",
                    ]),
                ),
                Step {
                    count: cargo_counts,
                    ..Step::one("cargo test", cargo_with(&["test", "--quiet", "--workspace"]))
                },
            ],
            Self::Js => vec![
                Step::one("eslint", npm(&["run", "--silent", "lint"])),
                Step::one("tsc", npm(&["run", "--silent", "types"])),
                node_test("unit tests", &["emscripten-lib/test/unit", "iwa/test/unit"])?,
            ],
            Self::Conformance => vec![node_test("conformance", &["emscripten-lib/test/conformance"])?],
            Self::Node => vec![node_test("on Node", &["xtask/tests/node"])?],
            Self::Chromium => vec![node_test("in Chromium", &["xtask/tests/chromium", "iwa/test/browser"])?],
            Self::Tools => vec![node_test("tools", &["xtask/tests/tools"])?],
        })
    }
}

pub(crate) struct Request<'a> {
    pub(crate) suites: &'a [Suite],
    pub(crate) toolchain: Toolchain,
    pub(crate) install: bool,
    pub(crate) json: bool,
}

/// `cargo xtask test --list`.
pub(crate) fn list(json: bool) -> Result<()> {
    if json {
        let suites = Suite::ALL.map(|suite| json!({"name": suite.name(), "about": suite.about()}));
        return print_json(&json!({"suites": suites}));
    }
    Suite::ALL
        .iter()
        .try_for_each(|suite| print(&format!("{:<12} {}", suite.name(), suite.about())))
}

/// `cargo xtask test`.
pub(crate) fn command(request: &Request<'_>) -> Result<()> {
    let suites = if request.suites.is_empty() {
        &Suite::ALL
    } else {
        request.suites
    };
    let needs: Vec<Need> = suites.iter().flat_map(|suite| suite.needs()).copied().collect();
    // Once for all; what can't be had is the matter of the suite that needs it.
    setup::ensure(&needs, request.install).or_else(|error| if error.is_interrupt() { Err(error) } else { Ok(()) })?;
    let mut results = Vec::new();
    for suite in suites.iter().copied() {
        note(&format!("=== {}: {}", suite.name(), suite.about()));
        let result = run_suite(suite, request);
        if interrupted() {
            return Err(Error::interrupted(suite.name()));
        }
        note(&format!(
            "=== {}: {}, {}",
            suite.name(),
            result.verdict(),
            seconds(result.elapsed)
        ));
        results.push(result);
    }
    show(&results, request.json)
}

// --- running -----------------------------------------------------------------------------------------------------------

struct SuiteResult {
    suite: Suite,
    counts: Counts,
    elapsed: Duration,
    /// Why it failed, one line each.
    reasons: Vec<String>,
}

impl SuiteResult {
    fn verdict(&self) -> &'static str {
        if self.counts.failed == 0 { "passed" } else { "FAILED" }
    }
}

fn run_suite(suite: Suite, request: &Request<'_>) -> SuiteResult {
    let start = Instant::now();
    let mut result = SuiteResult {
        suite,
        counts: Counts::default(),
        elapsed: Duration::ZERO,
        reasons: Vec::new(),
    };
    match prepare(suite, request) {
        Ok(steps) => steps.into_iter().for_each(|step| {
            if !interrupted() {
                step.run(&mut result);
            }
        }),
        Err(error) => {
            result.counts.failed += 1;
            result.reasons.push(format!("can't run: {error}"));
        }
    }
    result
        .reasons
        .iter()
        .for_each(|reason| note(&format!("{}: {reason}", suite.name())));
    result.elapsed = start.elapsed();
    result
}

fn prepare(suite: Suite, request: &Request<'_>) -> Result<Vec<Step>> {
    let mut needs = suite.needs().to_vec();
    for artifact in suite.artifacts() {
        needs.extend(artifact.needs(request.toolchain)?);
    }
    setup::ensure(&needs, request.install)?;
    for artifact in suite.artifacts() {
        artifact.build(request.toolchain)?;
    }
    suite.steps()
}

/// A command of a suite.
struct Step {
    name: String,
    command: Command,
    /// Reads the numbers of tests out of the command's output.
    count: fn(&str) -> Counts,
}

impl Step {
    /// A check that counts as one test.
    fn one(name: &str, command: Command) -> Self {
        Self {
            name: name.into(),
            command,
            count: |_| Counts::default(),
        }
    }

    fn run(mut self, result: &mut SuiteResult) {
        note(&format!("--- {}", self.name));
        match run(&self.name, &mut self.command, STEP_LIMIT, Show::Live) {
            Ok(outcome) => {
                let mut counts = (self.count)(&outcome.text);
                if !outcome.status.success() {
                    result
                        .reasons
                        .push(format!("{}: {}", self.name, describe(outcome.status)));
                    counts.failed = counts.failed.max(1);
                } else if counts == Counts::default() {
                    counts.passed = 1;
                }
                if counts.skipped > 0 {
                    result.reasons.push(format!(
                        "{}: {} skipped: see above for the reasons",
                        self.name, counts.skipped
                    ));
                }
                result.counts.add(counts);
            }
            Err(error) => {
                result.reasons.push(error.to_string());
                result.counts.failed += 1;
            }
        }
    }
}

fn cargo_with(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.args(arguments);
    command
}

fn npm(arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(arguments).current_dir(repo::root());
    command
}

/// `node --test` on every `*.test.js` and `*.test.mjs` below the given directories, one file at a time: browsers and
/// servers of several files at once would only measure the machine.
fn node_test(name: &str, directories: &[&str]) -> Result<Step> {
    let mut files = Vec::new();
    for directory in directories {
        collect_tests(&repo::path(directory), &mut files);
    }
    if files.is_empty() {
        return Err(Error::failed(format!(
            "{name}: no *.test.js or *.test.mjs in {}",
            directories.join(", ")
        )));
    }
    let mut command = Command::new(setup::installed_node()?);
    command
        .args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
        .args(files)
        .current_dir(repo::root());
    if let Some(chromium) = setup::chromium()? {
        command.env("CHROMIUM", chromium);
    }
    if let Ok(xtask) = std::env::current_exe() {
        command.env("XTASK", xtask);
    }
    Ok(Step {
        count: node_counts,
        ..Step::one(name, command)
    })
}

fn collect_tests(directory: &Path, files: &mut Vec<std::path::PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if path.is_dir() {
            collect_tests(&path, files);
        } else if name.ends_with(".test.js") || name.ends_with(".test.mjs") {
            files.push(path);
        }
    }
}

// --- counting ------------------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Sums `test result: ok. 4 passed; 0 failed; 1 ignored; ...` over cargo's test binaries.
fn cargo_counts(text: &str) -> Counts {
    let mut sum = Counts::default();
    for line in text.lines().filter(|line| line.starts_with("test result:")) {
        let words: Vec<&str> = line.split([' ', ';']).filter(|word| !word.is_empty()).collect();
        let before = |name: &str| {
            let at = words.iter().position(|word| *word == name);
            at.and_then(|at| words.get(at.checked_sub(1)?)?.parse().ok())
                .unwrap_or(0)
        };
        sum.add(Counts {
            passed: before("passed"),
            failed: before("failed"),
            skipped: before("ignored"),
        });
    }
    sum
}

/// Reads the summary of node's spec reporter: `ℹ pass 4`, `ℹ fail 0`, `ℹ cancelled 0`, `ℹ skipped 0`.
fn node_counts(text: &str) -> Counts {
    let number = |name: &str| -> u64 {
        let mut lines = text
            .lines()
            .rev()
            .filter_map(|line| line.strip_prefix("ℹ ")?.strip_prefix(name)?.strip_prefix(' '));
        lines.next().and_then(|number| number.trim().parse().ok()).unwrap_or(0)
    };
    Counts {
        passed: number("pass"),
        failed: number("fail") + number("cancelled"),
        skipped: number("skipped"),
    }
}

// --- showing -------------------------------------------------------------------------------------------------------------

fn show(results: &[SuiteResult], json: bool) -> Result<()> {
    let mut sum = Counts::default();
    results.iter().for_each(|result| sum.add(result.counts));
    let row = |result: &SuiteResult| {
        let Counts { passed, failed, .. } = result.counts;
        let name = result.suite.name().to_string();
        vec![
            name,
            result.verdict().into(),
            passed.to_string(),
            failed.to_string(),
            seconds(result.elapsed),
        ]
    };
    let rows: Vec<_> = results.iter().map(row).collect();
    let shown = table(
        &["suite", "result", "passed", "failed", "time"],
        &[false, false, true, true, true],
        &rows,
    );
    if json {
        note(&shown);
        print_json(&json!({
            "ok": sum.failed == 0, "passed": sum.passed, "failed": sum.failed, "skipped": sum.skipped,
            "suites": results.iter().map(SuiteResult::to_json).collect::<Vec<_>>(),
        }))?;
    } else {
        print(&shown)?;
        for (result, reason) in results
            .iter()
            .flat_map(|result| result.reasons.iter().map(move |reason| (result, reason)))
        {
            print(&format!("{}: {reason}", result.suite.name()))?;
        }
        print(&format!("{} passed, {} failed", sum.passed, sum.failed))?;
    }
    // The last line has said it.
    if sum.failed == 0 {
        Ok(())
    } else {
        Err(Error::with_code("", 1))
    }
}

impl SuiteResult {
    fn to_json(&self) -> Value {
        json!({
            "name": self.suite.name(), "ok": self.counts.failed == 0, "passed": self.counts.passed,
            "failed": self.counts.failed, "skipped": self.counts.skipped, "seconds": self.elapsed.as_secs_f64(),
            "reasons": self.reasons,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_results_are_summed() {
        let text = "running 4 tests\n....\ntest result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\n\
                    test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(
            cargo_counts(text),
            Counts {
                passed: 6,
                failed: 3,
                skipped: 1
            }
        );
    }

    #[test]
    fn node_results_are_those_of_the_summary() {
        let text =
            "✔ pass 3 apples (1ms)\nℹ tests 6\nℹ suites 0\nℹ pass 3\nℹ fail 1\nℹ cancelled 1\nℹ skipped 1\nℹ todo 0\n";
        assert_eq!(
            node_counts(text),
            Counts {
                passed: 3,
                failed: 2,
                skipped: 1
            }
        );
    }

    #[test]
    fn every_suite_can_be_named() {
        use clap::ValueEnum;
        assert_eq!(Suite::value_variants(), Suite::ALL);
        for suite in Suite::ALL {
            assert_eq!(Suite::from_str(suite.name(), false), Ok(suite));
        }
    }
}
