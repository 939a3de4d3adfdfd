//! `cargo xtask emcc`, `emconfigure`, `emmake` and `emcmake`: the toolchain's tools of these names with Direct Sockets
//! switched on, for files anywhere on the machine. What they add is in the scripts of emscripten-lib/bin.

use std::ffi::OsString;

use crate::error::Result;
use crate::process::replace;
use crate::repo;
use crate::toolchain::Toolchain;
use crate::user_files;

/// Becomes the tool of that name: returns only the error.
pub(crate) fn command(toolchain: Toolchain, tool: &str, arguments: &[OsString], install: bool) -> Result<()> {
    let script = repo::path("emscripten-lib/bin").join(tool);
    Err(replace(user_files::command(toolchain, script, arguments, install)?.args(arguments)))
}
