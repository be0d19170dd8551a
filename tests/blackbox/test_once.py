"""ONCE: commands that are sent again are executed once, on whatever node."""

import time

import pytest

from respclient import RespError


def test_once__has_the_same_reply_on_each_node(three):
    clients = [node.client() for node in three.nodes]
    for number in range(1, 100):
        for client in clients:
            assert client.call("ONCE", "me", number, "INCR", "n") == number
    assert clients[0].call("ONCE", "you", "1", "INCR", "n") == 100
    for client in clients:
        client.close()


def test_once__survives_fail_overs_restarts_and_snapshots(three):
    leader = three.leader()
    assert leader.call("ONCE", "me", "1", "APPEND", "k", "once") == 4
    assert leader.call("ONCE", "me", "2", "GETDEL", "k") == b"once"
    for node in three.nodes:
        node.call("RAFT", "SNAPSHOT")
    leader.kill()
    others = [node for node in three.nodes if node is not leader]
    three.leader(others)
    assert others[0].call("ONCE", "me", "1", "APPEND", "k", "once") == 4
    leader.start()
    for node in others:
        node.kill()
        node.start()
    three.await_voters(3)
    for node in three.nodes:
        assert node.call("ONCE", "me", "2", "GETDEL", "k") == b"once"
        assert node.call("EXISTS", "k") == 0


def test_once__a_client_that_is_not_remembered_executes_nothing(three):
    node = three.leader()
    with pytest.raises(RespError, match="EXPIRED"):
        node.call("ONCE", "me", "2", "INCR", "n")
    assert node.call("ONCE", "me", "OPEN") == 2
    assert node.call("ONCE", "me", "2", "INCR", "n") == 1
    assert node.call("ONCE", "short", "1", "KEEP", "1", "INCR", "n") == 2

    def is_forgotten():
        time.sleep(1.1)  # Each use lets it live on, so there is nothing to poll.
        try:
            return node.call("ONCE", "short", "2", "KEEP", "1", "INCR", "n") == 0
        except RespError as error:
            return "EXPIRED" in str(error)

    assert is_forgotten()
    assert node.call("GET", "n") == b"2"


def test_once__of_another_transaction_gives_the_first_reply_whole(three):
    """Even if the transaction now has commands that the connection's node answers itself."""
    with three.leader().client() as client:
        for command in (["MULTI"], ["SET", "a", "1"]):
            client.call(*command)
        first = client.call("ONCE", "me", "1", "EXEC")
        for command in (["MULTI"], ["PING"], ["SET", "a", "2"], ["SET", "b", "2"], ["GET", "a"]):
            client.call(*command)
        assert client.call("ONCE", "me", "1", "EXEC") == first
        assert client.call("ECHO", "next") == b"next"
        assert client.call("MGET", "a", "b") == [b"1", None]


def test_wait__for_an_index_that_never_comes_leaves_nothing_behind(three):
    with three.leader().client() as client:
        client.call("SET", "k", "v")
        with pytest.raises(RespError):
            client.call("RAFT", "WAIT", str(2 ** 63 - 1), "1")
        assert client.call("WAITAOF", "1", "0", "5000")[0] == 1


def test_once__replies_in_the_version_of_the_connection(three):
    node = three.leader()
    with node.client() as client:
        client.call("HELLO", "3")
        assert client.call("ONCE", "me", "1", "GETDEL", "nothing") is None
    with node.client() as client:
        client.send("ONCE", "me", "1", "GETDEL", "nothing")
        assert client.read() is None


def test_index__of_a_repeated_command_is_that_of_the_first(three):
    indexes = []
    for node in three.nodes:
        with node.client() as client:
            client.call("SET", "other", "v")
            assert client.call("ONCE", "me", "1", "SET", "lock", "me", "NX") == b"OK"
            indexes.append(client.call("RAFT", "INDEX"))
    assert indexes[0] > 0 and indexes == [indexes[0]] * 3


def test_index__of_writes_rises_and_is_a_floor_elsewhere(three):
    clients = [node.client() for node in three.nodes]
    last = 0
    for i in range(60):
        writer, reader = clients[i % 3], clients[(i + 1) % 3]
        reader.call("RAFT", "READS", "STALE", "MAXAGE", "60000")
        writer.send_raw(writer.pack("INCR", "n") + writer.pack("RAFT", "INDEX"))
        assert writer.read() == i + 1
        index = writer.read()
        assert index > last
        last = index
        assert reader.call("RAFT", "WAIT", index) >= index
        assert reader.call("GET", "n") == str(i + 1).encode()
    for client in clients:
        client.close()


def test_once__a_connection_goes_on_at_another_node(three):
    with three.leader().client() as client:
        assert client.call("CLIENT", "ONCE", "me") == b"OK"
        assert [client.call("INCR", "n") for _ in range(3)] == [1, 2, 3]
    with three.followers()[0].client() as client:
        assert client.call("CLIENT", "ONCE", "me", "2") == b"OK"
        assert [client.call("INCR", "n") for _ in range(3)] == [2, 3, 4]
        assert client.call("CLIENT", "ONCE") == [b"me", 5]
