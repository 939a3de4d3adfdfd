//! What measurements are made with: programs and servers on their runtimes, and where profiles of them go.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::servers::Servers;
use super::subject::Launchers;
use super::{Error, Result};

/// Where the programs are, and what runs them.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Of this repository: its JavaScript is run from there, and its builds are found there.
    pub repository: PathBuf,
    pub node: PathBuf,
    pub chromium: Option<PathBuf>,
}

impl Paths {
    /// What the benchmark's own build makes.
    pub(super) fn built(&self, name: &str) -> PathBuf {
        self.repository.join("target/bench").join(name)
    }

    pub(super) fn release(&self, name: &str) -> PathBuf {
        self.repository.join("target/release").join(name)
    }

    /// Node, which writes a CPU profile at its end if there is a place for one.
    pub(super) fn node(&self, profile: Option<&Path>) -> Command {
        let mut command = Command::new(&self.node);
        if let (Some(directory), Some(name)) = (profile.and_then(Path::parent), profile.and_then(Path::file_name)) {
            command.args(["--cpu-prof", "--cpu-prof-interval", "200"]);
            command.arg("--cpu-prof-dir").arg(directory).arg("--cpu-prof-name").arg(name);
        }
        command
    }

    pub fn node_version(&self) -> Result<String> {
        let output = Command::new(&self.node).arg("--version").output();
        let output = output.map_err(|error| Error(format!("{}: {error}", self.node.display())))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().trim_start_matches('v').to_string())
    }
}

pub struct Lab {
    pub(super) paths: Paths,
    pub(super) programs: Launchers,
    pub(super) servers: Servers,
    /// Of the measurement that comes next.
    pub(super) profile: Option<PathBuf>,
}

impl Lab {
    #[must_use]
    pub fn new(paths: Paths) -> Self {
        Self { programs: Launchers::new(paths.clone()), servers: Servers::new(paths.clone()), paths, profile: None }
    }

    /// Starts Chromium for programs if it does not run yet; its version.
    pub fn chromium_version(&mut self) -> Result<String> {
        self.programs.chromium_version()
    }
}
