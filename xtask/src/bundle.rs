//! `cargo xtask build --only bundle`: the app as a signed bundle and its update manifest, in target/bundle. The key is the
//! user's, made at the first use, and stays when target/ goes: an app's id is its key.

use std::env;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::error::{Error, IoContext, Result};
use crate::fingerprint;
use crate::process::{Show, step};
use crate::repo;
use crate::report::note;
use crate::setup;

const LIMIT: Duration = Duration::from_secs(120);

/// Names the key, where it is another one than the default.
const KEY_VARIABLE: &str = "SOCKET_IWA_SIGNING_KEY";

/// The bundle, whose name has the version, and the update manifest, in which versions add up.
pub(crate) fn outputs() -> [PathBuf; 2] {
    [repo::path("target/bundle").join(name()), repo::path("target/bundle/update-manifest.json")]
}

fn name() -> String {
    format!("socket-iwa-{}.swbn", repo::package_version())
}

/// $SOCKET_IWA_SIGNING_KEY, else a file in the user's configuration.
fn key() -> Result<PathBuf> {
    let named = |variable| env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let configuration = || named("XDG_CONFIG_HOME").or_else(|| Some(named("HOME")?.join(".config")));
    let key = named(KEY_VARIABLE).or_else(|| Some(configuration()?.join("socket-iwa/signing-key.pem")));
    key.ok_or_else(|| Error::unusable(format!("no place for the signing key: set {KEY_VARIABLE} to its path")))
}

/// Whether anything had to be done.
pub(crate) fn make() -> Result<bool> {
    let key = key()?;
    let pack = || -> Result<Command> {
        let mut command = Command::new(setup::installed_node()?);
        command.arg(repo::path("iwa/iwa-pack.mjs")).current_dir(repo::root());
        Ok(command)
    };
    if !key.exists() {
        let parent = key.parent().unwrap_or(&key);
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(parent);
        made.during(format!("making {}", parent.display()))?;
        note(&format!("a signing key is made: {}", key.display()));
        step("signing key", pack()?.arg("--generate-key").arg(&key), LIMIT, Show::OnFailure)?;
    }
    let stamp = repo::path("target/.bundle-made-from");
    let inputs = [
        repo::app(),
        repo::path("iwa/iwa-pack.mjs"),
        repo::path("iwa/pack"),
        repo::path("package-lock.json"),
        key.clone(),
    ];
    let fingerprint = fingerprint::of(&inputs, &[])?;
    let [bundle, updates] = outputs();
    if fingerprint::matches(&stamp, &fingerprint, &outputs()) {
        note("bundle: up to date");
        return Ok(false);
    }
    fs::create_dir_all(repo::path("target/bundle")).during("making target/bundle")?;
    let mut command = pack()?;
    command.arg(repo::app()).arg("--key").arg(&key).arg("--output").arg(&bundle);
    command.arg("--update-manifest").arg(&updates).arg("--src").arg(name());
    step("bundle", &mut command, LIMIT, Show::Live)?;
    fingerprint::record(&stamp, &fingerprint)?;
    Ok(true)
}
