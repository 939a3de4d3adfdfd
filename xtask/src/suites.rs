//! The test suites: what each shows, needs and runs. How they are run is testing.rs's.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use clap::ValueEnum;
use serde_json::json;

use crate::ahead::Job;
use crate::build::{Artifact, cargo};
use crate::bundle_browser;
use crate::counts::{self, Counts};
use crate::error::{Error, Result};
use crate::repo;
use crate::report::{print, print_json};
use crate::setup::{self, Need};
use crate::toolchain::Toolchain;

/// In the order in which they run: those that need nothing built are first, for what the others need to be built beside
/// them (ahead.rs). The last one then has nothing beside it: a test of hiredis has its answer within 10 ms or fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Suite {
    /// rustfmt, clippy, the crates' own tests (client against server natively)
    Rust,
    /// eslint, types, the unit tests of the JavaScript parts, and of the documentation
    Js,
    /// C programs: Linux, Node and Chromium, with threads and without, print the same
    Conformance,
    /// the JavaScript API in Chromium, and the programs it runs there and on Node
    Api,
    /// the native server with the native client and curl
    Native,
    /// the WebAssembly server on Node with the native client and curl, and its packet protection
    Node,
    /// the app, the WebAssembly server in Chromium with the native client and curl, a page's WebTransport to each runtime
    Chromium,
    /// other people's clients (curl, aioquic, quinn, Chromium) against the server in each runtime, and session tickets;
    /// named with --suite, every cell
    Interop,
    /// session tickets and early data on every runtime; a part of interop where that is named
    Tickets,
    /// the benchmark: each kind of measurement comes to an end with a figure, on every runtime
    Bench,
    /// these tools: missing programs, bad arguments, a full disk; the npm packages, installed as their users do
    Tools,
    /// the examples on Linux, on Node and in Chromium, with real peers; the guide, word for word
    Examples,
    /// published software (ureq, redis, tungstenite, hiredis) and std::net, on Node and in Chromium, with real peers
    Ports,
}

/// How much of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extent {
    /// One of many suites: a few minutes at the most.
    Brief,
    /// The suite that was asked for.
    Whole,
}

/// A command of a suite.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) command: Command,
    /// Reads the numbers of tests out of the command's output. None where the command is one check.
    pub(crate) count: Option<fn(&str) -> Counts>,
    /// A JSON file that the command writes, with more than the numbers.
    pub(crate) report: Option<PathBuf>,
}

impl Suite {
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_string())
    }

    pub(crate) fn about(self) -> String {
        let value = self.to_possible_value();
        value.and_then(|value| value.get_help().map(ToString::to_string)).unwrap_or_default()
    }

    pub(crate) fn needs(self) -> &'static [Need] {
        match self {
            Self::Rust => &[Need::Compiler],
            // Of the documentation the C and Rust are parsed.
            Self::Js => &[Need::Packages, Need::NameServer, Need::Compiler],
            Self::Conformance => {
                &[Need::Compiler, Need::Container, Need::Packages, Need::Chromium, Need::NameServer, Need::Services]
            }
            Self::Ports => &[Need::Compiler, Need::Container, Need::Packages, Need::Chromium, Need::Redis],
            Self::Examples => {
                &[Need::Compiler, Need::Container, Need::Packages, Need::Chromium, Need::NameServer, Need::Redis]
            }
            // curl with HTTP/3 is in the container.
            Self::Native | Self::Node => &[Need::Packages, Need::Container],
            Self::Chromium => &[Need::Packages, Need::Container, Need::Chromium, Need::BundleChromium],
            Self::Api | Self::Tickets => &[Need::Packages, Need::Container, Need::Chromium],
            Self::Tools => &[Need::Packages, Need::Npm, Need::Container, Need::Chromium],
            Self::Bench => &[Need::Compiler, Need::Packages, Need::Container, Need::Chromium],
            Self::Interop => &[Need::Packages, Need::Container, Need::Chromium, Need::Aioquic],
        }
    }

    pub(crate) fn artifacts(self) -> &'static [Artifact] {
        match self {
            Self::Rust | Self::Js | Self::Conformance | Self::Api | Self::Ports | Self::Examples => &[],
            Self::Native => &[Artifact::Native],
            Self::Node => &[Artifact::Native, Artifact::Wasm],
            Self::Chromium | Self::Interop | Self::Tickets | Self::Bench | Self::Tools => &Artifact::ALL,
        }
    }

    /// What can be built before its turn, in the order in which it needs it. It builds the same itself, in no time
    /// where that is up to date.
    pub(crate) fn ahead(self, toolchain: Toolchain) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        if self.needs().contains(&Need::Container) {
            let mut command = Command::new(repo::path("docker/build.sh"));
            command.arg("--image-only");
            jobs.push(Job { what: "the toolchain image", command });
        }
        for artifact in self.artifacts() {
            let mut command = this_program()?;
            command.args(["build", "--no-install", "--toolchain", toolchain.name(), "--only", artifact.name()]);
            jobs.push(Job { what: artifact.what(), command });
        }
        match self {
            Self::Conformance => {
                jobs.push(build_by("the C programs", "emscripten-lib/test/c-programs.mjs", "buildAllPrograms")?);
            }
            Self::Node => {
                // As the test has them built.
                let checks = "build --locked --package socket-iwa-packet-protection --example checks --profile wasm";
                let mut command = this_program()?;
                command.args(["cargo", "--no-install", "--"]).args(checks.split(' ')).current_dir(repo::root());
                jobs.push(Job { what: "the checks of packet protection", command });
            }
            Self::Ports => jobs.push(build_by("the ports", "ports/test/programs.js", "buildPorts")?),
            Self::Examples => jobs.push(build_by("the examples", "examples/test/programs.js", "buildExamples")?),
            _ => {}
        }
        Ok(jobs)
    }

    /// `extent`: for the suites that have a short form.
    pub(crate) fn steps(self, extent: Extent) -> Result<Vec<Step>> {
        Ok(match self {
            Self::Rust => vec![
                check("cargo fmt --check", cargo_with("fmt --all -- --check")),
                check("cargo clippy", cargo_with("clippy --quiet --workspace --all-targets -- -D warnings")),
                Step { name: "cargo test", command: cargo_test(), count: Some(counts::of_cargo_test), report: None },
            ],
            Self::Js => vec![
                check("eslint", npm_run("lint")),
                check("tsc", npm_run("types")),
                node_test("unit tests", unit_tests())?,
            ],
            Self::Conformance => {
                let mut conformance = node_test("conformance", files(&CONFORMANCE))?;
                let report = repo::path("target/conformance-report.json");
                conformance.command.env("CONFORMANCE_REPORT", &report);
                conformance.report = Some(report);
                vec![node_test("linking", files(&LINKING))?, conformance]
            }
            Self::Api => vec![node_test("API in Chromium", tests_in("api/test/browser"))?],
            Self::Ports => vec![
                check("cargo fmt --check", cargo_with("fmt --manifest-path ports/Cargo.toml -- --check")),
                node_test("ports", tests_in("ports/test"))?,
            ],
            Self::Examples => vec![
                check("cargo fmt --check", cargo_with("fmt --manifest-path examples/rust/Cargo.toml --all -- --check")),
                node_test("examples", tests_in("examples/test"))?,
            ],
            Self::Native => vec![node_test("native server", files(&["xtask/tests/native.test.js"]))?],
            Self::Node => vec![
                node_test("packet protection", files(&["xtask/tests/packet-protection.test.js"]))?,
                node_test("server on Node", files(&["xtask/tests/node.test.js"]))?,
            ],
            Self::Chromium => vec![
                app_and_launcher()?,
                node_test("server in Chromium", files(&["xtask/tests/chromium.test.js"]))?,
                node_test("WebTransport from a page", files(&["xtask/tests/webtransport.test.js"]))?,
                node_test("fetch from a page", files(&["xtask/tests/fetch.test.js"]))?,
                node_test(
                    "handlers in JavaScript",
                    files(&["api/test/server.test.js", "api/test/start-server.test.js"]),
                )?,
            ],
            Self::Interop => match extent {
                // All suites run: one of them is tickets.
                Extent::Brief => vec![interop(extent)?],
                Extent::Whole => vec![tickets()?, interop(extent)?],
            },
            Self::Tickets => vec![tickets()?],
            Self::Bench => vec![check("the benchmark, briefly", benchmark()?)],
            Self::Tools => vec![
                node_test("tools", files(&["xtask/tests/tools.test.js"]))?,
                node_test("npm packages", tests_in("npm/test"))?,
            ],
        })
    }
}

/// `cargo xtask test --list`.
pub(crate) fn list(as_json: bool) -> Result<()> {
    let suites = Suite::value_variants();
    if as_json {
        let suites: Vec<_> = suites.iter().map(|suite| json!({"name": suite.name(), "about": suite.about()})).collect();
        return print_json(&json!({"suites": suites}));
    }
    suites.iter().try_for_each(|suite| print(&format!("{:<12} {}", suite.name(), suite.about())))
}

fn check(name: &'static str, command: Command) -> Step {
    Step { name, command, count: None, report: None }
}

fn cargo_with(arguments: &str) -> Command {
    let mut command = cargo();
    command.args(arguments.split(' '));
    command
}

/// The longest of the crates' tests wait, for time limits and for servers that stop: four at a time on a smaller machine too.
fn cargo_test() -> Command {
    const AT_LEAST: usize = 4;
    let threads = thread::available_parallelism().map_or(AT_LEAST, |processors| processors.get().max(AT_LEAST));
    let mut command = cargo_with("test --quiet --workspace");
    command.env("RUST_TEST_THREADS", threads.to_string());
    command
}

fn npm_run(script: &str) -> Command {
    let mut command = Command::new("npm");
    command.args(["run", "--silent", script]).current_dir(repo::root());
    command
}

/// Tests of emscripten-lib that need the toolchain, a browser or both; its others need Node alone.
const LINKING: [&str; 6] = [
    "emscripten-lib/test/link.test.js",
    "emscripten-lib/test/link-threads.test.js",
    "emscripten-lib/test/names.test.js",
    "emscripten-lib/test/network.test.js",
    "emscripten-lib/test/leaks.test.js",
    "emscripten-lib/test/refusals.test.js",
];
const CONFORMANCE: [&str; 3] = [
    "emscripten-lib/test/conformance.test.js",
    "emscripten-lib/test/download.test.js",
    "emscripten-lib/test/upload.test.js",
];

fn unit_tests() -> Vec<PathBuf> {
    let elsewhere = [files(&LINKING), files(&CONFORMANCE)].concat();
    let mut tests = tests_in("emscripten-lib/test");
    tests.retain(|test| !elsewhere.contains(test));
    let others = ["api/test/unit", "iwa/test/unit", "interop/test", "docs/test"].map(tests_in);
    [tests, others.concat()].concat()
}

fn files(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| repo::path(name)).collect()
}

fn app_and_launcher() -> Result<Step> {
    let mut step = node_test("app and launcher", tests_in("iwa/test"))?;
    if let Some(browser) = bundle_browser::find()? {
        step.command.env(bundle_browser::VARIABLE, browser);
    }
    Ok(step)
}

/// The tests directly in a directory: those below it are of another suite.
fn tests_in(directory: &str) -> Vec<PathBuf> {
    let is_test = |path: &PathBuf| path.to_str().is_some_and(|name| name.ends_with(".test.js"));
    let entries = repo::path(directory).read_dir().into_iter().flatten().flatten();
    let mut tests: Vec<_> = entries.map(|entry| entry.path()).filter(is_test).collect();
    tests.sort();
    tests
}

fn tickets() -> Result<Step> {
    node_test("session tickets", files(&["xtask/tests/session-ticket.test.js"]))
}

/// Every kind of measurement once, as briefly as it works.
fn benchmark() -> Result<Command> {
    let mut command = this_program()?;
    command.args(["bench", "--smoke"]);
    Ok(command)
}

fn this_program() -> Result<Command> {
    let xtask = env::current_exe().map_err(|error| Error::failed(format!("finding this program: {error}")))?;
    Ok(Command::new(xtask))
}

/// A function of a JavaScript module that builds what tests run, called as they call it.
fn build_by(what: &'static str, module: &str, function: &str) -> Result<Job> {
    let mut command = Command::new(setup::installed_node()?);
    let script = format!("(await import('./{module}')).{function}()");
    command.args(["--input-type=module", "--eval", &script]).current_dir(repo::root());
    Ok(Job { what, command })
}

/// The matrix of clients and runtimes. Whole, it writes docs/interop.md too.
fn interop(extent: Extent) -> Result<Step> {
    let mut command = Command::new(setup::installed_node()?);
    command.arg(repo::path("interop/run.mjs")).current_dir(repo::root());
    if extent == Extent::Brief {
        command.arg("--brief");
    }
    command.env("CHROMIUM", setup::installed_chromium()?);
    if let Ok(xtask) = env::current_exe() {
        command.env("XTASK", xtask);
    }
    let report = Some(repo::path("target/interop/results.json"));
    Ok(Step { name: "interop matrix", command, count: Some(counts::of_interop), report })
}

/// `node --test` on files, one at a time: browsers and servers of several would get in each other's way.
fn node_test(name: &'static str, tests: Vec<PathBuf>) -> Result<Step> {
    if tests.is_empty() {
        return Err(Error::failed(format!("{name}: no test file was found")));
    }
    let mut command = Command::new(setup::installed_node()?);
    command.args(["--test", "--test-concurrency=1", "--test-reporter=spec"]).args(tests).current_dir(repo::root());
    if let Some(chromium) = setup::chromium()? {
        command.env("CHROMIUM", chromium);
    }
    if let Ok(xtask) = env::current_exe() {
        command.env("XTASK", xtask);
    }
    Ok(Step { name, command, count: Some(counts::of_node_test), report: None })
}
