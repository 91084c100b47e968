#!/bin/sh
# Unpacks the Debian packages that a file names, one a line, into a folder: apt-unpack.sh FILE FOLDER
set -eu
file=$1
folder=$2
[ "$(cat "$folder/.unpacked" 2>/dev/null)" = "$(cat "$file")" ] && exit 0
packages=$(sed -e 's/#.*//' "$file")
rm -rf "$folder"
mkdir -p "$folder/fetched"
log=$folder/log
fetch() {
    # shellcheck disable=SC2086  # a list of words on purpose
    (cd "$folder/fetched" && apt-get download -q $packages) >"$log" 2>&1
}
echo "unpacking Debian packages:" $packages >&2
if ! fetch; then
    # The list of what there is may be old.
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    if ! { $as_root apt-get update -q >>"$log" 2>&1 && fetch; }; then
        cat "$log" >&2
        exit 1
    fi
fi
for package in "$folder"/fetched/*.deb; do
    dpkg-deb -x "$package" "$folder"
done
rm -r "$folder/fetched"
cat "$file" >"$folder/.unpacked"
