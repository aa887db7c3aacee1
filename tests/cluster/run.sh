#!/usr/bin/env bash
# run.sh: the fault machine (tests/README.md). Plays a seed's schedule of faults for each seed,
# and says what it found.
#
#   tests/cluster/run.sh --seeds 1-10 --seconds 30 --redis one|sentinel|cluster
#   tests/cluster/run.sh --seeds 7 --faults kill_node,cut_link     only these faults
#   tests/cluster/run.sh --jobs 4                                  so many at once (2)
#   tests/cluster/run.sh --direct --rate 60 --messages 10000       to users alone, so fast, so many at least
#
# PARLEY_BIN: the program (build/gateway/parley). PARLEY_SANITIZED=1: it is a sanitized one, whose
# memory is not looked at. A seed gives the same schedule again. Bounded in time; everything that is
# started is ended by its process id. Exit status 0: nothing was found.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/.."
[[ -d node_modules ]] || npm ci --loglevel=error
exec node "$here/seeds.js" "$@"
