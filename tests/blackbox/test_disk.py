"""A full disk: writes are refused, reads are served, and when there is room again writes succeed
without any action."""

import os
import shutil
import subprocess

import pytest

from harness import await_true, run_cli
from respclient import RespError

MEGABYTE = 1024 * 1024
DISK_MEGABYTES = 512


@pytest.fixture
def small_disk(directory):
    path = directory / "disk"
    path.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs",
                           str(path)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def fill(path, leave_bytes):
    """Fills the disk except for `leave_bytes`, megabyte by megabyte, because a server reserves room
    for its log meanwhile; returns the file that fills it."""
    ballast = path / "ballast"
    with open(ballast, "wb") as file:
        size = 0
        while True:
            state = os.statvfs(path)
            if state.f_bavail * state.f_frsize < leave_bytes + MEGABYTE:
                return ballast
            os.posix_fallocate(file.fileno(), size, MEGABYTE)
            size += MEGABYTE


def test_full_disk__refuses_writes_serves_reads_and_recovers(cluster, small_disk):
    node = cluster.node(data=small_disk / "node").start().await_up()
    await_true(lambda: node.call("SET", "before", "v") == b"OK", "it takes writes")
    ballast = fill(small_disk, 4 * MEGABYTE)
    acknowledged, refusal = [], None
    with node.client() as client:
        for i in range(DISK_MEGABYTES * 2):
            try:
                assert client.call("SET", f"k{i}", os.urandom(MEGABYTE // 2)) == b"OK"
                acknowledged.append(i)
            except RespError as error:
                refusal = error
                break
        assert refusal is not None, "the disk never was full"
        assert "full" in str(refusal).lower() or "space" in str(refusal).lower(), refusal
        assert refusal.code != "INDOUBT"
        # Reads are served, and so is everything that needs no room.
        assert client.call("GET", "before") == b"v"
        assert client.call("DBSIZE") == 1 + len(acknowledged)
        assert client.call("EXISTS", f"k{len(acknowledged)}") == 0
        assert node.status()["role"] == "leader"
        assert node.cluster_status()["nodes"][0]["health"] == b"disk-full"
        assert "with a full disk" in run_cli(node, "status").stdout
        ballast.unlink()

        def writes_go_on():
            return client.call("SET", "after", "w") == b"OK"
        await_true(writes_go_on, "writes go on once there is room")
        await_true(lambda: node.cluster_status()["nodes"][0]["health"] == b"ok", "it is well again")
    assert node.stop() == 0
    node.start().await_up()
    await_true(lambda: node.call("GET", "after") == b"w", "what was written is there")
    assert node.call("DBSIZE") == 2 + len(acknowledged)


def test_full_disk__of_one_follower_does_not_stop_the_cluster(cluster, small_disk):
    cluster.start(2)
    third = cluster.node(contact=cluster.nodes[0], data=small_disk / "node").start()
    cluster.await_voters(3)
    if cluster.leader() is third:
        third.call("RAFT", "TRANSFER")
        await_true(lambda: cluster.leader() is not third, "another node leads")
    leader = cluster.leader()
    ballast = fill(small_disk, MEGABYTE)
    with leader.client(timeout=60) as client:
        for i in range(150):
            assert client.call("SET", f"k{i}", os.urandom(MEGABYTE)) == b"OK"
    ballast.unlink()
    assert third.is_running(), third.log()[-2000:]
    cluster.await_equal()
    assert third.call("DBSIZE") == 150


def test_full_disks__of_all_nodes_refuse_writes_and_serve_reads_whoever_leads(cluster, small_disk):
    first = cluster.node(data=small_disk / "n0").start()
    first.await_up()
    for i in (1, 2):
        cluster.node(contact=first, data=small_disk / f"n{i}").start()
    cluster.await_voters(3)
    leader = cluster.leader()
    assert leader.call("SET", "before", "v") == b"OK"
    ballast = fill(small_disk, MEGABYTE)
    refusal = None
    with leader.client(timeout=60) as client:
        for i in range(DISK_MEGABYTES):
            try:
                client.call("SET", "k", os.urandom(MEGABYTE // 2))
            except RespError as error:
                refusal = error
                break
    assert refusal is not None and refusal.code == "MISCONF", refusal
    for _ in range(20):
        former = cluster.leader()
        former.call("RAFT", "TRANSFER")
        await_true(lambda old=former: cluster.leader() is not old, "another node leads")
        assert cluster.leader().call("GET", "before") == b"v"
    nodes = cluster.leader().cluster_status()["nodes"]
    assert [n["health"] for n in nodes] == [b"disk-full"] * 3
    ballast.unlink()
    await_true(lambda: cluster.leader().call("SET", "after", "w") == b"OK", "writes go on")
    cluster.await_equal()


def test_restart__after_a_torn_tail_all_that_was_acknowledged_is_there(cluster):
    """Killed while it writes, again and again."""
    node = cluster.start(1).nodes[0]
    expected = 0
    for _ in range(5):
        with node.client() as client:
            client.send_raw(client.pack("INCR", "n") * 2000)
            for _ in range(500):
                expected = client.raise_error(client.read())
            node.kill()
        node.start().await_up()
        value = await_true(lambda: int(node.call("GET", "n")), "it serves reads")
        assert value >= expected


def gone(node):
    """How a node ended that has lost its directory."""
    assert node.await_end() != 0
    return "was removed, moved or covered by a mount while the node ran" in node.log()


def test_directory_that_is_removed_ends_the_node_and_costs_nothing(three):
    leader = three.leader()
    leader.call("SET", "before", "v")
    shutil.rmtree(leader.data)
    # Also without a write.
    assert gone(leader)
    next_leader = three.leader()
    assert next_leader.call("GET", "before") == b"v"
    # With the old address and an empty directory it joins with a new id.
    next_leader.call("RAFT", "REMOVE", leader.address)
    leader.contact = next_leader
    leader.start()
    three.await_voters(3)


def test_directory_that_is_moved_acknowledges_nothing_more(cluster):
    node = cluster.start(1).nodes[0]
    away = node.data.with_suffix(".away")
    with node.client() as client:
        assert client.call("SET", "n", 1) == b"OK"
        node.data.rename(away)
        with pytest.raises((RespError, OSError, EOFError)):
            client.call("INCR", "n")
    assert gone(node)
    away.rename(node.data)
    node.start().await_up()
    assert await_true(lambda: int(node.call("GET", "n")), "it serves reads") in (1, 2)


def test_directory_that_a_mount_covers_ends_the_node(cluster, small_disk):
    node = cluster.node(data=small_disk / "node").start().await_up()
    await_true(lambda: node.call("SET", "before", "v") == b"OK", "it takes writes")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(node.data)], check=True)
    try:
        assert gone(node)
    finally:
        subprocess.run(["umount", "-l", str(node.data)], check=True)
    node.start().await_up()
    await_true(lambda: node.call("GET", "before") == b"v", "what was written is there")


def test_large_value_under_a_mount_is_not_acknowledged(cluster, small_disk):
    """The value gets a file of its own, created by name: under the mount."""
    node = cluster.node(data=small_disk / "node").start().await_up()
    await_true(lambda: node.call("SET", "before", "v") == b"OK", "it takes writes")
    with node.client() as client:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(node.data)],
                       check=True)
        try:
            with pytest.raises((RespError, OSError, EOFError)):
                client.call("SET", "large", b"x" * 20 * MEGABYTE)
            assert gone(node)
        finally:
            subprocess.run(["umount", "-l", str(node.data)], check=True)
    node.start().await_up()
    await_true(lambda: node.call("GET", "before") == b"v", "what was written is there")


def test_log__that_was_removed_from_two_nodes_elects_neither(cluster):
    """With empty logs, they would elect one another, and what was acknowledged would be gone."""
    cluster.start(3)
    leader = cluster.leader()
    for i in range(20):
        assert leader.call("SET", f"k{i}", "v") == b"OK"
    cluster.await_equal()
    for node in cluster.nodes:
        node.kill()
    for node in cluster.nodes[:2]:
        for segment in node.data.glob("log-*.seg"):
            segment.unlink()
        node.start().await_up()
        assert "entries are missing" in node.log()
    for node in cluster.nodes[:2]:
        with pytest.raises(RespError, match="CLUSTERDOWN"):
            node.call("SET", "k", "v")
        assert node.status()["role"] == "follower"
