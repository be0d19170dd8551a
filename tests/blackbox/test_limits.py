"""Large values, deep pipelines, many and slow clients."""

import hashlib
import os
import socket
import subprocess
import sys
import threading

import pytest

from harness import PATIENCE, await_true, die_with_parent
from respclient import RespError

MEGABYTE = 1024 * 1024


def resident_kb(node):
    with open(f"/proc/{node.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_value__of_64_mb_through_each_node(cluster):
    """Three nodes and a client copy it many times, on as few as two shared cores, so the election
    timeout is longer."""
    cluster.options = ["--election-timeout", "1500", "--request-timeout", "20000"]
    cluster.start(3)
    term = cluster.leader().status()["term"]
    for which in range(3):
        carry_large_value(cluster.nodes[which], cluster.nodes[(which + 1) % 3],
                          hashlib.sha512(b"%d" % which).digest() * MEGABYTE)
    # No large value delays a heartbeat: there was no election meanwhile.
    assert cluster.leader().status()["term"] == term


def carry_large_value(node, other, value):
    with node.client(timeout=120) as client:
        assert client.call("SET", "large", value) == b"OK"
        assert client.call("STRLEN", "large") == len(value)
        assert client.call("APPEND", "large", "end") == len(value) + 3
    with other.client(timeout=120) as client:
        read = client.call("GET", "large")
        assert hashlib.sha1(read).digest() == hashlib.sha1(value + b"end").digest()
        assert client.call("DEL", "large") == 1


def test_value__larger_than_allowed_is_refused_by_its_length(shared):
    with shared.nodes[0].client() as client:
        client.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870913\r\n")
        with pytest.raises(RespError, match="invalid bulk length"):
            client.raise_error(client.read())
    with pytest.raises(RespError, match="exceeds maximum"):
        shared.nodes[0].call("SETRANGE", "k", 536870912, "x")
    assert shared.nodes[0].call("EXISTS", "k") == 0


@pytest.mark.parametrize("which", [0, 1, 2], ids=["node0", "node1", "node2"])
def test_pipeline__of_100_000_commands_is_answered_in_order(shared, which):
    count = 100000

    def is_write(i):
        return i // 50 % 2 == 0

    with shared.nodes[which].client(timeout=120) as client:
        request = b"".join(client.pack("INCR" if is_write(i) else "GET", "n")
                           for i in range(count))
        sender = threading.Thread(target=client.send_raw, args=(request,))
        sender.start()
        value = 0
        for i in range(count):
            value += is_write(i)
            assert int(client.raise_error(client.read())) == value
        sender.join()


def test_clients__two_thousand_at_once_on_one_node(shared):
    node = shared.nodes[0]
    clients = []
    try:
        for _ in range(2000):
            clients.append(node.client(timeout=60))
        for i, client in enumerate(clients):
            client.send("SET", f"k{i}", i)
        for client in clients:
            assert client.read() == b"OK"
        for i, client in enumerate(clients):
            client.send("GET", f"k{i}")
        for i, client in enumerate(clients):
            assert client.read() == b"%d" % i
    finally:
        for client in clients:
            client.close()
    assert node.call("DBSIZE") == 2000
    await_true(lambda: node.redis().info("clients")["connected_clients"] < 100,
               "the server has noticed that they are gone")


def test_slow_client__that_never_reads_is_bounded_and_closed(shared):
    """It asks for gigabytes and reads nothing; the server's memory stays bounded and others are
    served."""
    node = shared.nodes[0]
    node.call("SET", "large", os.urandom(MEGABYTE))
    before = resident_kb(node)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((node.host, node.port))
        slow.settimeout(2.0)
        try:
            for _ in range(4096):
                slow.sendall(b"GET large\r\n" * 16)
        except OSError:
            pass  # No room any more, or closed: either is a limit.
        assert node.call("SET", "k", "v") == b"OK"
        assert node.call("GET", "k") == b"v"
        assert resident_kb(node) - before < 1024 * 1024
    await_true(lambda: resident_kb(node) - before < 512 * 1024, "its memory was given back")


def test_half_a_request__for_a_long_time_disturbs_no_other_client(shared):
    node = shared.nodes[1]
    halves = [node.client() for _ in range(100)]
    try:
        for client in halves:
            client.send_raw(b"*3\r\n$3\r\nSET\r\n$4\r\nha")
        for i in range(100):
            assert node.call("SET", "k", i) == b"OK"
        for client in halves:
            client.send_raw(b"lf\r\n$1\r\nv\r\n")
        for client in halves:
            assert client.read() == b"OK"
    finally:
        for client in halves:
            client.close()


def test_disconnect__in_the_middle_of_a_pipeline_harms_no_other_client(shared):
    for node in shared.nodes:
        for _ in range(20):
            client = node.client()
            client.send_raw(client.pack("INCR", "n") * 200)
            client.close()
        assert node.call("PING") == b"PONG"
    with shared.nodes[0].client(timeout=PATIENCE) as client:
        before = int(client.call("GET", "n") or 0)
        assert client.call("INCR", "n") > before or before >= 0


def test_value__of_20_mb_costs_no_leader_its_place_on_a_busy_machine(cluster):
    """Others work meanwhile, and another program takes a processor."""
    cluster.options = ["--election-timeout", "1000", "--request-timeout", "10000"]
    cluster.start(3)
    term = cluster.leader().status()["term"]
    value = os.urandom(20 * MEGABYTE)
    is_over = threading.Event()
    failures = []

    def work(node):
        with node.client(timeout=60) as client:
            for i in range(1 << 30):
                if is_over.is_set():
                    return
                try:
                    client.call("SET", f"other{node.port}", i)
                except RespError as error:
                    failures.append(error)

    busy = subprocess.Popen(  # pylint: disable=consider-using-with
        [sys.executable, "-c", "while True: pass"], preexec_fn=die_with_parent)
    workers = [threading.Thread(target=work, args=(node,)) for node in cluster.nodes]
    for worker in workers:
        worker.start()
    try:
        for i in range(9):
            with cluster.nodes[i % 3].client(timeout=60) as client:
                assert client.call("SET", "large", value) == b"OK"
    finally:
        is_over.set()
        busy.kill()
        busy.wait()
        for worker in workers:
            worker.join()
    assert failures == []
    assert cluster.leader().status()["term"] == term
