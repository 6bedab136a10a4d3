#!/usr/bin/env bash
# nvcc.sh REPORT COMMAND...: compiles; what ptxas says of each kernel goes to
# REPORT, everything else is shown.
set -uo pipefail
report=$1
shift
output=$("$@" 2>&1)
status=$?
pattern='^ptxas info|^ *[0-9]+ bytes stack frame'
grep -E "$pattern" <<<"$output" >"$report"
grep -vE "$pattern|^$" <<<"$output" >&2
exit $status
