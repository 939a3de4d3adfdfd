#!/usr/bin/env bash
# Builds the examples for WebAssembly, with the cargo, rustc and emcc on the PATH: inside the toolchain image
# (docker/build.sh examples/build-wasm.sh). The Rust programs go to where those of the ports are, target/ports/cargo, since
# they share dependencies; the C programs to target/examples.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# --- Rust ------------------------------------------------------------------------------------------------------------

target=wasm32-unknown-emscripten
arguments=(--config .cargo/wasm.toml build --manifest-path examples/rust/Cargo.toml --locked --release --target "$target")
if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; then
  arguments+=(-Zbuild-std=std,panic_abort)
fi
# One after the other: what a dependency is compiled with is then what its program alone asks for, as where it stands alone.
for package in socket-iwa-examples chat; do
  RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$PWD/target/ports/cargo cargo "${arguments[@]}" --package "$package"
done

# --- C: as `cargo xtask emcc` calls it -------------------------------------------------------------------------------

mkdir -p target/examples
library=$PWD/emscripten-lib
for source in examples/c/*.c; do
  name=$(basename "$source" .c)
  output=target/examples/$name.js
  # Made before from the same source and library?
  if [ -e "$output" ] && [ -z "$(find "$source" "$library/src" "$library/libdirectsockets.js" -newer "$output" -print -quit)" ]; then
    continue
  fi
  emcc -O2 -Wall -Wextra -Werror -sJSPI -sEXIT_RUNTIME -Wno-experimental --js-library "$library/libdirectsockets.js" \
    "$source" -o "$output"
done
