"""What costs a node much, sent by one client: the leader stays in office, and others are
served meanwhile."""

import pathlib
import shutil
import socket
import struct
import tempfile

import pytest

from harness import Cluster
from respclient import RespError

ENTRIES = 10000


@pytest.fixture(scope="module", name="filled")
def filled_three():
    """Three nodes with a log that takes some time to show. Their machine may be a busy one:
    hence the longer timeouts, which what is tested here would exceed many times over."""
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
    """So that the node learns of it by a reset, before it has answered."""
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
    """Among writes they would go through the log, and stand before everybody's writes."""
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
