"""How reads are served: where they were asked, and as their connections want them."""

import threading
import time

import pytest

from harness import await_true
from respclient import RespError


def test_reads__of_a_long_pipeline_are_served_by_a_follower(three):
    three.leader().call("SET", "k", "v")
    for follower in three.followers():
        with follower.client() as client:
            client.send_raw(client.pack("GET", "k") * 5000)
            assert [client.read() for _ in range(5000)] == [b"v"] * 5000


def test_reads__at_each_node_see_what_was_written_at_another(three):
    """A read that is sent after a write was answered sees it, wherever it is sent."""
    clients = [node.client() for node in three.nodes]
    for i in range(300):
        assert clients[i % 3].call("SET", "k", i) == b"OK"
        assert clients[(i + 1) % 3].call("GET", "k") == str(i).encode()
        assert clients[(i + 2) % 3].call("GET", "k") == str(i).encode()
    for client in clients:
        client.close()


@pytest.mark.parametrize("mode", [["LINEARIZABLE"], ["LEASE"], ["STALE"],
                                  ["STALE", "MAXAGE", "20"]])
def test_reads__of_any_kind_see_the_writes_of_their_connection(three, mode):
    for node in three.nodes:
        with node.client() as client:
            assert client.call("RAFT", "READS", *mode) == b"OK"
            for i in range(200):
                client.call("SET", "k", i)
                assert client.call("GET", "k") == str(i).encode()


def test_stale_reads__are_served_without_a_leader_for_as_long_as_they_may_be_old(three):
    follower = three.followers()[0]
    others = [node for node in three.nodes if node is not follower]
    with follower.client() as stale, follower.client() as strict:
        stale.call("SET", "k", "v")
        stale.call("RAFT", "READS", "STALE", "MAXAGE", "3000")
        assert stale.call("GET", "k") == b"v"
        began = time.monotonic()
        for node in others:
            node.kill()
        while time.monotonic() < began + 1.5:
            assert stale.call("GET", "k") == b"v"
        with pytest.raises(RespError, match="CLUSTERDOWN|TRYAGAIN"):
            strict.call("GET", "k")
        with pytest.raises(RespError, match="CLUSTERDOWN|TRYAGAIN"):
            while time.monotonic() < began + 10:
                stale.call("GET", "k")
    for node in others:
        node.start()
    three.leader()


def test_leased_reads__never_go_back_while_leaders_are_frozen(three):
    """One connection appends where it can; others read under leases at all nodes, and none sees
    less than was acknowledged before it asked. (An append that was not answered may be executed
    later; that makes nothing shorter.)"""
    acknowledged, faults, is_over = [0], [], threading.Event()

    def write():
        while not is_over.is_set():
            for node in three.nodes:
                try:
                    with node.client(timeout=1) as client:
                        while not is_over.is_set():
                            acknowledged[0] = client.call("APPEND", "n", "x")
                except (OSError, RespError):
                    pass

    def read(node):
        while not is_over.is_set():
            try:
                with node.client(timeout=1) as client:
                    client.call("RAFT", "READS", "LEASE")
                    while not is_over.is_set():
                        before = acknowledged[0]
                        seen = client.call("STRLEN", "n")
                        if seen < before:
                            faults.append((node, before, seen))
            except (OSError, RespError):
                pass

    threads = [threading.Thread(target=write)] + \
        [threading.Thread(target=read, args=(node,)) for node in three.nodes]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            leader = three.leader()
            leader.freeze()
            three.leader([node for node in three.nodes if node is not leader])
            before = acknowledged[0]
            await_true(lambda before=before: acknowledged[0] > before, "others take writes")
            leader.thaw()
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert not faults
    assert acknowledged[0] > 0
