"""Costly commands from one client: the leader stays in office, and others are served meanwhile."""

import contextlib
import pathlib
import shutil
import socket
import struct
import tempfile
import threading
import time

import pytest

from harness import Cluster, await_true
from respclient import RespClient, RespError

ENTRIES = 10000


@pytest.fixture(scope="module", name="filled")
def filled_three():
    """Three nodes with a log that takes some time to show. The machine may be busy, so the timeouts
    are longer; the failures that are tested here would exceed them many times over."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="rakit-test."))
    made = Cluster(path, ["--election-timeout", "1500", "--request-timeout", "20000"])
    try:
        made.start(3)
        with made.leader().client(timeout=120) as client:
            for _ in range(ENTRIES // 1000):
                client.send_raw(client.pack("SET", "k", "x" * 100) * 1000)
                for _ in range(1000):
                    assert client.read() == b"OK"
        yield made
    finally:
        made.destroy()
        shutil.rmtree(path, ignore_errors=True)


def elections(cluster):
    return [node.status()["elections_begun"] for node in cluster.running()]


def leave_at_once(client):
    """So that the node notices by a reset, before it has answered."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


either_node = pytest.mark.parametrize("asks_leader", [True, False], ids=["leader", "follower"])


@either_node
def test_log__asked_for_a_thousand_times_leaves_others_their_turn(filled, asks_leader):
    leader = filled.leader()
    node = leader if asks_leader else filled.followers()[0]
    before = elections(filled)
    client = node.client(timeout=120)
    client.send_raw(client.pack("RAFT", "LOG", "1", str(ENTRIES)) * 1000)
    assert len(client.read()) == ENTRIES
    for i in range(100):
        for each in filled.running():
            assert each.call("SET", "other", i) == b"OK"
    leave_at_once(client)
    assert leader.call("RAFT", "LOG", "1", "1")[0][0] == 1
    assert elections(filled) == before
    assert filled.leader() is leader


@either_node
def test_keys__with_a_long_pattern_on_a_long_key_is_refused_in_time(filled, asks_leader):
    node = filled.leader() if asks_leader else filled.followers()[0]
    before = elections(filled)
    assert node.call("SET", "a" * 400000, "v") == b"OK"
    with pytest.raises(RespError, match="takes too long"):
        node.call("KEYS", "*" + "a" * 100000 + "b")
    assert node.call("KEYS", "a*" * 30 + "b") == []
    assert node.call("DEL", "a" * 400000) == 1
    assert elections(filled) == before


@either_node
@pytest.mark.parametrize("between", [(), ("SET", "other", "v")], ids=["reads", "among_writes"])
def test_keys__in_a_pipeline_that_costs_much_leaves_others_their_turn(filled, asks_leader, between):
    """Between writes they would go through the log, and everybody's writes would wait for them."""
    leader = filled.leader()
    node = leader if asks_leader else filled.followers()[0]
    before = elections(filled)
    assert node.call("SET", "a" * 400000, "v") == b"OK"
    client = node.client(timeout=120)
    keys = client.pack("KEYS", "*" + "a" * 10000 + "b")
    client.send_raw((keys + (client.pack(*between) if between else b"")) * 50)
    for i in range(5):
        for each in filled.running():
            assert each.call("SET", "other", i) == b"OK"
    leave_at_once(client)
    assert leader.call("DEL", "a" * 400000) == 1
    assert elections(filled) == before
    assert filled.leader() is leader


# --- one client against the others ----------------------------------------------------------

KEYS = 20000
ASKED = 50  # Commands of each of the other clients.


def pack(*arguments):
    return RespClient.pack(*arguments)


def many_keys(name, count, *between):
    words = [word for i in range(count) for word in (f"key:{i % KEYS}", *between)]
    return pack(name, *words)


ATTACKS = {
    "INFO": lambda: pack("INFO") * 2000,
    "COMMAND DOCS": lambda: pack("COMMAND", "DOCS") * 100,
    "RAFT STATUS": lambda: pack("RAFT", "STATUS") * 2000,
    "RAFT LOG": lambda: pack("RAFT", "LOG", "1", str(ENTRIES)) * 20,
    "KEYS": lambda: pack("KEYS", "*") * 100,
    "KEYS, none": lambda: pack("KEYS", "nothing*") * 1000,
    "MGET": lambda: many_keys("MGET", 10000) * 20,
    "EXISTS": lambda: many_keys("EXISTS", 131000) * 5,
    "MSET": lambda: many_keys("MSET", 65000, "value") * 5,
    "DEL, MSET": lambda: many_keys("DEL", 131000) + many_keys("MSET", KEYS, "value"),
    "GET of 5 MB": lambda: pack("SET", "large", b"x" * 5_000_000) + pack("GET", "large") * 100,
    "SET of 5 MB": lambda: pack("SET", "large", b"x" * 5_000_000) * 10,
    "SET of 64 MB": lambda: pack("SET", "large", b"x" * 64_000_000),
    "SETRANGE": lambda: (pack("SETRANGE", "large", "20000000", "x") + pack("DEL", "large")) * 100,
    "FLUSHALL, MSET": lambda: (pack("FLUSHALL") + many_keys("MSET", 65000, "value")) * 2,
}


class Attacker:
    """Sends the same command repeatedly, as fast as it is accepted, and throws the replies away."""

    def __init__(self, node, payload):
        self.client = node.client(timeout=120)
        self.payload = payload
        self.is_over = False
        self.received = 0
        self.failure = None
        self.threads = [threading.Thread(target=each) for each in (self.send, self.drain)]

    def __enter__(self):
        for each in self.threads:
            each.start()
        return self

    def __exit__(self, kind, *_):
        self.is_over = True
        with contextlib.suppress(OSError):  # The node has closed the connection.
            self.client.socket.shutdown(socket.SHUT_RDWR)
        for each in self.threads:
            each.join()
        self.client.close()
        if kind is None:
            assert self.failure is None and self.received > 0, self.failure

    def fail(self, why):
        if not self.is_over and self.failure is None:
            self.failure = why

    def send(self):
        try:
            while not self.is_over:
                self.client.send_raw(self.payload)
        except OSError as error:
            self.fail(error)

    def drain(self):
        try:
            while data := self.client.socket.recv(1 << 20):
                self.received += len(data)
            self.fail("the node hung up on the attacker")
        except OSError as error:
            self.fail(error)


def ask(node, latencies):
    with node.client(timeout=120) as client:
        for i in range(ASKED):
            begin = time.monotonic()
            client.call("SET", "other", i) if i % 2 else client.call("GET", "other")
            latencies.append(time.monotonic() - begin)


def describe(latencies):
    ms = sorted(1000 * each for each in latencies)
    return f"p50 {ms[len(ms) // 2]:.1f} p99 {ms[len(ms) * 99 // 100]:.1f} most {ms[-1]:.1f} ms"


@either_node
@pytest.mark.parametrize("attack", ATTACKS)
def test_others__are_served_whatever_one_client_sends(filled, attack, asks_leader):
    """How long they wait is printed (pytest -rP), not judged: it depends on the machine."""
    leader = filled.leader()
    with leader.client(timeout=120) as client:
        client.send_raw(many_keys("MSET", KEYS, "value"))
        assert client.read() == b"OK"
    before = elections(filled)
    latencies = {node: [] for node in filled.running()}
    askers = [threading.Thread(target=ask, args=each) for each in latencies.items()]
    with Attacker(leader if asks_leader else filled.followers()[0], ATTACKS[attack]()):
        for each in askers:
            each.start()
        for each in askers:
            each.join()
    for node, each in latencies.items():
        assert len(each) == ASKED, f"{node} failed"
        print(f"{attack}, {'leader' if node is leader else 'follower'}: {describe(each)}")
    assert elections(filled) == before
    assert filled.leader() is leader


# --- replies that nobody reads --------------------------------------------------------------

def test_output__of_clients_that_do_not_read_is_bounded(tmp_path):
    cluster = Cluster(tmp_path, ["--max-output-memory", "64"])
    try:
        node = cluster.start(1).leader()
        assert node.call("SET", "k", b"x" * 20_000_000) == b"OK"
        idle = [node.client() for _ in range(8)]
        for client in idle:
            client.send("GET", "k")

        def figures():
            lines = node.call("INFO", "clients").decode().splitlines()
            return {name: int(value) for name, value in
                    (line.split(":") for line in lines if ":" in line)}
        # Some of each reply is in the system's buffers.
        await_true(lambda: figures()["closed_slow_clients"] > 0, "who holds most is closed")
        assert figures()["unread_output_bytes"] <= 64 << 20
        assert node.call("GET", "k") == b"x" * 20_000_000
        for client in idle:
            client.close()
        await_true(lambda: figures()["unread_output_bytes"] == 0, "all is given back")
        assert "unread replies take too much memory" in node.log()
    finally:
        cluster.destroy()
