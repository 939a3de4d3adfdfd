//! The toolchain's programs on the user's own files, in whatever directory that is: what the container has to see for it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use crate::error::{Error, IoContext, Result};
use crate::repo;
use crate::setup::{self, Need};
use crate::toolchain::{Program, Toolchain};

/// A command that runs `program` in the current directory, where it finds the files that `arguments` name.
pub(crate) fn command(
    toolchain: Toolchain,
    program: impl AsRef<OsStr>,
    arguments: &[OsString],
    install: bool,
) -> Result<Command> {
    let current = current_directory(toolchain)?;
    let mut command = toolchain.command(program);
    if toolchain == Toolchain::Container {
        // The packages for what comes next: `npx iwa-run` and `xtask node` run what was made.
        setup::ensure(&[Need::Container, Need::Packages], install)?;
        let given: Vec<PathBuf> = env::var_os("SOCKET_IWA_MOUNT").iter().flat_map(env::split_paths).collect();
        let mounts = env::join_paths(given.into_iter().chain(mounts_for(arguments, &current)));
        let mounts = mounts.map_err(|error| Error::unusable(format!("a directory's name: {error}")))?;
        command.env("SOCKET_IWA_MOUNT", mounts);
    } else {
        toolchain.check(&[Program::Emcc])?;
    }
    Ok(command)
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
