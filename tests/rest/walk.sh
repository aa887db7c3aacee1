# shellcheck shell=bash
# walk.sh: what the walk-throughs (concord.sh, rooms.sh) share; sourced by them.
#
# Each request is told on standard output, "asked METHOD PATH STATUS TYPE BODY" with tabs between,
# and each step that is done, "done WHAT". With WALK_WAITS a line is read from standard input behind
# every step, so that somebody can look at what it did before the next one.
set -euo pipefail

usage() {
  echo "usage: $0 URL" >&2
  exit 2
}
at=${1:-}
at=${at%/}
[[ -n $at ]] || usage

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

bearer='' status='' body=''

# as [TOKEN]: in whose name the requests are, by a bearer header; nobody's without one.
as() { bearer=${1:-}; }

# ask METHOD PATH [JSON]: leaves `status` and `body`.
ask() {
  local method=$1 path=$2 answer type
  answer=$(curl -sS --max-time 10 -X "$method" ${bearer:+-H "Authorization: Bearer $bearer"} \
    ${3+-d "$3"} -w '\n%{http_code}\t%{content_type}' "$at$path") || fail "$method $path: no answer"
  type=${answer##*$'\n'}
  body=${answer%$'\n'*}
  status=${type%%$'\t'*}
  printf 'asked\t%s\t%s\t%s\t%s\t%s\n' "$method" "$path" "$status" "${type#*$'\t'}" "$body"
}

# expect STATUS [TEXT...]: the last answer had that status, and holds each text.
expect() {
  local wanted=$1 text
  shift
  [[ $status == "$wanted" ]] || fail "line ${BASH_LINENO[0]}: $status, not $wanted: $body"
  for text in "$@"; do
    [[ $body == *"$text"* ]] || fail "line ${BASH_LINENO[0]}: no $text in $body"
  done
}

# lacks TEXT: the last answer does not hold it.
lacks() {
  [[ $body != *"$1"* ]] || fail "line ${BASH_LINENO[0]}: there is $1 in $body"
}

# is STATUS TEXT: the last answer had that status, and is this text.
is() {
  expect "$1"
  [[ $body == "$2" ]] || fail "line ${BASH_LINENO[0]}: $body, not $2"
}

# field NAME: a number or a plain string of the last answer; the first of that name.
field() {
  local value=${body#*"\"$1\":"}
  [[ $value != "$body" ]] || fail "line ${BASH_LINENO[0]}: no $1 in $body"
  if [[ $value == \"* ]]; then
    value=${value#\"}
    printf '%s' "${value%%\"*}"
  else
    printf '%s' "${value%%[,\}]*}"
  fi
}

# finished WHAT: a step is done.
finished() {
  printf 'done\t%s\n' "$1"
  [[ -z ${WALK_WAITS:-} ]] || read -r _ || fail "nobody waits for '$1'"
}
