#!/usr/bin/env bash
# The load generator against servers that are wrong on purpose: it must pass a right one
# and notice every fault of a wrong one, else no figure of it means anything.
#   tests/bench/check.sh [folder of load and bare]
set -euo pipefail
cd "$(dirname "$0")"
bin=${1:-../../build/bench}
if [ $# -eq 0 ]; then
  cmake -S . -B "$bin" -DCMAKE_COMPILE_WARNING_AS_ERROR=ON >/dev/null
  cmake --build "$bin" >/dev/null
fi
work=$(mktemp -d)
server=
end_server() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  server=
}
trap 'end_server; rm -rf "$work"' EXIT

# try MODE FAULT SCENARIO...: the load generator's status; what it said is in $work/said.
try() {
  local mode=$1 fault=$2 port='' status=0
  shift 2
  mkfifo "$work/port"
  "$bin/bare" "$mode" ${fault:+"$fault"} >"$work/port" &
  server=$!
  read -r _ port <"$work/port"
  rm "$work/port"
  timeout 30 "$bin/load" "$@" --port "$port" --seconds 0.3 --warmup 0.1 >"$work/said" 2>&1 || status=$?
  end_server
  return "$status"
}

failed=0
# expect WANTED MODE FAULT SCENARIO...: WANTED is "" for success, else a part of what is said.
expect() {
  local wanted=$1 status=0
  shift
  try "$@" || status=$?
  if { [ -z "$wanted" ] && [ "$status" = 0 ]; } ||
     { [ -n "$wanted" ] && [ "$status" = 1 ] && grep -q "$wanted" "$work/said"; }; then
    echo "ok    $*"
  else
    echo "FAIL  $*: status $status, wanted '$wanted': $(cat "$work/said")"
    failed=1
  fi
}

for mode in fanout coalesce; do
  load=(fanout --count 50 --outstanding 8)
  expect '' "$mode" '' "${load[@]}"
  expect 'in place of' "$mode" lose "${load[@]}"
  expect 'in place of' "$mode" repeat "${load[@]}"
  expect 'in place of' "$mode" swap "${load[@]}"
  expect 'damaged' "$mode" damage "${load[@]}"
done
load=(direct --count 20 --outstanding 8)
expect '' relay '' "${load[@]}" --no-replies
expect '' answer '' "${load[@]}"
expect '' answer '' "${load[@]}" --reads
expect '' answer '' "${load[@]}" --rate 2000
expect '' relay '' room --count 20 --outstanding 4 --no-replies
for fault in lose repeat; do expect 'in place of' answer "$fault" "${load[@]}"; done
# The held frame of one pair comes out at another's receiver, or at its own, later.
expect 'got message' answer swap "${load[@]}"
expect 'damaged' answer damage "${load[@]}"
expect 'nothing more' relay '' direct --count 20 --outstanding 1
expect '' relay '' connect --count 3000 --no-replies
expect 'nothing more' relay '' connect --count 3000
expect '' relay '' idle --count 500 --no-replies
exit "$failed"
