#!/usr/bin/env bash
# Builds the ports for WebAssembly, with the cargo, rustc and emcc on the PATH: inside the toolchain image
# (docker/build.sh ports/build-wasm.sh). The Rust programs go to target/ports/cargo, the C programs to target/ports/c.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# --- Rust: ports/src/bin ---------------------------------------------------------------------------------------------

target=wasm32-unknown-emscripten
arguments=(--config .cargo/wasm.toml build --manifest-path ports/Cargo.toml --locked --release --target "$target")
if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; then
  arguments+=(-Zbuild-std=std,panic_abort)
fi
RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$PWD/target/ports/cargo cargo "${arguments[@]}"

# --- C: hiredis' example client and its own tests, from Debian's source package --------------------------------------

ports/debian-source.sh hiredis target/ports/debian
mkdir -p target/ports/c
library=$PWD/emscripten-lib
for program in examples/example test; do
  output=$PWD/target/ports/c/hiredis-${program##*/}.js
  # Made before from the same source and library?
  inputs=("$library/src" "$library/libdirectsockets.js" ports/build-wasm.sh)
  if [ -e "$output" ] && [ -z "$(find "${inputs[@]}" -newer "$output" -print -quit)" ]; then continue; fi
  (
    cd target/ports/debian/hiredis
    emcc -O2 -D_GNU_SOURCE -sJSPI -sEXIT_RUNTIME -sALLOW_MEMORY_GROWTH -Wno-experimental \
      --js-library "$library/libdirectsockets.js" -I. \
      alloc.c async.c hiredis.c net.c read.c sds.c sockcompat.c "$program.c" -o "$output"
  )
done
