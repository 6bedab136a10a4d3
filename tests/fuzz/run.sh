#!/usr/bin/env bash
# Builds math_fuzz with clang, runs it over a copy of its corpus and prints how
# many inputs it tried. Fails at the first crash, hang or 2 GB of memory and
# names the file with the input.
#
#   tests/fuzz/run.sh [SECONDS]   20 if not given
set -euo pipefail
cd "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.."

seconds=${1:-20}
build="build-fuzz"
log=$build/math_fuzz.log

CC=clang CXX=clang++ cmake -B "$build" -G Ninja -DR1_FUZZ=ON -DR1_BENCH=OFF \
  -DR1_WERROR="${R1_WERROR:-OFF}" \
  >/dev/null
cmake --build "$build" --target math_fuzz

corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
cp tests/fuzz/corpus/math/* "$corpus"
status=0
# -len_control=0: long inputs at once; growing to them takes longer than 20 s.
"$build/tests/fuzz/math_fuzz" -max_total_time="$seconds" \
  -max_len=2048 -len_control=0 -timeout=60 -rss_limit_mb=2048 \
  -print_final_stats=1 -artifact_prefix="$build/" "$corpus" >"$log" 2>&1 || status=$?
if ((status != 0)); then tail -n 60 "$log"; fi
executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
echo "math_fuzz: ${executions:-0} executions in $seconds s"
exit "$status"
