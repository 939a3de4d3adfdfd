//! `cargo xtask cargo`: the toolchain's cargo, building the user's own crate for WebAssembly.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use crate::error::Result;
use crate::process::{output_of, replace};
use crate::repo;
use crate::toolchain::{Program, Toolchain};
use crate::user_files;

pub(crate) const TARGET: &str = "wasm32-unknown-emscripten";

/// Becomes cargo: returns only the error.
pub(crate) fn command(toolchain: Toolchain, arguments: &[OsString], install: bool) -> Result<()> {
    toolchain.check(&[Program::Rustc])?;
    let mut command = user_files::command(toolchain, "cargo", arguments, install)?;
    // The profile-rustflags of .cargo/wasm.toml and -Zbuild-std are refused by a stable cargo otherwise.
    command.env("RUSTC_BOOTSTRAP", "1");
    Err(replace(command.args(for_wasm(arguments, !has_standard_library(toolchain)))))
}

/// cargo's arguments with the target and what it needs. Commands that compile nothing get neither.
pub(crate) fn for_wasm(given: &[OsString], build_std: bool) -> Vec<OsString> {
    const COMPILES: [&str; 8] = ["b", "build", "c", "check", "clippy", "d", "doc", "rustc"];
    let mut arguments: Vec<OsString> = vec!["--config".into(), repo::path(".cargo/wasm.toml").into()];
    let mut given = given.iter().cloned();
    let Some(subcommand) = given.next() else { return arguments };
    let compiles = COMPILES.iter().any(|name| subcommand == *name);
    arguments.push(subcommand);
    if compiles {
        arguments.extend(["--target", TARGET].map(OsString::from));
        if build_std {
            arguments.push("-Zbuild-std=std,panic_abort".into());
        }
    }
    arguments.extend(given);
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

    fn with(given: &[&str], build_std: bool) -> Vec<String> {
        let given: Vec<OsString> = given.iter().map(OsString::from).collect();
        let arguments = for_wasm(&given, build_std);
        arguments[2..].iter().map(|argument| argument.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn what_compiles_gets_the_target_behind_its_name() {
        assert_eq!(with(&["build", "--release"], false), ["build", "--target", TARGET, "--release"]);
        assert_eq!(with(&["check"], true), ["check", "--target", TARGET, "-Zbuild-std=std,panic_abort"]);
    }

    #[test]
    fn what_compiles_nothing_stays_as_it_is() {
        assert_eq!(with(&["add", "socket-iwa"], true), ["add", "socket-iwa"]);
        assert!(with(&[], true).is_empty());
    }
}
