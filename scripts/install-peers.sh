#!/bin/sh
# The real programs that tests talk to, one Debian package a line in packages-debian.txt.
set -eu
here=$(dirname "$0")
# shellcheck disable=SC2046  # a list of words on purpose
sh "$here/apt-install.sh" $(sed -e 's/#.*//' "$here/../packages-debian.txt")
