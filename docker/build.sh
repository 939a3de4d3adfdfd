#!/usr/bin/env bash
# Runs a command in the WebAssembly toolchain of docker/Dockerfile, with docker, podman or buildah, whichever this
# machine has. It owns the image and the caches; what is built is the caller's (cargo xtask build, or the arguments).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(dirname "$here")
cache=${SOCKET_IWA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/socket-iwa}

usage() {
  cat <<EOF
Usage: docker/build.sh [OPTIONS] [--] [COMMAND [ARG...]]

Builds the toolchain image when docker/Dockerfile or docker/versions.env changed, then runs COMMAND in it, in the
current directory. The repository, the current directory and \$SOCKET_IWA_MOUNT (colon-separated) are visible at
their own paths. Without COMMAND it builds the WebAssembly server (as 'cargo xtask build' does).

Options:
  --engine NAME   docker, podman or buildah (default: \$SOCKET_IWA_ENGINE, else the first one that works)
  --which         print the container tool that would be used, run nothing
  --image-only    build the image, run nothing
  --clean         remove the image and the caches
  --help          this text

Environment:
  SOCKET_IWA_ENGINE  as --engine
  SOCKET_IWA_CACHE   where caches live (default: $cache)
  SOCKET_IWA_BASE    pull: base image from a registry; mmdebstrap: made here from Debian's packages
                     (default: mmdebstrap with buildah where it is installed, else pull, then mmdebstrap)
  SOCKET_IWA_MOUNT   further directories to make visible
EOF
}

say() { printf 'toolchain: %s\n' "$*" >&2; }
die() { printf 'toolchain: error: %s\n' "$*" >&2; exit 1; }

engine=${SOCKET_IWA_ENGINE:-}
which=
image_only=
clean=
while [ $# -gt 0 ]; do
  case $1 in
    --engine) [ $# -gt 1 ] || die '--engine takes docker, podman or buildah'; engine=$2; shift 2 ;;
    --engine=*) engine=${1#*=}; shift ;;
    --which) which=1; shift ;;
    --image-only) image_only=1; shift ;;
    --clean) clean=1; shift ;;
    -h|--help) usage; exit 0 ;;
    --) shift; break ;;
    -*) die "unknown option $1 (see docker/build.sh --help)" ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || set -- bash "$repo/server/build-wasm.sh"

# --- the engine ------------------------------------------------------------------------------------------------------

# `docker --version` answers on machines with only the client; `docker info` asks the daemon.
works() {
  case $1 in
    docker|podman) command -v "$1" >/dev/null && "$1" info >/dev/null 2>&1 ;;
    buildah) command -v buildah >/dev/null ;;
    *) return 1 ;;
  esac
}
if [ -z "$engine" ]; then
  for candidate in docker podman buildah; do
    if works "$candidate"; then engine=$candidate; break; fi
  done
  [ -n "$engine" ] || die "no container tool works here. Install one of docker, podman or buildah
  (Debian, Ubuntu: apt-get install buildah mmdebstrap), or use your own emsdk and rustup:
  cargo xtask build --toolchain local"
else
  works "$engine" || die "the container tool '$engine' does not work here (is it installed, is its daemon running?)"
fi

if [ -n "$which" ]; then echo "$engine"; exit 0; fi

if [ "$engine" = buildah ]; then
  # vfs and chroot need neither overlayfs nor user namespaces: they work as root in a bare virtual machine.
  export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs} BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}
fi

# --- the image -------------------------------------------------------------------------------------------------------

# shellcheck source=versions.env
. "$here/versions.env"
tag=$(cat "$here/Dockerfile" "$here/versions.env" | sha256sum | cut -c1-12)
image=socket-iwa-toolchain:$tag
base_image=socket-iwa-base:$DEBIAN_SUITE
# buildah runs commands in a working container, made once per image: with vfs each new one is a full copy.
container=socket-iwa-toolchain-$tag

has_image() {
  case $engine in
    buildah) buildah inspect --type image "$1" >/dev/null 2>&1 ;;
    *) "$engine" image inspect "$1" >/dev/null 2>&1 ;;
  esac
}

# The build context: the Dockerfile alone, so that a change elsewhere never rebuilds the image.
build_image() {
  local context base=$1 args=()
  context=$(mktemp -d)
  cp "$here/Dockerfile" "$context/"
  local name
  for name in EMSCRIPTEN_VERSION RUST_VERSION NODEJS_VERSION CURL_VERSION; do
    args+=(--build-arg "$name=${!name}")
  done
  local status=0
  case $engine in
    buildah) buildah bud -q --build-arg "BASE=$base" "${args[@]}" -t "$image" "$context" >&2 || status=$? ;;
    *) "$engine" build --build-arg "BASE=$base" "${args[@]}" -t "$image" "$context" >&2 || status=$? ;;
  esac
  rm -rf "$context"
  return "$status"
}

make_base() {
  has_image "$base_image" && return
  command -v mmdebstrap >/dev/null ||
    die "no base image can be pulled and mmdebstrap is not installed (Debian, Ubuntu: apt-get install mmdebstrap)"
  local tar=$cache/base-$DEBIAN_SUITE.tar
  if [ ! -s "$tar" ]; then
    say "making the base image (Debian $DEBIAN_SUITE) with mmdebstrap"
    mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' "$DEBIAN_SUITE" "${tar%.tar}.part.tar" ||
      die "mmdebstrap failed (see above)"
    mv "${tar%.tar}.part.tar" "$tar"
  fi
  case $engine in
    buildah)
      local context; context=$(mktemp -d)
      ln "$tar" "$context/base.tar" 2>/dev/null || cp "$tar" "$context/base.tar"
      printf 'FROM scratch\nADD base.tar /\n' > "$context/Dockerfile"
      buildah bud -q -t "$base_image" "$context" >&2 || { rm -rf "$context"; die 'importing the base image failed'; }
      rm -rf "$context"
      ;;
    *) "$engine" import "$tar" "$base_image" >&2 ;;
  esac
}

prepare_image() {
  has_image "$image" && return
  local base=${SOCKET_IWA_BASE:-} free
  if [ -z "$base" ] && [ "$engine" = buildah ] && command -v mmdebstrap >/dev/null; then base=mmdebstrap; fi
  # The image takes 2.4 GB, twice with vfs (image and working container). Running out halfway leaves a half-written
  # store behind an error message from deep inside apt or tar.
  free=$(df -Pk "$cache" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge 8000000 ] ||
    die "building the toolchain image needs 8 GB of disk, $((free / 1000000)) GB are free at $cache"
  say "building the image $image with $engine: once, about two minutes, 2.4 GB"
  case $base in
    mmdebstrap) make_base; build_image "$base_image" || die 'building the image failed (see above)' ;;
    pull) build_image "debian:$DEBIAN_SUITE" || die 'building the image failed (see above)' ;;
    '')
      build_image "debian:$DEBIAN_SUITE" || {
        say 'no image could be pulled or the build failed; trying with a base made by mmdebstrap'
        make_base
        build_image "$base_image" || die 'building the image failed (see above)'
      } ;;
    *) die "SOCKET_IWA_BASE is pull or mmdebstrap, not '$base'" ;;
  esac
}

if [ -n "$clean" ]; then
  case $engine in
    buildah)
      buildah rm "$container" >/dev/null 2>&1 || :
      buildah rmi "$image" "$base_image" >/dev/null 2>&1 || : ;;
    *) "$engine" rmi "$image" "$base_image" >/dev/null 2>&1 || : ;;
  esac
  rm -rf "$cache/emscripten" "$cache/home" "$cache/base-$DEBIAN_SUITE.tar"
  say "removed the image $image and the caches in $cache"
  exit 0
fi

cargo_home=${CARGO_HOME:-$HOME/.cargo}
mkdir -p "$cache/emscripten" "$cache/home" "$cargo_home" || die "can't write the cache directory $cache"

# One build of the image at a time; the second one finds it made.
exec 9>"$cache/lock"
flock 9
prepare_image
if [ "$engine" = buildah ] && ! buildah inspect --type container "$container" >/dev/null 2>&1; then
  buildah from --pull-never --name "$container" "$image" >/dev/null || die 'no working container could be made'
fi
flock -u 9
exec 9>&-
[ -z "$image_only" ] || exit 0

# --- the run ---------------------------------------------------------------------------------------------------------

mounts=(-v "$repo:$repo" -v "$cache/emscripten:/cache/emscripten" -v "$cache/home:/cache/home" -v "$cargo_home:/cache/cargo")
add_mount() { case $1/ in "$repo"/*) ;; *) mounts+=(-v "$1:$1") ;; esac; }
add_mount "$PWD"
IFS=: read -r -a further <<< "${SOCKET_IWA_MOUNT:-}"
for directory in ${further[@]+"${further[@]}"}; do
  [ "$directory" = "$PWD" ] || add_mount "$directory"
done
# A machine behind a TLS-inspecting proxy has its own certificates; crates come through it.
ca=/etc/ssl/certs/ca-certificates.crt
[ ! -r "$ca" ] || mounts+=(-v "$ca:$ca:ro")

pass=()
for name in RUSTC_BOOTSTRAP CARGO_TARGET_DIR CARGO_TERM_COLOR CARGO_NET_OFFLINE; do
  [ -z "${!name+set}" ] || pass+=(--env "$name=${!name}")
done

case $engine in
  buildah)
    # buildah puts lines of its own under a command that fails, which read as if the compiler had said them: the exit
    # status comes back through a file instead. Ctrl-C reaches the command itself, it runs in this process group.
    status=$(mktemp "$cache/home/status.XXXXXX")
    trap 'rm -f "$status"' EXIT
    buildah run "${mounts[@]}" ${pass[@]+"${pass[@]}"} "$container" -- \
      sh -c 'cd "$1" && status=/cache/home/$2 && shift 2 && { "$@"; echo $? > "$status"; }' \
      sh "$PWD" "${status##*/}" "$@"
    exit "$(cat "$status")" ;;
  *)
    # The host's network, as buildah has it here: the tests' curl asks servers on this machine's loopback.
    exec "$engine" run --rm -i --init --network host -u "$(id -u):$(id -g)" "${mounts[@]}" ${pass[@]+"${pass[@]}"} -w "$PWD" "$image" "$@" ;;
esac
