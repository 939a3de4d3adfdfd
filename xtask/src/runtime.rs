//! The three places the server runs in, and the command that starts it in each: the same server arguments everywhere.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::build::Artifact;
use crate::bundle_browser;
use crate::error::{IoContext, Result};
use crate::repo;
use crate::setup::{self, Need};

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Runtime {
    /// Linux binary
    Native,
    /// WebAssembly on Node
    Node,
    /// WebAssembly in an Isolated Web App, headless
    Chromium,
}

/// What a server is told, whichever runtime it is on.
pub(crate) struct Options {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    /// Certificate chain and key, PEM.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    pub(crate) further: Vec<OsString>,
    /// Picture of the page, taken when it stops; for Chromium.
    pub(crate) screenshot: Option<PathBuf>,
    /// The app in a signed bundle; for Chromium.
    pub(crate) bundle: Option<PathBuf>,
}

impl Runtime {
    pub(crate) const ALL: [Self; 3] = [Self::Native, Self::Node, Self::Chromium];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Node => "node",
            Self::Chromium => "chromium",
        }
    }

    /// What must be built, in this order.
    pub(crate) fn artifacts(self) -> &'static [Artifact] {
        match self {
            Self::Native => &[Artifact::Native],
            Self::Node => &[Artifact::Wasm],
            Self::Chromium => &[Artifact::Wasm, Artifact::Iwa],
        }
    }

    /// What running it takes, beside what building it takes.
    pub(crate) fn needs(self) -> &'static [Need] {
        match self {
            Self::Native => &[],
            Self::Node => &[Need::Packages],
            Self::Chromium => &[Need::Packages, Need::Chromium],
        }
    }

    /// From start to ready, on a busy machine.
    pub(crate) fn start_limit(self) -> Duration {
        Duration::from_secs(match self {
            Self::Native => 30,
            Self::Node => 60,
            Self::Chromium => 180,
        })
    }

    /// The launcher of this runtime. It prints one JSON object a line and stops when its standard input closes.
    pub(crate) fn command(self, options: &Options) -> Result<Command> {
        let mut command = match self {
            Self::Native => Command::new(repo::native_server()),
            Self::Node => {
                let mut command = Command::new(setup::installed_node()?);
                command.arg(repo::path("server/node.mjs"));
                command
            }
            Self::Chromium => {
                let mut command = Command::new(setup::installed_node()?);
                command.arg(repo::path("iwa/serve.mjs")).arg("--json");
                command.arg("--chromium").arg(match &options.bundle {
                    // Where there is none the launcher says what the machine's own lacks.
                    Some(_) => bundle_browser::find()?.map_or_else(setup::installed_chromium, Ok)?,
                    None => setup::installed_chromium()?,
                });
                if let Some(file) = &options.screenshot {
                    command.arg("--screenshot").arg(absolute(file)?);
                }
                if let Some(file) = &options.bundle {
                    command.arg("--bundle").arg(absolute(file)?);
                }
                command.arg("--");
                command
            }
        };
        command.args(["--listen", &SocketAddr::new(options.address, options.port).to_string()]);
        command.args(["--json", "--stop-on-stdin-close"]);
        if let Some((certificate, key)) = &options.certificate {
            command.arg("--cert").arg(absolute(certificate)?).arg("--key").arg(absolute(key)?);
        }
        command.args(&options.further);
        Ok(command)
    }
}

/// The same file from any directory: a launcher may work in another one.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).during(path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_the_servers_arguments() {
        let options = Options {
            address: "::1".parse().unwrap(),
            port: 4433,
            certificate: Some(("/c.pem".into(), "/k.pem".into())),
            further: vec!["--log".into(), "debug".into()],
            screenshot: None,
            bundle: None,
        };
        let command = Runtime::Native.command(&options).unwrap();
        let expected = "--listen [::1]:4433 --json --stop-on-stdin-close --cert /c.pem --key /k.pem --log debug";
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_str().unwrap()).collect();
        assert_eq!(arguments.join(" "), expected);
    }
}
