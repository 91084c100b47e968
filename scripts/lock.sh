#!/bin/sh
# Writes requirements/*.txt: exact versions with hashes for every supported Python, and no
# address of where they came from.
set -eu
uv=$1
lock() {
    out=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --no-emit-find-links --no-header --custom-compile-command "make lock" \
        --output-file "requirements/$out" "$@"
}
lock demo.txt pyproject.toml requirements/build.in --extra gateway --extra transfer --extra demo
lock dev.txt pyproject.toml requirements/build.in --extra all --group dev --constraint requirements/demo.txt
lock bench.txt pyproject.toml --group bench
lock constraints.txt pyproject.toml --extra acme --extra gateway --extra signin --extra oidc --extra inspect --extra parquet \
    --extra postgresql --extra transfer --extra s3 --constraint requirements/dev.txt
