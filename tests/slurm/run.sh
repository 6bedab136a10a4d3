#!/usr/bin/env bash
# A run as Slurm jobs, by the scripts of configs/slurm, on a cluster of its own:
# three nodes that are all this machine. A worker is preempted, the learner
# reaches its time limit; the run must end as an undisturbed one.
#
#   run.sh BUILD      a build folder in which the program is built
#
# Needs root and Debian's slurm-wlm and munge, which it installs. Where Slurm
# does not start everything is skipped. The last line counts the checks.
set -euo pipefail

r1=$(readlink -f -- "${1:?expected a build folder}")/pipeline/r1
source=$(readlink -f -- "$(dirname -- "${BASH_SOURCE[0]}")/../..")
scripts=$source/configs/slurm
work=$(mktemp -d)
run=$work/run
daemons=()
passed=0 failed=0
checks=8

cleanup() {
  if ((${#daemons[@]} > 0)); then
    scancel --user=root 2>/dev/null || true
    await 30 no_job || true
    kill "${daemons[@]}" 2>/dev/null || true
    wait "${daemons[@]}" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap cleanup EXIT

report() {
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" \
    "$((checks - passed - failed))"
}

skip_all() {
  printf 'skipped %d checks: %s\n' "$checks" "$1"
  report
  exit 0
}

# await SECONDS COMMAND...: true once the command is.
await() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

# check NAME COMMAND...: ends the test if it fails, with all logs: each check
# builds on those before it.
check() {
  local name=$1 start=$SECONDS
  shift
  if "$@"; then
    passed=$((passed + 1))
    printf 'ok      %s (%d s)\n' "$name" $((SECONDS - start))
    return
  fi
  failed=$((failed + 1))
  printf 'FAILED  %s (%d s)\n' "$name" $((SECONDS - start))
  squeue --array || true
  local log
  for log in "$work"/*.log; do
    printf -- '--- %s\n' "${log##*/}"
    tail -n 25 "$log"
  done
  report
  exit 1
}

# ---- the cluster ----------------------------------------------------------

install_slurm() {
  if command -v slurmctld slurmd munged >/dev/null; then return; fi
  apt-get install -y --no-install-recommends slurm-wlm munge >/dev/null 2>&1
}

# Four ports in a row that nobody listens on; sets `port` to the first.
find_ports() {
  local i
  for port in $(shuf -i 20000-29996 -n 20); do
    for i in 0 1 2 3; do
      if (: <"/dev/tcp/127.0.0.1/$((port + i))") 2>/dev/null; then continue 2; fi
    done
    return 0
  done
  return 1
}

# Workers run in the partition "spot", which jobs of "urgent" preempt.
write_config() {
  local host
  host=$(hostname)
  cat >"$work/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
CredType=cred/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool_%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd_%n.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd_%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=1,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=10
NodeName=n[1-3] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 3))] CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1 State=UNKNOWN
PartitionName=steady Nodes=n1 Default=YES State=UP PreemptMode=OFF
PartitionName=spot Nodes=n[2-3] State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=60
PartitionName=urgent Nodes=n[2-3] State=UP PriorityTier=10 PreemptMode=OFF
CONF
}

start_daemon() {
  local log=$1
  shift
  "$@" >"$work/$log.log" 2>&1 &
  daemons+=($!)
}

all_nodes_idle() { [[ $(sinfo -h -p steady,spot -o '%T %D') == "idle 3" ]]; }

start_cluster() {
  chmod 755 "$work"
  mkdir "$work"/{munge,state,spool_n1,spool_n2,spool_n3}
  head -c 1024 /dev/urandom >"$work/munge/key"
  chmod 400 "$work/munge/key"
  chown -R munge "$work/munge"
  find_ports || return 1
  write_config
  export SLURM_CONF=$work/slurm.conf
  start_daemon munged runuser -u munge -- munged --foreground \
    --key-file="$work/munge/key" --socket="$work/munge/socket" \
    --pid-file="$work/munge/pid" --log-file="$work/munge/log" \
    --seed-file="$work/munge/seed"
  await 10 test -S "$work/munge/socket" || return 1
  start_daemon controller slurmctld -D
  local node
  for node in n1 n2 n3; do start_daemon "$node" slurmd -D -N "$node"; done
  await 30 all_nodes_idle
}

# ---- jobs -------------------------------------------------------------------

# What Slurm knows of a job, e.g. `field 7 JobState`.
field() { scontrol --oneliner show job "$1" | grep -o " $2=[^ ]*" | cut -d= -f2; }
is() { [[ $(field "$1" "$2") == "$3" ]]; }
no_job() { [[ -z $(squeue -h) ]]; }

# Slurm lets a job that is queued again wait for two minutes.
start_now() {
  # Slurm revokes the credential of the last start by the second: a start within
  # that second is refused ("Job credential revoked").
  await 30 is "$1" Reason BeginTime && sleep 3 && scontrol update "JobId=$1" StartTime=now
}

# submit NAME OPTIONS OF sbatch: prints the job's number.
submit() {
  local name=$1
  shift
  R1=$r1 sbatch --parsable --job-name="$name" --output="$work/$name.log" \
    --cpus-per-task=1 "$@"
}
log_has() { grep -q -- "$2" "$work/$1.log"; }

# More steps than are done in the seconds until no worker is left; paid by
# length, so that each of them changes the weights.
job=(--threads 1 --set supervised.steps=20 --set rl.steps=80
  --set 'reward.rule=[{name: "countdown"}, {name: "overlong"}]'
  --set eval.problems=4 --set eval.samples=1 --set checkpoint.every=100)
config=$source/tests/data/two_stages.textproto

undisturbed() {
  "$r1" train "$config" --run-dir "$work/whole" "${job[@]}" \
    >"$work/whole.log" 2>&1
}

start_jobs() {
  local port
  find_ports || return 1
  rewards=$(submit rewards -p steady "$scripts/rewards.sbatch" "$run" "$port")
  await 60 log_has rewards 'listens on' || return 1
  workers=$(submit workers-%a -p spot --exclusive --array=0-1 \
    "$scripts/workers.sbatch" "$run" --threads 1)
  await 60 log_has workers-0 'waits for the coordinator' || return 1
  learner=$(submit learner -p steady --time=60 --signal=TERM@40 \
    "$scripts/learner.sbatch" "$config" "$run" "${job[@]}" \
    --set "reward.server=\"127.0.0.1:$port\"")
  await 60 log_has learner 'rl 1/' || return 1
  # A brake: without any worker the run cannot end before it is disturbed.
  scontrol suspend "${workers}_1"
}

preempt_worker() {
  urgent=$(submit urgent -p urgent -w "$(field "${workers}_0" NodeList)" \
    --exclusive --wrap 'sleep 600')
  await 60 is "${workers}_0" Restarts 1 &&
    log_has workers-0 'left .* at a signal' &&
    log_has workers-0 'Exited with exit code 75' &&
    log_has learner 'worker slurm/.*_0 left'
}

# Slurm counts limits in minutes, and looks at them every half minute.
limit_learner() {
  local minutes
  minutes=$(field "$learner" RunTime | cut -d: -f2)
  scontrol update "JobId=$learner" TimeLimit=$((10#$minutes + 2))
  await 120 is "$learner" Restarts 1 &&
    log_has learner 'interrupted after rl step' &&
    log_has learner 'Exited with exit code 75'
}

# The worker that was there all the time is still there.
go_on() {
  is "${workers}_1" JobState SUSPENDED || return 1
  scontrol resume "${workers}_1"
  scancel "$urgent"
  scontrol update "JobId=$learner" TimeLimit=60
  start_now "$learner" && start_now "${workers}_0" &&
    await 60 log_has learner 'going on after step' &&
    await 60 log_has workers-1 'joins again'
}

all_complete() {
  await 180 no_job || return 1
  local id
  for id in "$learner" "${workers}_0" "${workers}_1" "$rewards"; do
    is "$id" JobState COMPLETED || return 1
  done
  is "${workers}_0" Restarts 1 && is "${workers}_1" Restarts 0
}

same_run() {
  local base whole
  base=$("$r1" hash "$work/whole/stages/rl/checkpoints/step-0")
  whole=$("$r1" hash "$work/whole")
  [[ $whole != "$base" && $("$r1" hash "$run") == "$whole" ]] &&
    cmp <("$r1" samples "$work/whole" --json --limit 0) \
      <("$r1" samples "$run" --json --limit 0)
}

# Somebody who cancels a job does not want it to come back.
cancelled_stays_so() {
  local id
  id=$(submit gone-%a "$scripts/workers.sbatch" "$work/no_run")
  await 60 log_has gone-0 'waits for the coordinator' || return 1
  scancel "$id"
  await 60 no_job && is "${id}_0" JobState CANCELLED
}

((EUID == 0)) || skip_all "needs root"
install_slurm || skip_all "cannot install slurm-wlm and munge"
if ! start_cluster; then
  tail -n 5 "$work"/{munged,controller,slurmctld,n1,slurmd_n1}.log 2>/dev/null ||
    true
  skip_all "Slurm does not start here"
fi

check "an undisturbed run" undisturbed
check "learner, workers and reward server as jobs" start_jobs
check "a preempted worker leaves and is queued again" preempt_worker
check "the learner saves at its time limit and is queued again" limit_learner
check "the run goes on, with the worker that waited" go_on
check "all jobs complete" all_complete
check "hash and samples are those of the undisturbed run" same_run
check "a cancelled job stays cancelled" cancelled_stays_so
report
