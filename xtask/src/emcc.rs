//! `cargo xtask emcc`: the toolchain's emcc with Direct Sockets switched on, for files anywhere on the machine.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, IoContext, Result};
use crate::process::replace;
use crate::repo;
use crate::setup::{self, Need};
use crate::toolchain::{Program, Toolchain};

/// Becomes emcc: returns only the error.
pub(crate) fn command(toolchain: Toolchain, arguments: &[OsString], install: bool) -> Result<()> {
    let current = current_directory(toolchain)?;
    let mut command = toolchain.command("emcc");
    if toolchain == Toolchain::Container {
        setup::ensure(&[Need::Container], install)?;
        let given: Vec<PathBuf> = env::var_os("SOCKET_IWA_MOUNT").iter().flat_map(env::split_paths).collect();
        let mounts = env::join_paths(given.into_iter().chain(mounts_for(arguments, &current)));
        let mounts = mounts.map_err(|error| Error::unusable(format!("a directory's name: {error}")))?;
        command.env("SOCKET_IWA_MOUNT", mounts);
    } else {
        toolchain.check(&[Program::Emcc])?;
    }
    Err(replace(command.args(with_library(arguments))))
}

/// emcc's arguments with the library and JSPI switched on. Compiling without linking needs neither, and clang refuses
/// `--js-library` then.
fn with_library(given: &[OsString]) -> Vec<OsString> {
    let mut arguments = Vec::new();
    if links(given) {
        arguments.push("-sJSPI".into());
        arguments.push("--js-library".into());
        arguments.push(repo::library().into());
        // 6.0.5 calls JSPI experimental at every link (until 6.0.8). Only when the user says nothing about it.
        if !given.iter().any(|argument| argument == "-Wexperimental") {
            arguments.push("-Wno-experimental".into());
        }
    }
    arguments.extend(given.iter().cloned());
    arguments
}

fn links(arguments: &[OsString]) -> bool {
    const NO_LINK: [&str; 10] =
        ["-c", "-S", "-E", "-M", "-MM", "-fsyntax-only", "--version", "--help", "--clear-cache", "--show-ports"];
    let texts: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let has_input = texts.iter().any(|text| !text.starts_with('-'));
    has_input && !texts.iter().any(|text| NO_LINK.contains(&text.as_ref()) || text.starts_with("-print-"))
}

/// Directories beside the current one that the arguments name, and the container must see. A directory that does not
/// exist is left out: emcc says so itself.
fn mounts_for(arguments: &[OsString], current: &Path) -> Vec<PathBuf> {
    let mut mounts: Vec<PathBuf> = Vec::new();
    for path in arguments.iter().filter_map(|argument| path_in(argument)) {
        let absolute = normalized(&current.join(path));
        let directory = if absolute.is_dir() { Some(absolute.as_path()) } else { absolute.parent() };
        let Some(directory) = directory.filter(|directory| directory.is_dir()) else {
            continue;
        };
        let seen = |mount: &Path| directory.starts_with(mount);
        if !seen(current) && !seen(repo::root()) && !is_system(directory) && !mounts.iter().any(|mount| seen(mount)) {
            mounts.push(directory.to_path_buf());
        }
    }
    mounts
}

/// `/x/a.c`, `../a.c`, `-I/x`, `-L../x`, `--preload-file=/x`: the path of an argument, if it leaves the directory.
fn path_in(argument: &OsStr) -> Option<&Path> {
    let text = argument.to_str()?;
    let text = ["-I", "-L"].iter().find_map(|option| text.strip_prefix(option)).unwrap_or(text);
    let text = if text.starts_with('-') { text.split_once('=')?.1 } else { text };
    // file_packager's source@destination
    let text = text.split_once('@').map_or(text, |(source, _)| source);
    let path = Path::new(text);
    (path.is_absolute() || path.starts_with("..")).then_some(path)
}

/// Directories that the container has its own of: a mount would hide the toolchain.
fn is_system(directory: &Path) -> bool {
    let wholly = ["bin", "boot", "cache", "dev", "etc", "lib", "lib64", "proc", "sbin", "sys", "usr"];
    let itself = ["opt", "run", "var"];
    let parts: Vec<_> = directory.components().skip(1).map(|part| part.as_os_str()).collect();
    let first_in = |names: &[&str]| parts.first().is_some_and(|first| names.iter().any(|name| first == name));
    parts.is_empty() || first_in(&wholly) || (parts.len() == 1 && first_in(&itself))
}

/// Without `.` and `..`, by their text: the path as the container will look it up.
fn normalized(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                result.pop();
            }
            Component::CurDir => {}
            other => result.push(other),
        }
    }
    result
}

/// The user's directory: what docker/build.sh makes visible in the container.
fn current_directory(toolchain: Toolchain) -> Result<PathBuf> {
    let current = env::current_dir().during("the current directory")?;
    if toolchain == Toolchain::Container && is_system(&current) {
        let shown = current.display();
        return Err(Error::unusable(format!(
            "the container has a {shown} of its own: work in another directory (your home, /tmp/...) or use --toolchain local"
        )));
    }
    Ok(current)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(arguments: &[&str]) -> Vec<OsString> {
        arguments.iter().map(OsString::from).collect()
    }

    #[test]
    fn linking_gets_the_library_and_compiling_does_not() {
        let linked = with_library(&os(&["echo.c", "-o", "echo.js"]));
        assert_eq!(linked[..2], os(&["-sJSPI", "--js-library"]));
        assert_eq!(linked[3..], os(&["-Wno-experimental", "echo.c", "-o", "echo.js"]));
        assert_eq!(with_library(&os(&["-c", "echo.c"])), os(&["-c", "echo.c"]));
        assert_eq!(with_library(&os(&["--version"])), os(&["--version"]));
        assert!(!with_library(&os(&["a.c", "-Wexperimental"])).contains(&"-Wno-experimental".into()));
    }

    #[test]
    fn directories_beside_the_current_one_are_made_visible() {
        let current = env::temp_dir().join("xtask-mounts");
        std::fs::create_dir_all(current.join("work")).unwrap();
        std::fs::create_dir_all(current.join("other")).unwrap();
        let work = current.join("work");
        let mounts = |arguments: &[&str]| mounts_for(&os(arguments), &work);
        assert_eq!(mounts(&["../other/a.c", "a.c", "-o", "sub/a.js"]), [current.join("other")]);
        assert_eq!(mounts(&["-I../other", "-I/usr/include"]), [current.join("other")]);
        assert!(mounts(&["-I/no/such/directory"]).is_empty());
    }

    #[test]
    fn the_containers_own_directories_are_never_covered() {
        assert!(is_system(Path::new("/")) && is_system(Path::new("/usr/local")) && is_system(Path::new("/etc")));
        assert!(!is_system(Path::new("/home/me")) && !is_system(Path::new("/tmp")));
        assert!(is_system(Path::new("/var")) && !is_system(Path::new("/var/lib/ci")));
    }
}
