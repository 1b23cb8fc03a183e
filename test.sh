#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds and runs every test.
#   ./test.sh [options of ctest, e.g. -R iommu]
set -euo pipefail
root=$(dirname "$(readlink -f "$0")")
cd "$root"
. "$root/scripts/setup.sh"
install_packages
as_owner "$root" "$root/test.sh" "$@"
build_tree "$root"
ctest --test-dir build --output-on-failure -j "$(nproc)" "$@"
