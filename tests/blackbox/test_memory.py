"""Memory that runs out: growth is refused before any node has to execute it, on real processes
whose memory is limited. Everything else goes on."""

import shutil

import pytest

from conftest import watch
from harness import Cluster, await_true, text
from respclient import RespError

MB = 1024 * 1024
ADDRESS_SPACE = 1024 * MB  # Of each process: stacks of threads and mapped files count as well.


class SmallCluster(Cluster):
    """Its nodes can't get more than ADDRESS_SPACE from the system."""

    def node(self, contact=None, **settings):
        node = super().node(contact, **settings)
        start = node.start
        node.start = lambda: start(["prlimit", f"--as={ADDRESS_SPACE}", "--core=0", "--"])
        return node


@pytest.fixture
def small_cluster(request, directory):
    if shutil.which("prlimit") is None:
        pytest.skip("needs prlimit")
    made = SmallCluster(directory)
    watch(request.node, "cluster", made)
    yield made
    made.destroy()


def storm(client, count, offset):
    """Many commands of 40 bytes that each ask for much; returns how many were refused."""
    for i in range(count):
        client.send("SETRANGE", f"big{i}", str(offset), "x")
    refused = 0
    for _ in range(count):
        reply = client.read()
        assert isinstance(reply, RespError) and reply.code == "OOM" or reply == offset + 1, reply
        refused += isinstance(reply, RespError)
    return refused


def memory(node):
    lines = node.call("INFO", "memory").decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def test_storm__of_setrange_ends_no_node(small_cluster):
    nodes = small_cluster.start(3).nodes
    pids = [node.process.pid for node in nodes]
    for node in nodes:
        assert int(memory(node)["maxmemory"]) == ADDRESS_SPACE // 100 * 60
        with node.client(timeout=60) as client:
            assert storm(client, 20, 536870880) == 19  # One fits.
            assert client.call("FLUSHALL") == b"OK"
            assert storm(client, 20, 100 * MB) > 10
            # Reads and deletes go on, and what they free is taken again.
            assert client.call("STRLEN", "big0") in (0, 100 * MB + 1)
            assert client.call("FLUSHALL") == b"OK"
            assert client.call("SETRANGE", "big0", str(100 * MB), "x") == 100 * MB + 1
            assert client.call("FLUSHALL") == b"OK"
    assert [node.process.pid for node in nodes if node.is_running()] == pids
    assert [node["health"] for node in nodes[0].cluster_status()["nodes"]] == [b"ok"] * 3


def test_memory__of_the_smallest_node_is_the_limit(cluster):
    cluster.options += ["--maxmemory", "1gb"]
    nodes = cluster.start(3).nodes
    leader = cluster.leader()
    small = next(node for node in nodes if node is not leader)
    assert small.call("CONFIG", "SET", "maxmemory", "20mb") == b"OK"

    def is_refused():
        try:
            leader.call("SETRANGE", "k", str(30 * MB), "x")
        except RespError as error:
            assert error.code == "OOM", error
            return True
        leader.call("DEL", "k")
        return False

    await_true(is_refused, "the leader knows of the smaller node")
    assert leader.call("SETRANGE", "k", str(5 * MB), "x") == 5 * MB + 1
    assert small.call("CONFIG", "SET", "maxmemory", "6mb") == b"OK"
    await_true(lambda: row_of(small, leader)["health"] == b"memory-full", "the leader shows it")
    assert small.call("CONFIG", "SET", "maxmemory", "100%") == b"OK"
    await_true(lambda: leader.call("SETRANGE", "k", str(30 * MB), "x") == 30 * MB + 1,
               "there is room again")


def row_of(node, asked):
    return next(row for row in asked.cluster_status()["nodes"]
                if text(row["address"]) == node.address)
