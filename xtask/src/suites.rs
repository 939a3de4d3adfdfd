//! The test suites: what each shows, needs and runs. How they are run is testing.rs's.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;
use serde_json::json;

use crate::build::{Artifact, cargo};
use crate::counts::{self, Counts};
use crate::error::{Error, Result};
use crate::repo;
use crate::report::{print, print_json};
use crate::setup::{self, Need};

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Suite {
    /// rustfmt, clippy, the crates' own tests (client against server natively)
    Rust,
    /// eslint, types, the unit tests of the JavaScript parts
    Js,
    /// C programs: Linux, Node and Chromium print the same
    Conformance,
    /// the native server with the native client and curl
    Native,
    /// the WebAssembly server on Node with the native client and curl
    Node,
    /// the app, and the WebAssembly server in Chromium with the native client and curl
    Chromium,
    /// these tools: missing programs, bad arguments, a full disk
    Tools,
}

/// A command of a suite.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) command: Command,
    /// Reads the numbers of tests out of the command's output. None where the command is one check.
    pub(crate) count: Option<fn(&str) -> Counts>,
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
            Self::Js => &[Need::Packages],
            Self::Conformance => &[Need::Compiler, Need::Container, Need::Packages, Need::Chromium],
            // curl with HTTP/3 is in the container.
            Self::Native | Self::Node => &[Need::Packages, Need::Container],
            Self::Chromium | Self::Tools => &[Need::Packages, Need::Container, Need::Chromium],
        }
    }

    pub(crate) fn artifacts(self) -> &'static [Artifact] {
        match self {
            Self::Rust | Self::Js | Self::Conformance => &[],
            Self::Native => &[Artifact::Native],
            Self::Node => &[Artifact::Native, Artifact::Wasm],
            Self::Chromium | Self::Tools => &Artifact::ALL,
        }
    }

    pub(crate) fn steps(self) -> Result<Vec<Step>> {
        Ok(match self {
            Self::Rust => vec![
                check("cargo fmt --check", cargo_with("fmt --all -- --check")),
                check("cargo clippy", cargo_with("clippy --quiet --workspace --all-targets -- -D warnings")),
                Step {
                    name: "cargo test",
                    command: cargo_with("test --quiet --workspace"),
                    count: Some(counts::of_cargo_test),
                },
            ],
            Self::Js => vec![
                check("eslint", npm_run("lint")),
                check("tsc", npm_run("types")),
                node_test("unit tests", &["emscripten-lib/test/unit", "iwa/test/unit"])?,
            ],
            Self::Conformance => vec![node_test("conformance", &["emscripten-lib/test/conformance.test.js"])?],
            Self::Native => vec![node_test("native server", &["xtask/tests/native.test.js"])?],
            Self::Node => vec![node_test("server on Node", &["xtask/tests/node.test.js"])?],
            Self::Chromium => vec![
                node_test("app and launcher", &["iwa/test"])?,
                node_test("server in Chromium", &["xtask/tests/chromium.test.js"])?,
            ],
            Self::Tools => vec![node_test("tools", &["xtask/tests/tools.test.js"])?],
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
    Step { name, command, count: None }
}

fn cargo_with(arguments: &str) -> Command {
    let mut command = cargo();
    command.args(arguments.split(' '));
    command
}

fn npm_run(script: &str) -> Command {
    let mut command = Command::new("npm");
    command.args(["run", "--silent", script]).current_dir(repo::root());
    command
}

/// `node --test` on the given files and directories. One file at a time: browsers and servers of several at once would
/// get in each other's way.
fn node_test(name: &'static str, paths: &[&str]) -> Result<Step> {
    let mut files = Vec::new();
    for path in paths {
        collect_tests(&repo::path(path), &mut files);
    }
    if files.is_empty() {
        return Err(Error::failed(format!("{name}: no *.test.js or *.test.mjs in {}", paths.join(", "))));
    }
    let mut command = Command::new(setup::installed_node()?);
    command.args(["--test", "--test-concurrency=1", "--test-reporter=spec"]).args(files).current_dir(repo::root());
    if let Some(chromium) = setup::chromium()? {
        command.env("CHROMIUM", chromium);
    }
    if let Ok(xtask) = env::current_exe() {
        command.env("XTASK", xtask);
    }
    Ok(Step { name, command, count: Some(counts::of_node_test) })
}

/// A file, or the tests directly in a directory: those below it belong to other suites.
fn collect_tests(path: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = path.read_dir() else {
        files.extend(path.is_file().then(|| path.to_path_buf()));
        return;
    };
    let is_test = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.ends_with(".test.js") || name.ends_with(".test.mjs")
    };
    let mut found: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_test).collect();
    found.sort();
    files.extend(found);
}
