#!/usr/bin/env bash
# A checkpoint of a real size, pruned by four methods inside a memory limit and without one: the
# hashes must agree. Prints a table: peak memory and seconds of each phase.
#
#   tests/scale/check.sh 1b|7b [FOLDER [METHOD...]]
#
# FOLDER (default: /var/tmp/prunebench-scale) holds the model, the databases and the scratch files
# (45 GB for 7b). METHOD: wanda, wanda_2of4, sparsegpt, mini_llm; default: all.
#
# The limit (2 GiB for 1b, 6 GiB for 7b) is a control group's, of either version, where one can be
# made here; where not, the sampled peak of anonymous memory (RssAnon) is held against it.
set -euo pipefail
size=${1:-1b}
here=$(cd "$(dirname "$0")/../.." && pwd)
folder=${2:-/var/tmp/prunebench-scale}
only=" ${*:3} "
case $size in
  1b) limit=$((2 << 30)) ;;
  7b) limit=$((6 << 30)) ;;
  *) sed -n '2,12p' "$0"; exit 2 ;;
esac
mkdir -p "$folder"
export BENCH_SCRATCH=$folder
[ -f "$folder/$size/config.json" ] || python3 "$here/tests/scale/make_model.py" "$size" "$folder/$size"

config=$folder/$size.yaml
cat > "$config" <<YAML
defaults: [allocator: uniform, data: c4_small, protocol: wanda, launcher: local, _self_]
model: {name: shape-$size, path: $folder/$size, dtype: bfloat16}
residency: auto
data: {nsamples: 2, seqlen: 128}
task:
  ppl: {name: perplexity, text: text/tinystories_sample_2MiB.txt, windows: 1, window: 256}
sparsity: 0.5
seed: 0
YAML
methods() {
  echo "wanda +criterion=wanda +pattern=unstructured +update=none"
  echo "wanda_2of4 +criterion=wanda +pattern=2of4 +update=none"
  echo "sparsegpt +criterion=sparsegpt +pattern=unstructured +update=obs"
  echo "mini_llm +criterion=mini_llm +pattern=heads_neurons +update=none sparsity=0.2 +propagation=dense ++criterion.n=2"
}

# A group with the limit; prints the file that a process writes itself to, or nothing.
group() {
  local name=prunebench-scale-$$ at
  at=/sys/fs/cgroup/$name
  if [ -f /sys/fs/cgroup/cgroup.controllers ] && mkdir "$at" 2>/dev/null &&
      echo "$limit" > "$at/memory.max" 2>/dev/null; then
    echo "$at/cgroup.procs"
    return
  fi
  at=/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)/$name
  if mkdir "$at" 2>/dev/null && echo "$limit" > "$at/memory.limit_in_bytes" 2>/dev/null; then
    echo "$at/tasks"
  fi
}

# run DATABASE GROUP WORDS...: prints the peak of RssAnon in MiB.
run() {
  local db=$1 into=$2 peak=0 pid
  shift 2
  rm -f "$db"*
  (
    [ -n "$into" ] && echo $BASHPID > "$into"
    exec "$here/bench" run "$config" --db "$db" --no-report "$@"
  ) > "$db.log" 2>&1 &
  pid=$!
  while kill -0 $pid 2>/dev/null; do
    for p in $(pgrep -x bench-engine || true); do
      a=$(sed -n 's/^RssAnon:\s*\([0-9]*\) kB/\1/p' /proc/$p/status 2>/dev/null || true)
      [ -n "$a" ] && [ "$a" -gt "$peak" ] && peak=$a
    done
    sleep 0.2
  done
  wait $pid || { cat "$db.log" >&2; return 1; }
  echo $((peak / 1024))
}

numbers() { "$here/bench" show 1 --db "$1" | grep -E '^  (load|prune|evaluate) .*peak RSS' | awk '{printf " %s %.0f s %s MiB,", $1, $2, $6}'; }
hashes() { "$here/bench" show 1 --db "$1" | grep -E '^  (mask|pruned_weights|weights)  '; }

limited=$(group)
echo "limit $((limit >> 20)) MiB: ${limited:-sampled, no control group can be made here}"
status=0
while read -r name words; do
  [ "$only" = "  " ] || [[ "$only" = *" $name "* ]] || continue
  # shellcheck disable=SC2086
  free=$(run "$folder/$size-$name.db" "" $words residency=whole)
  # shellcheck disable=SC2086
  tight=$(run "$folder/$size-$name-limit.db" "$limited" $words residency=block)
  same=equal
  [ "$(hashes "$folder/$size-$name.db")" = "$(hashes "$folder/$size-$name-limit.db")" ] || { same=DIFFERENT; status=1; }
  [ "$tight" -le $((limit >> 20)) ] || { same="$same, ABOVE THE LIMIT"; status=1; }
  echo "$name whole: anonymous $free MiB,$(numbers "$folder/$size-$name.db")"
  echo "$name block: anonymous $tight MiB,$(numbers "$folder/$size-$name-limit.db") hashes $same"
done < <(methods)
[ -z "$limited" ] || rmdir "$(dirname "$limited")" 2>/dev/null || true
exit $status
