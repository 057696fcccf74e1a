#!/usr/bin/env python3
"""The load generator beside wrk, oha, h2load and Goose, in one run.

    cargo build --release -p harness -p loadgen --bins --examples
    loadgen/benches/peers/load.py                # 64 connections as fast as they go
    loadgen/benches/peers/load.py --paced        # 5,000/s on 50 connections, as the target sees it
    loadgen/benches/peers/load.py --stall        # the same with a target that stands still for 1 s of 8
    loadgen/benches/peers/load.py --http2        # 64 requests at once on one connection, as fast as they go
    loadgen/benches/peers/load.py --closed       # 64 users who do not think, beside Goose with its own client

Needs Linux, two cores, nginx and wrk (Debian: nginx-light, wrk); oha (cargo install oha) and h2load (Debian:
nghttp2-client) take part when they are there. The target has core 0, the client core 1. The contestants take
turns, so that whatever else the machine does meets all alike; of the ratios within a round the median counts.
CPU time is that of all threads of the client, user and system. "ours" records everything: response and service
times by step and outcome in histograms, lateness, waits for connections.
"""
import argparse
import ctypes
import json
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "proxy/benches/peers"))
from common import free_port, start, stop  # noqa: E402

NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}{protocol} backlog=4096; location / {{ return 200 "hello, world\\n"; }}
    location /status {{ stub_status; }} }}
}}
"""
PR_SET_CHILD_SUBREAPER = 36
PACED_PER_S, PACED_CONNECTIONS, PACED_S, STALL_S = 5_000, 50, 8, 1.0


def children():
    return set(map(int, pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


def client(command):
    """Output and CPU seconds of a client on core 1, its own children included."""
    others, before = children(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["taskset", "-c", "1", *map(str, command)], capture_output=True, text=True)
    for orphan in children() - others:
        os.waitpid(orphan, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 6):
        sys.exit(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ours(arguments, folder, url, rate, seconds, connections, *more):
    result = folder / "ours.json"
    command = [arguments.binary, "load", url, "--rate", rate, "--for", f"{seconds}s", "--connections", connections]
    _, cpu_s = client([*command, "--json", result, "--quiet", *more])
    return json.loads(result.read_text()), cpu_s


def nginx(folder, protocol=""):
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, protocol=protocol))
    return start(0, ["nginx", "-c", folder / "nginx.conf"], port), f"http://127.0.0.1:{port}/"


def in_turn(arguments, contestants, first):
    """Requests per CPU-second of each, and beside the first in the same round."""
    rows = {name: [] for name in contestants}
    for _ in range(arguments.rounds):
        for name, run in contestants.items():
            rows[name].append(run())
    print(f"| client | requests per CPU-second | beside {first}: median (range) |\n|---|---|---|")
    for name, figures in rows.items():
        ratios = sorted(one / peer for one, peer in zip(figures, rows[first]))
        print(f"| {name} | {statistics.median(figures):,.0f} | {statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f}) |")


def h2load(url, seconds, *how):
    out, cpu_s = client(["h2load", "-t1", *how, f"-D{seconds}", url])
    return float(re.search(r"finished in [\d.]+m?s, ([\d.]+) req/s", out).group(1)) * seconds / cpu_s


def oha(url, seconds, *how):
    out, cpu_s = client(["oha", "-z", f"{seconds}s", *how, "--no-tui", "--output-format", "json", url])
    return json.loads(out)["summary"]["requestsPerSec"] * seconds / cpu_s


def most(arguments, folder, url, *how):
    result, cpu_s = ours(arguments, folder, url, "max", arguments.seconds, 64, *how)
    return result["account"]["completed"] / cpu_s


def there(contestants):
    return {name: run for name, run in contestants.items() if name == "ours" or shutil.which(name)}


def flat_out(arguments, folder):
    target, url = nginx(folder)
    seconds = arguments.seconds

    def wrk():
        out, cpu_s = client(["wrk", "-t1", "-c64", f"-d{seconds}s", url])
        return int(re.search(r"(\d+) requests in", out).group(1)) / cpu_s

    contestants = {
        "wrk": wrk,
        "h2load": lambda: h2load(url, seconds, "--h1", "-c64"),
        "oha": lambda: oha(url, seconds, "-c64"),
        "ours": lambda: most(arguments, folder, url),
    }
    in_turn(arguments, there(contestants), "wrk")
    stop([target])


def over_http2(arguments, folder):
    target, url = nginx(folder, " http2")
    seconds = arguments.seconds
    contestants = {
        "h2load": lambda: h2load(url, seconds, "-c1", "-m64"),
        "oha": lambda: oha(url, seconds, "--http2", "-c1", "-p64"),
        "ours": lambda: most(arguments, folder, url, "--http2"),
    }
    in_turn(arguments, there(contestants), "h2load")
    stop([target])


def closed(arguments, folder):
    target, url = nginx(folder)
    seconds, users = arguments.seconds, 64

    def served():
        with urllib.request.urlopen(url + "status") as status:
            return int(status.read().split()[9])

    def counted(command):
        """What the target has served, for each CPU-second of the client."""
        before = served()
        _, cpu_s = client(command)
        return (served() - before) / cpu_s

    def goose(*more):
        command = [arguments.goose, "--host", url, "--users", users, "--increase-rate", 1000, "--run-time", f"{seconds}s"]
        return counted([*command, "--no-telnet", "--no-print-metrics", "--quiet", *more])

    def this():
        return counted([arguments.binary, "load", url, "--users", users, "--for", f"{seconds}s", "--quiet"])

    contestants = {"Goose": goose, "Goose, without its metrics": lambda: goose("--no-metrics"), "ours": this}
    in_turn(arguments, contestants, "Goose")
    stop([target])


def witnessed(arguments, run, *stall):
    """What `run(url)` gives, and what the target saw."""
    port = free_port()
    command = ["taskset", "-c", "0", arguments.witness, "--port", str(port), "--rate", str(PACED_PER_S), *stall]
    target = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    given = run(f"http://127.0.0.1:{port}/")
    seen, _ = target.communicate("", timeout=30)
    return given, json.loads(seen)


def paced_clients(arguments, folder):
    rate, connections, seconds = PACED_PER_S, PACED_CONNECTIONS, PACED_S

    def this(url, *more):
        result, cpu_s = ours(arguments, folder, url, rate, seconds, connections, *more)
        found = {one["percent"]: one["ms"] / 1e3 for one in result["response"]["percentiles"]}
        return {f"p{percent}": found[percent] for percent in (90, 95, 99)}, cpu_s

    def oha(url):
        command = ["oha", "-z", f"{seconds}s", "-q", rate, "-c", connections, "--latency-correction", "--no-tui"]
        out, cpu_s = client([*command, "--output-format", "json", url])
        latency = json.loads(out)["latencyPercentiles"]
        return {name: latency[name] for name in ("p90", "p95", "p99")}, cpu_s

    clients = {"ours": this, "ours, released each 400 us": lambda url: this(url, "--release-every", "400us")}
    return clients | ({"oha": oha} if shutil.which("oha") else {})


def paced(arguments, folder):
    clients = paced_clients(arguments, folder)
    rows = {name: [] for name in clients}
    for _ in range(arguments.rounds):
        for name, run in clients.items():
            (_, cpu_s), seen = witnessed(arguments, run)
            rows[name].append([
                abs(seen["rate_per_s"] / PACED_PER_S - 1) * 100, seen["late_p50_us"], seen["late_p99_us"],
                seen["gap_p99_us"], cpu_s / seen["count"] * 1e6,
            ])
    print("| client | rate error % | late p50 us | late p99 us | gap p99 us | client CPU us per request |\n|---|---|---|---|---|---|")
    for name, figures in rows.items():
        error, *rest = (statistics.median(column) for column in zip(*figures))
        print(f"| {name} | {error:.3f} | " + " | ".join(f"{figure:,.0f}" for figure in rest) + " |")


def stall(arguments, folder):
    """Beside two truths. Arithmetic: a share of F / T of all requests waits between 0 and F, so p(1-x) is F - x T;
    it leaves out that the target needs a while for what has gathered. The target: how long after an even schedule
    each request came to be read; it says whether a client tells what happened."""
    true = {f"p{percent}": STALL_S - (1 - percent / 100) * PACED_S for percent in (90, 95, 99)}
    clients = paced_clients(arguments, folder)
    rows = {name: [] for name in clients}
    options = ["--stall-at-s", str(PACED_S / 2), "--stall-ms", str(STALL_S * 1000)]
    for _ in range(arguments.rounds):
        for name, run in clients.items():
            (latency, _), seen = witnessed(arguments, run, *options)
            due = PACED_PER_S * PACED_S
            beside = [latency[key] / true[key] for key in true] + [latency[key] * 1e6 / seen[f"late_{key}_us"] for key in true]
            rows[name].append([*beside, seen["count"] / due * 100])
    print("| client | arithmetic p90 | p95 | p99 | target p90 | p95 | p99 | sent of due % |\n|---|---|---|---|---|---|---|---|")
    for name, figures in rows.items():
        *shares, sent = (statistics.median(column) for column in zip(*figures))
        print(f"| {name} | " + " | ".join(f"{share:.2f}" for share in shares) + f" | {sent:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--paced", action="store_true")
    parser.add_argument("--stall", action="store_true")
    parser.add_argument("--closed", action="store_true")
    parser.add_argument("--http2", action="store_true")
    parser.add_argument("--binary", default="target/release/shakedown")
    parser.add_argument("--witness", default="target/release/examples/witness")
    parser.add_argument("--goose", default="target/release/examples/goose_alone")
    arguments = parser.parse_args()
    # Whoever outlives a client becomes a child of this process, so that its time is known, too.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory() as folder:
        asked = {paced: arguments.paced, stall: arguments.stall, closed: arguments.closed, over_http2: arguments.http2}
        chosen = next((run for run, is_asked in asked.items() if is_asked), flat_out)
        chosen(arguments, pathlib.Path(folder))


if __name__ == "__main__":
    main()
