#!/usr/bin/env bash
# check_spills.sh LIST REPORT...: fails if a kernel keeps registers in memory and
# is not in LIST. Its lines are "ARCHITECTURE KERNEL", the kernel's name as
# c++filt has it, up to its parameters.
set -euo pipefail
list=$1
shift
cat "$@" | awk '
  /Compiling entry function/ { split($0, part, "\x27"); name = part[2]; arch = part[4] }
  /bytes spill stores/ && ($5 > 0 || $9 > 0) { print arch, name, $5, $9 }
  /Compiling entry function/ { count++ }
  END { if (count == 0) print "none" }' | c++filt | {
  status=0
  while read -r arch rest; do
    if [[ $arch == none ]]; then
      echo "no kernel in the reports"
      status=1
      continue
    fi
    numbers=$(awk '{ print $(NF - 1) " bytes stored, " $NF " loaded" }' <<<"$rest")
    kernel=${rest% * *}
    kernel=$(sed -E 's/^void //; s/\(anonymous namespace\)::/@/; s/\(.*//; s/@/(anonymous namespace)::/' <<<"$kernel")
    if ! grep -qxF "$arch $kernel" "$list"; then
      echo "spills: $arch $kernel: $numbers; see kernels/cuda/README.md"
      status=1
    fi
  done
  exit $status
}
