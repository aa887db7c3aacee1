#!/usr/bin/env bash
# local.sh: two nodes on one Redis, on this machine.
#
#   deploy/local.sh                 install what is missing, build, start, say what to try;
#                                   Ctrl-C stops everything
#   deploy/local.sh --check         the same, but send messages across the nodes, print what was
#                                   seen, and stop: exit status 0 when all of it arrived
#   --port N, --second-port N       where the nodes listen (default 8080 and 8081)
#   --redis-port N                  where their Redis listens (default 6390)
#
# A port that is taken is replaced by the next free one. What Redis keeps stands in .cache/local,
# and is there again at the next start; --check uses a folder of its own.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

say() { printf '%s\n' "$*"; }
fail() { printf 'local: %s\n' "$*" >&2; exit 1; }

check=0 first_port=8080 second_port=8081 redis_port=6390
while (($#)); do
  case $1 in
    --check) check=1 ;;
    --port) first_port=${2:?} && shift ;;
    --second-port) second_port=${2:?} && shift ;;
    --redis-port) redis_port=${2:?} && shift ;;
    *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"; [[ $1 == --help ]] && exit 0 || exit 2 ;;
  esac
  shift
done

# ---- building --------------------------------------------------------------------------------

deploy/deps.sh build run local
say "building"
built=$(mktemp)
# Whoever merely runs it may have a compiler that warns of what ours does not.
{ cmake --preset release --compile-no-warning-as-error && cmake --build --preset release --target parley; } >"$built" 2>&1 || {
  tail -n 40 "$built" >&2
  fail "the build failed; all of it is in $built"
}
rm -f "$built"

# ---- starting --------------------------------------------------------------------------------

pids=() # in the order they are to be stopped
folder=$root/.cache/local
((check)) && folder=$(mktemp -d)
mkdir -p "$folder"

stop() {
  trap '' INT TERM
  local pid
  for pid in "${pids[@]}"; do
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  pids=()
  if ((check)); then rm -rf "$folder"; fi
}
trap stop EXIT
trap 'say; say "stopping"; exit 130' INT
trap 'exit 143' TERM

taken=" "
free_port() { # free_port N: sets port to N, or the next that nobody listens on
  port=$1
  while [[ $taken == *" $port "* ]] || (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    port=$((port + 1))
    ((port < 65536)) || fail "no port from $1 up is free"
  done
  taken+="$port "
}

until_true() { # until_true NAME PID COMMAND...: within 15 s, while the process lives
  local name=$1 pid=$2 tries
  shift 2
  for ((tries = 0; tries < 150; tries++)); do
    "$@" >/dev/null 2>&1 && return
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$folder/$name.log" >&2
  fail "$name did not start; its log is above"
}

free_port "$redis_port"; redis_port=$port
free_port "$first_port"; first_port=$port
free_port "$second_port"; second_port=$port

redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$folder" --appendonly yes --save '' \
  >"$folder/redis.log" 2>&1 &
redis_pid=$!
pids=("$redis_pid")
# A server that still loads its file answers, but not with PONG.
redis_answers() { [[ $(redis-cli -p "$redis_port" ping) == PONG ]]; }
until_true redis "$redis_pid" redis_answers

start_node() { # start_node NAME PORT
  # Loopback only: names are believed here, as the protocols' authors meant them to be.
  build/gateway/parley --node-id "$1" --port "$2" --listen 127.0.0.1 --workers 1 \
    --redis "redis://127.0.0.1:$redis_port" --drain-seconds 2 >"$folder/$1.log" 2>&1 &
  pids=("$!" "${pids[@]}")
  until_true "$1" "$!" build/gateway/parley --probe "$2"
}
start_node node-1 "$first_port"
start_node node-2 "$second_port"

# ---- what it is for --------------------------------------------------------------------------

first=ws://127.0.0.1:$first_port second=ws://127.0.0.1:$second_port

if ((check)); then
  node deploy/talk.mjs --check "$first" "$second" && exit 0
  tail -n 20 "$folder"/*.log >&2
  fail "not everything arrived; the logs are above"
fi

cat <<TEXT

Parley runs: two nodes, one Redis.

  node-1   http://127.0.0.1:$first_port    a page to try all protocols with; REST (proto/native.md)
  node-2   http://127.0.0.1:$second_port    the same, on the other node
  paths    /simple?username=…  /messaging?client_id=…  /chat?user=…  /client?user=…  /rooms?user=…
  logs     $folder/*.log

Four things to try, each in a terminal of its own:

  1. Talk in the lobby, across the nodes:
       node deploy/talk.mjs '$first/simple?username=alice'
       node deploy/talk.mjs '$second/simple?username=bob'
  2. Watch every event pass, one readable envelope each:
       redis-cli -p $redis_port PSUBSCRIBE 'parley:*'
  3. Write to somebody who is away, see it wait, then come and get it from the other node:
       echo '{"send":[{"id":1,"sid":21,"rid":31,"text":"hello"}]}' | node deploy/talk.mjs '$first/messaging?client_id=21'
       redis-cli -p $redis_port HGETALL 'parley:user:{31}:unread:messages'
       node deploy/talk.mjs '$second/messaging?client_id=31'
  4. Say something by REST, and hear it in any protocol:
       curl 'http://127.0.0.1:$second_port/api/v1/rooms/lobby/messages?user=carol' -d '{"text":"hello"}'

Ctrl-C stops everything.
TEXT

wait -n "${pids[@]}" || true
tail -n 20 "$folder"/*.log >&2
fail "a process ended by itself; the logs are above"
