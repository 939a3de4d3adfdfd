//! `cargo xtask clean`: removes what the other commands made.

use std::fs;
use std::io;
use std::process::Command;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::process::{Show, step};
use crate::repo;
use crate::report::note;

const OUTPUTS: [&str; 16] = [
    "target/dist",
    "target/iwa",
    "target/demo",
    "target/bench",
    "target/.iwa-made-from",
    "target/bundle",
    "target/.bundle-made-from",
    "target/npm",
    "target/.npm-made-from",
    "target/ports",
    "target/conformance",
    "target/conformance-report.json",
    "target/interop",
    "target/emcc",
    "target/wasm",
    "target/wasm32-unknown-emscripten",
];

pub(crate) fn command(all: bool) -> Result<()> {
    OUTPUTS.iter().try_for_each(|output| remove(output))?;
    if all {
        remove("target/release")?;
        remove("target/chromium-150")?;
        let mut clean = Command::new(repo::path("docker/build.sh"));
        step("the toolchain's image and caches", clean.arg("--clean"), Duration::from_secs(300), Show::Live)?;
    }
    Ok(())
}

fn remove(relative: &str) -> Result<()> {
    let path = repo::path(relative);
    let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
    match removed {
        Ok(()) => note(&format!("removed {}", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::failed(format!("removing {}: {error}", path.display()))),
    }
    Ok(())
}
