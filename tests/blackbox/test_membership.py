"""Members are added and removed, also under load; what the administrator sees of it."""

import re
import time

import pytest

from harness import as_map, await_true, free_port, run_cli, text
from history import Load
from respclient import RespError


def test_join__a_fourth_and_a_fifth_under_load_then_the_leader_is_removed(three):
    with Load(three) as load:
        load.await_progress(300)
        for count in (4, 5):
            three.node(contact=three.nodes[count - 3]).start()
            three.await_voters(count)
            load.await_progress(200)
        leader = three.leader()
        others = [node for node in three.nodes if node is not leader]
        assert others[0].call("RAFT", "REMOVE", leader.address) == b"OK"
        three.await_voters(4, nodes=others)
        load.await_progress(500)
    assert load.doubts() == []
    for node in others:
        load.check(node)


def test_remove__a_follower_by_id_and_by_address(cluster):
    cluster.start(4)
    first, second = cluster.followers()[:2]
    rest = [node for node in cluster.nodes if node not in (first, second)]
    rest[0].call("RAFT", "REMOVE", text(first.node_id()))
    cluster.await_voters(3, nodes=[*rest, second])
    rest[1].call("RAFT", "REMOVE", second.address)
    cluster.await_voters(2, nodes=rest)
    rest[0].call("SET", "k", "v")
    assert rest[1].call("GET", "k") == b"v"


def test_remove__the_first_digits_of_an_id_are_enough(three):
    leader = three.leader()
    first, second = three.followers()
    assert leader.call("RAFT", "TRANSFER", text(first.node_id())[:8]) == b"OK"
    with pytest.raises(RespError, match="^ERR no such member"):
        leader.call("RAFT", "REMOVE", text(second.node_id())[:3])
    assert leader.call("RAFT", "REMOVE", text(second.node_id())[:8]) == b"OK"
    three.await_voters(2, nodes=[leader, first])


def test_remove__a_removed_node_reports_that_and_serves_nothing(three):
    three.leader().call("SET", "k", "v")
    victim = three.followers()[0]
    rest = [node for node in three.nodes if node is not victim]
    rest[0].call("RAFT", "REMOVE", victim.address)
    three.await_voters(2, nodes=rest)
    await_true(lambda: "removed" in victim.log(), "it says that it was removed")

    def serves_nothing():
        if not victim.is_running():
            return True
        try:
            victim.call("GET", "k")
        except RespError as error:
            return "removed" in str(error)
        except OSError:
            return not victim.is_running()
        return False
    await_true(serves_nothing, "a removed node serves nothing")
    if victim.is_running():
        with pytest.raises(RespError, match="removed"):
            victim.call("SET", "k", "w")
    # After a restart it is still a removed node.
    victim.destroy()
    victim.start()
    await_true(lambda: victim.log().count("removed") > 1 or not victim.is_running(),
               "started again, it remembers")
    await_true(serves_nothing, "it serves nothing")
    assert rest[0].call("GET", "k") == b"v"


def test_remove__a_follower_asked_to_remove_itself_is_answered(three):
    victim = three.followers()[0]
    assert victim.call("RAFT", "REMOVE", victim.address) == b"OK"
    three.await_voters(2, nodes=[node for node in three.nodes if node is not victim])


def test_remove__the_leader_removes_itself(three):
    leader = three.leader()
    others = three.followers()
    leader.call("SET", "k", "v")
    assert leader.call("RAFT", "REMOVE", leader.address) == b"OK"
    three.await_voters(2, nodes=others)
    new = three.leader(others)
    assert new.call("GET", "k") == b"v"
    assert new.call("SET", "k", "w") == b"OK"


def test_remove__refuses_the_last_voter_and_strangers(cluster):
    node = cluster.start(1).nodes[0]
    for who in (node.address, "127.0.0.1:1", "12345", "nobody", ""):
        with pytest.raises(RespError, match="^ERR"):
            node.call("RAFT", "REMOVE", who)
    assert node.call("SET", "k", "v") == b"OK"
    assert node.members() == {node.address: "voter"}


def test_remove__a_node_that_is_needed_is_refused(three):
    leader, (dead, other) = three.leader(), three.followers()
    dead.kill()
    for victim in (other, leader):
        for asked in (leader, other):
            with pytest.raises(RespError, match="^ERR .*no majority is in reach"):
                asked.call("RAFT", "REMOVE", victim.address)
    assert leader.call("SET", "k", "v") == b"OK"
    assert leader.call("RAFT", "REMOVE", dead.address) == b"OK"
    assert other.call("RAFT", "REMOVE", leader.address) == b"OK"
    assert other.call("GET", "k") == b"v"


def test_remove__a_dead_node_and_a_new_one_takes_its_place(three):
    victim = three.followers()[0]
    rest = [node for node in three.nodes if node is not victim]
    victim.kill()
    rest[0].call("SET", "k", "v")
    rest[0].call("RAFT", "REMOVE", victim.address)
    three.await_voters(2, nodes=rest)
    fresh = three.node(contact=rest[1]).start()
    three.await_voters(3, nodes=[*rest, fresh])
    assert fresh.call("GET", "k") == b"v"


def test_join__a_removed_node_joins_again_with_a_new_directory(three):
    victim = three.followers()[0]
    rest = [node for node in three.nodes if node is not victim]
    old_id = victim.node_id()
    rest[0].call("RAFT", "REMOVE", victim.address)
    three.await_voters(2, nodes=rest)
    with pytest.raises(RespError, match="^REMOVED .*empty data directory"):
        rest[0].call("RAFT", "ADD", old_id, victim.host, str(victim.port), str(victim.port + 10000))
    victim.destroy()
    victim.data = three.directory / "fresh"
    victim.contact = rest[0]
    victim.start().await_up()
    three.await_voters(3)
    assert victim.node_id() != old_id


def test_add__refuses_nonsense_and_an_address_that_is_taken(three):
    """A joining node sends this by itself; an administrator may, too."""
    leader = three.leader()
    taken = three.followers()[0]
    for arguments in (["nonsense"], ["1", "127.0.0.1", "x", "y"], ["0", "127.0.0.1", "7", "8"],
                      ["77", "", "7", "8"], ["77", "127.0.0.1", "70000", "8"],
                      ["77", "::", "7", "8"], ["77", "[::]", "7", "8"],
                      ["77", taken.host, str(taken.port), str(taken.port + 10000)]):
        with pytest.raises(RespError):
            leader.call("RAFT", "ADD", *arguments)
    assert leader.call("SET", "k", "v") == b"OK"
    three.await_voters(3)


def test_add__a_node_that_does_not_run_is_refused_with_what_to_do(three):
    for node in three.nodes:
        with pytest.raises(RespError, match="^UNREACHED .* was not added: .* Start it, "):
            node.call("RAFT", "ADD", "77", "127.0.0.1", free_port(), free_port())
    with pytest.raises(RespError, match="^ERR that node is connected and says "):
        victim = three.followers()[0]
        three.leader().call("RAFT", "ADD", victim.node_id(), "127.0.0.1", "9", "9")
    three.await_voters(3)


def test_transfer__to_a_named_node_and_to_any(three):
    leader = three.leader()
    target = three.followers()[0]
    begun = target.status()["elections_begun"]
    assert leader.call("RAFT", "TRANSFER", target.address) == b"OK"
    await_true(lambda: target.status()["role"] == "leader", "the named node leads")
    assert three.leader() is target
    assert target.status()["elections_begun"] > begun
    assert leader.call("RAFT", "TRANSFER") == b"OK"
    await_true(lambda: three.leader() is not target, "another node leads")
    three.leader().call("SET", "k", "v")


def test_transfer__to_the_node_that_leads_already_is_refused(shared):
    with pytest.raises(RespError, match="leads already"):
        shared.followers()[0].call("RAFT", "TRANSFER", shared.leader().address)


def test_transfer__under_load_loses_nothing(three):
    with Load(three) as load:
        for _ in range(6):
            load.await_progress(200)
            target = three.followers()[0]
            assert three.leader().call("RAFT", "TRANSFER", target.address) == b"OK"
            await_true(lambda target=target: three.leader() is target, f"{target} leads")
    for node in three.nodes:
        load.check(node)


# --- what the administrator sees ----------------------------------------------------------


def test_status__shows_the_leader_and_the_progress_of_all(shared):
    shared.nodes[0].call("SET", "k", "v")
    shared.await_equal()
    leader = shared.leader()
    for node in shared.nodes:
        status = node.cluster_status()
        assert text(status["cluster_id"]) == leader.status()["cluster_id"]
        assert text(status["leader_id"]) == leader.node_id()
        assert status["term"] == node.status()["term"] >= 1
        assert status["applied_index"] <= status["commit_index"]
        assert text(status["configuration"]) == "stable"
        assert {text(n["address"]) for n in status["nodes"]} == {n.address for n in shared.nodes}
        assert all(text(n["membership"]) == "voter" for n in status["nodes"])
    rows = {text(row["address"]): row for row in leader.cluster_status()["nodes"]}
    assert text(rows[leader.address]["role"]) == "leader"
    assert sorted(text(row["role"]) for row in rows.values()) == ["follower", "follower", "leader"]
    assert all(row["health"] is not None for row in rows.values())


def test_status__shows_that_a_node_is_down(three):
    victim = three.followers()[0]
    leader = three.leader()
    healthy = {text(r["health"]) for r in leader.cluster_status()["nodes"]}
    assert len(healthy) == 1
    victim.kill()

    def seen():
        rows = {text(r["address"]): r for r in leader.cluster_status()["nodes"]}
        row = rows[victim.address]
        return text(row["health"]) not in healthy and row
    row = await_true(seen, "the leader's status shows that the node is down")
    assert row["silent_ms"] > 0, "and since when"
    assert text(row["role"]) == "unknown"
    assert row["term"] == row["applied_index"] == 0, "what it said last is not shown as true"


def test_wait__counts_the_nodes_that_certainly_have_what_was_written(three):
    leader = three.leader()
    leader.call("SET", "k", "v")
    await_true(lambda: leader.call("WAIT", 2, 0) == 2, "both followers hold it")
    silent = three.followers()[0]
    silent.freeze()
    try:
        with leader.client() as client:
            # After a write that is under way: no other node is asked for older entries.
            client.send_raw(client.pack("SET", "k", "w") + client.pack("WAIT", 2, 100))
            assert [client.read(), client.read()] == [b"OK", 1]
    finally:
        silent.thaw()


def test_members__are_the_same_at_every_node(shared):
    assert all(node.members() == shared.nodes[0].members() for node in shared.nodes)
    row = as_map(shared.nodes[0].call("RAFT", "MEMBERS")[0])
    assert set(row) >= {"id", "address", "membership"}


def test_help__lists_the_family(shared):
    lines = [text(line) for line in shared.nodes[0].call("RAFT", "HELP")]
    for word in ("STATUS", "MEMBERS", "ADD", "KEY", "REMOVE", "TRANSFER", "LOG", "SLOW"):
        assert any(word in line for line in lines), word
    with pytest.raises(RespError, match="^ERR"):
        shared.nodes[0].call("RAFT", "NONSENSE")
    with pytest.raises(RespError, match="^ERR"):
        shared.nodes[0].call("RAFT")


def test_request_log__is_the_same_from_any_node(shared):
    shared.nodes[0].call("SET", "alpha", "1")
    shared.nodes[1].call("APPEND", "alpha", "2")
    shared.nodes[2].call("DEL", "alpha")
    shared.nodes[0].call("SET", "long", "x" * 100000)
    shared.await_equal()
    logs = [node.call("REQUEST_LOG") for node in shared.nodes]
    assert logs[0] == logs[1] == logs[2]
    assert [row[0] for row in logs[0]] == list(range(logs[0][0][0], logs[0][-1][0] + 1))
    words = " ".join(text(row[3]) for row in logs[0])
    assert "SET" in words and "alpha" in words and "APPEND" in words
    assert all(len(row) == 4 and row[1] >= 1 and len(row[3]) < 10000 for row in logs[0])
    kinds = {text(row[2]) for row in logs[0]}
    assert "command" in kinds
    assert shared.nodes[1].call("RAFT", "LOG") == logs[0]


def test_request_log__shows_stages_of_recent_entries(shared):
    node = shared.nodes[1]
    node.call("SET", "staged", "v")
    plain = node.call("REQUEST_LOG")
    first = plain[0][0]

    def stored_everywhere():
        row = node.call("RAFT", "LOG", plain[-1][0], 1, "STAGES")[0]
        return all(at > 0 for _, at, _ in as_map(row[4])["stored"])
    await_true(stored_everywhere, "all nodes have stored it")
    staged = node.call("REQUEST_LOG", first, len(plain), "stages")
    assert [row[:4] for row in staged] == plain
    stages = as_map(staged[-1][4])
    assert 0 <= stages["proposed_us"] <= stages["committed_us"] <= stages["applied_us"]
    assert stages["applied_us"] <= stages["answered_us"]
    addresses = sorted(each.address for each in shared.nodes)
    assert sorted(text(name) for name, _, _ in stages["stored"]) == addresses
    assert text(stages["last"]) in addresses
    slow = as_map(node.call("RAFT", "SLOW"))
    nodes = [as_map(each) for each in slow["nodes"]]
    assert 0 < sum(each["last"] for each in nodes) <= slow["batches"]
    assert sorted(text(each["address"]) for each in nodes) == addresses
    assert slow["slowest"] and "LAST" in run_cli(node, "slow").stdout
    line = run_cli(node, "request_log", str(plain[-1][0]), "1", "stages").stdout
    assert len(line.split("\t")) == 9 + len(addresses)


def test_request_log__gives_what_was_asked_for(shared):
    for i in range(20):
        shared.nodes[0].call("SET", f"k{i}", i)
    shared.await_equal()
    node = shared.nodes[1]
    everything = node.call("REQUEST_LOG", 1, 10000)
    assert everything[0][0] == 1
    part = node.call("REQUEST_LOG", 3, 5)
    assert [row[0] for row in part] == [3, 4, 5, 6, 7]
    assert part == everything[2:7]
    assert node.call("REQUEST_LOG", everything[-1][0] + 1000, 5) == []
    for wrong in (["x"], ["1", "y"], ["-1"], ["1", "-5"], ["1", "2", "3"], ["STAGES", "1"]):
        with pytest.raises(RespError, match="^ERR"):
            node.call("REQUEST_LOG", *wrong)


def test_log__reads_connection_commands_and_nonsense_never_enter_it(shared):
    node = shared.nodes[0]
    node.call("SET", "k", "v")
    shared.await_equal()
    before = len(node.call("REQUEST_LOG", 1, 10000))
    start = time.monotonic()
    for command in (["GET", "k"], ["PING"], ["KEYS", "*"], ["SCAN", "0"], ["DBSIZE"],
                    ["CLIENT", "SETNAME", "x"], ["INFO"], ["EXISTS", "k"], ["RAFT", "STATUS"],
                    ["CONFIG", "GET", "*"], ["TYPE", "k"], ["MGET", "k"]):
        node.call(*command)
    for command in (["SET", "k", "v", "EX", "0"], ["SET", "k", "v", "WHAT"], ["INCRBY", "k", "x"],
                    ["MSET", "k", "v", "l"], ["SETRANGE", "k", "-1", "x"], ["FLUSHALL", "NOW"]):
        with pytest.raises(RespError):
            node.call(*command)
    assert time.monotonic() - start < 10
    assert len(node.call("REQUEST_LOG", 1, 10000)) == before


def versions(node):
    """What the leader knows: {address: version of the program, or nothing}."""
    return {text(row["address"]): text(row["version"]) for row in node.cluster_status()["nodes"]}


def restart_with(cluster, node, options):
    """Ends the node in order, and starts it as another program."""
    node.stop()
    node.await_end()
    node.options = options
    node.start()
    node.await_up()
    cluster.await_voters(3)


def spoken(node):
    """The versions of the last connections that the node has made since its start."""
    life = node.log().rpartition('event="listening')[2]
    return sorted(re.findall(r'event="connected to peer" .* protocol=(\d+)', life)[-4:])


def test_upgrade__node_by_node_and_back(cluster):
    debug = ["--log-level", "debug"]
    older, newer = [*debug, "--feature-level", "1"], debug
    cluster.options = older
    cluster.start(3)
    current = text(cluster.leader().call("INFO", "server")).split("rakit_version:")[1].split()[0]
    with Load(cluster) as load:
        load.await_progress(200)
        for node, versions_spoken in zip(cluster.nodes, ("10101010",) * 3):
            restart_with(cluster, node, newer)
            load.await_progress(200)
            await_true(lambda: "".join(spoken(node)) == versions_spoken,
                       f"{node} speaks to each other one as new as that can")
        await_true(lambda: set(versions(cluster.leader()).values()) == {current},
                   "all say which program they are")
        back = cluster.followers()[0]
        restart_with(cluster, back, older)
        load.await_progress(200)
        await_true(lambda: "".join(spoken(back)) == "10101010", "one of them is older again")
    for node in cluster.nodes:
        load.check(node)
