//! `cargo xtask bench`: builds the server and the benchmark, and the other programs it measures natively and as WebAssembly,
//! then becomes the benchmark (socket-iwa-bench, of stress-test).

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::build::{self, Artifact};
use crate::error::{IoContext, Result};
use crate::fingerprint;
use crate::process::{Show, replace, step};
use crate::repo;
use crate::report::note;
use crate::setup::{self, Need};
use crate::toolchain::{Program, Toolchain};
use crate::wasm_cargo;

const LIMIT: Duration = Duration::from_secs(30 * 60);
const SOURCE: &str = "stress-test/subject/subject.c";
/// As cargo names them.
const CIPHERS: [&str; 2] = ["socket-iwa-ciphers.js", "socket_iwa_ciphers.wasm"];

pub(crate) struct Request {
    pub(crate) toolchain: Toolchain,
    pub(crate) install: bool,
    pub(crate) profile: bool,
    /// False where it is only asked what it would measure.
    pub(crate) runs: bool,
    /// Handed on: the benchmark's own options.
    pub(crate) options: Vec<OsString>,
}

/// Becomes the benchmark: returns only an error.
pub(crate) fn command(request: &Request) -> Result<()> {
    let subjects = Subjects::of(request.toolchain)?;
    let artifacts: &[Artifact] = if request.runs { &Artifact::ALL } else { &[Artifact::Native] };
    let mut needs = vec![Need::Compiler, Need::Packages, Need::Chromium];
    needs.extend(build::needs(artifacts, request.toolchain)?);
    if request.runs && !subjects.are_current() && request.toolchain == Toolchain::Container {
        needs.push(Need::Container);
    }
    setup::ensure(&needs, request.install)?;
    for artifact in artifacts {
        artifact.build(request.toolchain)?;
    }
    if request.runs {
        subjects.make(request.toolchain)?;
    }
    let mut bench = Command::new(repo::path("target/release/socket-iwa-bench"));
    bench.arg("--repository").arg(repo::root());
    bench.arg("--node").arg(setup::installed_node()?).arg("--chromium").arg(setup::installed_chromium()?);
    if request.profile {
        bench.arg("--profile").arg(repo::path("target/bench/profiles"));
    }
    Err(replace(bench.args(&request.options)))
}

/// The programs that are measured beside the server, natively and as WebAssembly.
struct Subjects {
    directory: PathBuf,
    made_from: String,
}

impl Subjects {
    fn of(toolchain: Toolchain) -> Result<Self> {
        let inputs =
            [SOURCE, "stress-test/ciphers", "packet-protection", "emscripten-lib", "docker", "Cargo.lock", ".cargo"]
                .map(repo::path);
        Ok(Self { directory: repo::path("target/bench"), made_from: fingerprint::of(&inputs, &[toolchain.name()])? })
    }

    fn outputs(&self) -> [PathBuf; 5] {
        ["subject", "subject.js", "subject.wasm", CIPHERS[0], CIPHERS[1]].map(|name| self.directory.join(name))
    }

    fn stamp(&self) -> PathBuf {
        self.directory.join(".made-from")
    }

    fn are_current(&self) -> bool {
        fingerprint::matches(&self.stamp(), &self.made_from, &self.outputs())
    }

    fn make(&self, toolchain: Toolchain) -> Result<()> {
        if self.are_current() {
            note("the programs to measure: up to date");
            return Ok(());
        }
        toolchain.check(&[Program::Emcc, Program::Rustc])?;
        fs::create_dir_all(&self.directory).during(format!("making {}", self.directory.display()))?;
        // The repository's package.json says "module"; what emcc makes is CommonJS.
        let marker = self.directory.join("package.json");
        fs::write(&marker, "{ \"type\": \"commonjs\" }\n").during(format!("writing {}", marker.display()))?;
        let outputs = self.outputs();
        step("the sockets' program, natively", &mut native(&outputs[0]), LIMIT, Show::OnFailure)?;
        let what = format!("the sockets' program, as WebAssembly ({} toolchain)", toolchain.name());
        step(&what, &mut wasm(toolchain, &outputs[1]), LIMIT, Show::OnFailure)?;
        let what = format!("the ciphers' program, as WebAssembly ({} toolchain)", toolchain.name());
        step(&what, &mut ciphers(toolchain), LIMIT, Show::OnFailure)?;
        for (name, output) in CIPHERS.iter().zip(&outputs[3..]) {
            let built = repo::target().join(wasm_cargo::TARGET).join("wasm").join(name);
            fs::copy(&built, output).during(format!("copying {}", built.display()))?;
        }
        fingerprint::record(&self.stamp(), &self.made_from)
    }
}

fn native(output: &PathBuf) -> Command {
    let mut command = Command::new("cc");
    command.args(["-O2", "-Wall", "-Wextra"]).arg(repo::path(SOURCE)).arg("-o").arg(output);
    command
}

fn wasm(toolchain: Toolchain, output: &PathBuf) -> Command {
    let mut command = toolchain.command(repo::path("emscripten-lib/bin/emcc"));
    command.arg("-O3").arg(repo::path(SOURCE)).arg("-o").arg(output).current_dir(repo::root());
    command
}

fn ciphers(toolchain: Toolchain) -> Command {
    let given = ["build", "--locked", "--package=socket-iwa-ciphers", "--profile=wasm"].map(OsString::from);
    let mut command = toolchain.command("cargo");
    command.args(wasm_cargo::for_wasm(&given, !wasm_cargo::has_standard_library(toolchain)));
    command.current_dir(repo::root()).env("CARGO_TARGET_DIR", repo::target()).env("RUSTC_BOOTSTRAP", "1");
    build::forget_package(&mut command);
    command
}
