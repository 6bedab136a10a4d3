#!/usr/bin/env bash
# All that a machine with a GPU is needed for: the kernels' tests on it, its
# memory and race checkers, whole runs whose hashes must repeat, rates.
#
#   tests/device/run.sh OUT          on cuda:0, after ./r1 test -N
#   R1_DEVICE=emu tests/device/run.sh OUT    a rehearsal on the emulated device
#
# Each step has its own time limit, and the next one runs regardless. Ends with
# a table; OUT/device.json has the same, OUT/*.log what the steps printed. Exits
# with 1 if a step failed.
# The steps are functions of a shell of their own, which shellcheck does not see.
# shellcheck disable=SC2317
set -uo pipefail
root=$(cd "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
out=${1:?usage: tests/device/run.sh OUT}
device=${R1_DEVICE:-cuda:0}
mkdir -p "$out"
out=$(cd "$out" && pwd)
build=${R1_BUILD:-$root/build}
if [[ $device == emu* ]]; then
  r1=$build/tests/e2e/r1_emulated
else
  r1=$build/pipeline/r1
fi

names=() results=() seconds=() notes=()

# step NAME LIMIT COMMAND...: the last line of what it prints is its note.
step() {
  local name=$1 limit=$2 start=$SECONDS result=ok
  shift 2
  # A rehearsal may have to share its machine.
  if [[ $device == emu* ]]; then limit=900; fi
  timeout --kill-after=5 "$limit" "$@" >"$out/$name.log" 2>&1
  case $? in
    0) ;;
    77) result=skipped ;;
    124 | 137) result="no end in $limit s" ;;
    *) result=FAILED ;;
  esac
  names+=("$name")
  results+=("$result")
  seconds+=($((SECONDS - start)))
  notes+=("$(tail -n 1 "$out/$name.log" | tr -d '"\134' | cut -c 1-70)")
}

native=$build/tests/kernels/cuda/cuda_ops_native_test
kernel_tests() {
  if [[ $device != emu* ]]; then "$native" && return; return 1; fi
  local test status=0
  for test in ops attention gemm head sample; do
    "$build/tests/kernels/cuda/cuda_${test}_test" --gtest_brief=1 || status=1
  done
  return "$status"
}

# checker TOOL: of compute-sanitizer, on the smaller tests.
checker() {
  if [[ $device == emu* ]]; then echo "not on the emulated device"; return 77; fi
  if ! command -v compute-sanitizer; then echo "no compute-sanitizer"; return 77; fi
  compute-sanitizer --tool "$1" --error-exitcode 1 "$native" \
    --gtest_filter='*Rope*:*SwiGlu*:*RmsNorm*:*Rows*:*Sample*'
}

recipe() {  # recipe HIDDEN FEED_FORWARD LAYERS HEADS PROMPTS GROUP LENGTH
  cat <<END
device: "$device"
model { vocab_size: 320 hidden_size: $1 intermediate_size: $2 num_layers: $3
        num_heads: $4 num_kv_heads: $(($4 / 2)) max_positions: 1024 }
task { kind: COUNTDOWN min_numbers: 3 max_numbers: 3 max_number: 12
       operators: "+-" template: "User: {question}\nAssistant: " }
rollout { max_new_tokens: $7 max_batch: 256 }
eval { problems: 2 samples: 1 }
# Something that every model earns, unequally.
reward { rule { name: "overlong" } }
stage { name: "base"
        supervised { steps: 4 batch_tokens: 256 learning_rate: 1e-3 } }
stage { name: "zero"
        rl { steps: 3 prompts: $5 group_size: $6 minibatches: 2 kl_coef: 0.01
             learning_rate: 1e-4 } }
END
}

# run NAME RECIPE ARGUMENTS...: to OUT/runs/NAME, unless it is there. Sampler and
# trainer must agree to the bit.
run() {
  local dir=$out/runs/$1 recipe=$out/$2.textproto mismatch
  shift 2
  "$r1" train "$recipe" --run-dir "$dir" "$@" || return 1
  mismatch=$(grep -o '"max_logprob_mismatch": [^,]*' "$dir/summary.json")
  echo "$mismatch"
  [[ ${mismatch#*: } == 0.0 ]]
}

# equal NAME RECIPE ARGUMENTS...: a run with the arguments, and one without.
equal() {
  local name=$1 recipe=$2 first second
  run "$recipe" "$recipe" && first=$("$r1" hash "$out/runs/$recipe") || return 1
  shift 2
  run "$name" "$recipe" "$@" && second=$("$r1" hash "$out/runs/$name") ||
    return 1
  echo "$first $second"
  # Something was learned, and equally.
  [[ $first == "$second" && $first != $("$r1" hash "$out/runs/$name/stages/base") ]]
}

# rates RUN: of its last step.
rates() {
  "$r1" metrics "$1" --stage zero | awk '$1 == 3 || /gen_tok/ {
    print $(NF - 1), $NF }' | tr '\n' ' '
}

rm -rf "$out/runs"
recipe 64 64 2 2 4 8 24 >"$out/small.textproto"
recipe 512 1536 8 8 32 16 256 >"$out/large.textproto"

step devices 60 "$r1" devices
functions="$(declare -f kernel_tests checker run equal rates)
  device=$device build=$build native=$native out=$out r1=$r1"
step kernels 120 bash -c "$functions; kernel_tests"
step memcheck 60 bash -c "$functions; checker memcheck"
step racecheck 60 bash -c "$functions; checker racecheck"
step again 60 bash -c "$functions; equal again small"
step workers 60 bash -c "$functions; equal workers small --workers 2"
step kept 60 bash -c "$functions; equal kept small --set keep=LAYER_INPUTS"
if [[ $device != emu* ]]; then
  step large 120 bash -c "$functions; equal large-again large"
  step rates 30 bash -c "$functions; rates $out/runs/large"
fi

failed=0
{
  printf '{"device": "%s", "steps": [' "$device"
  for i in "${!names[@]}"; do
    ((i == 0)) || printf ', '
    printf '{"name": "%s", "result": "%s", "seconds": %d, "note": "%s"}' \
      "${names[i]}" "${results[i]}" "${seconds[i]}" "${notes[i]}"
  done
  printf ']}\n'
} >"$out/device.json"
for i in "${!names[@]}"; do
  printf '%-10s %-16s %4d s  %s\n' "${names[i]}" "${results[i]}" \
    "${seconds[i]}" "${notes[i]}"
  [[ ${results[i]} == ok || ${results[i]} == skipped ]] || failed=1
done
exit "$failed"
