"""Nodes are killed, frozen, stopped and started under load: nothing acknowledged is lost, nothing
refused is executed, no read is stale, and soon writes succeed again."""

import re
import signal
import socket
import time

import pytest

from harness import await_true
from history import Load
from respclient import RespError


def test_kill__the_leader_under_load_and_start_it_again(three):
    with Load(three) as load:
        load.await_progress()
        for _ in range(3):
            leader = three.leader()
            leader.kill()
            load.await_progress(300)
            leader.start()
            three.await_equal()
            load.await_progress(100)
    for node in three.nodes:
        load.check(node)


def test_kill__a_follower_under_load_costs_nothing(three):
    with Load(three, nodes=None) as load:
        load.await_progress()
        for _ in range(2):
            follower = three.followers()[0]
            follower.kill()
            load.await_progress(500)
            follower.start().await_up()
            three.await_equal()
    for node in three.nodes:
        load.check(node)


def test_kill__of_a_follower_is_not_noticed_by_clients_of_the_others(three):
    leader = three.leader()
    victim, other = three.followers()
    with Load(three, nodes=[leader, other]) as load:
        load.await_progress()
        victim.kill()
        load.await_progress(500)
    assert load.refused_count() == 0 and load.doubts() == []
    load.check(other)


def test_kill__all_at_once_under_load_and_start_them_again(three):
    with Load(three) as load:
        load.await_progress(500)
        for node in three.nodes:
            node.kill()
        for node in three.nodes:
            node.start()
        three.leader()
        load.await_progress(300)
    for node in three.nodes:
        load.check(node)


def test_freeze__what_waits_for_a_leader_is_dropped_when_its_client_goes(three):
    survivor = three.followers()[0]
    survivor.call("SET", "n", "0")
    others = [node for node in three.nodes if node is not survivor]
    for node in others:
        node.freeze()
    await_true(lambda: survivor.status()["leader"] == "none", "no leader is known")
    with survivor.client() as client:
        client.send("INCR", "n")
        client.socket.shutdown(socket.SHUT_WR)  # Like close(), but the reply can be read.
        assert client.read().code == "TRYAGAIN"
    for node in others:
        node.thaw()
    await_true(lambda: survivor.call("SET", "other", "1") == b"OK", "writes go on")
    assert survivor.call("GET", "n") == b"0"


def test_kill__two_of_three_stops_writes_and_reads_until_one_is_back(three):
    survivor = three.followers()[0]
    survivor.call("SET", "k", "before")
    others = [node for node in three.nodes if node is not survivor]
    for node in others:
        node.kill()
    with survivor.client() as client:
        def refused(*command):
            start = time.monotonic()
            with pytest.raises(RespError) as raised:
                client.call(*command)
            # An answer within five seconds, the usual patience of a client.
            assert time.monotonic() - start < 5
            return raised.value.code
        first = refused("SET", "k", "lost or not")
        assert first in ("CLUSTERDOWN", "TRYAGAIN", "INDOUBT")
        await_true(lambda: refused("SET", "k2", "never") in ("CLUSTERDOWN", "TRYAGAIN"),
                   "a node without a majority refuses writes for certain")
        assert refused("GET", "k") in ("CLUSTERDOWN", "TRYAGAIN")
        assert client.call("PING") == b"PONG"
        assert survivor.status()["leader"] == "none"
        assert "leader=none" in survivor.log() and "leader=00000000" not in survivor.log()
        others[0].start()
        await_true(lambda: client.call("SET", "k", "after") == b"OK", "writes go on")
        assert client.call("GET", "k") == b"after"
        assert client.call("GET", "k2") is None


def test_kill__the_next_write_goes_through_soon(three):
    """Well below a second, because a broken connection is noticed at once."""
    times = []
    for round_number in range(5):
        leader = three.leader()
        survivor = next(node for node in three.running() if node is not leader)
        with survivor.client() as client:
            client.call("SET", "k", "before")
            start = time.monotonic()
            leader.kill()
            await_true(lambda client=client: client.call("SET", "k", round_number) == b"OK",
                       "a write goes through", 10)
            times.append(time.monotonic() - start)
        leader.start().await_up()
        three.await_voters(3)
        three.await_equal()
    times.sort()
    assert times[len(times) // 2] < 1.0, times


def test_freeze__a_thawed_leader_serves_no_stale_read(three):
    leader = three.leader()
    others = [node for node in three.nodes if node is not leader]
    leader.call("SET", "k", "old")
    with leader.client() as at_old:
        at_old.call("PING")
        leader.freeze()
        try:
            assert three.leader(others) is not leader
            others[0].call("SET", "k", "new")
            # These wait in the frozen node's socket and are the first that it reads.
            at_old.send("GET", "k")
            at_old.send("SET", "k2", "through the deposed leader")
        finally:
            leader.thaw()
        read = at_old.read()
        assert read == b"new" or read.code in ("CLUSTERDOWN", "TRYAGAIN"), read
        written = at_old.read()
        if written == b"OK":
            assert others[0].call("GET", "k2") == b"through the deposed leader"
        elif written.code != "INDOUBT":
            assert others[0].call("GET", "k2") is None
    three.await_equal()
    await_true(lambda: leader.call("GET", "k") == b"new", "the thawed node follows")


def test_freeze__of_the_leader_under_load_and_thaw(three):
    with Load(three, patience=5.0) as load:
        for _ in range(3):
            load.await_progress(200)
            leader = three.leader()
            others = [node for node in three.nodes if node is not leader]
            leader.freeze()
            assert three.leader(others) is not leader
            load.await_progress(50)
            leader.thaw()
            three.await_equal()
    for node in three.nodes:
        load.check(node)


def test_freeze__of_a_follower_does_not_stop_the_others(three):
    leader = three.leader()
    victim, other = three.followers()
    with Load(three, nodes=[leader, other]) as load:
        load.await_progress(100)
        victim.freeze()
        load.await_progress(1000)
        victim.thaw()
        load.await_progress(100)
    assert load.refused_count() == 0 and load.doubts() == []
    three.await_equal()
    load.check(victim)


def test_freeze__a_node_that_slept_long_does_not_disturb_the_leader(three):
    leader = three.leader()
    victim = three.followers()[0]
    term = leader.status()["term"]
    victim.freeze()
    end = time.monotonic() + 1.5  # Several election timeouts: here the time itself matters.
    while time.monotonic() < end:
        leader.call("INCR", "n")
    victim.thaw()
    three.await_equal()
    status = leader.status()
    assert status["role"] == "leader"
    assert status["term"] == term


def test_log__says_why_a_leader_was_given_up(three):
    leader, others = three.leader(), three.followers()
    leader.freeze()
    try:
        assert three.leader(others) is not leader
    finally:
        leader.thaw()
    silences = [int(ms) for node in others
                for ms in re.findall(r'role=pre-candidate .*reason="leader silent for (\d+) ms"',
                                     node.log())]
    assert silences and min(silences) >= 250, silences  # The timeout is 300 ms.
    three.await_equal()
    leader, others = three.leader(), three.followers()
    leader.kill()
    assert three.leader(others) is not leader
    assert any('reason="lost the connection to the leader"' in node.log() for node in others)


def test_terms__never_two_leaders_in_one(three):
    """The leaders that all nodes report, over a few fail-overs: one for each term."""
    leaders = {}
    for _ in range(4):
        leader = three.leader()
        for node in three.running():
            status = node.status()
            if status["leader"] != "none":
                assert leaders.setdefault(status["term"], status["leader"]) == status["leader"]
        leader.kill()
        new = three.leader()
        assert new is not leader
        leader.start().await_up()
        three.await_equal()


def test_sighup__of_a_leader_ends_nothing(three):
    leader = three.leader()
    leader.signal(signal.SIGHUP)
    await_true(lambda: "the settings were read again" in leader.log(), "it logs that")
    assert leader.is_running()
    assert leader.call("SET", "k", "v") == b"OK"
    assert leader.status()["role"] == "leader"


def test_sigterm__the_leader_hands_over_without_a_failed_write(three):
    leader = three.leader()
    others = three.followers()
    with Load(three, nodes=others) as load:
        load.await_progress(200)
        assert leader.stop() == 0
        load.await_progress(500)
    assert load.doubts() == []
    assert load.refused_count() == 0
    for node in others:
        load.check(node)


def test_sigterm__of_each_node_in_turn_under_load(three):
    with Load(three) as load:
        for node in three.nodes:
            load.await_progress(200)
            assert node.stop() == 0
            load.await_progress(100)
            node.start().await_up()
            three.await_equal()
    for node in three.nodes:
        load.check(node)
