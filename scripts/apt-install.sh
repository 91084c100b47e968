#!/bin/sh
# Installs the named Debian packages that are not there yet, as root or through sudo.
set -eu
missing=
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "make: these Debian packages are required:$missing; run as root: apt-get install$missing" >&2; exit 2; }
    as_root=sudo
fi
echo "installing Debian packages:$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A server that a package starts on its own would take ports; tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod +x "$policy"
    trap '$as_root rm -f "$policy"; rm -f "$log"' EXIT
fi
# shellcheck disable=SC2086  # a list of words on purpose
if ! { $as_root apt-get update -q && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
