#!/usr/bin/env bash
# The way of a plugin's author: installs a build, writes projects with
# `r1 reward new`, builds and tests them and scores with them.
#
#   author_kit.sh BUILD      a build folder in which the program is built
#
# The last line counts the checks. The server in Python needs the Debian
# packages python3-grpcio and python3-grpc-tools; without them it is skipped.
set -euo pipefail

build=$(readlink -f -- "${1:?expected a build folder}")
work=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

# A space: paths must be quoted everywhere.
prefix="$work/a prefix"
r1="$prefix/bin/r1"

# check NAME COMMAND...: shows what it printed if it fails.
check() {
  local name=$1 status=0
  shift
  set +e
  (set -e; "$@") >"$work/log" 2>&1
  status=$?
  set -e
  if ((status == 0)); then
    passed=$((passed + 1))
    printf 'ok      %s\n' "$name"
  else
    failed=$((failed + 1))
    printf 'FAILED  %s\n' "$name"
    cat "$work/log"
  fi
}

# Relocatable: where it was installed is no longer there.
install_and_move() {
  cmake --install "$build" --prefix "$work/first"
  mv "$work/first" "$prefix"
  "$r1" --version
  local file
  for file in include/r1/reward_abi.h include/r1/reward_plugin.h \
      share/r1cpp/proto/reward.proto share/r1cpp/python/r1_reward.py \
      share/r1cpp/configs/quickstart.textproto; do
    test -f "$prefix/$file"
  done
  test -z "$(find "$prefix" -name '*test*' -print)"
}

# project FOLDER PREFIX: configures and builds a project in C++.
project() {
  cmake -S "$1" -B "$1/build" "-DCMAKE_PREFIX_PATH=$2"
  cmake --build "$1/build"
}

kit_alone() {
  cmake --install "$build" --component plugin --prefix "$work/kit"
  test ! -e "$work/kit/bin"
  project "$work/kit/share/r1cpp/examples/cpp" "$work/kit"
}

cpp_project() {
  "$r1" reward new short_answer --dir "$work/cpp"
  project "$work/cpp" "$prefix"
  ctest --test-dir "$work/cpp/build" --output-on-failure
}

# An answer with words around it.
score() {
  "$r1" reward score --rule short_answer --set near=0.25 "$@" - \
    <<<'{"id": "a", "completion": "<answer>it is 42</answer>", "reference": "42"}' |
    tee /dev/stderr | grep -q '"total":0.25'
}

# replaces_nothing: the second time it is refused.
replaces_nothing() {
  local status=0
  "$r1" reward new short_answer --dir "$work/cpp" || status=$?
  ((status == 1))
}

python_project() {
  cd "$work"
  "$r1" reward new short_answer --lang python
  cd short_answer
  python3 short_answer.py
  "$r1" reward test "python3 r1_reward.py short_answer.py reward" \
    --cases cases.jsonl
  score --plugin "short_answer=python3 r1_reward.py short_answer.py reward"
}

# A Python that has gRPC; Debian's may not be the first.
python_with_grpc() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -c 'import grpc, grpc_tools.protoc' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  return 1
}

grpc_project() {
  local target
  target=short_answer=grpc:$(sed -n 's/^listening on //p' "$work/server")
  "$r1" reward test "$target" --cases "$work/grpc/cases.jsonl"
  score --plugin "$target"
}

check "install, and move what is installed" install_and_move
check "the kit without the program" kit_alone
check "a project in C++" cpp_project
check "scores of a library" \
  score --plugin "short_answer=$work/cpp/build/libshort_answer.so"
check "files are not replaced" replaces_nothing
check "a project in Python" python_project
if python=$(python_with_grpc); then
  check "a server's project" \
    "$r1" reward new short_answer --lang grpc --dir "$work/grpc"
  "$python" "$work/grpc/server.py" >"$work/server" 2>&1 &
  server=$!
  deadline=$((SECONDS + 60))
  until grep -q '^listening on ' "$work/server" || ((SECONDS > deadline)) ||
      ! kill -0 "$server" 2>/dev/null; do
    sleep 0.1
  done
  check "a server in Python" grpc_project
else
  skipped=$((skipped + 2))
  printf 'skipped a server in Python: needs python3-grpcio and %s\n' \
    python3-grpc-tools
fi

printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
((failed == 0))
