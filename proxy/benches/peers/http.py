#!/usr/bin/env python3
"""The gateway beside nginx, in one run: requests per CPU-second of the proxy, flat out, and what each
adds to the latency of 2,000 requests per second that do not wait for each other (--latency).

    cargo build --release && proxy/benches/peers/http.py [--rounds 5] [--seconds 3] [--latency]

Needs Linux, two cores, nginx and wrk (Debian: nginx-light, wrk); --latency needs oha (cargo install oha). The proxy has core 0 for itself, wrk and
the callee share core 1. The contestants take turns, so that whatever else the machine does meets all
alike; what counts is the ratio within a round, and of those the median. CPU time is that of all threads
of a process, user and system.

The gateway serves from a file with a breaker and its metrics and ledger on. "traced" also writes two spans
for each request and sends them by OTLP/HTTP to a server that takes and forgets them.
"""
import argparse
import json
import pathlib
import re
import statistics
import subprocess
import tempfile

from common import cpu_seconds, free_port, start, stop

NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/{name}.pid;
error_log {folder}/{name}.log crit; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/{name}-body;
  client_max_body_size 64m; proxy_temp_path {folder}/{name}-proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {http}
}}
"""
CALLEE = 'server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 "hello, world\\n"; }} }}'
PROXY = """upstream callee {{ server 127.0.0.1:{callee}; keepalive 128; keepalive_requests 1000000000; }}
server {{ listen 127.0.0.1:{port} backlog=4096; location / {{
  proxy_pass http://callee; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}"""
OURS = """[proxy]
listen = "127.0.0.1:{port}"
admin = "127.0.0.1:0"
threads = 1
{otlp}
[edge."client -> callee"]
endpoints = ["127.0.0.1:{callee}"]
breaker = {{ opens_at = "50% of 100 calls" }}
[[route]]
prefix = "/"
to = "client -> callee"
{faults}
"""
OTLP = 'otlp = "http://127.0.0.1:{sink}"\notlp_protocol = "http/protobuf"'
FAULT = """[[fault]]
name = "rule {number}"
on = "client -> callee"
kind = "latency"
add = "1s"
match = {{ method = "POST", path = "/never/{number}" }}
"""


def nginx(folder, name, core, port, http):
    path = folder / f"{name}.conf"
    path.write_text(NGINX.format(folder=folder, name=name, http=http))
    return start(core, ["nginx", "-c", str(path)], port)


def ours(folder, binary, name, callee, otlp="", faults=""):
    port, path = free_port(), folder / f"{name}.toml"
    path.write_text(OURS.format(port=port, callee=callee, otlp=otlp, faults=faults))
    return port, start(0, [binary, "proxy", "--config", str(path)], port)


def measure(port, process, seconds):
    before = cpu_seconds(process)
    command = ["taskset", "-c", "1", "wrk", "-t1", "-c64", f"-d{seconds}s", f"http://127.0.0.1:{port}/"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return requests / (cpu_seconds(process) - before), requests / seconds, int(bad.group(1)) if bad else 0


def latency(port, seconds):
    """The median and the 99th percentile in microseconds, counted from when a request was due."""
    command = ["taskset", "-c", "1", "oha", "-z", f"{seconds}s", "-q", "2000", "-c", "64", "--latency-correction"]
    command += ["--no-tui", "--output-format", "json", f"http://127.0.0.1:{port}/"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    percentiles = json.loads(out)["latencyPercentiles"]
    return percentiles["p50"] * 1e6, percentiles["p99"] * 1e6


def flat_out_table(contestants, arguments):
    results = {name: [] for name in contestants}
    for _ in range(arguments.rounds):
        for name, (port, process) in contestants.items():
            results[name].append(measure(port, process, arguments.seconds))
    print("| proxy | requests per CPU-second | beside nginx: median (range) | requests/s | failed |\n|---|---|---|---|---|")
    for name, rows in results.items():
        ratios = sorted(row[0] / peer[0] for row, peer in zip(rows, results["nginx"]))
        per_cpu, rate = (statistics.median(row[place] for row in rows) for place in (0, 1))
        ratio = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        print(f"| {name} | {per_cpu:,.0f} | {ratio} | {rate:,.0f} | {sum(row[2] for row in rows)} |")


def latency_table(contestants, callee, arguments):
    ports = {"direct": callee} | {name: port for name, (port, _) in contestants.items()}
    results = {name: [] for name in ports}
    for _ in range(arguments.rounds):
        for name, port in ports.items():
            results[name].append(latency(port, arguments.seconds))
    print("| at 2,000/s | p50 us | p99 us | added p50 us | added p99 us |\n|---|---|---|---|---|")
    direct = [statistics.median(row[place] for row in results["direct"]) for place in (0, 1)]
    for name, rows in results.items():
        p50, p99 = (statistics.median(row[place] for row in rows) for place in (0, 1))
        print(f"| {name} | {p50:.0f} | {p99:.0f} | {p50 - direct[0]:.0f} | {p99 - direct[1]:.0f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--latency", action="store_true")
    parser.add_argument("--binary", default="target/release/shakedown")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        callee, sink, peer = free_port(), free_port(), free_port()
        started = [
            nginx(folder, "callee", 1, callee, CALLEE.format(port=callee)),
            nginx(folder, "sink", 1, sink, CALLEE.format(port=sink)),
        ]
        contestants = {"nginx": (peer, nginx(folder, "peer", 0, peer, PROXY.format(port=peer, callee=callee)))}
        binary = arguments.binary
        contestants["gateway"] = ours(folder, binary, "plain", callee)
        rules = "".join(FAULT.format(number=number) for number in range(100))
        contestants["gateway, 100 rules"] = ours(folder, binary, "rules", callee, faults=rules)
        contestants["gateway, traced"] = ours(folder, binary, "traced", callee, otlp=OTLP.format(sink=sink))
        try:
            if arguments.latency:
                latency_table(contestants, callee, arguments)
            else:
                flat_out_table(contestants, arguments)
        finally:
            stop(started + [process for _, process in contestants.values()])


if __name__ == "__main__":
    main()
