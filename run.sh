#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, runs an experiment and draws its figures.
#   ./run.sh [EXPERIMENT.json] [options of "iovsim run", e.g. -j 1, --set key=value, --fresh]
# File and folder names mean what they mean where the user stands; an experiment may also be named from the repository.
set -euo pipefail
root=$(dirname "$(readlink -f "$0")")
. "$root/scripts/setup.sh"
install_packages
as_owner "$root" "$root/run.sh" "$@"
experiment=experiments/path_comparison.json
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  experiment=$1
  shift
fi
[ -e "$experiment" ] || [ ! -e "$root/$experiment" ] || experiment=$root/$experiment
build_tree "$root" iovsim
exec "$root/build/iovsim" run "$experiment" --plot "$@"
