//! The Python environment of the interop matrix: target/interop/venv, with what interop/aioquic/requirements.txt pins.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::error::{IoContext, Result};
use crate::process::{Show, output_of, step};
use crate::repo;

const LIMIT: Duration = Duration::from_secs(10 * 60);

fn environment() -> PathBuf {
    repo::path("target/interop/venv")
}

fn requirements() -> PathBuf {
    repo::path("interop/aioquic/requirements.txt")
}

/// A copy of what was installed.
fn stamp() -> PathBuf {
    environment().join("requirements.txt")
}

/// Whether everything is there in its version.
pub(crate) fn is_current() -> bool {
    let wanted = fs::read(requirements()).ok();
    wanted.is_some() && fs::read(stamp()).ok() == wanted && environment().join("bin/python").exists()
}

/// Debian's Python has venv in a package of its own, without which ensurepip is missing.
pub(crate) fn python_is_there() -> bool {
    output_of(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_some()
}

pub(crate) fn install() -> Result<()> {
    let mut make = Command::new("python3");
    // --clear: what an interrupted installation or another version left behind.
    make.args(["-m", "venv", "--clear"]).arg(environment());
    step("a Python environment for aioquic", &mut make, LIMIT, Show::OnFailure)?;
    let mut install = Command::new(environment().join("bin/pip"));
    install.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements());
    step("pip install aioquic", &mut install, LIMIT, Show::OnFailure)?;
    fs::copy(requirements(), stamp()).map(drop).during(format!("writing {}", stamp().display()))
}
