#!/bin/sh
# The real programs that tests talk to, one Debian package a line in packages-debian.txt; those of
# packages-unpacked.txt are only unpacked, below build/debian.
set -eu
here=$(dirname "$0")
# shellcheck disable=SC2046  # a list of words on purpose
sh "$here/apt-install.sh" $(sed -e 's/#.*//' "$here/../packages-debian.txt")
mkdir -p "$here/../build"
sh "$here/apt-unpack.sh" "$here/../packages-unpacked.txt" "$(cd "$here/../build" && pwd)/debian"
