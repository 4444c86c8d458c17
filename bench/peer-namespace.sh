# Sourced by the benches that run beside their peers: a namespace with a veth pair into it, peers by name, and an end that
# leaves nothing. The caller sets `ns` (a name of its own), `user` (whose processes are the bench's alone) and `net` (the
# first three numbers of the veth pair's addresses), and calls `make_namespace` when it is ready.
work=$(mktemp -d); chmod 755 "$work"
pids=()
start() { "$@" >>"$work/log" 2>&1 & pids+=($!); }
clean() {
  for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done; sleep 0.3
  ps -u "$user" -o pid= 2>/dev/null | xargs -r kill 2>/dev/null # the peers that run as this script's own user
  ip netns pids "$ns" 2>/dev/null | xargs -r kill 2>/dev/null
  ip link del "${ns}h" 2>/dev/null; ip netns del "$ns" 2>/dev/null; rm -rf "$work"
}
trap clean EXIT
have() { command -v "$1" >/dev/null; }
make_namespace() {
  ip netns add "$ns" && ip -n "$ns" link set lo up
  ip link add "${ns}h" type veth peer name g netns "$ns"
  ip addr add "$net.1/24" dev "${ns}h"; ip link set "${ns}h" up
  ip -n "$ns" addr add "$net.2/24" dev g; ip -n "$ns" link set g up
}
names=() ; declare -A host base
peer() { names+=("$1"); host[$1]=$2; base[$1]=$3; }
