#!/usr/bin/env bash
# Builds the server for WebAssembly into target/dist, with the cargo, rustc and emcc on the PATH: inside the toolchain
# image (docker/build.sh without a command), or with a user's own (cargo xtask build --toolchain local).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=wasm32-unknown-emscripten
config=(--config .cargo/wasm.toml
  # Not for other programs that are built with that file. Of what derived Debug prints, the name of the variant or the type
  # without what is in it: theirs may say more by it. rustc itself inlines the smallest functions, as it does without its
  # options for size: what LLVM then makes of the rest is smaller.
  --config "target.$target.rustflags=['-Zfmt-debug=shallow', '-Zinline-mir=yes', '-Zinline-mir-threshold=30',
    '-Zinline-mir-hint-threshold=60']"
  # ring for size: what it does for each packet has a crate of its own here, packet-protection/.
  --config 'profile.wasm.package.ring.opt-level="s"'
  --config "env.CFLAGS_${target//-/_}='-Os -msimd128'")
build=(build --locked --package socket-iwa-server --profile wasm --target "$target")
if [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; then
  # A standard library that is installed (rustup target add) has its messages of panics, and fits no program without.
  config+=(--config 'profile.wasm.panic="abort"')
else
  # Build it from rust-src.
  build+=(-Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size)
fi
# For -Zbuild-std and the profile-rustflags of .cargo/wasm.toml, which a stable cargo otherwise refuses.
RUSTC_BOOTSTRAP=1 cargo "${config[@]}" "${build[@]}"

built=${CARGO_TARGET_DIR:-target}/$target/wasm
mkdir -p target/dist
cp "$built/socket-iwa-server.js" target/dist/

# emcc leaves functions in the order of their use. gzip looks back 32 KiB, and makes 5 % less of them where those that are
# alike are together (order-functions.mjs). Then the names go, into a file that tells which function
# `wasm-function[1234]` is: what a panic says is left out of this build (.cargo/wasm.toml), and its trap tells the place
# alone.
wasm_opt() {
  "$(em-config BINARYEN_ROOT)/bin/wasm-opt" --enable-bulk-memory --enable-bulk-memory-opt --enable-multivalue \
    --enable-mutable-globals --enable-nontrapping-float-to-int --enable-reference-types --enable-sign-ext \
    --enable-simd --optimize-level=3 --optimize-stack-ir "$@"
}
named=$built/socket_iwa_server.named.wasm
ordered=$built/socket_iwa_server.ordered.wasm
stripped=$built/socket_iwa_server.stripped.wasm
# By name first, so that what is found does not depend on the order of the linker.
wasm_opt "$built/socket_iwa_server.wasm" -g -O3 --reorder-functions-by-name -o "$named"
cp "$named" "$ordered"
# An order changes the numbers of the functions that are called, and with them what is alike, by up to 0.3 %: of a few, one
# made from the other, the best.
least=
for _ in 1 2 3 4; do
  node server/order-functions.mjs "$ordered" "$ordered"
  wasm_opt "$ordered" -g --reorder-functions-by-name --symbolmap="$ordered.symbols" -o "$ordered"
  wasm_opt "$ordered" --strip-debug -o "$stripped"
  compressed=$(gzip -9c "$stripped" | wc -c)
  if [ -z "$least" ] || [ "$compressed" -lt "$least" ]; then
    least=$compressed
    cp "$stripped" target/dist/socket_iwa_server.wasm
    # Without the places before the names.
    sed -E 's/^([0-9]+:)([0-9]{6} )+/\1/' "$ordered.symbols" > target/dist/socket-iwa-server.js.symbols
  fi
done
printf 'built target/dist/socket-iwa-server.js and socket_iwa_server.wasm (%s bytes, %s with gzip)\n' \
  "$(stat -c %s target/dist/socket_iwa_server.wasm)" "$least" >&2
