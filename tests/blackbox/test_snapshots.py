"""Snapshots: they are made under load, the log is cut, a start reads them, and a node that lags,
or is new, fetches one."""

import os
import threading

import pytest

from harness import HOST, as_map, await_true, free_port
from respclient import RespClient, RespError

SMALL = ["--snapshot-log", "1", "--log-tail", "0"]
VALUE = "v" * 1000


def persistence(node):
    lines = node.call("INFO", "persistence").decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def fill(node, count, first=0, value=VALUE):
    """Sets `count` keys with values that do not compress well."""
    pipe = node.redis().pipeline(transaction=False)
    for i in range(first, first + count):
        pipe.set(f"key{i}", f"{i}-{value}-{os.urandom(100).hex()}")
        if len(pipe) == 500:
            pipe.execute()
    pipe.execute()


def installed(node):
    return int(persistence(node)["snapshots_installed"])


def test_snapshot__is_made_by_itself_and_cuts_the_log(cluster):
    node = cluster.node(options=SMALL).start().await_up()
    fill(node, 5000)
    await_true(lambda: int(persistence(node)["snapshots_made"]) >= 2, "two snapshots")
    assert int(persistence(node)["log_first_index"]) > 1
    await_true(lambda: sum(name.endswith(".snap") for name in os.listdir(node.data)) == 1,
               "older snapshots are removed")


def test_snapshot__on_demand_replies_when_it_is_durable(cluster):
    node = cluster.node().start().await_up()
    fill(node, 100)
    reply = as_map(node.call("RAFT", "SNAPSHOT"))
    assert reply["index"] == node.status()["applied_index"]
    files = [name for name in os.listdir(node.data) if name.endswith(".snap")]
    assert files == [f"snapshot-{reply['index']:016x}.snap"]
    assert os.path.getsize(node.data / files[0]) == reply["bytes"]


def test_snapshot__of_a_node_that_has_not_joined_is_refused(cluster):
    """It has no state; neither has it a backup."""
    node = cluster.node(contact=(HOST, free_port())).start()
    client = await_true(node.client, "it listens")
    with client:
        for words in (["RAFT", "SNAPSHOT"], ["RAFT", "SCRUB"], ["RAFT", "BACKUP"],
                      ["RAFT", "BACKUP", "LOG", "1", "0", "0", "1"]):
            with pytest.raises(RespError, match="CLUSTERDOWN"):
                client.call(*words)
    assert node.is_running()


def test_start__goes_on_from_a_snapshot_after_a_kill(cluster):
    node = cluster.node(options=SMALL).start().await_up()
    fill(node, 3000)
    node.call("RAFT", "SNAPSHOT")
    node.call("SET", "behind", "it")
    node.kill()
    node.start().await_up()
    assert node.call("DBSIZE") == 3001
    assert node.call("GET", "behind") == b"it"
    assert node.call("GET", "key7").startswith(b"7-")
    assert int(persistence(node)["log_first_index"]) > 3000


def test_snapshot__under_load_changes_no_answer(cluster):
    """Counters rise by one with each command, whatever snapshots are made meanwhile."""
    cluster.start(1)
    node = cluster.nodes[0]
    fill(node, 20000)
    stop = threading.Event()
    failures = []

    def count():
        client = node.redis(client_name="counter")
        value = 0
        while not stop.is_set():
            value += 1
            got = client.incr("counter")
            if got != value:
                failures.append((value, got))
                return

    thread = threading.Thread(target=count)
    thread.start()
    for _ in range(3):
        node.call("RAFT", "SNAPSHOT")
    stop.set()
    thread.join()
    assert not failures
    value = node.call("GET", "counter")
    node.kill()
    node.start().await_up()
    assert node.call("GET", "counter") == value


def test_node__that_was_away_for_long_fetches_a_snapshot(cluster):
    cluster.options = SMALL
    cluster.start(3)
    away = cluster.followers()[0]
    away.kill()
    leader = cluster.leader()
    fill(leader, 6000)
    leader.call("RAFT", "SNAPSHOT")
    away.start().await_up()
    await_true(lambda: installed(away) > 0, "it installs a snapshot")
    cluster.await_equal()
    assert away.call("DBSIZE") == 6000


def test_node__that_joins_gets_a_snapshot(cluster):
    cluster.options = SMALL
    cluster.start(1)
    fill(cluster.nodes[0], 6000)
    cluster.nodes[0].call("RAFT", "SNAPSHOT")
    joined = cluster.node(contact=cluster.nodes[0]).start().await_up()
    cluster.await_voters(2)
    assert installed(joined) == 1
    assert joined.call("DBSIZE") == 6000
    joined.kill()  # What was installed is there after a crash.
    joined.start().await_up()
    cluster.await_equal()


def test_fetch__goes_on_after_both_nodes_were_killed(cluster):
    """What was fetched before is not fetched again."""
    cluster.options = SMALL
    cluster.start(3)
    away = cluster.followers()[0]
    away.kill()
    leader = cluster.leader()
    fill(leader, 20000)
    leader.call("RAFT", "SNAPSHOT")
    away.start()
    await_true(lambda: "a snapshot is being fetched" in away.log(), "it fetches")
    away.kill()
    leader.kill()
    leader.start().await_up()
    away.start().await_up()
    cluster.await_equal()
    assert away.call("DBSIZE") == 20000


def test_lag__of_many_short_commands_is_read_from_the_disk(cluster):
    """Far more entries come from one read than a frame may have."""
    cluster.options = ["--maxmemory", "100mb", "--snapshot-log", "4000"]
    cluster.start(3)
    follower = cluster.followers()[0]
    follower.kill()
    batch = RespClient.pack("INCR", "c") * 2000
    with cluster.leader(cluster.running()).client() as client:
        for _ in range(400):
            client.send_raw(batch)
            for _ in range(2000):
                client.read()
    follower.start().await_up()
    await_true(lambda: follower.status()["applied_index"] >=
               cluster.leader().status()["commit_index"], "it has caught up", 30)
    assert installed(follower) == 0
