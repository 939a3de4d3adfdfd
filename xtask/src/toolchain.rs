//! The WebAssembly toolchain: docker/build.sh's container, or a local emsdk and rustup of the same versions. It makes
//! commands and checks versions; what is built with them is the caller's.

use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

use crate::error::{Error, IoContext, Result};
use crate::process::{Show, describe, output_of, run};
use crate::repo;
use crate::report::note;

/// Downloads of about a gigabyte, unpacked twice.
const IMAGE_LIMIT: Duration = Duration::from_secs(30 * 60);

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Toolchain {
    /// docker/build.sh: docker, podman or buildah
    Container,
    /// emcc, cargo and rustc from PATH (emsdk and rustup)
    Local,
}

impl Toolchain {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Local => "local",
        }
    }

    /// A command that runs `program` with this toolchain, in the current directory unless the caller sets another.
    pub(crate) fn command(self, program: impl AsRef<OsStr>) -> Command {
        match self {
            Self::Container => {
                let mut command = Command::new(repo::path("docker/build.sh"));
                command.arg("--").arg(program);
                command
            }
            Self::Local => Command::new(program),
        }
    }

    /// Builds the container's image where it is not there yet, so that the first command in it takes no minutes.
    pub(crate) fn prepare(self) -> Result<()> {
        if self == Self::Local {
            return Ok(());
        }
        let what = "toolchain image";
        let mut command = Command::new(repo::path("docker/build.sh"));
        let outcome = run(what, command.arg("--image-only"), IMAGE_LIMIT, Show::Live)?;
        if outcome.status.success() {
            Ok(())
        } else {
            Err(Error::failed(format!("{what}: {}", describe(outcome.status))))
        }
    }

    /// Checks that a local toolchain is there and not older than the pinned one. The container is pinned as it is.
    pub(crate) fn check(self, programs: &[Program]) -> Result<()> {
        if self == Self::Container {
            return Ok(());
        }
        let pinned =
            std::fs::read_to_string(repo::path("docker/versions.env")).during("reading docker/versions.env")?;
        programs.iter().try_for_each(|program| program.check(&pinned))
    }
}

/// A program of the local toolchain.
#[derive(Clone, Copy)]
pub(crate) enum Program {
    Emcc,
    Rustc,
}

impl Program {
    fn check(self, pinned: &str) -> Result<()> {
        let (name, variable, source) = match self {
            Self::Emcc => ("emcc", "EMSCRIPTEN_VERSION", "emsdk install VERSION && emsdk activate VERSION"),
            Self::Rustc => ("rustc", "RUST_VERSION", "rustup toolchain install VERSION"),
        };
        let wanted = pinned_version(pinned, variable)
            .ok_or_else(|| Error::failed(format!("docker/versions.env: no {variable} with a version")))?;
        let shown = wanted.map(|part| part.to_string()).join(".");
        let how = format!("install {shown} ({}) or use the container", source.replace("VERSION", &shown));
        let output = output_of(Command::new(name).arg("--version"))
            .ok_or_else(|| Error::unusable(format!("--toolchain local: `{name} --version` does not work: {how}")))?;
        let found = version_in(&output)
            .ok_or_else(|| Error::unusable(format!("--toolchain local: `{name} --version` names no version: {how}")))?;
        let has = found.map(|part| part.to_string()).join(".");
        if found < wanted {
            return Err(Error::unusable(format!(
                "--toolchain local: {name} is {has}, older than the {shown} used here: {how}"
            )));
        }
        if found != wanted {
            note(&format!("--toolchain local: {name} is {has}; the project is tested with {shown}"));
        }
        Ok(())
    }
}

type Version = [u32; 3];

/// `RUST_VERSION=1.97.1*` gives 1.97.1.
fn pinned_version(pinned: &str, variable: &str) -> Option<Version> {
    let value = pinned.lines().find_map(|line| line.strip_prefix(variable)?.strip_prefix('='))?;
    version_in(value)
}

/// The first `X.Y.Z` in a text.
fn version_in(text: &str) -> Option<Version> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
        let mut parts = word.trim_matches('.').split('.').map(|part| part.parse().ok());
        let version = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_tools_print() {
        let emcc = "emcc (Emscripten gcc/clang-like replacement + linker emulating GNU ld) 6.0.5 (abc-123)";
        assert_eq!(version_in(emcc), Some([6, 0, 5]));
        assert_eq!(version_in("rustc 1.97.1 (8bab26f4f 2026-07-11)"), Some([1, 97, 1]));
        assert_eq!(pinned_version("A=1\nRUST_VERSION=1.97.1*\n", "RUST_VERSION"), Some([1, 97, 1]));
        assert_eq!(version_in("no version"), None);
    }
}
