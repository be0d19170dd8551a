"""Members that are replaced, named, that stay learners, and that lead rather than others."""

import pytest

from harness import as_map, await_true, text
from history import Load
from respclient import RespError


def rows(node):
    """RAFT STATUS by address."""
    return {text(row["address"]): row for row in node.cluster_status()["nodes"]}


def await_members(nodes, addresses):
    for node in nodes:
        await_true(lambda node=node: set(node.members()) == addresses and
                   set(node.members().values()) == {"voter"}, f"{node} knows {addresses}")


def test_replace__a_dead_voter_by_a_new_node_under_load(three):
    victim = three.followers()[0]
    rest = [node for node in three.nodes if node is not victim]
    with Load(three) as load:
        load.await_progress(200)
        victim.kill()
        options = ["--replace", victim.address, "--name", "new-3"]
        fresh = three.node(contact=rest[1], options=options).start()
        await_members([*rest, fresh], {node.address for node in (*rest, fresh)})
        load.await_progress(200)
    for node in (*rest, fresh):
        load.check(node)
    assert text(rows(fresh)[fresh.address]["name"]) == "new-3"


def test_replace__the_leader_leaves_nothing_in_doubt(three):
    leader = three.leader()
    rest = three.followers()
    with Load(three) as load:
        load.await_progress(200)
        fresh = three.node(contact=rest[0], options=["--replace", leader.node_id()[:8]]).start()
        await_members([*rest, fresh], {node.address for node in (*rest, fresh)})
        await_true(lambda: leader.status()["membership"] == "removed", "it knows that it is out")
        load.await_progress(200)
    assert load.doubts() == []


def test_replace__on_the_same_address_with_the_same_name(cluster):
    cluster.start(1)
    first = cluster.nodes[0]
    for name in ("north", "south"):
        cluster.node(contact=first, options=["--name", name]).start()
    cluster.await_voters(3)
    victim = cluster.nodes[2]
    old_id = victim.node_id()
    victim.kill()
    victim.data = cluster.directory / "fresh"
    victim.options = ["--name", "south", "--replace", "south"]
    victim.start().await_up()
    cluster.await_voters(3)
    assert victim.node_id() != old_id
    assert text(rows(first)[victim.address]["name"]) == "south"
    assert first.call("RAFT", "TRANSFER", "south") == b"OK"


def test_replace__refuses_what_makes_no_sense(three):
    leader, (one, two) = three.leader(), three.followers()
    with pytest.raises(RespError, match="^ERR a voter can't take the place"):
        leader.call("RAFT", "REPLACE", one.address, two.address)
    with pytest.raises(RespError, match="^ERR no such member"):
        leader.call("RAFT", "REPLACE", one.address, "nobody-1")
    with pytest.raises(RespError, match="^ERR syntax error"):
        leader.call("RAFT", "REPLACE", one.address)
    stranger = three.node(contact=leader, options=["--replace", "nobody-1"]).start()
    assert stranger.await_end() == 1
    assert "no such member" in stranger.log()


def test_names__are_shown_and_accepted_everywhere(cluster):
    first = cluster.node(options=["--name", "north"]).start().await_up()
    second = cluster.node(contact=first, options=["--name", "south"]).start()
    cluster.await_voters(2)
    assert first.status()["node_name"] == "north"
    names = {text(as_map(row)["name"]) for row in second.call("RAFT", "MEMBERS")}
    assert names == {"north", "south"}
    assert second.call("RAFT", "TRANSFER", "South") == b"OK"
    await_true(lambda: second.status()["role"] == "leader", "the named node leads")
    await_true(lambda: "/south" in first.log(), "the log names the leader")
    double = cluster.node(contact=first, options=["--name", "north"]).start()
    assert double.await_end() == 1
    assert "another member has that name" in double.log()
    # A node that is started with another name has that from then on.
    first.stop()
    first.options = ["--name", "north-2"]
    first.start()
    await_true(lambda: text(rows(second)[first.address]["name"]) == "north-2", "it is renamed")
    assert first.call("RAFT", "REMOVE", "north-2") == b"OK"


def test_learner__stays_one_until_it_is_promoted_and_again_when_demoted(cluster):
    cluster.start(1)
    first = cluster.nodes[0]
    learner = cluster.node(contact=first, options=["--learner"]).start().await_up()
    await_true(lambda: rows(first)[learner.address]["match_index"] > 0, "it receives the log")
    for _ in range(5):
        first.call("SET", "k", "v")
        assert text(rows(first)[learner.address]["membership"]) == "learner"
    assert text(rows(first)[learner.address]["becomes"]) == "learner"
    assert learner.call("GET", "k") == b"v"
    assert learner.call("RAFT", "PROMOTE", learner.address) == b"OK"
    cluster.await_voters(2)
    assert first.call("RAFT", "DEMOTE", learner.address) == b"OK"
    await_true(lambda: first.members()[learner.address] == "learner", "it is a learner again")
    with pytest.raises(RespError, match="^ERR the last voter"):
        first.call("RAFT", "DEMOTE", first.address)


def test_priority__0_leads_no_more(three):
    leader, others = three.leader(), three.followers()
    assert others[0].call("RAFT", "PRIORITY", leader.address, 0) == b"OK"
    new = await_true(lambda: next((n for n in others if n.status()["role"] == "leader"), None),
                     "another node leads")
    assert rows(new)[leader.address]["priority"] == 0
    with pytest.raises(RespError, match="^ERR there is no such voter"):
        new.call("RAFT", "TRANSFER", leader.address)
    for node in others:
        if node is not new:
            assert new.call("RAFT", "PRIORITY", node.address, 0) == b"OK"
    with pytest.raises(RespError, match="^ERR no voter would be left"):
        new.call("RAFT", "PRIORITY", new.address, 0)
    assert new.call("SET", "k", "v") == b"OK"


def test_force__makes_a_change_that_costs_the_majority_in_reach(three):
    leader, (dead, other) = three.leader(), three.followers()
    dead.kill()
    with pytest.raises(RespError, match="^ERR .*no majority is in reach.*FORCE"):
        leader.call("RAFT", "DEMOTE", other.address)
    with pytest.raises(RespError, match="^INDOUBT the change was begun"):
        leader.call("RAFT", "DEMOTE", other.address, "FORCE")
    dead.start()  # Until it is back, nothing is served.
    await_true(lambda: leader.members()[other.address] == "learner", "the change is made then")
    assert leader.call("SET", "k", "v") == b"OK"
