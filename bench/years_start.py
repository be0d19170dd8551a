"""What a start costs, for bench/years: a node of its own loads a log, and another one a snapshot.
Processor time of the whole process counts, from its beginning until it serves."""

import os
import pathlib
import shutil
import time

from contestants import HOST, ROOT, Process, ask_redis, await_true, free_ports, output_of
from cpu_time import cpu_seconds
from years_load import fill

MB = 1e6
BUILD = pathlib.Path(os.environ.get("RAKIT_BUILD", ROOT / "build"))


class Alone:
    """A cluster of one node, which makes snapshots only if it is asked to."""

    def __init__(self, directory):
        directory.mkdir(parents=True)
        (self.port,) = free_ports(1, 10000)
        self.data = directory / "data"
        self.process = Process(
            [str(BUILD / "rakit-server"), HOST, str(self.port), "--data", str(self.data),
             "--snapshot-log", "100000", "--log-tail", "0", "--maxmemory", "0"],
            directory, "node")
        self.await_leading()

    def info(self, section):
        text = ask_redis(self.port, "INFO", section).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def await_leading(self):
        await_true(lambda: self.info("raft")["raft_role"] == "leader", "it leads")

    def await_loaded(self):
        await_true(lambda: self.info("persistence")["loading"] == "0", "it has loaded", 600)

    def stop(self):
        self.process.process.terminate()
        self.process.process.wait()

    def start_costs(self):
        """(seconds, processor seconds) of one start; then it is stopped."""
        begun = time.monotonic()
        self.process.start()
        self.await_loaded()
        spent = time.monotonic() - begun, cpu_seconds(self.process.process.pid)
        self.stop()
        return spent


def starts(node, count):
    """The first one is not counted: it may have to end what was under way."""
    costs = [node.start_costs() for _ in range(count + 1)][1:]
    return {"seconds": [wall for wall, _ in costs], "cpu_seconds": [cpu for _, cpu in costs]}


def log_start(directory, a):
    """A log of small SETs, each an entry."""
    node = Alone(directory)
    output_of("redis-benchmark", "-h", HOST, "-p", str(node.port), "-t", "set", "-c", "20", "-P",
              "64", "-n", str(a.start_entries), "-r", str(a.start_entries // 3), "-d", "100", "-q",
              timeout=600)
    entries = int(node.info("raft")["raft_commit_index"])
    node.stop()
    costs = starts(node, a.rounds)
    return {"entries": entries,
            "million_entries_a_core_second": [entries / 1e6 / s for s in costs["cpu_seconds"]],
            **costs}


def snapshot_start(directory, a):
    """A snapshot that can't be compressed much, and nearly no log behind it."""
    node = Alone(directory)
    fill(node.port, a.start_entries, 100)
    output_of(str(BUILD / "rakit-cli"), HOST, str(node.port), "raft", "snapshot", timeout=600)
    await_true(lambda: int(node.info("persistence")["log_first_index"]) > 1, "the log is cut")
    node.stop()
    size = sum(path.stat().st_size for path in node.data.glob("*.snap")) / MB
    costs = starts(node, a.rounds)
    return {"mb": size, "mb_a_core_second": [size / s for s in costs["cpu_seconds"]], **costs}


def start_costs(directory, a):
    found = {}
    for name, measure in (("log", log_start), ("snapshot", snapshot_start)):
        found[name] = measure(directory / name, a)
        shutil.rmtree(directory / name)
    return found
