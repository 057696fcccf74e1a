#!/usr/bin/env python3
"""The gateway passing plain bytes beside HAProxy and two pumps, in one run: gigabits per CPU-second of the
proxy, round trips, and how exactly an injected delay and a bandwidth are met.

    cargo build --release && proxy/benches/peers/tcp.py [--rounds 5] [--seconds 2]

Needs Linux, two cores, Python 3.11 and haproxy. The proxy has core 0 for itself, both ends share core 1.
The contestants take turns; what counts is the ratio within a round, and of those the median.

The pumps are what the kernel allows a program that does nothing else: one moves bytes through a pipe by
splice, one copies them through a buffer of 256 KiB. "a delay" passes every byte through a latency fault
of one microsecond, so that it has to be read, held and written.
"""
import argparse
import fcntl
import os
import pathlib
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time

from common import cpu_seconds, free_port, start, stop

CHUNK = 1 << 18
HAPROXY = """defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
global
  nbthread 1
listen bytes
  bind 127.0.0.1:{port}
  option splice-auto
  server callee 127.0.0.1:{callee}
"""
OURS = """[proxy]
admin = "127.0.0.1:0"
threads = 1
[edge."client -> callee"]
protocol = "tcp"
listen = "127.0.0.1:{port}"
endpoints = ["127.0.0.1:{callee}"]
{faults}
"""
FAULT = """[[fault]]
name = "{kind} {direction}"
on = "client -> callee"
kind = "{kind}"
direction = "{direction}"
{parameter}
"""


def pump(kind, port, to):
    """A proxy that only moves bytes: two threads for each connection."""
    def copy(source, sink):
        buffer = bytearray(CHUNK)
        view = memoryview(buffer)
        while read := source.recv_into(buffer):
            sink.sendall(view[:read])
        sink.shutdown(socket.SHUT_WR)

    def splice(source, sink):
        out, into = os.pipe()
        fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 1 << 20)
        while moved := os.splice(source.fileno(), into, 1 << 20):
            while moved:
                moved -= os.splice(out, sink.fileno(), moved)
        os.close(out)
        os.close(into)
        sink.shutdown(socket.SHUT_WR)

    move = {"copy": copy, "splice": splice}[kind]
    for near in accepted(port):
        far = plain(socket.create_connection(("127.0.0.1", to)))
        for ends in [(near, far), (far, near)]:
            threading.Thread(target=move, args=ends, daemon=True).start()


def callee(port):
    """Counts what comes when told `sink`, or sends back what came."""
    def serve(peer):
        buffer, count = bytearray(CHUNK), 0
        if peer.recv(4, socket.MSG_WAITALL) == b"sink":
            while read := peer.recv_into(buffer):
                count += read
            peer.sendall(str(count).encode())
        else:
            while read := peer.recv_into(buffer):
                peer.sendall(memoryview(buffer)[:read])
        peer.close()

    for peer in accepted(port):
        threading.Thread(target=serve, args=(peer,), daemon=True).start()


def accepted(port):
    with socket.create_server(("127.0.0.1", port), backlog=128) as server:
        while True:
            yield plain(server.accept()[0])


def plain(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def bulk(port, seconds):
    """Bytes per second that arrived at the callee, for as long as it took them to arrive."""
    with plain(socket.create_connection(("127.0.0.1", port))) as caller:
        caller.sendall(b"sink")
        block, began = bytes(CHUNK), time.monotonic()
        while time.monotonic() - began < seconds:
            caller.sendall(block)
        caller.shutdown(socket.SHUT_WR)
        arrived = int(caller.recv(64))
        return arrived / (time.monotonic() - began), arrived


def round_trips(port, count):
    """The sorted round trips of 64 bytes, in microseconds."""
    with plain(socket.create_connection(("127.0.0.1", port))) as caller:
        caller.sendall(b"echo")
        took = []
        for _ in range(count):
            began = time.perf_counter()
            caller.sendall(bytes(64))
            caller.recv(64, socket.MSG_WAITALL)
            took.append((time.perf_counter() - began) * 1e6)
        return sorted(took)


def ours(folder, binary, to, *faults):
    port = free_port()
    path = folder / f"{port}.toml"
    written = "".join(FAULT.format(kind=kind, direction=way, parameter=value) for kind, way, value in faults)
    path.write_text(OURS.format(port=port, callee=to, faults=written))
    return port, start(0, [binary, "proxy", "--config", path], port)


def own(kind, core, to=None):
    port = free_port()
    return port, start(core, [sys.executable, __file__, f"--be={kind}", f"--port={port}", f"--to={to}"], port)


def speed(folder, to, arguments):
    contestants = {f"{kind} pump": own(kind, 0, to) for kind in ("splice", "copy")}
    if shutil.which("haproxy"):
        port, path = free_port(), folder / "haproxy.cfg"
        path.write_text(HAPROXY.format(port=port, callee=to))
        contestants["HAProxy, splice"] = (port, start(0, ["haproxy", "-db", "-f", path], port))
    contestants["gateway"] = ours(folder, arguments.binary, to)
    contestants["gateway, a delay"] = ours(folder, arguments.binary, to, ("latency", "both", 'add = "1us"'))
    results = {name: [] for name in contestants}
    try:
        for _ in range(arguments.rounds):
            for name, (port, process) in contestants.items():
                before = cpu_seconds(process)
                rate, arrived = bulk(port, arguments.seconds)
                per_cpu = arrived * 8e-9 / (cpu_seconds(process) - before)
                results[name].append((per_cpu, rate * 8e-9, round_trips(port, 2000)[1000]))
    finally:
        stop(process for _, process in contestants.values())
    print("| proxy | Gbit per CPU-second | beside the splice pump | beside the copy pump | Gbit/s | round trip p50 us |")
    print("|---|---|---|---|---|---|")
    for name, rows in results.items():
        beside = [
            statistics.median(row[0] / pump[0] for row, pump in zip(rows, results[f"{kind} pump"]))
            for kind in ("splice", "copy")
        ]
        per_cpu, rate, trip = (statistics.median(row[place] for row in rows) for place in range(3))
        print(f"| {name} | {per_cpu:.1f} | {beside[0]:.2f} | {beside[1]:.2f} | {rate:.1f} | {trip:.0f} |")


def exactness(folder, to, arguments):
    delays = [("latency", way, 'add = "5ms"') for way in ("up", "down")]
    port, process = ours(folder, arguments.binary, to)
    base = round_trips(port, 1000)
    stop([process])
    port, process = ours(folder, arguments.binary, to, *delays)
    errors = [taken - 10_000 - base[500] for taken in round_trips(port, 100 * arguments.rounds)]
    stop([process])
    print("\n| asked | got |\n|---|---|")
    at = [errors[int(len(errors) * share)] for share in (0.5, 0.99)]
    print(f"| 5 ms each way | late by {at[0]:.0f} us at p50, {at[1]:.0f} us at p99 |")
    for megabytes in (10, 100):
        rate = ("bandwidth", "up", f'rate = "{megabytes}MB/s"')
        port, process = ours(folder, arguments.binary, to, rate)
        got = statistics.median(bulk(port, arguments.seconds)[0] for _ in range(arguments.rounds))
        stop([process])
        print(f"| {megabytes} MB/s | {got / 1e6:.2f} MB/s |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--binary", default="target/release/shakedown")
    parser.add_argument("--be", choices=["callee", "copy", "splice"], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--to", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.be == "callee":
        callee(arguments.port)
    elif arguments.be:
        pump(arguments.be, arguments.port, int(arguments.to))
    with tempfile.TemporaryDirectory() as folder:
        to, process = own("callee", 1)
        try:
            speed(pathlib.Path(folder), to, arguments)
            exactness(pathlib.Path(folder), to, arguments)
        finally:
            stop([process])


if __name__ == "__main__":
    main()
