//! Links libdirectsockets.js into every program that depends on this crate.
//!
//! rustc turns `rustc-link-lib=directsockets.js` into `-ldirectsockets.js`, for which emcc links
//! `libdirectsockets.js` of the search path as a JavaScript library. So one dependency is enough for
//! `std::net` to work, and the program's own build needs no path to this one.

use std::{env, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=js/libdirectsockets.js");
    println!("cargo:rerun-if-changed=js/src");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("emscripten") {
        return;
    }
    let manifest = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let library = Path::new(&manifest).join("js");
    // Canonical: emcc loads the library's parts from beside it, and a link's own directory has none.
    let library = library
        .canonicalize()
        .unwrap_or_else(|error| panic!("socket-iwa: the library's directory {}: {error}", library.display()));
    println!("cargo:rustc-link-search=native={}", library.display());
    println!("cargo:rustc-link-lib=directsockets.js");
}
