#!/usr/bin/env bash
# Builds and checks this tree on another Debian release, on this machine: in a
# folder with that release's base system, where `./r1` installs what it needs.
#
#   tests/debian/run.sh SUITE [FOLDER]     e.g. trixie; FOLDER is kept for the
#                                          next time (/var/tmp/r1-SUITE)
#
# Runs configs/smoke.textproto, the quickstart and `./r1 test` there, and the
# two runs here: their hashes must be equal, whatever the versions of compiler
# and libraries. Needs root, debootstrap and apt's mirror.
set -euo pipefail

die() { printf 'run.sh: %s\n' "$*" >&2; exit 1; }
note() { printf '== %s\n' "$*"; }

# run_hash RUN: the SHA-256 of a finished run's weights.
run_hash() {
  sed -n 's/^ *"checkpoint_sha256": *"\([0-9a-f]*\)".*/\1/p' "$1/summary.json"
}

# train_both RUNS: the two runs, by the tree of the current folder.
train_both() {
  rm -rf "$1"
  mkdir -p "$1"
  if ! { ./r1 train configs/smoke.textproto --run-dir "$1/smoke" &&
      ./r1 quickstart --run-dir "$1/quickstart"; } >"$1/log" 2>&1; then
    tail -n 20 "$1/log" >&2
    return 1
  fi
}

# In the other system: its root is ours by now.
inside() {
  export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
  local system
  system="Debian $(cat /etc/debian_version)"
  unset R1_WERROR  # a newer compiler has new warnings
  cd /src
  note "$system: build, smoke, quickstart"
  train_both /runs
  note "$system: tests"
  ./r1 test
}

# enter FOLDER: the mounts live in a namespace of their own and end with it. A
# plain chroot would not do: programs in it may not make user namespaces.
enter() {
  mount --rbind "$1" "$1"
  cd "$1"
  mount --rbind /proc proc
  mount --rbind /sys sys
  mount --rbind /dev dev
  pivot_root . mnt
  cd /
  umount --lazy /mnt
  exec /bin/bash /src/tests/debian/run.sh --inside
}

# The mirror that this machine's apt uses, and how it reaches it.
mirror() {
  apt-get indextargets --format "\$(LABEL) \$(REPO_URI)" 'Created-By: Packages' |
    sed -n 's/^Debian //p' | head -n 1
}

# bootstrap SUITE FOLDER
bootstrap() {
  command -v debootstrap >/dev/null ||
    die "needs debootstrap: apt-get install debootstrap"
  local uri
  uri=$(mirror)
  [[ -n $uri ]] || die "apt knows no Debian mirror: run apt-get update"
  note "bootstrapping $1 from $uri into $2"
  rm -rf "$2" "$2.new"
  mkdir -p "$2.new"
  debootstrap --variant=minbase --include=ca-certificates "$1" "$2.new" "$uri" \
    >"$2.log" 2>&1 || { tail -n 20 "$2.log" >&2; die "debootstrap failed"; }
  apt-config dump | grep -E '^Acquire::(https?|Retries|Check)' \
    >"$2.new/etc/apt/apt.conf.d/99host" || true
  mkdir -p "$2.new/src"
  mv "$2.new" "$2"
}

# copy_tree FOLDER: the files; one that did not change keeps its time, so that a
# second build is a small one, and any other is newer than what was built of it.
copy_tree() {
  rm -rf "$1/src.new"
  mkdir -p "$1/src.new"
  git ls-files -z --cached --others --exclude-standard |
    tar --create --null --files-from=- --ignore-failed-read |
    tar --extract --touch --directory "$1/src.new"
  local file
  while IFS= read -r -d '' file; do
    if cmp --quiet "$1/src/$file" "$1/src.new/$file"; then
      touch --reference="$1/src/$file" "$1/src.new/$file"
    fi
  done < <(cd "$1/src.new" && find . -type f -print0)
  if [[ -d $1/src/build ]]; then mv "$1/src/build" "$1/src.new/build"; fi
  rm -rf "$1/src"
  mv "$1/src.new" "$1/src"
  cp -L /etc/resolv.conf "$1/etc/resolv.conf"
  cp -L /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/" || true
}

main() {
  case ${1:-} in
    --enter) enter "$2" ;;
    --inside) inside; exit ;;
  esac
  (($# == 1 || $# == 2)) || die "usage: tests/debian/run.sh SUITE [FOLDER]"
  ((EUID == 0)) || die "needs root, for debootstrap and mounts"
  local suite=$1 folder
  folder=$(realpath -m -- "${2:-/var/tmp/r1-$1}")
  cd "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.."
  [[ -d $folder/src ]] || bootstrap "$suite" "$folder"
  copy_tree "$folder"

  local passed=0 failed=0 skipped=0
  unshare --mount bash "$PWD/tests/debian/run.sh" --enter "$folder" |
    tee "$folder/log" || true
  local counts='^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$'
  if [[ $(tail -n 1 "$folder/log") =~ $counts ]]; then
    passed=${BASH_REMATCH[1]} failed=${BASH_REMATCH[2]}
    skipped=${BASH_REMATCH[3]}
  else
    failed=1
  fi
  note "here: smoke, quickstart"
  train_both "$folder/here" || die "the runs here failed"
  local run here there
  for run in smoke quickstart; do
    here=$(run_hash "$folder/here/$run")
    there=$(run_hash "$folder/runs/$run" || true)
    note "$run: here $here, there ${there:-none}"
    if [[ $here == "$there" ]]; then
      passed=$((passed + 1))
    else
      failed=$((failed + 1))
    fi
  done
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0))
}

main "$@"
