#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the main experiment and redraws the pictures that README.md shows (docs/images/).
set -euo pipefail
root=$(dirname "$(readlink -f "$0")")/..
cd "$root"
./run.sh experiments/path_comparison.json
mkdir -p docs/images
cp results/path_comparison/plots/*.png docs/images/
echo "redrawn: docs/images/"
