//! `cargo xtask cargo`: the toolchain's cargo, building the user's own crate for WebAssembly.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use crate::cli::Cargo;
use crate::error::{Error, Result};
use crate::process::{output_of, replace};
use crate::repo;
use crate::toolchain::{Program, Toolchain};
use crate::user_files;

pub(crate) const TARGET: &str = "wasm32-unknown-emscripten";

/// Becomes cargo: returns only the error.
pub(crate) fn command(cargo: &Cargo) -> Result<()> {
    refuse_to_run(&cargo.arguments)?;
    cargo.toolchain.check(&[Program::Rustc])?;
    let mut command = user_files::command(cargo.toolchain, "cargo", &cargo.arguments, !cargo.install.no_install)?;
    // The profile-rustflags of .cargo/wasm.toml and -Zbuild-std are refused by a stable cargo otherwise.
    command.env("RUSTC_BOOTSTRAP", "1");
    // rustup's standard library is compiled without atomics, and starts no threads.
    let build_std = cargo.threads || !has_standard_library(cargo.toolchain);
    let configuration: &[&str] =
        if cargo.threads { &[".cargo/wasm.toml", ".cargo/wasm-threads.toml"] } else { &[".cargo/wasm.toml"] };
    Err(replace(command.args(for_wasm_with(configuration, &cargo.arguments, build_std))))
}

/// cargo would build for the machine it is on, and run that.
fn refuse_to_run(arguments: &[OsString]) -> Result<()> {
    const RUNS: [&str; 5] = ["r", "run", "t", "test", "bench"];
    match arguments.first() {
        Some(name) if RUNS.iter().any(|runs| name == *runs) => Err(Error::unusable(format!(
            "cargo {} runs nothing in a browser: build, and give target/{TARGET}/…/NAME.js to iwa-run",
            name.to_string_lossy()
        ))),
        _ => Ok(()),
    }
}

/// cargo's arguments with the target and what it needs. Commands that compile nothing get neither.
pub(crate) fn for_wasm(given: &[OsString], build_std: bool) -> Vec<OsString> {
    for_wasm_with(&[".cargo/wasm.toml"], given, build_std)
}

fn for_wasm_with(files: &[&str], given: &[OsString], build_std: bool) -> Vec<OsString> {
    const COMPILES: [&str; 8] = ["b", "build", "c", "check", "clippy", "d", "doc", "rustc"];
    let configuration = files.iter().flat_map(|file| ["--config".into(), repo::path(file).into()]);
    let Some((subcommand, rest)) = given.split_first() else { return configuration.collect() };
    let mut arguments = Vec::new();
    if COMPILES.iter().any(|name| subcommand == *name) {
        // Behind the command's name: cargo forgets what stands before it as soon as the user gives a --config behind it.
        arguments.push(subcommand.clone());
        arguments.extend(configuration);
        arguments.extend(["--target", TARGET].map(OsString::from));
        if build_std {
            arguments.push("-Zbuild-std=std,panic_abort".into());
        }
    } else {
        arguments.extend(configuration);
        arguments.push(subcommand.clone());
    }
    arguments.extend(rest.iter().cloned());
    arguments
}

/// Whether rustc has the target's standard library: a local one after `rustup target add`. The container builds it.
pub(crate) fn has_standard_library(toolchain: Toolchain) -> bool {
    if toolchain == Toolchain::Container {
        return false;
    }
    let sysroot = output_of(Command::new("rustc").args(["--print".as_ref(), OsStr::new("sysroot")]));
    sysroot.is_some_and(|path| std::path::Path::new(path.trim()).join("lib/rustlib").join(TARGET).join("lib").is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&str; 2] = [".cargo/wasm.toml", ".cargo/wasm-threads.toml"];

    fn with(given: &[&str], build_std: bool) -> Vec<String> {
        let given: Vec<OsString> = given.iter().map(OsString::from).collect();
        let arguments = for_wasm_with(&FILES, &given, build_std);
        let root = format!("{}/", repo::root().display());
        arguments.iter().map(|argument| argument.to_string_lossy().replace(&root, "")).collect()
    }

    #[test]
    fn what_compiles_gets_settings_and_target_behind_its_name() {
        let settings = ["--config", FILES[0], "--config", FILES[1], "--target", TARGET];
        assert_eq!(with(&["build", "--release"], false), [&["build"], &settings[..], &["--release"]].concat());
        assert_eq!(with(&["check"], true), [&["check"], &settings[..], &["-Zbuild-std=std,panic_abort"]].concat());
    }

    #[test]
    fn a_config_of_the_users_stands_behind_the_settings() {
        let arguments = with(&["build", "--config", "mine.toml"], false);
        assert_eq!(arguments[..2], ["build", "--config"]);
        assert_eq!(arguments[arguments.len() - 2..], ["--config", "mine.toml"]);
    }

    #[test]
    fn what_would_run_here_is_refused() {
        for name in ["run", "test", "t"] {
            assert!(refuse_to_run(&[name.into(), "--release".into()]).is_err(), "{name}");
        }
        assert!(refuse_to_run(&["build".into(), "run".into()]).is_ok());
        assert!(refuse_to_run(&[]).is_ok());
    }

    #[test]
    fn what_compiles_nothing_stays_as_it_is() {
        let settings = ["--config", FILES[0], "--config", FILES[1]];
        assert_eq!(with(&["add", "socket-iwa"], true), [&settings[..], &["add", "socket-iwa"]].concat());
        assert_eq!(with(&[], true), settings);
    }
}
