//! Links the WebAssembly server as an ES module, which the app's worker and the Node launcher import.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("emscripten") {
        return;
    }
    for setting in [
        "MODULARIZE=1",
        "EXPORT_ES6=1",
        "ENVIRONMENT=web,worker,node",
        // The app puts certificate files into the program's file system.
        "EXPORTED_RUNTIME_METHODS=FS",
    ] {
        println!("cargo:rustc-link-arg-bins=-s{setting}");
    }
    // Under Node a directory of the system can be mounted, to be served.
    println!("cargo:rustc-link-arg-bins=-lnodefs.js");
    // build-wasm.sh writes the names of functions to a file.
    println!("cargo:rustc-link-arg-bins=--profiling-funcs");
    println!("cargo:rustc-link-arg-bins=-O3");
}
