#!/usr/bin/env bash
# Ways out of a network namespace beside wasmrun's: a bridge with masquerade as container engines have it, pasta, slirp4netns.
#
#   bench/outbound-peers.sh [ROUNDS]         as root; `bench/peers.sh` installs the peers (nftables too)
#
# bench/outbound.py measures, in namespaces of its own, and has this script make the networks there: this machine's, a `server`
# at 203.0.113.9 which is one veth pair away from it, and one for each peer. Nothing is left of them when it ends.
set -eu
[[ ${1:-} == networks ]] || exec "$(dirname "$0")/outbound.py" "${1:-9}" peers

mount -t tmpfs tmpfs /run && mkdir /run/netns
network() { ip netns add "$1" && ip -n "$1" link set lo up; }
pair() { # NAMESPACE OUTSIDE ADDRESS...: a veth pair into it
  network "$1"
  ip link add "$2" type veth peer name eth0 netns "$1" && ip link set "$2" up && ip -n "$1" link set eth0 up
  for address in "${@:3}"; do ip -n "$1" addr add "$address" dev eth0; done
}
# The router is another address: pasta takes that of its router for this machine.
pair server world 203.0.113.9/24 203.0.113.254/24
ip addr add 203.0.113.1/24 dev world && ip route add default via 203.0.113.254

pair bridge member 10.88.0.2/24
ip link add bridge0 type bridge && ip link set member master bridge0
ip addr add 10.88.0.1/24 dev bridge0 && ip link set bridge0 up && ip -n bridge route add default via 10.88.0.1
sysctl -qw net.ipv4.ip_forward=1
nft add table ip nat
nft add chain ip nat out '{ type nat hook postrouting priority srcnat; }'
nft add rule ip nat out oifname world masquerade

network slirp4netns
setsid slirp4netns --configure --mtu=65520 --netns-type=path /run/netns/slirp4netns tap0 >>peers.log 2>&1 &
network pasta
setsid pasta --runas 0 --netns-only --netns /run/netns/pasta --config-net -f -t none -u none -T none -U none >>peers.log 2>&1 &

# A thousand connects a round and path use up the ports, each of which waits for a minute.
for own in "" "ip netns exec bridge" "ip netns exec slirp4netns" "ip netns exec pasta"; do
  $own sysctl -qw net.ipv4.tcp_tw_reuse=1 net.ipv4.ip_local_port_range="1024 65535"
done
sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_time_wait=1
reaches() { ip netns exec "$1" ip route get 203.0.113.9 >/dev/null 2>&1; }
for _ in {1..500}; do
  if reaches bridge && reaches pasta && reaches slirp4netns; then exit 0; fi
  sleep 0.01
done
echo "a peer has no way out" >&2; cat peers.log >&2; exit 1
