#!/usr/bin/env bash
# Builds the fuzzers with clang, runs each over a copy of its corpus
# and prints how many inputs it tried. Fails at the first crash, hang or 2 GB of
# memory and names the file with the input.
#
#   tests/fuzz/run.sh [SECONDS]   for each, 20 if not given
set -euo pipefail
cd "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.."

seconds=${1:-20}
build="build-fuzz"

CC=clang CXX=clang++ cmake -B "$build" -G Ninja -DR1_FUZZ=ON -DR1_BENCH=OFF \
  -DR1_WERROR="${R1_WERROR:-OFF}" \
  >/dev/null
cmake --build "$build" --target math_fuzz jinja_fuzz rows_fuzz code_fuzz

corpora=$(mktemp -d)
trap 'rm -rf "$corpora"' EXIT

# fuzz NAME SEED...: the program NAME over copies of these seeds.
fuzz() {
  local name=$1 log=$build/$1.log corpus=$corpora/$1 status=0 executions
  shift
  mkdir "$corpus"
  cp "$@" "$corpus"
  # -len_control=0: long inputs at once; growing to them takes longer than 20 s.
  "$build/tests/fuzz/$name" -max_total_time="$seconds" \
    -max_len=4096 -len_control=0 -timeout=60 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$build/" "$corpus" >"$log" 2>&1 ||
    status=$?
  if ((status != 0)); then tail -n 60 "$log"; fi
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  echo "$name: ${executions:-0} executions in $seconds s"
  return "$status"
}

fuzz math_fuzz tests/fuzz/corpus/math/*
fuzz jinja_fuzz tests/model/golden/chat/templates/*.jinja
fuzz rows_fuzz tests/fuzz/corpus/rows/*
fuzz code_fuzz tests/fuzz/corpus/code/*
