#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Records redis_nginx.pcap anew (README.md). Needs root and:
#   apt-get install redis-server redis-tools nginx-light curl tcpdump ethtool iproute2
# Runs in a network namespace of its own, so the host's loopback keeps its MTU and offloads.
set -euo pipefail
out=$(realpath "${1:-redis_nginx.pcap}")
if [ "${2:-}" != inside ]; then exec unshare -n "$0" "$out" inside; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ip link set lo mtu 1500 up
ethtool -K lo tso off gso off gro off

mkdir "$work/www"
for size in 1000 10000 100000 300000; do head -c $size /dev/urandom > "$work/www/$size"; done
chmod -R a+rX "$work"
cat > "$work/nginx.conf" <<N
daemon on; worker_processes 1; pid $work/nginx.pid; error_log $work/error.log;
events { worker_connections 64; }
http { access_log off; sendfile on; server { listen 127.0.0.3:8080; root $work/www; } }
N
redis-server --bind 127.0.0.2 --port 6379 --save '' --appendonly no --protected-mode no \
             --daemonize yes --pidfile "$work/redis.pid" --dir "$work" > /dev/null
nginx -c "$work/nginx.conf"
until redis-cli -h 127.0.0.2 ping > /dev/null 2>&1; do sleep 0.1; done

tcpdump -i lo -s 96 -w "$out" --immediate-mode tcp &
capture=$!
sleep 1
redis-benchmark -h 127.0.0.2 -t set,get -n 250 -c 4 -d 64 -q
redis-benchmark -h 127.0.0.2 -t set,get -n 100 -c 4 -d 1024 -q
redis-benchmark -h 127.0.0.2 -t set,get -n 40 -c 2 -d 8192 -q
for size in 1000 10000 1000 100000 1000 10000 300000 1000 100000 10000 1000; do
  curl -s -o /dev/null "http://127.0.0.3:8080/$size"
done
redis-benchmark -h 127.0.0.2 -t get -n 100 -c 8 -P 4 -d 256 -q
sleep 1
kill -INT $capture
wait $capture || true
kill "$(cat "$work/redis.pid")" "$(cat "$work/nginx.pid")"
