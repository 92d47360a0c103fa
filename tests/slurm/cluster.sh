# A Slurm of one node in a folder of its own, sourced by check.sh: Debian's slurmctld and slurmd as
# root, on 127.0.0.1 alone, without munge and accounting.
#
#   cluster_start FOLDER    node_dies    node_returns    cluster_stop

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

cluster_start() {
  cluster=$1
  mkdir -p "$cluster/state" "$cluster/spool"
  local host i
  host=$(hostname -s)
  cat > "$cluster/slurm.conf" <<CONF
ClusterName=bench
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
JobRequeue=1
ReturnToService=2
KillWait=5
MessageTimeout=5
BatchStartTimeout=5
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
  export SLURM_CONF=$cluster/slurm.conf
  slurmctld -D -i -c > "$cluster/slurmctld.out" 2>&1 &
  controller=$!
  node_returns
  for i in $(seq 100); do
    [ "$(sinfo -h -o %T 2>/dev/null)" = idle ] && return 0
    sleep 0.2
  done
  echo "the cluster did not start:" >&2
  tail -n 5 "$cluster"/slurmctld.log "$cluster"/slurmd.log >&2
  return 1
}

# -b: the node says that it was booted anew. What began ten seconds (both timeouts above) before it
# says so is then known to be gone.
node_returns() {
  slurmd -D -b > "$cluster/slurmd.out" 2>&1 &
  node=$!
}

# All that runs on the node, without a word, as if the power went: first those that would report an
# end. Only what belongs to this cluster is touched: the name of its configuration is in its
# environment.
node_dies() {
  local p words steps=() work=()
  kill -9 "$node" 2>/dev/null
  wait "$node" 2>/dev/null
  for p in $(cd /proc && echo [0-9]*); do
    words=$'\n'$({ tr '\0' '\n' < "/proc/$p/environ"; } 2>/dev/null)$'\n'
    [[ $words == *$'\n'"SLURM_CONF=$cluster/slurm.conf"$'\n'* ]] || continue
    if [[ $({ cat "/proc/$p/comm"; } 2>/dev/null) == slurmstepd ]]; then
      steps+=("$p")
    elif [[ $words == *$'\n'SLURM_JOB_ID=* ]]; then
      work+=("$p")
    fi
  done
  [ ${#steps[@]} = 0 ] || kill -9 "${steps[@]}" 2>/dev/null
  [ ${#work[@]} = 0 ] || kill -9 "${work[@]}" 2>/dev/null
  return 0
}

cluster_stop() {
  [ -n "${controller:-}" ] || return 0
  scancel --me >/dev/null 2>&1
  node_dies
  kill "$controller" 2>/dev/null
  wait "$controller" 2>/dev/null
  controller=
}
