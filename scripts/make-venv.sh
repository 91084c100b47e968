#!/bin/sh
# Makes a virtual environment that holds exactly what the requirements file pins, by hash.
# usage: make-venv.sh FOLDER REQUIREMENTS
set -eu
venv=$1
requirements=$2
python=${PYTHON:-python3}

command -v "$python" >/dev/null || { echo "make: \"$python\" not found; python 3.11 or newer is required" >&2; exit 2; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "make: $("$python" --version) found, 3.11 or newer is required; try: make PYTHON=python3.11" >&2
    exit 2
}
if [ ! -x "$venv/bin/pip" ]; then
    rm -rf "$venv"
    # Debian ships venv's pip apart from python3.
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        sh "$(dirname "$0")/apt-install.sh" python3-venv
    fi
    "$python" -m venv "$venv"
fi
"$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$requirements"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
