//! `cargo xtask`: what people type to build, run, show and test Socket.IWA. This file dispatches; each command is a
//! module. Results go to standard output, progress and logs to standard error.

mod ahead;
mod aioquic;
mod bench;
mod build;
mod bundle;
mod bundle_browser;
mod clean;
mod cli;
mod counts;
mod demo;
mod emcc;
mod error;
mod fingerprint;
mod process;
mod repo;
mod report;
mod runtime;
mod serve;
mod setup;
mod suites;
mod testing;
mod toolchain;
mod user_files;
mod visit;
mod wasm_cargo;

use std::process::{Command, ExitCode};

use clap::Parser;

use crate::build::Artifact;
use crate::error::Result;
use crate::report::{note, print, print_json};
use crate::runtime::{Options, Runtime};
use crate::setup::Need;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let done = process::catch_signals().and_then(|()| dispatch(cli.command));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let message = error.to_string();
            // An empty message: whoever ran has said it already.
            if !message.is_empty() {
                note(&format!("error: {message}"));
            }
            ExitCode::from(error.code())
        }
    }
}

fn dispatch(command: cli::Command) -> Result<()> {
    match command {
        cli::Command::Demo(demo) => demo::command(&demo::Request {
            runtimes: &demo.runtime.0,
            toolchain: demo.toolchain,
            install: !demo.install.no_install,
            json: demo.json,
            screenshot: demo.screenshot,
        }),
        cli::Command::Serve(serve) => run_serve(serve),
        cli::Command::Emcc(given) => run_emscripten("emcc", &given),
        cli::Command::Emconfigure(given) => run_emscripten("emconfigure", &given),
        cli::Command::Emmake(given) => run_emscripten("emmake", &given),
        cli::Command::Emcmake(given) => run_emscripten("emcmake", &given),
        cli::Command::Cargo(cargo) => wasm_cargo::command(&cargo),
        cli::Command::Node(node) => {
            setup::ensure(&[Need::Packages], !node.install.no_install)?;
            Err(process::replace(Command::new(setup::installed_node()?).args(&node.arguments)))
        }
        cli::Command::Build(build) => {
            let artifacts = if build.only.is_empty() { Artifact::ALL.to_vec() } else { build.only };
            let built = build::command(&artifacts, build.toolchain, !build.install.no_install)?;
            if build.json { print_json(&built) } else { print(&build::summary(&built)) }
        }
        cli::Command::Test(test) if test.list => suites::list(test.json),
        cli::Command::Test(test) => testing::command(&testing::Request {
            suites: &test.suite,
            toolchain: test.toolchain,
            install: !test.install.no_install,
            json: test.json,
        }),
        cli::Command::Bench(bench) => bench::command(&bench::Request {
            toolchain: bench.toolchain,
            install: !bench.install.no_install,
            profile: bench.profile,
            runs: !bench.list,
            options: bench.options(),
        }),
        cli::Command::Clean(clean) => clean::command(clean.all),
    }
}

fn run_emscripten(tool: &str, given: &cli::Emscripten) -> Result<()> {
    emcc::command(given.toolchain, tool, &given.arguments, !given.install.no_install)
}

fn run_serve(serve: cli::Serve) -> Result<()> {
    let options = Options {
        address: serve.address,
        port: serve.port,
        certificate: serve.cert.zip(serve.key),
        further: serve.server,
        screenshot: serve.screenshot,
        bundle: serve.bundle,
    };
    // A bundle has everything in it.
    let artifacts = if options.bundle.is_some() { &[] } else { serve.runtime.artifacts() };
    let mut needs = serve.runtime.needs().to_vec();
    if options.bundle.is_some() && serve.runtime == Runtime::Chromium {
        needs.push(Need::BundleChromium);
    }
    if !serve.no_build {
        needs.extend(build::needs(artifacts, serve.toolchain)?);
    }
    setup::ensure(&needs, !serve.install.no_install)?;
    for artifact in artifacts {
        if serve.no_build {
            artifact.expect_built()?;
        } else {
            artifact.build(serve.toolchain)?;
        }
    }
    serve::command(serve.runtime, &options, serve.json)
}
