#!/bin/sh
# Runs all tests in two processes beside each other: most of their time is spent in waiting
# for real programs. With arguments, one pytest runs with these.
# usage: run-tests.sh PYTEST [ARGUMENT...]
set -u
pytest=$1
shift
if [ $# -gt 0 ]; then
    exec "$pytest" "$@"
fi
first='tests/peers/test_[a-p]*.py'
output=$(mktemp)
trap 'rm -f "$output"' EXIT
trap 'kill 0' INT TERM
# shellcheck disable=SC2086  # a pattern on purpose
"$pytest" $first >"$output" 2>&1 &
beside=$!
# Everything else, whatever it is called.
"$pytest" --ignore-glob="$first"
code=$?
wait "$beside"
other=$?
cat "$output"
[ "$code" -ne 0 ] || code=$other
exit "$code"
