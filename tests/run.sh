#!/usr/bin/env bash
# run.sh: installs what is missing, builds (release and sanitized), and runs every test.
#
#   tests/run.sh                 all of the steps below, in that order
#   tests/run.sh STEP...         these only; what a step needs is installed and built all the same
#   tests/run.sh --list          the steps
#
# The compose test (tests/compose/run.sh) and the benchmarks (tests/bench/run.sh) are run by
# themselves. Every step is bounded in time. The last line is 'N passed, N failed, N skipped', and
# the exit status is 0 when nothing failed.
# PARLEY_FUZZ_SECONDS: how long each fuzzer runs (default 10).
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
cd "$root" || exit 1
results=$here/results
steps=(headers format tidy scripts docs unit unit-sanitized live live-sanitized seeds sixth browser bench fuzz)
extra=(valgrind) # slow: only when named

passed=0 failed=0 skipped=0 failures=()

heading() { printf '\n== %s\n' "$*"; }
pass() { passed=$((passed + 1)); printf 'ok: %s\n' "$1"; }
fault() { failed=$((failed + 1)); failures+=("$1"); printf 'FAILED: %s\n' "$1"; }
skip() { skipped=$((skipped + 1)); printf 'skipped: %s\n' "$1"; }

# bounded SECONDS COMMAND...: its processes are ended when time is up, or when we are.
current=0
bounded() {
  local status
  timeout -k 10 "$@" &
  current=$!
  wait "$current"
  status=$?
  current=0
  return "$status"
}
interrupted() {
  ((current == 0)) || kill "$current"
  wait
  exit 130
}
trap interrupted INT TERM

# check SECONDS WHAT COMMAND...: one test that is one command.
check() {
  local seconds=$1 what=$2
  shift 2
  if bounded "$seconds" "$@"; then pass "$what"; else fault "$what"; fi
}

finish() {
  heading "result"
  ((failed == 0)) || printf 'failed: %s\n' "${failures[@]}"
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  exit $((failed > 0))
}

stop_here() { fault "$1"; finish; }

sources() { find proto backend gateway -name '*.c' | sort; }

# ---- before the steps ------------------------------------------------------------------------

prepare() {
  heading "what is needed"
  # Not bounded: it may have to ask for a password.
  deploy/deps.sh build run node test || stop_here "installing what is missing"
  if [[ ! tests/node_modules/.package-lock.json -nt tests/package-lock.json ]]; then
    bounded 300 npm ci --prefix tests --loglevel=error || stop_here "npm ci"
    touch tests/node_modules/.package-lock.json
  fi
}

build() { # build PRESET [TARGET...]
  local preset=$1
  shift
  heading "build: $preset"
  { bounded 300 cmake --preset "$preset" >"$results/configure-$preset.log" 2>&1 ||
    { cat "$results/configure-$preset.log"; false; }; } &&
    bounded 900 cmake --build --preset "$preset" "${@:+--target}" "$@" >"$results/build-$preset.log" 2>&1 ||
    { tail -n 60 "$results/build-$preset.log"; stop_here "build: $preset"; }
  pass "build: $preset"
}

# ---- the steps -------------------------------------------------------------------------------

step_headers() {
  check 10 "warnings are errors in a preset's build" grep -q -e -Werror build/compile_commands.json
  check 300 "every header compiles alone" cmake --build --preset release --target check_headers -- --quiet
}

step_format() {
  local major pinned=14
  major=$(clang-format --version | sed -E 's/.*version ([0-9]+).*/\1/')
  if [[ $major != "$pinned" ]]; then
    skip "format: pinned to clang-format $pinned, and this is $major"
    return
  fi
  local file wrong=()
  while read -r file; do
    clang-format --dry-run --Werror "$file" >/dev/null 2>&1 || wrong+=("$file")
  done < <(find proto backend gateway tests/unit tests/fuzz tests/bench tests/sixth -name '*.[ch]' | sort)
  if ((${#wrong[@]} == 0)); then pass "format"; else
    echo "to put right: clang-format -i ${wrong[*]}"
    fault "format"
  fi
}

step_tidy() {
  local major pinned=14
  major=$(clang-tidy --version | sed -nE 's/.*version ([0-9]+).*/\1/p')
  if [[ $major != "$pinned" ]]; then
    skip "tidy: pinned to clang-tidy $pinned, and this is $major"
    return
  fi
  sources >"$results/sources"
  if bounded 900 xargs -a "$results/sources" -P "$(nproc)" -n 4 clang-tidy -p build --quiet >"$results/tidy.log" 2>&1; then
    pass "tidy"
  else
    grep -E -A 4 '(error|warning):' "$results/tidy.log" | head -n 80
    fault "tidy"
  fi
}

step_scripts() {
  # shellcheck disable=SC2046
  check 120 "shellcheck" shellcheck -S warning $(git ls-files '*.sh' .ci/run)
}

step_docs() {
  check 60 "tables in the docs are as the code's" node tests/docs/tables.js
  check 60 "links in the docs lead somewhere" node tests/docs/links.js
  check 60 "what the operations page names is there" node tests/docs/operations.js
  check 60 "what describes the wire is as code and pages have it" node tests/docs/documents.js
}

run_ctest() { # run_ctest PRESET
  local log=$results/ctest-$1.log all bad
  bounded 900 ctest --preset "$1" -j "$(nproc)" --no-tests=error >"$log" 2>&1
  cat "$log"
  # "98% tests passed, 1 tests failed out of 50"
  read -r bad all < <(sed -nE 's/.*tests passed, ([0-9]+) tests failed out of ([0-9]+)/\1 \2/p' "$log")
  if [[ -z ${all:-} ]]; then fault "ctest: $1 (did not finish)"; return; fi
  passed=$((passed + all - bad))
  failed=$((failed + bad))
  ((bad == 0)) || failures+=("ctest: $1")
}

step_unit() { run_ctest release; }
step_unit-sanitized() { run_ctest sanitize; }

run_node() { # run_node BUILD: what talks to live nodes, with that build's program
  local log=$results/live-$1.log status ok bad left sanitized=()
  [[ $1 != *sanitize ]] || sanitized=(PARLEY_SANITIZED=1)
  bounded 1500 env "${sanitized[@]}" PARLEY_BIN="$root/$1/gateway/parley" UBSAN_OPTIONS=print_stacktrace=1 \
    node tests/lib/run.js >"$log" 2>&1
  status=$?
  cat "$log"
  ok=$(sed -nE 's/^[^ ]+ pass ([0-9]+)$/\1/p' "$log" | tail -n 1)
  bad=$(sed -nE 's/^[^ ]+ (fail|cancelled) ([0-9]+)$/\2/p' "$log" | paste -sd+)
  left=$(sed -nE 's/^[^ ]+ (skipped|todo) ([0-9]+)$/\2/p' "$log" | paste -sd+)
  if [[ -z $ok || -z $bad ]]; then fault "live: $1 (did not finish)"; return; fi
  passed=$((passed + ok))
  skipped=$((skipped + left))
  failed=$((failed + bad))
  if ((bad > 0)); then
    failures+=("live: $1")
  elif ((status != 0)); then
    fault "live: $1 (exit status $status)"
  fi
}

step_live() { run_node build; }
step_live-sanitized() { run_node build-sanitize; }

# Hundreds are played by hand; what they found: tests/cluster/RESULTS.md.
step_seeds() { check 900 "the fault machine, seeds 1-10 on one Redis" tests/cluster/run.sh --seeds 1-10 --seconds 30 --jobs 3; }

step_sixth() { check 300 "a protocol is added as its page says" tests/sixth/run.sh; }

# Not every distribution has it as a package.
step_browser() {
  if ! command -v chromium >/dev/null && ! { deploy/deps.sh browser && command -v chromium >/dev/null; }; then
    skip "browser: there is no chromium"
    return
  fi
  check 300 "the console in a browser" node --test tests/browser
}

# Not the figures (tests/bench/run.sh): that what measures them notices every fault.
step_bench() { check 300 "the load generator notices what is wrong" tests/bench/check.sh; }

step_fuzz() {
  local seconds=${PARLEY_FUZZ_SECONDS:-10} source fuzzer name corpus seeds
  if ! compgen -G 'tests/fuzz/fuzz_*.c' >/dev/null; then skip "fuzz: there is no fuzzer"; return; fi
  build fuzz
  for source in tests/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    fuzzer=build-fuzz/tests/fuzz/$name
    corpus=$results/corpus/$name
    mkdir -p "$corpus"
    seeds=()
    [[ -d tests/fuzz/corpus/${name#fuzz_} ]] && seeds=("tests/fuzz/corpus/${name#fuzz_}")
    if bounded $((seconds + 60)) "$fuzzer" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 \
      -artifact_prefix="$results/" "$corpus" "${seeds[@]}" >"$results/$name.log" 2>&1; then
      pass "$name, $seconds s"
    else
      tail -n 40 "$results/$name.log"
      fault "$name"
    fi
  done
}

# What leaks the sanitized ones tell; here it would be told of forked children too, who leave all behind.
step_valgrind() {
  command -v valgrind >/dev/null || { skip "valgrind is not installed"; return; }
  check 3600 "unit tests under valgrind" ctest --test-dir build -T memcheck -R '^unit/' --output-on-failure \
    --overwrite MemoryCheckCommandOptions="--leak-check=no --error-exitcode=1 --trace-children=no"
}

# ---- all of it -------------------------------------------------------------------------------

if [[ ${1:-} == --list ]]; then printf '%s\n' "${steps[@]}" "${extra[@]}"; exit; fi
chosen=("$@")
(($#)) || chosen=("${steps[@]}")
for step in "${chosen[@]}"; do
  declare -F "step_$step" >/dev/null || { echo "run.sh: no step is called $step (see --list)" >&2; exit 2; }
done

mkdir -p "$results"
prepare
build release
case " ${chosen[*]} " in *-sanitized*) build sanitize ;; esac
for step in "${chosen[@]}"; do
  heading "$step"
  started=$SECONDS
  "step_$step"
  printf '(%s: %d s)\n' "$step" $((SECONDS - started))
done
finish
