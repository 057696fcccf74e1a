#!/usr/bin/env python3
"""Sending on, beside rotel, in one run: CPU-seconds for a million spans taken and forwarded by OTLP/gRPC.

    cargo build --release -p collector --examples
    collector/benches/peers/forward.py --rotel PATH [--rate 200] [--rounds 5] [--seconds 5]

Needs Linux and two cores; where rotel comes from stands in ingest.py. The contestant has core 0 for itself, the
sender and the backend core 1. The backend is our own collector in memory: it says how many spans arrived, and a
contestant that loses some has its CPU time divided by fewer. The contestants take turns; what counts is the ratio
within a round, and of those the median. rotel compresses with gzip, which is what it does by default.
"""
import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "proxy/benches/peers"))

from common import cpu_seconds, free_port, start, stop  # noqa: E402

EXAMPLES = ROOT / "target/release/examples"
ARRIVAL_S = 10


def ours(settings):
    def command(folder, grpc, http, backend):
        to = ["--otlp", f"http://127.0.0.1:{backend} protocol=grpc {settings}"] if settings is not None else []
        return [EXAMPLES / "alone", "--grpc", f"127.0.0.1:{grpc}", "--http", f"127.0.0.1:{http}", *to]
    return command


def rotel(program):
    return lambda folder, grpc, http, backend: [
        program, "start", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc}", "--otlp-http-endpoint", f"127.0.0.1:{http}",
        "--pid-file", f"{folder}/rotel.pid", "--exporter", "otlp",
        "--otlp-exporter-endpoint", f"http://127.0.0.1:{backend}",
    ]


def arrived(api):
    page = urllib.request.urlopen(f"http://127.0.0.1:{api}/metrics").read().decode()
    found = re.search(r'accepted_items_total\{signal="traces"\} (\d+)', page)
    return int(found.group(1)) if found else 0


def measure(command, forwards, folder, arguments):
    """CPU-seconds for a million, spans sent, spans arrived."""
    grpc, http, backend, backend_http, api = (free_port() for _ in range(5))
    addresses = ["--grpc", f"127.0.0.1:{backend}", "--http", f"127.0.0.1:{backend_http}", "--api", f"127.0.0.1:{api}"]
    behind = start(1, [EXAMPLES / "alone", *addresses], api)
    process = start(0, command(folder, grpc, http, backend), grpc)
    before = cpu_seconds(process)
    flood = ["taskset", "-c", "1", EXAMPLES / "flood", "--to", f"127.0.0.1:{grpc}", "--protocol", "grpc",
             "--signal", "traces", "--connections", "4", "--batch", "512", "--rate", arguments.rate,
             "--seconds", arguments.seconds]
    sent = json.loads(subprocess.run([str(word) for word in flood], capture_output=True, check=True).stdout)["items"]
    until = time.monotonic() + ARRIVAL_S
    while forwards and arrived(api) < sent and time.monotonic() < until:
        time.sleep(0.1)
    used_s = cpu_seconds(process) - before
    got = arrived(api) if forwards else sent
    stop([process, behind])
    return used_s / max(1, got) * 1e6, sent, got


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rotel", required=True)
    parser.add_argument("--rate", type=int, default=200, help="requests of 512 spans in a second")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    arguments = parser.parse_args()
    contestants = {
        "rotel, gzip": rotel(arguments.rotel),
        "collector, gzip": ours("compression=gzip"),
        "collector, zstd": ours("compression=zstd"),
        "collector, uncompressed": ours(""),
        "collector, nothing sent on": ours(None),
    }
    rows = {name: [] for name in contestants}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.rounds):
            for name, command in contestants.items():
                forwards = not name.endswith("nothing sent on")
                rows[name].append(measure(command, forwards, pathlib.Path(folder), arguments))
    print("| contestant | CPU-seconds per million | beside rotel: median (range) | arrived % |\n|---|---|---|---|")
    for name, figures in rows.items():
        ratios = sorted(one[0] / peer[0] for one, peer in zip(figures, rows["rotel, gzip"]))
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        share = 100 * sum(one[2] for one in figures) / sum(one[1] for one in figures)
        print(f"| {name} | {statistics.median(one[0] for one in figures):.2f} | {spread} | {share:.1f} |")


if __name__ == "__main__":
    main()
