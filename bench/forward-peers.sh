#!/usr/bin/env bash
# The forward path beside its peers, in one run, peers interleaved: throughput of one stream each way (iperf3), round
# trip of one connection, keep-alive requests and new connections a second (wrk against nginx). Native servers run
# inside the namespace, so only the way into it differs. Prints each round, then medians and each peer's ratio to ours.
#
#   bench/forward-peers.sh [ROUNDS]          as root; `bench/peers.sh` installs the peers. EXAMPLES is where `forward` is
#
# All traffic stays on loopback and on a veth pair that this script makes and removes.
set -u
cd "$(dirname "$0")/.."
rounds=${1:-5}
ns=wrbench$$ user=wrbench net=10.77.7
. bench/peer-namespace.sh

nginx_conf() { # $1: folder
  mkdir -p "$1"; cat >"$1/nginx.conf" <<N
worker_processes 1; user root; daemon off; pid $1/pid; error_log /dev/null;
events { worker_connections 20000; }
http { access_log off; client_body_temp_path $1/a; proxy_temp_path $1/b; fastcgi_temp_path $1/c; uwsgi_temp_path $1/d;
       scgi_temp_path $1/e; server { listen 3002 backlog=4096; location / { return 200 "hello\n"; } } }
N
}
servers() { # run inside a namespace; $1: folder
  export PATH=$PATH:/usr/sbin; ip link set lo up 2>/dev/null; nginx_conf "$1"
  iperf3 -s -p 3000 & nginx -c "$1/nginx.conf" & wait
}
export -f servers nginx_conf

make_namespace
start ip netns exec "$ns" bash -c "servers $work/direct"

peer veth 10.77.7.2 3000
peer wasmrun 127.0.0.1 6100
start "${EXAMPLES:-target/dist/examples}/forward" "/run/netns/$ns" 127.0.0.1:6100:3000 127.0.0.1:6102:3002
if [[ -x ${DOCKER_PROXY:-bench/.peers/docker-proxy} ]]; then peer docker-proxy 127.0.0.1 6400
  for k in 0 2; do start bash -c 'exec 3>/dev/null; exec "$@"' _ "${DOCKER_PROXY:-bench/.peers/docker-proxy}" -proto tcp -host-ip 127.0.0.1 -host-port $((6400+k)) -container-ip 10.77.7.2 -container-port $((3000+k)); done; fi
if have haproxy; then peer haproxy 127.0.0.1 6500
  { printf 'global\n maxconn 4000\n nbthread 2\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n option splice-auto\n'
    for k in 0 2; do printf 'listen a%d\n bind 127.0.0.1:%d\n server s 10.77.7.2:%d\n' $k $((6500+k)) $((3000+k)); done; } >"$work/haproxy.cfg"
  start haproxy -f "$work/haproxy.cfg"; fi
id $user >/dev/null 2>&1 || useradd -m $user
chmod 666 /dev/net/tun 2>/dev/null; mkdir -p "$work/u"; chown $user "$work/u"
if have pasta; then peer pasta 127.0.0.1 6600
  start su $user -s /bin/bash -c "cd $work/u; exec pasta -f -t 127.0.0.1/6600:3000,6602:3002 -T none -U none -u none -- bash -c '$(declare -f servers nginx_conf); servers $work/u/pasta'"; fi
if have rootlesskit; then peer rootlesskit 127.0.0.1 6700
  start su $user -s /bin/bash -c "cd $work/u; export XDG_RUNTIME_DIR=$work/u; exec rootlesskit --net=slirp4netns --disable-host-loopback --port-driver=builtin -p 127.0.0.1:6700:3000/tcp -p 127.0.0.1:6702:3002/tcp bash -c '$(declare -f servers nginx_conf); servers $work/u/rk'"; fi
sleep 4

gbit() { timeout 20 iperf3 -c "$1" -p "$2" -t 3 ${3:-} -J 2>/dev/null | python3 -c 'import json,sys
try: print("%.1f" % (json.load(sys.stdin)["end"]["sum_received"]["bits_per_second"]/1e9))
except Exception: print("-")'; }
p50() { timeout 20 wrk -t1 -c1 -d2 --latency "http://$1:$2/" 2>/dev/null | awk '$1=="50%"{v=$2} END{sub("us","",v); if (sub("ms","",v)) v*=1000; print (v?v:"-")}'; }
wrks() { timeout 20 wrk -t1 -c"$3" -d2 ${4:+-H "$4"} "http://$1:$2/" 2>/dev/null | awk '/Requests\/sec/{printf "%d", $2; f=1} END{if(!f) print "-"}'; }
printf 'round %-13s %7s %10s %9s %12s %11s\n' path gbit/s 'gbit/s -R' 'p50 us' keepalive/s 'new conn/s'
for ((r = 1; r <= rounds; r++)); do
  for n in "${names[@]}"; do h=${host[$n]} b=${base[$n]}
    row="$r $n $(gbit "$h" "$b") $(gbit "$h" "$b" -R) $(p50 "$h" $((b+2))) $(wrks "$h" $((b+2)) 32) $(wrks "$h" $((b+2)) 16 'Connection: close')"
    echo "$row" >>"$work/rows"
    # shellcheck disable=SC2086
    printf '%5s %-13s %7s %10s %9s %12s %11s\n' $row
  done
done
python3 - "$work/rows" <<'P'
import statistics, sys
rows = [line.split() for line in open(sys.argv[1])]
names = list(dict.fromkeys(row[1] for row in rows))
median = {}
for name in names:
    for column in range(2, 7):
        values = [float(row[column]) for row in rows if row[1] == name and row[column] != "-"]
        median[name, column] = statistics.median(values) if values else float("nan")
print("\nmedians (and ours as a multiple of the peer's; more is better, the round trip is inverted)")
print("| path | Gbit/s | Gbit/s -R | round trip p50 | keep-alive/s | new connections/s |")
print("|---|---|---|---|---|---|")
for name in names:
    cells = []
    for column, form in zip(range(2, 7), ("%.1f", "%.1f", "%.0f us", "%.0f", "%.0f")):
        ours, theirs = median["wasmrun", column], median[name, column]
        better, worse = (theirs, ours) if column == 4 else (ours, theirs)
        ratio = better / worse if worse else float("nan")
        cells.append((form % theirs) + ("" if name == "wasmrun" else " (%.2f)" % ratio))
    print("| %s | %s |" % (name, " | ".join(cells)))
P
