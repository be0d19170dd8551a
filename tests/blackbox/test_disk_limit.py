"""--maxdisk: a data directory that stays within its limit, whatever is written."""

import os

from harness import await_true
from respclient import RespError

MB = 1 << 20
LIMIT = 64 * MB


def used(node):
    total = 0
    for path in node.data.iterdir():
        try:
            total += path.stat().st_blocks * 512
        except FileNotFoundError:
            pass  # It has just been removed.
    return total


def persistence(node):
    lines = node.call("INFO", "persistence").decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def test_limit__is_never_exceeded_however_often_keys_are_overwritten(cluster):
    node = cluster.node(options=["--maxdisk", "64mb"]).start().await_up()
    await_true(lambda: node.call("SET", "k", "v") == b"OK", "it takes writes")
    most = 0
    with node.client(timeout=60) as client:
        for i in range(4 * LIMIT // (256 * 1024)):
            assert client.call("SET", f"k{i % 20}", os.urandom(256 * 1024)) == b"OK"
            most = max(most, used(node))
    assert most <= LIMIT
    assert int(persistence(node)["snapshots_made"]) > 1


def test_limit__refuses_growth_and_lets_deletes_make_room(cluster):
    cluster.options = ["--maxdisk", "64mb"]
    cluster.start(3)
    leader = cluster.leader()
    kept, refused, most = [], 0, 0
    with leader.client(timeout=60) as client:
        for i in range(2 * LIMIT // (256 * 1024)):
            try:
                assert client.call("SET", f"k{i}", os.urandom(256 * 1024)) == b"OK"
                kept.append(i)
            except RespError as error:
                assert error.code == "MISCONF", error
                refused += 1
            most = max(most, *map(used, cluster.nodes))
        assert refused > 0 and len(kept) * 256 * 1024 > LIMIT // 8
        assert most <= LIMIT
        # Reads and deletes go on; what they free is taken again, by itself.
        assert len(client.call("GET", f"k{kept[0]}")) == 256 * 1024
        for i in kept:
            assert client.call("DEL", f"k{i}") == 1

    def grows():
        return cluster.leader().call("SET", "after", os.urandom(256 * 1024)) == b"OK"
    await_true(grows, "there is room again")
    # The limit can be raised while the node runs.
    for node in cluster.nodes:
        assert node.call("CONFIG", "SET", "maxdisk", "1gb") == b"OK"
        assert persistence(node)["maxdisk"] == str(1 << 30)
    with cluster.leader().client(timeout=60) as client:
        for i in range(LIMIT // MB):
            assert client.call("SET", f"m{i}", os.urandom(MB)) == b"OK"
    cluster.await_equal()
