# SPDX-License-Identifier: Apache-2.0
# Sourced by run.sh and test.sh: install_packages, as_owner, build_tree.
packages=(g++ cmake ninja-build ccache libsystemc-dev catch2 nlohmann-json3-dev libboost-dev libcli11-dev
          libpcap-dev pciutils python3 python3-matplotlib)

install_packages() {
  local missing=() p
  for p in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing+=("$p")
  done
  [ ${#missing[@]} -eq 0 ] && return
  echo "installing: ${missing[*]}"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "need root or sudo to install: ${missing[*]}" >&2; exit 2; }
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

# Under sudo, in a folder of the user: go on as the user, so that no file of root's stays behind.
# as_owner REPOSITORY SCRIPT ARGUMENTS...
as_owner() {
  [ "$(id -u)" -eq 0 ] && [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ] || return 0
  [ "$(stat -c %U "$1")" = "$SUDO_USER" ] || return 0
  shift
  exec sudo -H -u "$SUDO_USER" -- "$@"
}

# build_tree REPOSITORY [TARGET...]: Release, into its build/; all targets without arguments.
build_tree() (
  local target arguments=()
  cd "$1"
  shift
  for target in "$@"; do arguments+=(--target "$target"); done
  # a copied or moved folder: its build/ belongs to another place
  if [ -f build/CMakeCache.txt ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" build/CMakeCache.txt; then
    rm -rf build
  fi
  [ -f build/build.ninja ] || cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release
  cmake --build build "${arguments[@]}"
)
