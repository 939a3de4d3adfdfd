//! `cargo xtask bench`: builds the benchmark, and the program it measures natively and as WebAssembly, then becomes the
//! benchmark (socket-iwa-bench, of stress-test).

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::build::cargo;
use crate::emcc::with_library;
use crate::error::{IoContext, Result};
use crate::fingerprint;
use crate::process::{Show, replace, step};
use crate::repo;
use crate::report::note;
use crate::setup::{self, Need};
use crate::toolchain::{Program, Toolchain};

const LIMIT: Duration = Duration::from_secs(30 * 60);
const SOURCE: &str = "stress-test/subject/subject.c";

pub(crate) struct Request {
    pub(crate) toolchain: Toolchain,
    pub(crate) install: bool,
    pub(crate) profile: bool,
    /// Handed on: the benchmark's own options.
    pub(crate) options: Vec<OsString>,
}

/// Becomes the benchmark: returns only an error.
pub(crate) fn command(request: &Request) -> Result<()> {
    let mut needs = vec![Need::Compiler, Need::Packages, Need::Chromium];
    let directory = repo::path("target/bench");
    let outputs = ["subject", "subject.js", "subject.wasm"].map(|name| directory.join(name));
    let inputs = [SOURCE, "emscripten-lib", "docker"].map(repo::path);
    let (stamp, made_from) = (directory.join(".made-from"), fingerprint::of(&inputs, &[request.toolchain.name()])?);
    let current = fingerprint::matches(&stamp, &made_from, &outputs);
    if !current && request.toolchain == Toolchain::Container {
        needs.push(Need::Container);
    }
    setup::ensure(&needs, request.install)?;

    let mut build = cargo();
    build.args(["build", "--release", "--package=socket-iwa-stress"]);
    step("benchmark", &mut build, LIMIT, Show::Live)?;
    if current {
        note("the program to measure: up to date");
    } else {
        request.toolchain.check(&[Program::Emcc])?;
        fs::create_dir_all(&directory).during(format!("making {}", directory.display()))?;
        // The repository's package.json says "module"; what emcc makes is CommonJS.
        let marker = directory.join("package.json");
        fs::write(&marker, "{ \"type\": \"commonjs\" }\n").during(format!("writing {}", marker.display()))?;
        step("the program, natively", &mut native(&outputs[0]), LIMIT, Show::OnFailure)?;
        let what = format!("the program, as WebAssembly ({} toolchain)", request.toolchain.name());
        step(&what, &mut wasm(request.toolchain, &outputs[1]), LIMIT, Show::OnFailure)?;
        fingerprint::record(&stamp, &made_from)?;
    }
    let mut bench = Command::new(repo::path("target/release/socket-iwa-bench"));
    bench.arg("--repository").arg(repo::root()).arg("--program").arg(&outputs[0]);
    bench.arg("--node").arg(setup::installed_node()?).arg("--chromium").arg(setup::installed_chromium()?);
    if request.profile {
        bench.arg("--profile").arg(directory.join("profiles"));
    }
    Err(replace(bench.args(&request.options)))
}

fn native(output: &PathBuf) -> Command {
    let mut command = Command::new("cc");
    command.args(["-O2", "-Wall", "-Wextra"]).arg(repo::path(SOURCE)).arg("-o").arg(output);
    command
}

fn wasm(toolchain: Toolchain, output: &PathBuf) -> Command {
    let given = ["-O3".into(), "-sALLOW_MEMORY_GROWTH".into(), repo::path(SOURCE).into(), "-o".into(), output.into()];
    let mut command = toolchain.command("emcc");
    command.args(with_library(&given)).current_dir(repo::root());
    command
}
