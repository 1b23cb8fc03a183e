#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, runs an experiment and draws its figures.
#   ./run.sh [EXPERIMENT.json] [options of "iovsim run", e.g. -j 1, --set key=value, --fresh]
set -euo pipefail
root=$(dirname "$(readlink -f "$0")")
experiment=experiments/path_comparison.json
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  experiment=$1
  shift
  # named from where the user stands; else from the repository
  if [ -e "$experiment" ] && [ "$PWD" != "$root" ]; then experiment=$(readlink -f "$experiment"); fi
fi
cd "$root"
. scripts/setup.sh
install_packages
as_owner "$root/run.sh" "$experiment" "$@"
build_tree iovsim
exec build/iovsim run "$experiment" --plot "$@"
