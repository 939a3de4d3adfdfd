#!/usr/bin/env bash
# Builds the server for WebAssembly into target/dist, with the cargo, rustc and emcc on the PATH: inside the toolchain
# image (docker/build.sh without a command), or with a user's own (cargo xtask build --toolchain local).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=wasm32-unknown-emscripten
config=(--config .cargo/wasm.toml)
build=(build --locked --package socket-iwa-server --profile wasm --target "$target")
if [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; then
  # A standard library that is installed (rustup target add) has its messages of panics, and fits no program without.
  config+=(--config 'profile.wasm.panic="abort"')
else
  # Build it from rust-src.
  build+=(-Zbuild-std=std,panic_abort)
fi
# For -Zbuild-std and the profile-rustflags of .cargo/wasm.toml, which a stable cargo otherwise refuses.
RUSTC_BOOTSTRAP=1 cargo "${config[@]}" "${build[@]}"

built=${CARGO_TARGET_DIR:-target}/$target/wasm
mkdir -p target/dist
cp "$built/socket-iwa-server.js" "$built/socket_iwa_server.wasm" target/dist/
# Where cargo has emcc write it.
cp "$built/deps/socket_iwa_server.js.symbols" target/dist/socket-iwa-server.js.symbols
printf 'built target/dist/socket-iwa-server.js and socket_iwa_server.wasm (%s bytes, %s with gzip)\n' \
  "$(stat -c %s target/dist/socket_iwa_server.wasm)" "$(gzip -9c target/dist/socket_iwa_server.wasm | wc -c)" >&2
