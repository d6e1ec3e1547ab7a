#!/bin/sh
# Prints what the library costs a host: its size, and what a broker holds.
set -eu
cd "$(dirname "$0")/.."

script/build bench
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Its size on disk, without debug information and symbols that nobody needs.
stripped() {
    strip --strip-unneeded -o "$scratch/stripped" "build-bench/packaging/$1"
    printf '%-42s %8d bytes\n' "$2" "$(stat -c %s "$scratch/stripped")"
}

stripped libringtail.so.0.1.0 'libringtail.so, stripped'
stripped libringtail.a 'libringtail.a, stripped'
echo
echo 'and, each beside what is above it:'
# Both ends of every connection.
ulimit -n 4096
build-bench/bench/footprint
