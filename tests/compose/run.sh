#!/usr/bin/env bash
# run.sh: brings the real docker-compose.yml up with three gateways, talks through the balancer,
# scales while clients talk, and takes everything down again.
#
# Where no Docker engine is to be had, it says so and skips. The stand-in images are made by
# ../shared/tools/base-images beside the repository where that tool is present and this is root
# (it also starts an engine where none runs; that one is ended again).
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root" || exit 1
results=$root/tests/results
mkdir -p "$results"

say() { printf 'compose: %s\n' "$*"; }
skip() { say "skipped: $*"; say "0 passed, 0 failed, 1 skipped"; exit 0; }
fault() { say "FAILED: $*"; say "0 passed, 1 failed, 0 skipped"; exit 1; }

engine_answers() { docker info >/dev/null 2>&1; }

# ---- an engine, its images, and compose ------------------------------------------------------

tool=$root/../shared/tools/base-images
own_engine=0
if [[ -x $tool && $(id -u) == 0 ]]; then
  engine_answers || own_engine=1
  # setsid in the tool keeps the engine running; it must not keep our output open.
  timeout -k 10 900 "$tool" >"$results/base-images.log" 2>&1 </dev/null || {
    tail -n 5 "$results/base-images.log"
    say "the stand-in images could not be made"
  }
fi
command -v docker >/dev/null || skip "Docker is not installed"
engine_answers || skip "no Docker engine answers here"

if command -v docker-compose >/dev/null; then
  compose=(docker-compose)
elif docker compose version >/dev/null 2>&1; then
  compose=(docker compose)
elif [[ $(id -u) == 0 ]] && deploy/deps.sh compose && command -v docker-compose >/dev/null; then
  compose=(docker-compose)
else
  skip "neither docker-compose nor docker compose is installed"
fi
compose+=(-p "parley-test-$$")

# ---- up and down -----------------------------------------------------------------------------

free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}

down() {
  trap '' INT TERM
  "${compose[@]}" logs --no-color >"$results/compose.log" 2>&1
  timeout -k 10 180 "${compose[@]}" down -v --remove-orphans --timeout 5 >>"$results/compose-down.log" 2>&1
  if ((own_engine)) && [[ -e /var/run/docker.pid ]]; then kill "$(cat /var/run/docker.pid)"; fi
}

deploy/deps.sh node || fault "node is missing"
if [[ ! tests/node_modules/.package-lock.json -nt tests/package-lock.json ]]; then
  timeout -k 10 300 npm ci --prefix tests --loglevel=error || fault "npm ci"
  touch tests/node_modules/.package-lock.json
fi
port=$(free_port)
export PARLEY_PUBLISH=127.0.0.1:$port PARLEY_IMAGE=parley-test
export PARLEY_COMPOSE="${compose[*]}" PARLEY_COMPOSE_PORT=$port

say "building the image"
timeout -k 10 900 "${compose[@]}" build >"$results/compose-build.log" 2>&1 || {
  tail -n 30 "$results/compose-build.log"
  fault "the image was not built"
}
trap down EXIT
trap 'exit 143' INT TERM
say "three gateways, one Redis, one balancer, at port $port (${compose[*]})"
timeout -k 10 300 "${compose[@]}" up -d --scale gateway=3 >"$results/compose-up.log" 2>&1 || {
  tail -n 30 "$results/compose-up.log"
  "${compose[@]}" logs --no-color --tail 20
  fault "it did not come up"
}

timeout -k 10 900 node --test --test-reporter=spec --test-reporter-destination=stdout \
  tests/compose/balancer.test.js >"$results/compose-test.log" 2>&1
status=$?
cat "$results/compose-test.log"
passed=$(sed -nE 's/^[^ ]+ pass ([0-9]+)$/\1/p' "$results/compose-test.log" | tail -n 1)
failed=$(sed -nE 's/^[^ ]+ fail ([0-9]+)$/\1/p' "$results/compose-test.log" | tail -n 1)
if [[ -z $passed || -z $failed ]]; then fault "the tests did not finish"; fi
if ((status != 0)); then "${compose[@]}" logs --no-color --tail 30; fi
say "$passed passed, $failed failed"
exit $((status != 0))
