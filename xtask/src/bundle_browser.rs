//! A Chromium that installs signed bundles, for the tests of them: the machine's own where it can, else Debian's
//! 150.0.7871.100, unpacked into target/ and started from there. Debian's 156 can't: its reader of bundles is a stub.
//! 150 is behind on security fixes, so it shows the project's own content and nothing else.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::unistd::Uid;

use crate::error::{Error, IoContext, Result};
use crate::process::{Show, output_of, step};
use crate::repo;
use crate::setup;

/// Names the browser, to this tool and to the tests.
pub(crate) const VARIABLE: &str = "SOCKET_IWA_BUNDLE_CHROMIUM";

const VERSION: &str = "150.0.7871.100-1~deb12u1";
/// The Debian that the packages are for.
const CODENAME: &str = "bookworm";
const PACKAGES: [&str; 2] = ["chromium", "chromium-common"];
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// A histogram of the real reader, which no stub has; iwa/bundle-support.mjs looks for it too.
const MARK: &str = "SwbnFileUsability";

fn directory() -> PathBuf {
    repo::path("target/chromium-150")
}

fn unpacked() -> PathBuf {
    directory().join("usr/lib/chromium/chromium")
}

/// The one that [`VARIABLE`] names, the machine's own if it can, or the unpacked one.
pub(crate) fn find() -> Result<Option<PathBuf>> {
    if let Some(named) = setup::named_by(VARIABLE)? {
        return Ok(Some(named));
    }
    let own = setup::chromium()?.filter(|browser| binaries(browser).iter().any(|binary| reads_bundles(binary)));
    Ok(own.or_else(|| Some(unpacked()).filter(|browser| browser.exists())))
}

/// What a command of PATH may start: Debian's and Chrome's are scripts.
fn binaries(browser: &Path) -> Vec<PathBuf> {
    let real = fs::canonicalize(browser).unwrap_or_else(|_| browser.into());
    let name = real.file_name().unwrap_or_default().to_os_string();
    let beside = real.with_file_name("chrome");
    vec![real, Path::new("/usr/lib").join(&name).join(&name), beside]
}

fn reads_bundles(binary: &Path) -> bool {
    output_of(Command::new("grep").args(["--quiet", "--text", "--fixed-strings", MARK]).arg(binary)).is_some()
}

/// Whether it is worth trying: on the right Debian, with the version in the package lists, or as one who can renew them.
pub(crate) fn can_be_had() -> bool {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let tools = ["apt-get", "apt-cache", "dpkg-deb"].iter().all(|tool| setup::find(tool).is_some());
    tools && release.contains(&format!("VERSION_CODENAME={CODENAME}")) && (is_listed() || Uid::effective().is_root())
}

fn is_listed() -> bool {
    let lists = |package: &&str| {
        let madison = output_of(Command::new("apt-cache").args(["madison", package]));
        madison.is_some_and(|lines| lines.contains(VERSION))
    };
    PACKAGES.iter().all(lists)
}

/// Downloads and unpacks it. What it links with comes with the machine's own Chromium.
pub(crate) fn install() -> Result<()> {
    if !is_listed() {
        step("apt-get update", Command::new("apt-get").args(["-q", "update"]), LIMIT, Show::OnFailure)?;
    }
    if !is_listed() {
        return Err(Error::unusable(format!("chromium {VERSION} is not in the package lists")));
    }
    let stage = directory().with_extension("new");
    remove(&stage)?;
    fs::create_dir_all(&stage).during(format!("making {}", stage.display()))?;
    let packages = PACKAGES.map(|package| format!("{package}={VERSION}"));
    let what = format!("apt-get download {}", packages.join(" "));
    step(
        &what,
        Command::new("apt-get").args(["-q", "download"]).args(packages).current_dir(&stage),
        LIMIT,
        Show::OnFailure,
    )?;
    for entry in fs::read_dir(&stage).during(format!("reading {}", stage.display()))?.flatten() {
        let package = entry.path();
        let what = format!("unpacking {}", package.display());
        step(&what, Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&stage), LIMIT, Show::OnFailure)?;
        fs::remove_file(&package).during(format!("removing {}", package.display()))?;
    }
    if output_of(Command::new(stage.join("usr/lib/chromium/chromium")).arg("--version")).is_none() {
        remove(&stage)?;
        return Err(Error::unusable(format!(
            "chromium {VERSION} does not start here: a library that it needs is missing"
        )));
    }
    remove(&directory())?;
    fs::rename(&stage, directory()).during(format!("renaming {}", stage.display()))
}

fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).during(format!("removing {}", directory.display()))
    } else {
        Ok(())
    }
}

/// For who has to do without.
pub(crate) fn advice() -> String {
    let set = if env::var_os(VARIABLE).is_some() { "correct" } else { "set" };
    format!("{set} {VARIABLE} to a Chrome, or a Chromium such as Debian's {VERSION}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_script_of_debian_is_its_browser() {
        assert!(binaries(Path::new("/usr/bin/chromium")).contains(&"/usr/lib/chromium/chromium".into()));
    }

    #[test]
    fn a_stub_is_told_by_what_it_lacks() {
        let file = env::temp_dir().join(format!("xtask-browser-{}", std::process::id()));
        fs::write(&file, b"\0WebApp.Isolated.Other\0").unwrap();
        assert!(!reads_bundles(&file));
        fs::write(&file, b"\0WebApp.Isolated.SwbnFileUsability\0").unwrap();
        assert!(reads_bundles(&file));
        fs::remove_file(&file).unwrap();
    }
}
