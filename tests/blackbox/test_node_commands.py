"""Commands about a node: snapshots, what was slow, MONITOR, SHUTDOWN; replies compared with
those of Redis where both mean the same."""

import pytest

from harness import await_true, text
from respclient import RespError


@pytest.fixture(name="oracle")
def oracle_fixture(redis_node):
    with redis_node.client() as client:
        yield client


def test_replies__are_those_of_redis(shared, oracle):
    with shared.leader().client() as client:
        for arguments in (["SAVE"], ["BGSAVE", "NONSENSE"], ["REPLICAOF", "NO", "ONE"],
                          ["SLOWLOG", "RESET"], ["SLOWLOG", "GET", -2], ["SLOWLOG", "NONSENSE"],
                          ["LATENCY", "RESET"], ["LATENCY", "GRAPH", "nothing"],
                          ["LATENCY", "HISTORY", "nothing"], ["CLIENT", "UNPAUSE"],
                          ["CLIENT", "PAUSE", "x"], ["CLIENT", "PAUSE", 1, "NONSENSE"],
                          ["CLIENT", "UNBLOCK", 99999], ["CLIENT", "UNBLOCK", "x"],
                          ["CLIENT", "UNBLOCK", 1, "NONSENSE"], ["CLIENT", "NO-TOUCH", "x"],
                          ["CONFIG", "REWRITE"], ["CONFIG", "RESETSTAT"], ["SHUTDOWN", "ABORT"],
                          ["SHUTDOWN", "NONSENSE"], ["WAIT", "x", 0],
                          ["WAIT", 0, -1], ["WAIT", 0, "x"],
                          ["COMMAND", "GETKEYS", "SET", "k", "v"], ["MEMORY", "PURGE"],
                          ["MEMORY", "NONSENSE"],
                          ["COMMAND", "GETKEYSANDFLAGS", "PING"],
                          ["COMMAND", "GETKEYS", "NONSENSE"]):
            client.send(*arguments)
            oracle.send(*arguments)
            ours, theirs = client.read(), oracle.read()
            if arguments[:2] == ["CLIENT", "NO-TOUCH"]:
                assert isinstance(ours, RespError)  # Redis 7.0 has no such command.
            else:
                assert str(ours) == str(theirs), arguments


def test_info__has_the_fields_of_redis_that_clients_parse(shared, oracle):
    def fields(client, *section):
        lines = client.call("INFO", *section).decode().splitlines()
        return {line.split(":")[0] for line in lines if ":" in line}
    with shared.nodes[0].client() as client:
        client.call("PING")
        oracle.call("PING")
        both = fields(client, "everything") & fields(oracle, "everything")
        assert both >= {
            "redis_version", "redis_mode", "run_id", "tcp_port", "uptime_in_seconds",
            "connected_clients", "blocked_clients", "maxclients", "used_memory", "maxmemory",
            "maxmemory_policy", "loading", "rdb_bgsave_in_progress", "rdb_last_save_time",
            "rdb_changes_since_last_save", "aof_enabled", "total_connections_received",
            "total_commands_processed", "instantaneous_ops_per_sec", "role", "connected_slaves",
            "master_replid", "master_repl_offset", "cluster_enabled", "cmdstat_ping"}
        assert fields(client, "server", "clients") == \
            fields(client, "server") | fields(client, "clients")


def test_save__makes_a_snapshot(three):
    node = three.followers()[0]
    before = node.call("LASTSAVE")
    node.call("SET", "k", "v")
    assert node.call("SAVE") == b"OK"
    assert node.redis().info("persistence")["snapshots_made"] >= 1
    assert node.call("LASTSAVE") >= before
    node.call("SET", "k", "w")
    assert node.call("GET", "k") == b"w"  # It is applied there.
    assert node.call("BGSAVE") == b"Background saving started"
    await_true(lambda: node.redis().info("persistence")["snapshots_made"] >= 2, "it is made")


def test_slowlog__shows_the_slowest_writes_of_the_leader(three):
    leader = three.leader()
    leader.call("SET", "a-key", "v")
    rows = await_true(lambda: leader.call("SLOWLOG", "GET"), "there is one")
    assert len(rows) == min(leader.call("SLOWLOG", "LEN"), 10)
    ids = [row[0] for row in rows]
    assert ids == sorted(ids, reverse=True) and all(row[2] >= 0 for row in rows)
    assert any(b"SET a-key v" in row[3] for row in leader.call("SLOWLOG", "GET", -1))
    assert leader.redis().slowlog_get()
    (latest,) = leader.call("LATENCY", "LATEST")
    assert latest[0] == b"log-sync" and len(latest) == 4
    assert b"election timeout" in leader.call("LATENCY", "DOCTOR")


def test_monitor__shows_what_others_send(shared):
    node = shared.nodes[1]
    with node.redis().monitor() as monitor:
        node.call("SET", "k", "v w")
        line = next(row for row in monitor.listen() if row["command"].startswith("SET"))
    assert line["command"] == "SET k v w" and line["db"] == 0


def test_monitor__begins_behind_earlier_replies(shared):
    with shared.leader().client() as client:
        client.send_raw(b"SET c 1\r\nMONITOR\r\nPING\r\n")
        assert [client.read(), client.read()] == [b"OK", b"OK"]
        rest = [client.read(), client.read()]
    assert b"PONG" in rest and any(b"PING" in line for line in rest)


def test_shutdown__stops_in_order(three):
    leader = three.leader()
    with leader.client() as client:
        client.call("SET", "k", "v")
        client.send("SHUTDOWN", "NOSAVE")
        assert client.read_to_end() == b""
    assert leader.await_end() == 0
    assert three.leader().call("GET", "k") == b"v"
    assert "stopping" in leader.log()


def test_memory__is_described(shared):
    shared.nodes[0].call("SET", "k", "v")
    for node in shared.nodes:
        with node.client() as client:
            client.call("HELLO", 3)
            assert client.call("MEMORY", "STATS")[b"keys.count"] == 1
            assert b"INFO memory" in client.call("MEMORY", "DOCTOR")


def test_lolwut__draws_all_nodes(shared):
    drawing = text(shared.leader().call("LOLWUT"))
    assert all(node.address in drawing for node in shared.nodes)
    assert drawing.count("at the helm") == 1 and "Rakit ver. " in drawing
