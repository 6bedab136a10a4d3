#!/usr/bin/env bash
# Builds the fuzzers with clang, runs each over a copy of its corpus, two at a
# time, and prints how many inputs it tried. Fails if one of them crashes, hangs
# or takes 2 GB of memory; its log names the file with the input.
#
#   tests/fuzz/run.sh [SECONDS [SEED]]   for each, 20 if not given; equal seeds
#                                        try equal inputs, none takes the clock's
#   tests/fuzz/run.sh build              only builds them
set -euo pipefail
cd "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.."

seconds=${1:-20} seed=${2:-0}
build="build-fuzz"

CC=clang CXX=clang++ cmake -B "$build" -G Ninja -DR1_FUZZ=ON -DR1_BENCH=OFF \
  -DR1_WERROR="${R1_WERROR:-OFF}" \
  -DR1_COMPILE_TOGETHER="${R1_COMPILE_TOGETHER:-OFF}" \
  >/dev/null
cmake --build "$build" -j "$(nproc)" \
  --target math_fuzz jinja_fuzz rows_fuzz code_fuzz
if [[ $seconds == build ]]; then exit; fi

corpora=$(mktemp -d)
trap 'rm -rf "$corpora"' EXIT
declare -A started
status=0

# start NAME SEED...: the program NAME over copies of these seeds.
start() {
  local name=$1 corpus=$corpora/$1
  shift
  mkdir "$corpus"
  cp "$@" "$corpus"
  # -len_control=0: long inputs at once; growing to them takes longer than 20 s.
  "$build/tests/fuzz/$name" -max_total_time="$seconds" -seed="$seed" \
    -max_len=4096 -len_control=0 -timeout=60 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$build/" "$corpus" \
    >"$build/$name.log" 2>&1 &
  started[$name]=$!
}

# finish NAME: waits for it and says how it went.
finish() {
  local name=$1 log=$build/$1.log code=0 executions
  wait "${started[$name]}" || code=$?
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  if ((code != 0)); then
    tail -n 60 "$log"
    # The reason is above what the last inputs printed.
    grep -aE 'ERROR|SUMMARY|Test unit written' "$log" || true
    echo "$name: FAILED with exit code $code (all of it: $log)"
    status=1
  fi
  echo "$name: ${executions:-0} executions in $seconds s"
}

start math_fuzz tests/fuzz/corpus/math/*
start jinja_fuzz tests/model/golden/chat/templates/*.jinja
finish math_fuzz
finish jinja_fuzz
start rows_fuzz tests/fuzz/corpus/rows/*
start code_fuzz tests/fuzz/corpus/code/*
finish rows_fuzz
finish code_fuzz
exit "$status"
