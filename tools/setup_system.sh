#!/bin/bash
# Installs the Debian packages that kvino is built with, those that are missing only. Asks nothing.
#   tools/setup_system.sh [PYTHON [PACKAGE...]]      # packages besides those of every build
set -euo pipefail
python=${1:-python3}

wanted=(gcc cmake ninja-build pkg-config libzip-dev libhdf5-dev libjansson-dev libopenblas-dev libsleef-dev libxxhash-dev libpng-dev libjpeg-dev libcmocka-dev binutils "${@:2}")

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
  echo "kvino needs Python 3.11 or later; '$python' is not. Say which: make PYTHON=python3.12" >&2
  exit 1
}
# Debian keeps venv and the headers of its own Python in packages; another Python brings them along.
"$python" -c 'import ensurepip, venv' 2>/dev/null || wanted+=(python3-venv)
"$python" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
  wanted+=(python3-dev)

missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -n)
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" </dev/null
}
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  # A new machine may have no package lists, or old ones.
  install >/dev/null 2>&1 || { "${as_root[@]}" apt-get update -qq </dev/null && install >/dev/null; }
fi

# A browser for one test, which is skipped without it.
command -v chromium chromium-headless-shell >/dev/null || { missing=(chromium-headless-shell) && install >/dev/null 2>&1; } || true
