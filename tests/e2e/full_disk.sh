#!/usr/bin/env bash
# Lets the disk of a run fill up in the middle of each of its stages, and checks that each time one line says so, that nothing half written is left
# behind, and that the same command goes on once there is room, to the models,
# data and tables of an undisturbed run.
#
#   full_disk.sh R1 SOURCE_DIR
#
# Needs the right to mount (root); ends with 77 without it.
set -euo pipefail

r1=$1
source_dir=$2

work=$(mktemp -d)
disk=$work/disk
mkdir "$disk"
unmount() { umount "$disk" 2>/dev/null || true; }
cleanup() {
  unmount
  rm -rf "$work"
}
trap cleanup EXIT

if ! mount -t tmpfs -o size=1m none "$disk" 2>"$work/mount.log"; then
  echo "full_disk: skipped: $(cat "$work/mount.log")"
  exit 77
fi
unmount

job=("$r1" train "$source_dir/configs/smoke.textproto"
  --set base.supervised.steps=20 --set rl.prompts=6 --set rl.group_size=4
  --set rollout.max_new_tokens=48 --set eval.problems=4
  --set 'cold.sample.keep=[{rule: "overlong", at_least: -1}]')

fail() {
  echo "full_disk: $*" >&2
  tail -n 30 "$work/log" "$work/errors" >&2
  exit 1
}

outputs() {
  sed -n 's/^ *"output_sha256": *"\([0-9a-f]*\)".*/\1/p' "$1/summary.json"
}

# Whether the stage $1 of the run on the disk is done.
is_done() {
  grep -q output_sha256 "$disk/run/stages/$1/stage.json" 2>/dev/null
}

# How much there is after each stage.
stages=(base zero cold sft judge table)
used_kb=(0)
for stage in "${stages[@]}"; do
  "${job[@]}" --run-dir "$work/whole" --until "$stage" \
    >"$work/log" 2>"$work/errors" || fail "the undisturbed run failed"
  used_kb+=("$(du -sk "$work/whole" | cut -f1)")
done
"${job[@]}" --run-dir "$work/whole" >"$work/log" 2>"$work/errors" ||
  fail "the undisturbed run failed"
want=$(outputs "$work/whole")
[[ -n $want ]] || fail "the undisturbed run has no hashes"

for ((i = 0; i < ${#stages[@]}; ++i)); do
  mount -t tmpfs -o size=1g none "$disk"
  if ((i > 0)); then
    "${job[@]}" --run-dir "$disk/run" --until "${stages[i - 1]}" \
      >"$work/log" 2>"$work/errors" || fail "the stages before it failed"
  fi
  # Room for half of what the stage adds.
  size_kb=$(($(du -sk "$disk" | cut -f1) + (used_kb[i + 1] - used_kb[i]) / 2))
  mount -o "remount,size=${size_kb}k" "$disk"
  status=0
  "${job[@]}" --run-dir "$disk/run" >"$work/log" 2>"$work/errors" || status=$?
  ((status == 1)) || fail "a full disk ended with $status, not with 1"
  [[ $(grep -c '^r1: .*\(No space left\|full\)' "$work/errors") == 1 ]] ||
    fail "no single line says that the disk is full"
  is_done "${stages[i]}" && fail "the stage was done before the disk was full"
  ((i == 0)) || is_done "${stages[i - 1]}" || fail "an earlier stage is undone"
  mount -o remount,size=1g "$disk"
  "${job[@]}" --run-dir "$disk/run" >"$work/log" 2>"$work/errors" ||
    fail "with room again the run does not go on"
  [[ $(outputs "$disk/run") == "$want" ]] ||
    fail "the run that went on made something else"
  [[ -z $(find "$disk/run" -name '*.tmp*') ]] || fail "half a file is left"
  unmount
done
echo "full_disk: ${#stages[@]} full disks, one in each of ${stages[*]}"
