#!/usr/bin/env bash
# Downloads and unpacks a Debian source package as it is, inside the toolchain container: apt checks it against the
# archive's signature. Debian's own patches are not applied: they are for Debian's packaging.
#   ports/debian-source.sh PACKAGE DIRECTORY [SUITE]   unpacks into DIRECTORY/PACKAGE, unless it is there
# Without SUITE it is the suite that the image was made from.
set -euo pipefail
package=$1
directory=$2
suite=${3:-}
[ ! -e "$directory/$package/.complete" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/download"
# The suites the image was made from, their sources instead of their packages; everything else stays apt's own.
{ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || :; } |
  sed -n 's/^deb /deb-src /p' > "$work/sources.list"
mkdir "$work/parts"
for file in /etc/apt/sources.list.d/*.sources; do
  [ ! -e "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" > "$work/parts/${file##*/}"
done
if [ -n "$suite" ]; then
  shopt -s nullglob
  own=$(. /etc/os-release && echo "$VERSION_CODENAME")
  sed -i "s/\b$own\b/$suite/g" "$work/sources.list" "$work"/parts/*
fi
options=(-o Acquire::Check-Valid-Until=false -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work"
  -o "Dir::Etc::sourcelist=$work/sources.list" -o "Dir::Etc::sourceparts=$work/parts" -o APT::Sandbox::User=root)
apt-get "${options[@]}" update -q >&2
(cd "$work/download" && apt-get "${options[@]}" source -q --download-only "$package" >&2)

rm -rf "${directory:?}/$package"
mkdir -p "$directory/$package"
tar -xf "$work/download/$package"_*.orig.tar.* -C "$directory/$package" --strip-components=1
basename "$work/download/$package"_*.dsc .dsc | tee "$directory/$package/.complete"
