//! The project's own artifacts: native server and client, WebAssembly server, the app's directory. Each is built when
//! its inputs changed: cargo knows that of the native ones, a fingerprint says it of the others.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::statvfs::statvfs;
use serde_json::{Map, json};

use crate::bundle;
use crate::error::{Error, IoContext, Result};
use crate::fingerprint;
use crate::process::{Show, step, wait_until};
use crate::repo;
use crate::report::note;
use crate::setup::{self, Need};
use crate::toolchain::{Program, Toolchain};

/// A cold build on a slow machine, the image included.
const LIMIT: Duration = Duration::from_secs(40 * 60);
/// With less than this a build that failed most likely failed for it.
const NEARLY_FULL: u64 = 200_000_000;
/// What npm/packages.mjs makes.
const NPM_PACKAGES: [&str; 3] = ["socket-iwa", "iwa-pack", "iwa-run"];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, clap::ValueEnum)]
pub(crate) enum Artifact {
    /// target/release: server, client and relay for this machine
    Native,
    /// target/dist: the server as WebAssembly
    Wasm,
    /// target/iwa: the app's directory (needs wasm)
    Iwa,
    /// target/bundle: the app as a signed bundle, and its update manifest (builds iwa; not without --only)
    Bundle,
    /// target/npm: the npm packages socket-iwa, iwa-pack and iwa-run, as tarballs (builds wasm; not without --only)
    Npm,
}

impl Artifact {
    /// Without the bundle, which takes a key, and the npm packages, which only their users need.
    pub(crate) const ALL: [Self; 3] = [Self::Native, Self::Wasm, Self::Iwa];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Wasm => "wasm",
            Self::Iwa => "iwa",
            Self::Bundle => "bundle",
            Self::Npm => "npm",
        }
    }

    /// As a user is told of it.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Native => "native server, client and relay",
            Self::Wasm => "WebAssembly server",
            Self::Iwa => "app",
            Self::Bundle => "bundle",
            Self::Npm => "npm packages",
        }
    }

    /// What making it takes.
    pub(crate) fn needs(self, toolchain: Toolchain) -> Result<Vec<Need>> {
        Ok(match self {
            Self::Native => vec![Need::Compiler],
            // An up-to-date server needs no container, and looking for one takes time.
            Self::Wasm if toolchain == Toolchain::Container && !wasm_is_current(toolchain)? => vec![Need::Container],
            Self::Wasm => vec![],
            Self::Iwa | Self::Bundle => vec![Need::Packages],
            Self::Npm => [Self::Wasm.needs(toolchain)?, vec![Need::Packages, Need::Npm]].concat(),
        })
    }

    pub(crate) fn build(self, toolchain: Toolchain) -> Result<Built> {
        let _lock = Lock::take(self.lock())?;
        let start = Instant::now();
        let fresh = match self {
            Self::Native => native(),
            Self::Wasm => wasm(toolchain),
            Self::Iwa => iwa(),
            Self::Bundle => iwa().and_then(|fresh| Ok(bundle::make()? || fresh)),
            Self::Npm => wasm(toolchain).and_then(|_| npm()),
        };
        let fresh = fresh.map_err(explain_full_disk)?;
        Ok(Built { artifact: self, fresh, elapsed: start.elapsed() })
    }

    /// The file that keeps two from being built at once. Cargo's build has nothing in common with the others, of which one
    /// is made of another.
    fn lock(self) -> PathBuf {
        repo::target().join(if self == Self::Native { "xtask-native.lock" } else { "xtask.lock" })
    }

    /// For who runs what is there.
    pub(crate) fn expect_built(self) -> Result<()> {
        match self.outputs().iter().find(|output| !output.exists()) {
            Some(output) => Err(Error::unusable(format!(
                "{} is missing: run `cargo xtask build --only {}`",
                output.display(),
                self.name()
            ))),
            None => Ok(()),
        }
    }

    fn outputs(self) -> Vec<PathBuf> {
        match self {
            Self::Native => vec![repo::native_server(), repo::native_client(), repo::relay()],
            Self::Wasm => repo::wasm_server().to_vec(),
            Self::Iwa => vec![repo::app()],
            Self::Bundle => bundle::outputs().to_vec(),
            Self::Npm => npm_packages(),
        }
    }
}

pub(crate) struct Built {
    artifact: Artifact,
    /// False where nothing had to be done.
    fresh: bool,
    elapsed: Duration,
}

/// What making several takes.
pub(crate) fn needs(artifacts: &[Artifact], toolchain: Toolchain) -> Result<Vec<Need>> {
    let each: Result<Vec<_>> = artifacts.iter().map(|artifact| artifact.needs(toolchain)).collect();
    Ok(each?.concat())
}

/// `cargo xtask build`: the result is the JSON that describes it.
pub(crate) fn command(artifacts: &[Artifact], toolchain: Toolchain, install: bool) -> Result<serde_json::Value> {
    setup::ensure(&needs(artifacts, toolchain)?, install)?;
    let mut built = Map::new();
    for artifact in artifacts {
        let done = artifact.build(toolchain)?;
        let outputs: Vec<String> = done.artifact.outputs().iter().map(|path| path.display().to_string()).collect();
        let entry = json!({"outputs": outputs, "rebuilt": done.fresh, "seconds": done.elapsed.as_secs_f64()});
        built.insert(done.artifact.name().into(), entry);
    }
    Ok(json!({"ok": true, "toolchain": toolchain.name(), "artifacts": built}))
}

/// The result in words: one line an artifact.
pub(crate) fn summary(built: &serde_json::Value) -> String {
    let line = |(name, entry): (&String, &serde_json::Value)| {
        let outputs: Vec<&str> =
            entry["outputs"].as_array().into_iter().flatten().filter_map(|path| path.as_str()).collect();
        let state = if entry["rebuilt"] == true { "built" } else { "up to date" };
        format!("{name:<7} {state:<11} {}", outputs.join(" "))
    };
    built["artifacts"].as_object().into_iter().flatten().map(line).collect::<Vec<_>>().join("\n")
}

/// cargo for this workspace, which finds the same environment as when it is typed.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(repo::root()).env("CARGO_TARGET_DIR", repo::target());
    forget_package(&mut command);
    command
}

/// `cargo run` tells a program which package it is of. ring's build script looks at those variables: passed on, they
/// would make it compile again each time `cargo build` and `cargo xtask` take turns.
pub(crate) fn forget_package(command: &mut Command) {
    let of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_package)) {
        command.env_remove(name);
    }
}

fn native() -> Result<bool> {
    let before = modified(&Artifact::Native.outputs());
    let mut command = cargo();
    let packages = ["socket-iwa-server", "socket-iwa-native", "socket-iwa-stress", "socket-iwa-ciphers"];
    command.args(["build", "--release"]).args(packages.map(|name| format!("--package={name}")));
    step("native server, client and relay", &mut command, LIMIT, Show::Live)?;
    expect(Artifact::Native)?;
    Ok(modified(&Artifact::Native.outputs()) != before)
}

fn modified(paths: &[PathBuf]) -> Vec<Option<std::time::SystemTime>> {
    paths.iter().map(|path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok()).collect()
}

fn wasm_fingerprint(toolchain: Toolchain) -> Result<String> {
    let inputs =
        ["server", "shim", "packet-protection", "emscripten-lib", "docker", "Cargo.toml", "Cargo.lock", ".cargo"];
    fingerprint::of(&inputs.map(repo::path), &[toolchain.name()])
}

fn wasm_stamp() -> PathBuf {
    repo::path("target/dist/.made-from")
}

fn wasm_is_current(toolchain: Toolchain) -> Result<bool> {
    Ok(fingerprint::matches(&wasm_stamp(), &wasm_fingerprint(toolchain)?, &Artifact::Wasm.outputs()))
}

fn wasm(toolchain: Toolchain) -> Result<bool> {
    let fingerprint = wasm_fingerprint(toolchain)?;
    if fingerprint::matches(&wasm_stamp(), &fingerprint, &Artifact::Wasm.outputs()) {
        note("WebAssembly server: up to date");
        return Ok(false);
    }
    toolchain.check(&[Program::Emcc, Program::Rustc])?;
    let mut command = toolchain.command("bash");
    command.arg(repo::path("server/build-wasm.sh")).current_dir(repo::root());
    // The user's own may be a directory that the container does not see.
    command.env("CARGO_TARGET_DIR", repo::target());
    forget_package(&mut command);
    step(&format!("WebAssembly server ({} toolchain)", toolchain.name()), &mut command, LIMIT, Show::Live)?;
    expect(Artifact::Wasm)?;
    fingerprint::record(&wasm_stamp(), &fingerprint)?;
    Ok(true)
}

fn iwa() -> Result<bool> {
    let stamp = repo::path("target/.iwa-made-from");
    let inputs = ["iwa", "api", "docs", "target/dist", "package-lock.json"].map(repo::path);
    let fingerprint = fingerprint::of(&inputs, &[])?;
    if fingerprint::matches(&stamp, &fingerprint, &Artifact::Iwa.outputs()) {
        note("app: up to date");
        return Ok(false);
    }
    let mut command = Command::new(setup::installed_node()?);
    command.arg(repo::path("iwa/build.mjs")).current_dir(repo::root());
    step("app", &mut command, Duration::from_secs(120), Show::Live)?;
    expect(Artifact::Iwa)?;
    fingerprint::record(&stamp, &fingerprint)?;
    Ok(true)
}

/// Each package's tarball, whose name has the version.
fn npm_packages() -> Vec<PathBuf> {
    let version = repo::package_version();
    NPM_PACKAGES.map(|name| repo::path("target/npm").join(format!("{name}-{version}.tgz"))).to_vec()
}

fn npm() -> Result<bool> {
    let stamp = repo::path("target/.npm-made-from");
    let inputs = ["iwa", "api", "emscripten-lib", "npm", "target/dist", "package.json", "LICENSE"].map(repo::path);
    let fingerprint = fingerprint::of(&inputs, &[])?;
    if fingerprint::matches(&stamp, &fingerprint, &Artifact::Npm.outputs()) {
        note("npm packages: up to date");
        return Ok(false);
    }
    let mut command = Command::new(setup::installed_node()?);
    command.arg(repo::path("npm/packages.mjs")).current_dir(repo::root());
    step("npm packages", &mut command, Duration::from_secs(120), Show::OnFailure)?;
    expect(Artifact::Npm)?;
    fingerprint::record(&stamp, &fingerprint)?;
    Ok(true)
}

/// A build script that succeeds without its outputs would fail later, and somewhere else.
fn expect(artifact: Artifact) -> Result<()> {
    match artifact.outputs().iter().find(|output| !output.exists()) {
        Some(output) => {
            Err(Error::failed(format!("the {} build succeeded but made no {}", artifact.name(), output.display())))
        }
        None => Ok(()),
    }
}

/// One build of the same at a time in a working tree: the second waits and finds everything made.
struct Lock {
    _file: Flock<File>,
}

impl Lock {
    fn take(path: PathBuf) -> Result<Self> {
        fs::create_dir_all(repo::target()).during(format!("making {}", repo::target().display()))?;
        let mut unlocked = Some(File::create(&path).during(format!("creating {}", path.display()))?);
        let mut locked = None;
        let mut told = false;
        wait_until("waiting for another build of this tree", LIMIT, || {
            let Some(file) = unlocked.take() else { return Ok(true) };
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => locked = Some(lock),
                Err((file, Errno::EAGAIN)) => {
                    if !told {
                        note("another build of this tree is running: waiting for it");
                        told = true;
                    }
                    unlocked = Some(file);
                }
                Err((_, error)) => return Err(Error::failed(format!("locking {}: {error}", path.display()))),
            }
            Ok(locked.is_some())
        })?;
        locked
            .map(|file| Self { _file: file })
            .ok_or_else(|| Error::failed(format!("locking {} failed", path.display())))
    }
}

/// Compilers report a full disk in many ways and places: say it in one line, with the place.
fn explain_full_disk(error: Error) -> Error {
    let caches = env::var_os("SOCKET_IWA_CACHE").map(PathBuf::from);
    let full =
        [Some(repo::target()), caches].into_iter().flatten().find(|path| free(path).is_some_and(|b| b < NEARLY_FULL));
    match full {
        Some(path) => {
            let megabytes = free(&path).unwrap_or(0) / 1_000_000;
            error.context(format!("the disk is full ({megabytes} MB free at {}; a build needs 3 GB)", path.display()))
        }
        None => error,
    }
}

/// Bytes free at a path.
fn free(path: &Path) -> Option<u64> {
    let status = statvfs(path).ok()?;
    Some(status.blocks_available() * status.fragment_size())
}
