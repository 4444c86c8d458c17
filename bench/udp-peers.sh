#!/usr/bin/env bash
# Forwards of datagrams beside their peers, in one run, peers interleaved: datagrams a second that arrive at a native server
# (iperf3) inside the namespace, out of what a sender offers, with the share that is lost; and the round trip of one datagram
# after the other (a socket each way, in Python). Prints each round, then medians.
#
#   bench/udp-peers.sh [ROUNDS]              as root; `bench/peers.sh` installs the peers
#
# All traffic stays on loopback and on a veth pair that this script makes and removes.
set -u
cd "$(dirname "$0")/.."
rounds=${1:-3}
ns=wrudp$$ user=wrbench net=10.77.8
. bench/peer-namespace.sh
cat >"$work/echo.py" <<'P'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 3002))
while True: s.sendto(*s.recvfrom(2048))
P
cat >"$work/rtt.py" <<'P'
import socket, statistics, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1); s.connect((sys.argv[1], int(sys.argv[2])))
times = []
for _ in range(5000):
    t = time.perf_counter(); s.send(b"x" * 64)
    try: s.recv(2048); times.append(time.perf_counter() - t)
    except OSError: pass
print("%.0f" % (statistics.median(times) * 1e6) if times else "-")
P
servers() { ip link set lo up 2>/dev/null; iperf3 -s -p 3000 & /usr/bin/python3 "$1/echo.py" & wait; }
export -f servers

make_namespace
start ip netns exec "$ns" bash -c "servers $work"

peer veth 10.77.8.2 3000
peer wasmrun 127.0.0.1 7100
# iperf3 talks over TCP first.
start target/dist/examples/forward "/run/netns/$ns" 127.0.0.1:7100:3000 127.0.0.1:7100:3000/udp 127.0.0.1:7102:3002/udp
proxy=${DOCKER_PROXY:-bench/.peers/docker-proxy}
if [[ -x $proxy ]]; then peer docker-proxy 127.0.0.1 7200
  for x in tcp:0 udp:0 udp:2; do start bash -c 'exec 3>/dev/null; exec "$@"' _ "$proxy" -proto "${x%:*}" -host-ip 127.0.0.1 -host-port $((7200+${x#*:})) -container-ip 10.77.8.2 -container-port $((3000+${x#*:})); done; fi
if have socat; then peer socat 127.0.0.1 7300
  start socat TCP-LISTEN:7300,bind=127.0.0.1,fork,reuseaddr TCP:10.77.8.2:3000
  for k in 0 2; do start socat -b 65536 UDP-LISTEN:$((7300+k)),bind=127.0.0.1,fork,reuseaddr UDP:10.77.8.2:$((3000+k)); done; fi
id $user >/dev/null 2>&1 || useradd -m $user
chmod 666 /dev/net/tun 2>/dev/null; chmod -R a+rX "$work"
# Debian 12's pasta passes datagrams on to the same port only.
if have pasta; then peer pasta 127.0.0.1 3000
  start su $user -s /bin/bash -c "cd /; exec pasta -f -t 3000 -u 3000,3002 -T none -U none -- bash -c '$(declare -f servers); servers $work'"; fi
sleep 3

flood() { timeout 20 iperf3 -u -c "$1" -p "$2" -b "$3" -l 1200 -t 3 -J 2>/dev/null | python3 -c 'import json,sys
try:
    e=json.load(sys.stdin)["end"]["sum"]; got=e["packets"]-e["lost_packets"]
    print("%d %.1f" % (got/e["seconds"], 100*e["lost_packets"]/max(1,e["packets"])))
except Exception: print("- -")'; }
printf 'round %-13s %12s %8s %12s %8s %8s\n' path 'offered all/s' lost% '50k offered/s' lost% 'rtt us'
for ((r = 1; r <= rounds; r++)); do
  for n in "${names[@]}"; do
    row="$r $n $(flood "${host[$n]}" "${base[$n]}" 0) $(flood "${host[$n]}" "${base[$n]}" 480M) $(timeout 30 python3 "$work/rtt.py" "${host[$n]}" $((${base[$n]}+2)))"
    echo "$row" >>"$work/rows"
    # shellcheck disable=SC2086
    printf '%5s %-13s %12s %8s %12s %8s %8s\n' $row
  done
done
python3 - "$work/rows" <<'P'
import statistics, sys
rows = [line.split() for line in open(sys.argv[1])]
heads = ["all offered: arrive/s", "lost %", "50,000/s offered: arrive/s", "lost %", "round trip us"]
print("\nmedians\n| path | " + " | ".join(heads) + " |\n|" + "---|" * (len(heads) + 1))
for name in dict.fromkeys(row[1] for row in rows):
    columns = zip(*[row[2:] for row in rows if row[1] == name])
    cells = []
    for column in columns:
        values = [float(x) for x in column if x != "-"]
        cells.append("%g" % round(statistics.median(values), 1) if values else "-")
    print("| %s | %s |" % (name, " | ".join(cells)))
P
