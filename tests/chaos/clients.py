"""Clients that read and write a few keys through any node that they can reach, and record what they
see."""

import random
import threading

from harness import await_true
from recorder import Connection, RecordingClient

# Operations on one set of keys; then new keys are used, so that judging stays cheap. Operations
# with unknown outcomes cost most, so each of them counts as many.
KEY_LIFE = 250
UNKNOWN_COUNTS_AS = 50
KEYS = 4


def command(chance, serial):
    names = [f"k{serial // KEY_LIFE}.{number}" for number in range(KEYS)]
    key, other = chance.sample(names, 2)
    return chance.choice([
        ("GET", key), ("GET", key), ("GET", key), ("GET", key), ("SET", key, f"v{serial}"),
        ("SET", key, f"w{serial}"), ("APPEND", key, f"+{serial}"), ("STRLEN", key), ("DEL", key),
        ("SET", key, f"n{serial}", "NX"), ("GETSET", key, f"g{serial}"),
        ("MSET", key, f"m{serial}", other, f"o{serial}"), ("MGET", key, other)])


class Clients:
    """`cluster.nodes` are the nodes to use, running or not; the first `wary` clients avoid nodes
    that are known to be stopped, so that there are always some that write. Each waits a little
    between two commands, so that a long storm does not make a history too long to judge."""

    def __init__(self, cluster, recorder, count=6, seed=0, patience=(5.0,), pause=0.0, wary=0):
        self.cluster = cluster
        self.recorder = recorder
        self.patience = patience  # In seconds; one is drawn for each connection.
        self.wary = wary
        self.pause = pause
        self.is_over = threading.Event()
        self.serial = 0
        self.outcomes = {"answered": 0, "refused": 0, "unknown": 0}
        self.lock = threading.Lock()
        self.faults = []
        self.threads = [threading.Thread(target=self.run, args=(number, seed), daemon=True)
                        for number in range(count)]

    @property
    def answered(self):
        return self.outcomes["answered"]

    def run(self, number, seed):
        try:
            self.talk(number, random.Random(f"{seed}.{number}"))
        except Exception as error:  # pylint: disable=broad-except
            self.faults.append(f"client {number}: {error!r}")

    def talk(self, number, chance):
        def connect():
            nodes = number < self.wary and self.cluster.awake() or list(self.cluster.nodes)
            node = chance.choice(nodes)
            return Connection(node.host, node.port, timeout=chance.choice(self.patience))

        client = RecordingClient(self.recorder, f"c{number}", connect)
        while not self.is_over.is_set():
            outcome, _ = client.ask(*command(chance, self.next_serial()))
            with self.lock:
                self.outcomes[outcome] += 1
                self.serial += UNKNOWN_COUNTS_AS if outcome == "unknown" else 0
            if outcome != "answered":
                client.close()  # Continue at another node.
                self.is_over.wait(0.01)
            elif self.pause:
                self.is_over.wait(chance.uniform(0, 2 * self.pause))
        client.close()

    def next_serial(self):
        with self.lock:
            self.serial += 1
            return self.serial

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in self.threads), "a client still waits"
        assert not self.faults, self.faults

    def await_progress(self, count, seconds=30.0):
        aim = self.answered + count
        await_true(lambda: self.answered >= aim, f"{count} more answers", seconds)

    def read_all(self):
        """Reads every key that was ever used, through the nodes in turn; recorded like the rest."""
        for number, node in enumerate(self.cluster.nodes):
            client = RecordingClient(self.recorder, f"end{number}",
                                     lambda node=node: Connection(node.host, node.port, 10.0))
            for life in range(self.serial // KEY_LIFE + 1):
                for key in range(KEYS):
                    outcome, reply = client.ask("GET", f"k{life}.{key}")
                    assert outcome == "answered", f"{node} is well, and answers {reply!r}"
            client.close()
