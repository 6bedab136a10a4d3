#!/usr/bin/env bash
# Kills learner, workers and two reward servers with SIGKILL at random moments
# and checks that every run still ends as an undisturbed one: equal hash, equal
# samples, rewards and advantages, none of them twice.
#
#   kill_loop.sh R1 SOURCE_DIR KILLS [SEED]
#
# A run that survives to its end is checked, and another one begins, until
# KILLS kills have been made.
set -euo pipefail

r1=$1
source_dir=$2
kills=$3
RANDOM=${4:-1}

work=$(mktemp -d)
learner=
servers=("" "")
ports=("" "")
# Without the shell's own word on it.
kill_and_wait() {
  {
    kill -9 "$1" || return 1
    wait "$1" || true
  } 2>/dev/null
}

cleanup() {
  for pid in $learner "${servers[@]}"; do kill_and_wait "$pid" || true; done
  rm -rf "$work"
}

# The smoke recipe, which has every kind of stage, with few, quick steps: what is
# killed matters, not what it learns. Checkpoints are rare, so that a resume has
# steps to repeat.
trap cleanup EXIT

job=("$r1" train "$source_dir/configs/smoke.textproto"
  --set base.supervised.steps=20 --set rl.steps=8 --set rl.prompts=6
  --set rl.group_size=4 --set rollout.max_new_tokens=48
  --set 'cold.sample.keep=[{rule: "overlong", at_least: -1}]'
  --set eval.problems=4 --set checkpoint.every=3)

# outputs RUN: the hash of what each stage has made.
outputs() {
  sed -n 's/^ *"output_sha256": *"\([0-9a-f]*\)".*/\1/p' "$1/summary.json"
}

fail() {
  echo "kill_loop: $*" >&2
  for log in "$work"/*.log; do
    echo "--- $log" >&2
    tail -n 30 "$log" >&2
  done
  exit 1
}

# Starts reward server $1 and sets its places in ports and servers. Its port is
# one below those that the system gives to whoever asks for a free one, so that
# nobody takes it while the server is down; at first one that is free. It may be
# in use for a moment by a connection that is closing.
start_server() {
  local log=$work/server-$1.log port
  for _ in $(seq 200); do
    : >"$log" # here, so that the last server's words are not read
    port=${ports[$1]:-$((10000 + SRANDOM % 22000))}
    "$r1" reward-server --listen "127.0.0.1:$port" >>"$log" 2>&1 &
    servers[$1]=$!
    while kill -0 "${servers[$1]}" 2>/dev/null; do
      if grep -q 'listens on ' "$log"; then
        ports[$1]=$port
        return
      fi
      sleep 0.05
    done
    sleep 0.5
  done
  fail "reward server $1 does not start"
}

start_learner() {
  local first=127.0.0.1:${ports[0]} second=127.0.0.1:${ports[1]}
  "${job[@]}" --run-dir "$1" --workers 2 \
    --set "reward.server=[\"$first\", \"$second\"]" \
    >>"$work/learner.log" 2>&1 &
  learner=$!
}

# Kills one process: the learner in 3 of 10 cases, a worker in 4, a reward
# server in 3. Says what it did; fails if there was nothing to kill.
kill_one() {
  case $((RANDOM % 10)) in
    [0-2])
      kill_and_wait "$learner" || return 1
      start_learner "$1"
      killed=learner
      ;;
    [3-6])
      local workers
      read -ra workers < <(
        cat /proc/"$learner"/task/*/children 2>/dev/null) || true
      [[ ${#workers[@]} -gt 0 ]] || return 1
      kill -9 "${workers[RANDOM % ${#workers[@]}]}" 2>/dev/null || return 1
      killed=worker
      ;;
    *)
      local which=$((RANDOM % 2))
      kill_and_wait "${servers[$which]}" || return 1
      start_server $which
      killed=server
      ;;
  esac
}

"${job[@]}" --run-dir "$work/undisturbed" >"$work/undisturbed.log" 2>&1 ||
  fail "the undisturbed run failed"
want_hashes=$(outputs "$work/undisturbed")
[[ -n $want_hashes ]] || fail "the undisturbed run has no hashes"
"$r1" samples "$work/undisturbed" --stage zero --json --limit 0 >"$work/want.jsonl"

start_server 0
start_server 1
done_kills=0
runs=0
declare -A count=([learner]=0 [worker]=0 [server]=0)
while ((done_kills < kills)); do
  run=$work/run-$runs
  : >"$work/learner.log"
  start_learner "$run"
  while kill -0 "$learner" 2>/dev/null; do
    # 0.05 s to 1.5 s
    sleep "$(printf '%d.%03d' 0 $((50 + RANDOM % 700)))"
    ((done_kills < kills)) || break
    if kill_one "$run"; then
      done_kills=$((done_kills + 1))
      count[$killed]=$((count[$killed] + 1))
    fi
  done
  wait "$learner" || fail "run $runs failed after $done_kills kills"
  learner=
  got_hashes=$(outputs "$run")
  [[ $got_hashes == "$want_hashes" ]] ||
    fail "run $runs ended with the hashes $got_hashes instead of $want_hashes"
  "$r1" samples "$run" --stage zero --json --limit 0 >"$work/got.jsonl"
  cmp -s "$work/want.jsonl" "$work/got.jsonl" ||
    fail "run $runs recorded other samples than the undisturbed run"
  twice=$(sort "$work/got.jsonl" | uniq -d | wc -l)
  [[ $twice == 0 ]] || fail "run $runs counted $twice samples twice"
  rm -rf "$run"
  runs=$((runs + 1))
done
echo "kill_loop: $done_kills kills (${count[learner]} learner," \
  "${count[worker]} worker, ${count[server]} reward server) over $runs runs:" \
  "equal models, data and tables of $(wc -l <<<"$want_hashes") stages and" \
  "$(wc -l <"$work/want.jsonl") samples every time"
