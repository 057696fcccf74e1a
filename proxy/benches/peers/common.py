"""What the comparisons share: ports, processes that are pinned, and the CPU time that they take."""
import os
import pathlib
import socket
import subprocess
import sys
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(core, command, port):
    """Starts a server on one core and waits until it listens."""
    command = ["taskset", "-c", str(core), *map(str, command)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.02)
    sys.exit(f"{command[3]} does not listen on port {port}")


def stop(processes):
    for process in processes:
        process.terminate()
        process.wait(10)


def cpu_seconds(process):
    """Of all threads, user and system."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
