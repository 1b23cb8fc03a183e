#!/usr/bin/env bash
# Installs what is missing, builds and runs every test.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
. scripts/setup.sh
install_packages
build_tree -DIOVSIM_TESTS=ON
ctest --test-dir build --output-on-failure -j "$(nproc)" "$@"
