#!/usr/bin/env bash
# A sweep of four elements on a real Slurm of one node, set up in a temporary folder: one element is
# cancelled, one reaches its time limit and goes back into the queue, the node dies under two. The
# merged ledger must equal that of a run on this machine, bit for bit.
#
#   tests/slurm/check.sh [BIN]       BIN: the folder of bench and bench-engine (default: build/bin)
#
# Installs Debian's packages where they are missing and it can; where it cannot, it says so in a
# sentence and exits with 0. Takes two to three minutes on two cores.
set -uo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
bin=${1:-$here/build/bin}
export BENCH_HOME=$here
# shellcheck source=tests/slurm/cluster.sh
source "$here/tests/slurm/cluster.sh"

skip() { echo "skipped: $1"; exit 0; }
if ! command -v slurmctld >/dev/null || ! command -v slurmd >/dev/null ||
    ! command -v sbatch >/dev/null; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || skip "Slurm is not here, and only root on Debian can install it"
  { apt-get install -y --no-install-recommends slurmctld slurmd slurm-client ||
      { apt-get update && apt-get install -y --no-install-recommends slurmctld slurmd slurm-client; }
  } >/dev/null 2>&1 || skip "Slurm's packages cannot be installed here"
fi
[ "$(id -u)" = 0 ] || skip "the node of the test runs as root"
command -v python3 >/dev/null || skip "python3 is needed to compare ledgers"

work=$(mktemp -d)
trap 'cluster_stop; cd /; rm -rf "$work"' EXIT
cd "$work"
export TMPDIR=$work
fail() {
  echo "FAILED: $1" >&2
  squeue --me -a -r >&2
  for log in out/slurm/*/*.log out/slurm/*/*.err; do echo "-- $log" >&2; tail -n 5 "$log" >&2; done
  grep -v _slurm_rpc "$cluster/slurmctld.log" | tail -n 40 >&2
  exit 1
}
say() { echo "$(date +%T) $1"; }
query() { python3 -c 'import sqlite3, sys; print(*[r[0] for r in sqlite3.connect(sys.argv[1]).execute(sys.argv[2])])' "$1" "$2"; }
# until SECONDS WHAT COMMAND...: tries it until it holds
until_holds() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ $SECONDS -lt $end ] || fail "$what took too long"
    sleep 0.5
  done
}

sweep() {
  cat > sweep.yaml <<YAML
defaults: [model: stories260k, criterion: wanda, allocator: uniform, update: none, pattern: unstructured, data: c4_small, protocol: wanda, launcher: local, _self_]
task: {stories: {name: perplexity, text: text/tinystories_sample_2MiB.txt, windows: $1}}
sparsity: 0.5
seed: 0
sweep:
  - {data.nsamples: [8], task.stories.windows: [$1], sparsity: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]}
  - {data.nsamples: [9, 10, 11], task.stories.windows: [$2], sparsity: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]}
YAML
}
# The long share is to take 40 seconds of one core, the others a fifth of that, however fast it is.
sweep 20 20
sed '/^sweep:/,$d' sweep.yaml > probe.yaml
OMP_NUM_THREADS=1 "$bin/bench" run probe.yaml --db probe.db --no-report launcher.workers=1 >probe.log 2>&1 || { cat probe.log; exit 1; }
windows=$(query probe.db "SELECT max(20, cast(20 * 5 / max(0.02, sum(seconds)) AS int)) FROM phase WHERE phase = 'evaluate'")
sweep "$windows" $((windows / 5))
say "$windows windows and a fifth of them, on this machine"
"$bin/bench" run sweep.yaml --db local.db --no-report >local.log 2>&1 || { cat local.log; exit 1; }

cluster_start "$work/cluster" || exit 1
say "the cluster is up"
slurm() {
  local limit=$1
  shift
  "$bin/bench" run sweep.yaml --db sweep.db launcher=slurm launcher.timeout_min="$limit" launcher.signal_delay_s=40 \
    launcher.elements=4 launcher.array_parallelism=2 launcher.max_num_timeout=20 launcher.workers=1 --no-report "$@"
}
slurm 1 >submit.log 2>&1 || fail "submission: $(cat submit.log)"
cat submit.log
job=$(sed -n 's/^job \([0-9]*\): 32 of 32 trials in 4 elements.*/\1/p' submit.log)
[ -n "$job" ] || fail "submission said something else"
folder=$work/out/slurm/$job
state() { squeue --me -a -r -h -o '%F_%K %T' | sed -n "s/^${job}_$1 //p"; }
done_in() { query "$folder/shard-$1.db" "SELECT count(*) FROM trial WHERE state = 'done'"; }
working() { [ "$(state "$1")" = RUNNING ] && [ "$(done_in "$1")" -ge 1 ]; }
# Slurm lets a requeued job wait for two minutes.
hurry() {
  local k
  for k in 0 1 2 3; do
    [ "$(state $k)" = PENDING ] && scontrol update JobId="${job}_$k" StartTime=now >/dev/null 2>&1
  done
  return 0
}

slurm 1 >again.log 2>&1 || fail "a second submission: $(cat again.log)"
grep -q "nothing to submit: what is not done is in the queue, as job $job" again.log || fail "the same trials twice: $(cat again.log)"

until_holds 60 "the first trial of element 1" working 1
"$bin/bench" status --db sweep.db | tee status.log
grep -q "${job}_1 .*RUNNING" status.log || fail "bench status does not see element 1 running"
scancel "${job}_1"
say "element 1 is cancelled after $(done_in 1) of 8"

until_holds 60 "the first trial of element 2" working 2
until_holds 60 "the first trial of element 0" working 0
node_dies
say "the node died under elements 0 (${done0:=$(done_in 0)} of 8) and 2 ($(done_in 2) of 8)"
sleep 11
node_returns
requeued() { [ "$(state 0)" = PENDING ] && [ "$(state 2)" = PENDING ]; }
until_holds 60 "Slurm's notice that the node was booted" requeued
sleep 6  # slurmd clears away the scripts of what it does not know, and would take a new one with them
returned() { hurry; working 0; }
until_holds 60 "the node's return" returned
say "elements run again"
[ "$(done_in 0)" -ge "$done0" ] || fail "element 0 lost what it had"

warned() { hurry; [ -s "$folder/shard-0.timeouts" ]; }
until_holds 90 "the warning of element 0" warned
say "element 0 reached its time limit with $(done_in 0) of 8"
ended() { hurry; [ -z "$(squeue --me -a -r -h)" ]; }
until_holds 150 "the end of the array" ended
"$bin/bench" status --db sweep.db
[ -e "$folder/merged" ] || fail "the last job merged nothing"
left=$(query sweep.db "SELECT count(*) FROM trial WHERE state <> 'done' AND past = ''")
[ "$left" -gt 0 ] && [ "$left" -lt 8 ] || fail "$left trials are left of the element that was cancelled"
say "all but $left of element 1 are done; the rest is submitted"

slurm 10 --wait >rest.log 2>&1 || fail "the rest: $(cat rest.log)"
grep -q ": $left of 32 trials in" rest.log || fail "not only what was missing: $(cat rest.log)"
tail -1 rest.log

python3 "$here/tests/slurm/compare.py" local.db sweep.db || fail "the ledgers differ"
say "equal; element 0 met its time limit $(cat "$folder/shard-0.timeouts") time(s)"
