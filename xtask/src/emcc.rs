//! `cargo xtask emcc`: the toolchain's emcc with Direct Sockets switched on, for files anywhere on the machine.

use std::ffi::OsString;

use crate::error::Result;
use crate::process::replace;
use crate::repo;
use crate::toolchain::Toolchain;
use crate::user_files;

/// Compiles SOURCE to OBJECT with FLAGS unless that was done before, then becomes emcc with the rest. Beside each other
/// such commands may do it twice.
const LINK: &str = r#"
set -e
source=$1 object=$2 flags=$3
shift 3
if ! [ "$object" -nt "$source" ]; then
  mkdir -p "$(dirname "$object")"
  # Whole or not at all, whoever else is at it.
  new=$(mktemp "$object.XXXXXX")
  emcc $flags -O2 -c "$source" -o "$new"
  mv "$new" "$object"
fi
exec emcc "$@"
"#;

/// Becomes emcc: returns only the error.
pub(crate) fn command(toolchain: Toolchain, arguments: &[OsString], install: bool) -> Result<()> {
    if !links(arguments) {
        let mut command = user_files::command(toolchain, "emcc", arguments, install)?;
        return Err(replace(command.args(with_library(arguments))));
    }
    let flags = abi_flags(arguments);
    let name = format!("socketpair-{}{}.o", toolchain.name(), flags.join(""));
    let object = repo::target().join("emcc").join(name);
    let mut command = user_files::command(toolchain, "bash", arguments, install)?;
    command.args(["-c", LINK, "emcc"]).arg(repo::socketpair()).arg(&object).arg(flags.join(" "));
    Err(replace(command.args(with_library(arguments)).arg(object)))
}

/// Of emcc's arguments those that objects must have in common to be linked with each other. The user's others stay with the
/// user's files: a `-std=c++20` or a `-Werror`.
fn abi_flags(given: &[OsString]) -> Vec<&str> {
    let is_abi = |flag: &&str| {
        ["-pthread", "-sPTHREADS", "-sSHARED_MEMORY", "-sMEMORY64", "-m64"].iter().any(|abi| flag.starts_with(abi))
    };
    given.iter().filter_map(|argument| argument.to_str()).filter(is_abi).collect()
}

/// emcc's arguments with the library switched on, and with what makes a call wait: JSPI, or the thread that it is on.
/// Compiling without linking needs neither, and clang refuses `--js-library` then.
pub(crate) fn with_library(given: &[OsString]) -> Vec<OsString> {
    let mut arguments = Vec::new();
    if links(given) {
        let threads = given.iter().any(|argument| argument == "-pthread" || argument == "-sPTHREADS");
        arguments.push(if threads { "-sPROXY_TO_PTHREAD" } else { "-sJSPI" }.into());
        // As any other program: what it has printed is flushed when main returns, and its exit status is told.
        arguments.push("-sEXIT_RUNTIME".into());
        arguments.push("--js-library".into());
        arguments.push(repo::library().into());
    }
    arguments.extend(given.iter().cloned());
    // 6.0.5 calls JSPI experimental at every link (until 6.0.8). Only when the user says nothing about it; and last,
    // because a -Wall that follows switches it on again.
    if links(given) && !given.iter().any(|argument| argument == "-Wexperimental") {
        arguments.push("-Wno-experimental".into());
    }
    arguments
}

fn links(arguments: &[OsString]) -> bool {
    const NO_LINK: [&str; 10] =
        ["-c", "-S", "-E", "-M", "-MM", "-fsyntax-only", "--version", "--help", "--clear-cache", "--show-ports"];
    let texts: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let has_input = texts.iter().any(|text| !text.starts_with('-'));
    has_input && !texts.iter().any(|text| NO_LINK.contains(&text.as_ref()) || text.starts_with("-print-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(arguments: &[&str]) -> Vec<OsString> {
        arguments.iter().map(OsString::from).collect()
    }

    #[test]
    fn objects_that_are_linked_have_the_same_flags_of_the_abi() {
        let given = os(&["-O3", "-pthread", "-std=c++20", "a.cpp", "-sMEMORY64=1", "-Werror"]);
        assert_eq!(abi_flags(&given), ["-pthread", "-sMEMORY64=1"]);
        assert!(abi_flags(&os(&["a.c", "-o", "a.js"])).is_empty());
    }

    #[test]
    fn linking_gets_the_library_and_compiling_does_not() {
        let linked = with_library(&os(&["echo.c", "-o", "echo.js"]));
        assert_eq!(linked[..3], os(&["-sJSPI", "-sEXIT_RUNTIME", "--js-library"]));
        assert_eq!(linked[4..], os(&["echo.c", "-o", "echo.js", "-Wno-experimental"]));
        assert_eq!(with_library(&os(&["-Wall", "echo.c"])).last(), Some(&"-Wno-experimental".into()));
        assert_eq!(with_library(&os(&["-c", "echo.c"])), os(&["-c", "echo.c"]));
        assert_eq!(with_library(&os(&["--version"])), os(&["--version"]));
        assert_eq!(with_library(&os(&["-pthread", "a.c"]))[0], "-sPROXY_TO_PTHREAD");
        assert!(!with_library(&os(&["a.c", "-Wexperimental"])).contains(&"-Wno-experimental".into()));
    }
}
