#!/usr/bin/env python3
"""The collector beside rotel, in one run: CPU-seconds for a million items taken, and what is kept.

    cargo build --release -p collector --examples
    collector/benches/peers/ingest.py --rotel PATH [--rounds 5] [--seconds 3] [--stalls] [--sustain 20]

Needs Linux and two cores. rotel is a wheel of PyPI (pip install --pre rotel; the program is rotel-agent in the
package). The contestant has core 0 for itself, the sender core 1. They take turns, so that whatever else the
machine does meets all alike; what counts is the ratio within a round, and of those the median. CPU time is that of
all threads of a process, user and system. Every request has trace ids of its own: nothing is a repetition.

rotel sends into its "blackhole": it decodes and drops, like the server on prost beside it. The collector indexes,
counts by edge, route, series and pair of services, and keeps the newest spans at hand; "to disk" it writes the
run file, too.

--stalls sends requests of each size on one connection, one after the other. --sustain lets sender and collector
share both cores for so many seconds, and waits until the file holds every span that was taken.
"""
import argparse
import json
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "proxy/benches/peers"))

from common import cpu_seconds, free_port, start, stop  # noqa: E402

SIZES = (100, 200, 300, 400, 500, 512, 600, 800, 1000)


def writer_seconds(process):
    """CPU-seconds of the thread that writes the run file; 0 for others."""
    total = 0
    for stat in pathlib.Path(f"/proc/{process.pid}/task").glob("*/stat"):
        name, fields = stat.read_text().split("(", 1)[1].rsplit(")", 1)
        if name == "collector-store":
            total += sum(map(int, fields.split()[11:13]))
    return total / os.sysconf("SC_CLK_TCK")


def resident_mib(process):
    pages = int(pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def contestants(arguments, folder):
    examples = ROOT / "target/release/examples"
    ours = [examples / "alone", "--grpc", "127.0.0.1:{grpc}", "--http", "127.0.0.1:{http}"]
    rotel = [arguments.rotel, "start", "--otlp-grpc-endpoint", "127.0.0.1:{grpc}", "--otlp-http-endpoint",
             "127.0.0.1:{http}", "--pid-file", f"{folder}/rotel.pid", "--exporter", "blackhole"]
    return {
        "rotel": rotel,
        "prost, dropped": [examples / "decode_and_drop", *ours[1:]],
        "collector": ours,
        "collector, to disk": [*ours, "--data", "{data}"],
    }


class Contestant:
    def __init__(self, name, command, folder, cores="0"):
        self.data = pathlib.Path(folder) / "data"
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir()
        self.ports = {"grpc": free_port(), "http": free_port()}
        command = [str(part).format(**self.ports, data=self.data) for part in command]
        self.name, self.process = name, start(cores, command, self.ports["grpc"])

    def flood(self, core="1", **settings):
        """Sends; what the sender says, and the CPU-seconds of the contestant: all, and of its writer."""
        port = self.ports[settings["protocol"]]
        command = ["taskset", "-c", core, ROOT / "target/release/examples/flood", "--to", f"127.0.0.1:{port}"]
        command += [str(part) for pair in settings.items() for part in (f"--{pair[0]}", pair[1])]
        before = cpu_seconds(self.process), writer_seconds(self.process)
        done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
        after = cpu_seconds(self.process), writer_seconds(self.process)
        return json.loads(done.stdout), after[0] - before[0], after[1] - before[1]


def flat_out(arguments, folder):
    names = contestants(arguments, folder)
    for what in ("traces", "logs", "metrics"):
        for protocol in ("grpc", "http"):
            costs = {name: [] for name in names}
            notes = {}
            for _ in range(arguments.rounds):
                for name, command in names.items():
                    peer = Contestant(name, command, folder)
                    said, cpu, _ = peer.flood(protocol=protocol, signal=what, seconds=arguments.seconds)
                    costs[name].append(cpu / said["items"] * 1e6)
                    notes[name] = (said["items"] / said["seconds"], resident_mib(peer.process), said["refused"])
                    stop([peer.process])
            print(f"\n{what}, {protocol}\n")
            print("| collector | CPU-s per million | beside rotel: median (range) | items/s | MiB | refused |")
            print("|---|---|---|---|---|---|")
            for name, cost in costs.items():
                ratios = sorted(ours / rotel for ours, rotel in zip(cost, costs["rotel"]))
                rate, mib, refused = notes[name]
                print(f"| {name} | {statistics.median(cost):.2f} | {statistics.median(ratios):.2f} "
                      f"({ratios[0]:.2f}-{ratios[-1]:.2f}) | {rate:,.0f} | {mib:.0f} | {refused} |", flush=True)


def stalls(arguments, folder):
    names = contestants(arguments, folder)
    print("\n| spans a request | " + " | ".join(f"{name}, {protocol}: p50 / p99 ms"
          for name in ("rotel", "collector, to disk") for protocol in ("grpc", "http")) + " |")
    print("|---|" + "---|" * 4)
    for size in SIZES:
        cells = []
        for name in ("rotel", "collector, to disk"):
            for protocol in ("grpc", "http"):
                peer = Contestant(name, names[name], folder)
                said, *_ = peer.flood(protocol=protocol, signal="traces", seconds=2, connections=1, batch=size)
                cells.append(f"{said['p50_us'] / 1e3:.2f} / {said['p99_us'] / 1e3:.2f}")
                stop([peer.process])
        print(f"| {size} | " + " | ".join(cells) + " |", flush=True)


def sustain(arguments, folder):
    peer = Contestant("collector", contestants(arguments, folder)["collector, to disk"], folder, cores="0,1")
    said, cpu, writer = peer.flood(core="0,1", protocol="http", signal="traces", seconds=arguments.sustain)
    mib, since = resident_mib(peer.process), time.monotonic()
    file = sqlite3.connect(f"file:{next(peer.data.rglob('*.db'))}?mode=ro", uri=True)
    rows = 0
    while rows < said["items"] and time.monotonic() < since + 60:
        [(rows,)] = file.execute("SELECT count(*) FROM span")
        time.sleep(0.1)
    seconds = said["seconds"] + time.monotonic() - since
    print(f"{rows:,} of {said['items']:,} spans in the file after {seconds:.1f} s, {rows / seconds:,.0f}/s; "
          f"{said['refused']} requests were told to come back; {cpu / said['items'] * 1e6:.2f} CPU-seconds per "
          f"million, {writer / said['items'] * 1e6:.2f} of them to write; {mib:.0f} MiB")
    stop([peer.process])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rotel", default="rotel-agent")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--stalls", action="store_true")
    parser.add_argument("--sustain", type=float)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.stalls:
            stalls(arguments, folder)
        elif arguments.sustain:
            sustain(arguments, folder)
        else:
            flat_out(arguments, folder)


if __name__ == "__main__":
    main()
