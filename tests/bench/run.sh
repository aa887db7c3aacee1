#!/usr/bin/env bash
# Every figure of the product beside its limit, in one run: see README.md.
#   tests/bench/run.sh [--quick] [--only GROUP]... [--write]
# Measures build/gateway/parley, or the program named by PARLEY_BIN.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "$(ulimit -n)" != unlimited ] && [ "$(ulimit -n)" -lt 20000 ]; then
  ulimit -n "$(ulimit -Hn)"
fi
cmake -S tests/bench -B build/bench >/dev/null
cmake --build build/bench >/dev/null
exec node tests/bench/run.js "$@"
