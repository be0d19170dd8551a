"""Each kind of fault has its effect, and the cluster keeps its promises: otherwise a storm without
any effect would count as survived."""

import random

import pytest

import clocks
from fleet import ELECTION_S, PATIENCE
from harness import await_true
from history import Load
from nemeses_links import HalfOpen, SlowLinks, TornConnections
from nemeses_machine import FILLER, FullDisk
from nemeses_moves import Move
from nemeses_network import SlowNames
from respclient import RespError

HOUR_US = 3600 * 10**6


def but(nodes, *others):
    return [node for node in nodes if node not in others]


def places(nodes):
    return [node.place for node in nodes]


def aim(nemesis, victim):
    """Makes the nemesis hit that node instead of a random one."""
    nemesis.pick = lambda nodes=None: victim
    return nemesis


def heal_and_check(fleet, *loads):
    fleet.heal()
    fleet.settle()
    for load in loads:
        for node in fleet.nodes:
            load.check(node)


@pytest.fixture(name="three")
def three_fixture(make_fleet):
    return make_fleet(3)


# --- links that are cut -----------------------------------------------------------------


def test_isolated_leader__is_replaced_and_acknowledges_nothing(three):
    old = three.leader()
    three.network.isolate(old.place)
    new = three.leader(but(three.nodes, old))
    assert new.call("SET", "k", "v") == b"OK"
    await_true(lambda: old.status()["role"] != "leader", "the isolated one leads no more")
    with pytest.raises(RespError):
        old.call("SET", "from-the-minority", "v")
    with pytest.raises(RespError):
        old.call("GET", "k")
    assert old.place.dropped() > 0
    heal_and_check(three)
    assert old.call("GET", "k") == b"v"


def test_isolated_leader__that_leads_on_serves_no_stale_read(make_fleet):
    """It is far more patient than the others, and goes on leading beside their leader."""
    fleet = make_fleet(3, election_ms=iter([20000, 600, 600]).__next__)
    old = fleet.nodes[0]
    assert fleet.leader() is old
    assert old.call("SET", "k", "old") == b"OK"
    fleet.network.isolate(old.place)
    new = fleet.leader(but(fleet.nodes, old))
    assert new.call("SET", "k", "new") == b"OK"
    assert old.status()["role"] == "leader"
    with pytest.raises((RespError, TimeoutError)):
        with old.client(timeout=2.0) as client:
            client.call("GET", "k")
    assert old.status()["role"] == "leader"
    heal_and_check(fleet)
    assert old.call("GET", "k") == b"new"


def test_unplugged_leader__is_replaced(three):
    old = three.leader()
    old.place.unplug()
    new = three.leader(but(three.nodes, old))
    assert new.call("SET", "k", "v") == b"OK"
    with pytest.raises(OSError):
        old.client(timeout=0.5)
    heal_and_check(three)
    assert old.call("GET", "k") == b"v"


@pytest.mark.parametrize("is_deaf", [True, False], ids=["deaf", "mute"])
def test_one_way__a_leader_that_hears_nobody_or_is_not_heard_is_replaced(three, is_deaf):
    old = three.leader()
    others = but(three.nodes, old)
    if is_deaf:
        three.network.cut_one_way(places(others), [old.place])
    else:
        three.network.cut_one_way([old.place], places(others))
    new = three.leader(others)
    assert new is not old
    assert new.call("SET", "k", "v") == b"OK"
    await_true(lambda: old.status()["role"] != "leader", "it leads no more")
    heal_and_check(three)


def test_partial__two_that_do_not_reach_each_other_keep_the_leader(three):
    """With every pair in turn: the node that reaches both keeps voters from voting."""
    leader = three.leader()
    one, other = three.followers()
    for pair in ((one, other), (leader, one), (leader, other)):
        term = leader.status()["term"]
        three.network.cut(places(pair[:1]), places(pair[1:]))
        with Load(three, nodes=[leader], pause=0.01) as load:
            # Longer than it takes to notice that the other is silent.
            three.pause(3 * ELECTION_S)
            load.await_progress(100, PATIENCE)
        assert leader.status()["role"] == "leader"
        assert leader.status()["term"] == term
        assert leader not in pair or pair[1].place.dropped() > 0
        heal_and_check(three, load)
        for node in three.nodes:
            node.call("FLUSHALL")


def test_shattered_network__is_well_again_soon_however_long_it_lasted(three):
    """Connections that were blocked for long must not stay so (TCP would wait as long again)."""
    three.network.split(*[[place] for place in places(three.nodes)])
    await_true(lambda: three.seen_leader() is None, "nobody leads")
    three.pause(20.0)
    three.network.heal()
    with Load(three) as load:
        load.await_progress(10, 5.0)
    heal_and_check(three, load)


# --- names ----------------------------------------------------------------------------------


def test_silent_name_server__keeps_no_node_from_returning_to_known_members(make_fleet):
    fleet = make_fleet(3, is_named=True)
    leader = fleet.leader()
    assert set(leader.members()) == {node.address for node in fleet.nodes}
    fleet.pause(1.5)  # The nodes' last answers are not fresh any more.
    nemesis = aim(SlowNames(fleet, random.Random(1)), leader)
    fleet.names.heal()
    nemesis.chance.choice = lambda delays: delays[0]
    nemesis.chance.sample = lambda names, count: names
    nemesis.begin()
    assert set(fleet.names.delays.values()) == {None}
    with Load(fleet) as load:
        await_true(lambda: fleet.names.asked, "names are looked up")
        load.await_progress(100, 5.0)
    assert set(fleet.names.delays) == {node.name for node in fleet.nodes}
    nemesis.end()
    heal_and_check(fleet, load)


# --- addresses ------------------------------------------------------------------------------


def await_addresses(fleet):
    await_true(lambda: all(set(node.members()) == {member.address for member in fleet.nodes}
                           for node in fleet.nodes), "the log has all where they live")


@pytest.mark.parametrize("is_named", [False, True], ids=["addresses", "names"])
def test_move__of_all_round_in_a_circle_is_over_in_seconds(make_fleet, is_named):
    fleet = make_fleet(3, is_named=is_named)
    before = {node: node.address for node in fleet.nodes}
    with Load(fleet) as load:
        load.await_progress(100)
        move = Move(fleet, random.Random(1))
        move.chance.choice = max
        move.chance.randrange = lambda _: 0  # No new address.
        move.begin()
        assert {node.address for node in fleet.nodes} == set(before.values())
        assert all(node.address != address for node, address in before.items())
        move.end()
        load.await_progress(100, 10.0)
        await_addresses(fleet)
    heal_and_check(fleet, load)


def test_move__to_a_new_address_with_a_member_missing_is_over_in_seconds(make_fleet):
    fleet = make_fleet(3, 1)
    missing, *movers = [fleet.leader(), *fleet.followers()]
    with Load(fleet) as load:
        load.await_progress(100)
        missing.kill()
        move = Move(fleet, random.Random(1))
        move.chance.choice = min
        move.chance.sample = lambda nodes, count: movers
        move.chance.randrange = lambda _: 1
        move.begin()
        move.end()
        load.await_progress(100, 10.0)
        missing.start()
        await_addresses(fleet)
    heal_and_check(fleet, load)


# --- links that are bad -----------------------------------------------------------------


def test_slow_links__of_a_follower_do_not_slow_the_others(three):
    victim = three.followers()[0]
    slow = aim(SlowLinks(three, random.Random(1)), victim)
    slow.state = lambda: {"bytes_per_s": 1000}
    slow.chance = random.Random(0)  # Of one node, not of all.
    slow.begin()
    others = but(three.nodes, victim)
    leader = three.leader(others)
    with Load(three, nodes=[leader]) as load:
        load.await_progress(2000, PATIENCE)
        assert victim.links.tell(bytes_per_s=1000)[1] > 0, "nothing went through the proxy"
        behind = leader.status()["commit_index"] - victim.status()["applied_index"]
        assert behind > 100, "a link of 1 kB/s carries all that?"
    slow.end()
    heal_and_check(three, load)


def test_torn_connections__in_the_middle_of_frames_lose_and_double_nothing(three):
    torn = TornConnections(three, random.Random(1))
    torn.state = lambda: {"reset_after": [1, 3000]}
    with Load(three) as load:
        load.await_progress(100)
        torn.begin()
        load.await_progress(100, PATIENCE)
        counts = [node.links.tell(**torn.state())[1] for node in three.nodes]
        torn.end()
    assert sum(counts) > 20, f"connections made through the proxies: {counts}"
    heal_and_check(three, load)


def test_half_open__connections_to_the_leader_do_not_stop_the_cluster_for_long(three):
    leader = three.leader()
    half = aim(HalfOpen(three, random.Random(1)), leader)
    half.state = lambda: {"half_open_after": [300, 3000]}
    half.chance = random.Random(0)
    with Load(three) as load:
        half.begin()
        # The others elect a leader and go on before any node has dialed again.
        await_true(lambda: sum(node.links.tell(**half.state())[1] for node in three.nodes) > 0,
                   "connections are made through the proxies")
        load.await_progress(300, PATIENCE)
        half.end()
        load.await_progress(300, PATIENCE)
    heal_and_check(three, load)


# --- machines ---------------------------------------------------------------------------


def test_full_disk__of_the_leader_moves_leadership_to_a_node_with_room(three):
    leader = three.leader()
    full = aim(FullDisk(three, random.Random(1)), leader)
    assert leader.call("SET", "before", "v") == b"OK"
    full.begin()
    other = three.leader(but(three.nodes, leader))
    assert leader.call("SET", "k", FILLER) == b"OK"
    assert leader.call("GET", "before") == b"v"

    def seen():
        return {n["address"]: n["health"] for n in other.cluster_status()["nodes"]}
    await_true(lambda: list(seen().values()).count(b"disk-full") == 1, "the others are told")
    full.end()
    await_true(lambda: set(seen().values()) == {b"ok"}, "it is well again")
    heal_and_check(three)


@pytest.mark.skipif(clocks.LIBRARY is None, reason=clocks.NEEDED)
def test_wrong_clock__jumps_of_the_wall_clock_change_nothing(three):
    def clock_us(node):
        lines = node.call("INFO", "server").decode().splitlines()
        return int(dict(line.split(":", 1) for line in lines[1:] if line)["server_time_usec"])

    for node in three.nodes:
        node.clock.set("+0")
        node.kill()
        node.start().await_up()
        three.await_equal()
    leader = three.leader()
    term = leader.status()["term"]
    right = but(three.nodes, leader)[0]
    with Load(three) as load:
        for setting, least, most in (("+31536000", 8000, 9000), ("-31536000", -9000, -8000),
                                     ("+0", -1, 1)):
            leader.clock.set(setting)
            await_true(lambda low=least, high=most:
                       low * HOUR_US < clock_us(leader) - clock_us(right) < high * HOUR_US,
                       f"the clock jumps to {setting}")
            load.await_progress(100)
    assert (leader.status()["role"], leader.status()["term"]) == ("leader", term)
    heal_and_check(three, load)
