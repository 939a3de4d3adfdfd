# For the scripts beside it, which have the names of Emscripten's tools: the tool itself.

die() { echo "${0##*/}: error: $*" >&2; exit 1; }

# find_tool NAME prints its path: the first on PATH that is not of this directory, $here.
find_tool() {
  _rest=$PATH:
  while [ -n "$_rest" ]; do
    _directory=${_rest%%:*}
    _rest=${_rest#*:}
    if [ -x "$_directory/$1" ] && ! [ "$_directory" -ef "$here" ]; then
      printf '%s\n' "$_directory/$1"
      return
    fi
  done
  die "no $1 on PATH: install emsdk and 'source emsdk_env.sh', or use cargo xtask $1"
}
