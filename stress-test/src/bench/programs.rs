//! What is not a matter of traffic: ciphers, the size of the WebAssembly, and how long a server takes to be ready.

use std::fs;
use std::process::Command;

use super::lab::Lab;
use super::runtime::Runtime;
use super::subject::{Arguments, OtherEnd, Program};
use super::workload::{self, Effort, Unit, Workload, figure};
use super::{Error, Result};

const WASM: &str = "target/dist/socket_iwa_server.wasm";
/// Milliseconds of one direction of one cipher.
const CIPHER_TIME: f64 = 500.0;
/// A profile's program runs for so many times as long.
const PROFILED: f64 = 8.0;

#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    /// As socket-iwa-ciphers names it, and the bytes of a datagram.
    Cipher(&'static str, u16),
    Size,
    Launch,
}

/// All of them, in the order in which they are shown.
pub(super) fn all() -> Vec<Workload> {
    let one = |name: &str, about: &str, figures: &[(&'static str, Unit)], task| Workload {
        name: name.into(),
        about: about.into(),
        figures: figures.iter().map(|(name, unit)| figure(name, *unit)).collect(),
        is_sample: ["aead-chacha20", "wasm-size"].contains(&name),
        task: workload::Task::Program(task),
    };
    let both = [("seal", Unit::MegabytesPerSecond), ("open", Unit::MegabytesPerSecond)];
    vec![
        one(
            "aead-chacha20",
            "ChaCha20-Poly1305 on packets of 1452 bytes",
            &both,
            Task::Cipher("chacha20-poly1305", 1452),
        ),
        one(
            "aead-chacha20-16384",
            "the same on packets of 16,384 bytes",
            &both,
            Task::Cipher("chacha20-poly1305", 16_384),
        ),
        one("aead-aes128", "AES-128-GCM on packets of 1452 bytes", &both, Task::Cipher("aes-128-gcm", 1452)),
        one(
            "launch",
            "from the start of the server to its being ready; in Chromium, from the button",
            &[("", Unit::Milliseconds)],
            Task::Launch,
        ),
        one(
            "wasm-size",
            "the server's WebAssembly",
            &[("raw", Unit::Kibibytes), ("gzip", Unit::Kibibytes)],
            Task::Size,
        ),
    ]
}

impl Task {
    pub(super) fn runs_on(self, runtime: Runtime) -> bool {
        match self {
            Self::Cipher(..) => runtime.runs_the_server(),
            Self::Launch => runtime.runs_the_server() || runtime == Runtime::Quinn,
            // The same file everywhere.
            Self::Size => runtime == Runtime::Chromium,
        }
    }

    pub(super) fn measure(self, lab: &mut Lab, runtime: Runtime, effort: Effort) -> Result<Vec<f64>> {
        match self {
            Self::Cipher(name, datagram) => {
                let profile = lab.profile.take();
                let time = CIPHER_TIME * if profile.is_some() { PROFILED } else { effort.scale };
                let rest = vec![time.ceil().to_string(), datagram.to_string()];
                let arguments = Arguments { program: Program::Ciphers, mode: name, socket: OtherEnd::None, rest };
                let mut running = lab.programs.start(runtime, &arguments, profile.as_deref())?;
                let figures = vec![running.value("seal")?, running.value("open")?];
                running.finish()?;
                Ok(figures)
            }
            Self::Launch => {
                let server = lab.servers.fresh(runtime, lab.profile.take().as_deref())?;
                let launch = server.launch.as_secs_f64() * 1e3;
                server.stop()?;
                Ok(vec![launch])
            }
            Self::Size => {
                let file = lab.paths.repository.join(WASM);
                let failed = |error: std::io::Error| Error(format!("{}: {error}", file.display()));
                let raw = fs::metadata(&file).map_err(failed)?.len();
                let packed = Command::new("gzip").arg("-9c").arg(&file).output().map_err(failed)?;
                Ok(vec![raw as f64 / 1024.0, packed.stdout.len() as f64 / 1024.0])
            }
        }
    }
}
