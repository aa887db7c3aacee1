#!/usr/bin/env bash
# Adds a sixth protocol, as proto/README.md says, to a copy of the tree, and tests it: its codec and
# its REST routes alone, its documents, one live node and two, bridged with the other five.
#
#   tests/sixth/run.sh        in build-sixth/, which is left behind; the program is built once, in about 30 s
#
# tests/sixth/tree/ holds all that is new, where it belongs. What is changed besides stands here:
# the row, and the line of the map in proto/README.md.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$(dirname "$here")")
tree=$root/build-sixth/tree
name=pager

copy() {
  rm -rf "$tree"
  mkdir -p "$tree"
  cd "$root"
  git ls-files -z -co --exclude-standard | xargs -0 cp -a --parents -t "$tree"
  ln -s "$root/tests/node_modules" "$tree/tests/node_modules"
}

add() {
  local file new=()
  mapfile -t new < <(cd "$here/tree" && find . -type f)
  for file in "${new[@]}"; do
    [[ ! -e $tree/$file ]] || { echo "$file was there before" >&2; exit 1; }
  done
  cp -a "$here/tree/." "$tree"
  echo "X($name)" >>"$tree/proto/protocols.def"
  sed -i "/^| \`native\` |/a | \`$name\` | [page]($name.md) | [\`$name.asyncapi.json\`]($name.asyncapi.json) | [\`$name.openapi.json\`]($name.openapi.json) |" \
    "$tree/proto/README.md"
}

build() {
  local log=$root/build-sixth/build.log
  # Other modules' unit tests know nothing of protocols, and are not built.
  if ! { cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_COMPILE_WARNING_AS_ERROR=ON &&
         cmake --build build --target parley unit_proto_{registry,transcripts,http,http_bytes,"${name}_http"}; } >"$log" 2>&1; then
    tail -n 60 "$log"
    exit 1
  fi
}

# live PATTERN FILE: the tests with such names.
live() {
  node --test-reporter=spec --test-name-pattern="$1" --test "$2" | grep -v '# test name does not match pattern'
}

copy
add
cd "$tree"
build
# Its fuzzer is not run here, but must compile.
cc -std=c11 -fsyntax-only -iquote proto "tests/fuzz/fuzz_$name.c"
ctest --test-dir build -R '^unit/proto/(registry|transcripts|http|http_bytes|'"$name"'_http)$' --no-tests=error --output-on-failure
node tests/docs/documents.js
export PARLEY_BIN=$tree/build/gateway/parley
live "^$name/" tests/live/transcripts.test.js
live . "tests/live/$name.test.js"
live "^$name: " tests/live/surfaces.test.js
