"""Numbered databases through a real client library, on the leader and on followers: commands never
act on another database, whichever node forwards them, and also after a restart."""

import pytest
import redis

from harness import text

DATABASES = (0, 1, 3, 15)


def clients(node, **options):
    """A redis-py client of this node for each of the databases."""
    return {number: node.redis(db=number, **options) for number in DATABASES}


def keyspace(node):
    return text(node.call("INFO", "keyspace")).splitlines()[1:]


def expect_values(node):
    for number, client in clients(node).items():
        assert client.get("k") == f"of {number}".encode(), f"{number} at {node}"
        assert client.keys() == [b"k"], f"{number} at {node}"
        assert client.dbsize() == 1
        assert client.randomkey() == b"k"
        assert list(client.scan_iter()) == [b"k"]


def fill(cluster):
    """Each node sets the key in some of the databases."""
    nodes = [cluster.leader(), *cluster.followers()]
    for i, number in enumerate(DATABASES):
        assert clients(nodes[i % len(nodes)])[number].set("k", f"of {number}")
    cluster.await_equal()


def test_databases__are_apart_on_all_nodes_and_after_a_restart(three):
    fill(three)
    for node in three.nodes:
        expect_values(node)
    shown = [f"db{number}:keys=1,expires=0,avg_ttl=0" for number in DATABASES]
    assert keyspace(three.leader()) == shown
    for node in three.nodes:
        node.stop()
    for node in three.nodes:
        node.start()
    three.await_voters(3)
    for node in three.nodes:
        expect_values(node)
        assert node.redis(db=2).get("k") is None
    three.await_equal()
    assert [keyspace(node) for node in three.nodes] == [shown] * 3


def test_databases__are_cleared_one_by_one(shared):
    for node in [shared.leader(), *shared.followers()]:
        fill(shared)
        chosen = clients(node)
        assert chosen[3].flushdb()
        assert chosen[3].dbsize() == 0
        assert [chosen[n].get("k") for n in (0, 1, 15)] == [b"of 0", b"of 1", b"of 15"]
        assert chosen[1].flushall()
        assert [client.dbsize() for client in chosen.values()] == [0] * len(DATABASES)


def test_databases__keys_move_and_databases_are_swapped(shared):
    fill(shared)
    for node in [shared.leader(), *shared.followers()]:
        chosen = clients(node)
        assert not chosen[1].move("k", 3)
        assert chosen[1].move("k", 2)
        assert node.redis(db=2).get("k") == b"of 1"
        assert chosen[1].get("k") is None
        assert chosen[0].swapdb(1, 2)
        assert chosen[0].swapdb(0, 15)
        assert [chosen[n].get("k") for n in (0, 15)] == [b"of 15", b"of 0"]
        assert chosen[3].swapdb(0, 15)
        expect_values(node)


@pytest.mark.parametrize("at", ["leader", "follower"])
def test_databases__a_pipeline_keeps_to_its_own(shared, at):
    node = shared.leader() if at == "leader" else shared.followers()[0]
    with node.client() as client:
        words = []
        for i in range(200):
            words += [("SELECT", i % 16), ("INCR", "n"), ("GET", "n")]
        client.send_raw(b"".join(client.pack(*word) for word in words))
        replies = [client.read() for _ in words]
    for i in range(200):
        assert replies[3 * i:3 * i + 3] == [b"OK", i // 16 + 1, str(i // 16 + 1).encode()]


def test_databases__one_that_does_not_exist_is_refused(shared):
    for node in shared.nodes:
        with pytest.raises(redis.ResponseError, match="DB index is out of range"):
            node.redis(db=16).set("k", "v")
    assert keyspace(shared.leader()) == []


def test_databases__are_shown_in_the_log(shared):
    fill(shared)
    rows = [text(row[3]) for row in shared.leader().call("RAFT", "LOG", 1, 1000)]
    for number in DATABASES:
        prefix = f"[{number}] " if number else ""
        assert f'{prefix}SET k "of {number}"' in rows
