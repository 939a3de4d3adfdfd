//! Where things are in the repository: one place for the paths the parts agreed on.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

/// The repository's root. `cargo run` says where the crate is now; a program started otherwise knows where it was built.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let built_in = Path::new(env!("CARGO_MANIFEST_DIR"));
        let candidates = [env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from), Some(built_in.to_path_buf())];
        let roots = candidates.into_iter().flatten().filter_map(|path| path.parent().map(Path::to_path_buf));
        let mut roots = roots.filter(|root| root.join("docker/versions.env").is_file());
        roots.next().unwrap_or_else(|| built_in.join(".."))
    })
}

pub(crate) fn path(relative: &str) -> PathBuf {
    root().join(relative)
}

/// cargo's output, whatever CARGO_TARGET_DIR says: the launchers and the app's build look for it here.
pub(crate) fn target() -> PathBuf {
    path("target")
}

pub(crate) fn native_server() -> PathBuf {
    path("target/release/socket-iwa-server")
}

pub(crate) fn native_client() -> PathBuf {
    path("target/release/socket-iwa-client")
}

pub(crate) fn relay() -> PathBuf {
    path("target/release/socket-iwa-relay")
}

/// The WebAssembly server as built: the module beside its loader.
pub(crate) fn wasm_server() -> [PathBuf; 2] {
    [path("target/dist/socket-iwa-server.js"), path("target/dist/socket_iwa_server.wasm")]
}

/// The version of package.json, which the app and the npm packages have.
pub(crate) fn package_version() -> String {
    let package: Option<Value> =
        fs::read(path("package.json")).ok().and_then(|text| serde_json::from_slice(&text).ok());
    package.and_then(|package| package["version"].as_str().map(String::from)).unwrap_or_else(|| "0".into())
}

/// The app's directory.
pub(crate) fn app() -> PathBuf {
    path("target/iwa")
}
