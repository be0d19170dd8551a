"""Damage on the disk of a node that was down: it comes back by itself, with all data."""

import os
import random

import pytest

from harness import as_map, await_true

SMALL = ["--snapshot-log", "1", "--log-tail", "0"]


def fill(node, count, first=0):
    pipe = node.redis().pipeline(transaction=False)
    for i in range(first, first + count):
        pipe.set(f"key{i}", f"{i}-{os.urandom(200).hex()}")
        if len(pipe) == 500:
            pipe.execute()
    pipe.execute()


def files(node, kind):
    return sorted(path for path in node.data.iterdir() if path.name.endswith(kind))


def used_bytes(path):
    """Up to the last byte that is not zero."""
    return len(path.read_bytes().rstrip(b"\0"))


def flip(path, count, chance):
    """Flips that many random bytes in the used part of a file."""
    end = used_bytes(path)
    with open(path, "r+b") as file:
        for _ in range(count):
            at = chance.randrange(512, end)
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ (1 << chance.randrange(8))]))


@pytest.mark.parametrize("kind", [".seg", ".snap"])
def test_repair__of_flipped_bytes_brings_back_all(cluster, kind):
    chance = random.Random(11)
    cluster.options = SMALL if kind == ".snap" else []
    cluster.start(3)
    leader = cluster.leader()
    fill(leader, 6000)
    victim = cluster.followers()[0]
    if kind == ".snap":
        victim.call("RAFT", "SNAPSHOT")
    fill(leader, 500, first=6000)
    cluster.await_equal()
    victim.kill()
    fill(leader, 500, first=6500)
    flip(max(files(victim, kind), key=used_bytes), 3, chance)
    victim.start().await_up()
    cluster.await_equal()
    assert "kept aside" in victim.log()
    assert (victim.data / "damaged").is_dir()
    await_true(lambda: "is here again" in victim.log(), "all is there again")
    await_true(lambda: not (victim.data / "repair").exists(), "the mark is removed")
    assert victim.call("DBSIZE") == 7000

    # It is a full member again: it takes over, and has everything.
    leader.kill()
    cluster.leader()
    for i in chance.sample(range(7000), 50):
        assert victim.call("GET", f"key{i}").startswith(f"{i}-".encode())
    victim.kill()
    victim.start().await_up()
    await_true(lambda: victim.call("DBSIZE") == 7000, "it still has all after a restart")


def test_repair__of_a_lost_segment_brings_back_all(cluster):
    cluster.start(3)
    victim = cluster.followers()[0]
    fill(cluster.leader(), 3000)
    cluster.await_equal()
    victim.kill()
    files(victim, ".seg")[0].unlink()
    victim.start().await_up()
    cluster.await_equal()
    await_true(lambda: "is here again" in victim.log(), "all is there again")
    assert victim.call("DBSIZE") == 3000


def test_repair__needs_other_members(cluster):
    node = cluster.node().start().await_up()
    fill(node, 1000)
    node.kill()
    before = {path: path.read_bytes() for path in files(node, ".seg")}
    with open(files(node, ".seg")[0], "r+b") as file:
        file.seek(5000)
        file.write(b"damage")
    assert node.start().await_end() == 1
    assert "is damaged at byte" in node.log()
    assert not (node.data / "repair").exists()
    for path, content in before.items():
        path.write_bytes(content)
    node.start().await_up()
    assert node.call("DBSIZE") == 1000


def test_scrub__finds_and_mends_damage_while_the_node_serves(cluster):
    cluster.start(3)
    leader = cluster.leader()
    fill(leader, 3000)
    cluster.await_equal()
    victim = cluster.followers()[0]
    reply = as_map(victim.call("RAFT", "SCRUB"))
    assert reply["damaged"] == b"" and reply["bytes"] > 100000
    client = victim.redis(client_name="stays")
    client.ping()
    path = max(files(victim, ".seg"), key=used_bytes)
    with open(path, "r+b") as file:
        file.seek(used_bytes(path) // 2)
        file.write(b"damage")
    reply = as_map(victim.call("RAFT", "SCRUB"))
    assert reply["damaged"].decode() == path.name
    await_true(lambda: "is here again" in victim.log(), "it is mended")
    await_true(lambda: client.dbsize() == 3000, "the connection goes on")
    await_true(lambda: as_map(victim.call("RAFT", "SCRUB"))["damaged"] == b"", "all is sound")
    assert victim.is_running()
