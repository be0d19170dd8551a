"""XREAD of the changes of keys: a reader that goes on at any node misses nothing and sees nothing
twice."""

import threading
import time

import pytest

from harness import Cluster, await_true
from respclient import RespError


class Reader:
    """Follows the changes of a prefix, and goes on at the next node if one fails."""

    def __init__(self, nodes, prefix):
        self.nodes, self.prefix, self.last = nodes, prefix, "0"
        self.seen = []

    def read(self, node, seconds=0.2):
        with node.client(timeout=5) as client:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                reply = client.call("XREAD", "COUNT", "7", "BLOCK", "50", "STREAMS",
                                    f"rakit:changes:{self.prefix}", self.last)
                for change_id, fields in (reply[0][1] if reply else []):
                    self.last = change_id.decode()
                    fields = dict(zip(fields[::2], fields[1::2]))
                    self.seen.append((fields[b"event"], fields[b"key"], fields.get(b"value")))

    def read_until(self, count, seconds=30):
        until = time.monotonic() + seconds
        while len(self.seen) < count and time.monotonic() < until:
            for node in self.nodes:
                try:
                    self.read(node)
                except (RespError, OSError, EOFError):
                    pass


def test_changes__a_reader_that_has_left_waits_for_nothing(three):
    node = three.leader()
    with node.client() as client:
        client.send("SET", "b", "1")
        client.send("XREAD", "BLOCK", "0", "STREAMS", "rakit:changes:none", "$")
    await_true(lambda: node.call("GET", "b") == b"1", "the write before it is done")
    await_true(lambda: len(node.call("CLIENT", "LIST").splitlines()) == 1, "it is gone")


def test_changes__of_the_empty_key_are_not_those_of_a_database(three):
    node = three.leader()
    node.call("SET", "", "x")
    node.call("DEL", "")
    node.call("SET", "user:1", "x")
    (_, changes), = node.call("XREAD", "STREAMS", "rakit:changes:user:", "0")
    assert [dict(zip(fields[::2], fields[1::2]))[b"key"] for _, fields in changes] == [b"user:1"]


def test_changes__are_the_same_on_each_node(three):
    with three.leader().client() as client:
        client.call("SET", "user:1", "a")
        client.call("SET", "other", "b")
        client.call("APPEND", "user:1", "c")
        client.call("MSET", "user:2", "x", "user:3", "y")
        client.call("DEL", "user:1")
        index = client.call("RAFT", "INDEX")
    replies = []
    for node in three.nodes:
        with node.client() as client:
            client.call("RAFT", "WAIT", index)
            replies.append(client.call("XREAD", "STREAMS", "rakit:changes:user:", "0"))
    assert replies == [replies[0]] * 3
    assert [dict(zip(fields[::2], fields[1::2])) for _, fields in replies[0][0][1]] == [
        {b"key": b"user:1", b"event": b"set", b"value": b"a"},
        {b"key": b"user:1", b"event": b"append", b"value": b"ac"},
        {b"key": b"user:2", b"event": b"set", b"value": b"x"},
        {b"key": b"user:3", b"event": b"set", b"value": b"y"},
        {b"key": b"user:1", b"event": b"del"},
    ]


def test_changes__none_is_missed_or_repeated_across_fail_overs_and_restarts(three):
    reader = Reader(three.nodes, "n:")
    stop = threading.Event()
    written = []

    def write():
        while not stop.is_set():
            for node in three.nodes:
                try:
                    with node.client(timeout=5) as client:
                        while not stop.is_set():
                            number = len(written) + 1
                            client.call("ONCE", "writer", number, "SET", f"n:{number}", number)
                            written.append(number)
                except (RespError, OSError, EOFError):
                    pass

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(3):
            leader = three.leader()
            for node in three.nodes:
                reader.read(node)
            leader.kill()
            others = [node for node in three.nodes if node is not leader]
            three.leader(others)
            for node in others:
                reader.read(node)
            leader.start()
            leader.await_up()
    finally:
        stop.set()
        thread.join()
    reader.read_until(len(written))
    assert len(written) > 50
    assert reader.seen[:len(written)] == [
        (b"set", f"n:{number}".encode(), str(number).encode()) for number in written]


def test_changes__that_are_not_kept_are_an_error_and_a_scan_goes_on(directory):
    cluster = Cluster(directory, ["--feed", "1"])
    try:
        node = cluster.start(1).nodes[0]
        with node.client() as client:
            value = "x" * 60000
            for i in range(40):
                client.call("SET", f"k:{i % 10}", f"{i}{value}")
            with pytest.raises(RespError, match="COMPACTED"):
                client.call("XREAD", "STREAMS", "rakit:changes:k:", "0")
            last, pairs = client.call("RAFT", "SCAN", "k:")
            assert dict(zip(pairs[::2], pairs[1::2])) == {
                f"k:{i % 10}".encode(): f"{i}{value}".encode() for i in range(30, 40)}
            client.call("SET", "k:0", "new")
            stream = client.call("XREAD", "STREAMS", "rakit:changes:k:", last)
            assert [fields[-1] for _, fields in stream[0][1]] == [b"new"]
    finally:
        cluster.destroy()
