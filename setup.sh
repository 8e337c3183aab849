#!/usr/bin/env bash
# Sets up everything the Makefile's targets need; safe to run again. With "oracles", what `make test`
# compares with besides: torch and other people's quantisers. With "train", torch alone.
set -euo pipefail
cd "$(dirname "$0")"

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
  echo "error: Python 3.11 or newer is needed; '$python' is not (set PYTHON=…)" >&2
  exit 1
}

# The simulators: Icarus itself, and what it takes to compile Verilator's output.
declare -A package_of=([iverilog]=iverilog [g++]=g++ [make]=make [perl]=perl [ccache]=ccache)
missing=()
for program in "${!package_of[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package_of[$program]}")
done
# Reads what the regression says of generated ports in VHDL.
[ "${1:-}" != oracles ] || command -v ghdl >/dev/null || missing+=(ghdl)
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if [ "${#missing[@]}" -gt 0 ]; then
  install="apt-get install -y ${missing[*]}"
  if ! command -v apt-get >/dev/null; then
    echo "error: these programs are missing, please install them: ${missing[*]}" >&2
    exit 1
  elif [ "$(id -u)" = 0 ]; then
    sudo=""
  elif sudo -n true 2>/dev/null; then
    sudo="sudo"
  else
    echo "error: Debian packages are missing; please run: sudo $install" >&2
    exit 1
  fi
  echo "[1/3] Debian packages: ${missing[*]}"
  log=$(mktemp)
  if ! { $sudo apt-get update && DEBIAN_FRONTEND=noninteractive $sudo $install; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "error: apt-get failed; please run: sudo $install" >&2
    exit 1
  fi
  rm -f "$log"
else
  echo "[1/3] Debian packages: all there"
fi

echo "[2/3] virtual environment: .venv"
[ -x .venv/bin/python ] || "$python" -m venv .venv

install() {
  # what is imported is compiled then; most of torch never is
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
    --constraint constraints.txt "$@"
}
if [ "${1:-}" = oracles ]; then
  echo "[3/3] Python packages to compare with, pinned in constraints.txt (torch among them)"
  install --editable '.[oracles]'
  install --no-deps llmcompressor
  touch .venv/.oracles
elif [ "${1:-}" = train ]; then
  echo "[3/3] Python packages to train with, pinned in constraints.txt (torch among them)"
  install --editable '.[dev,train]'
  touch .venv/.train
else
  echo "[3/3] Python packages, pinned in constraints.txt (about a minute)"
  install --editable '.[dev]'
fi
touch .venv/.ready
