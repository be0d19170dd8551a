"""Functions on real nodes: a library that one node has stored is called on all, in transactions,
with ONCE, and after restarts from a snapshot."""

import pytest

from respclient import RespError

LIBRARY = """#!lua name=counters
local calls = 0
local function add(keys, args)
    calls = calls + 1
    return redis.call('INCRBY', keys[1], args[1]) * 10 + calls
end
redis.register_function('add', add)
redis.register_function{function_name='show', flags={'no-writes'}, description='One counter',
                        callback=function(keys) return redis.call('GET', keys[1]) end}
"""
OTHER = "#!lua name=other\nredis.register_function('twice', function(k, a) return a[1] * 2 end)"


def test_functions__of_one_node_are_those_of_all(shared):
    first, second, third = (node.client() for node in shared.nodes)
    assert first.call("FUNCTION", "LOAD", "REPLACE", LIBRARY) == b"counters"
    assert second.call("FCALL", "add", 1, "n", 5) == 51
    assert third.call("FCALL", "ADD", 1, "n", 1) == 61  # Nothing is left of the call before.
    for client in (first, second, third):
        assert client.call("FCALL_RO", "show", 1, "n") == b"6"
        with pytest.raises(RespError, match="write flag using \\*_ro command"):
            client.call("FCALL_RO", "add", 1, "n", 1)
    assert first.call("COMMAND", "GETKEYS", "FCALL", "add", 2, "a", "b", "c") == [b"a", b"b"]
    assert first.call("COMMAND", "GETKEYS", "FCALL_RO", "show", 0) == []
    dump = second.call("FUNCTION", "DUMP")
    assert third.call("FUNCTION", "DELETE", "counters") == b"OK"
    with pytest.raises(RespError, match="Function not found"):
        first.call("FCALL", "add", 1, "n", 1)
    assert first.call("FUNCTION", "RESTORE", dump) == b"OK"
    assert second.call("FCALL", "add", 1, "n", 1) == 71
    shared.await_equal()
    for client in (first, second, third):
        client.close()


def test_functions__are_called_in_transactions_and_once(shared):
    with shared.followers()[0].client() as client:
        client.call("FUNCTION", "LOAD", "REPLACE", OTHER)
        client.call("MULTI")
        client.call("FUNCTION", "LOAD", "REPLACE", LIBRARY)
        client.call("FCALL", "add", 1, "n", 2)
        client.call("FUNCTION", "STATS")
        client.call("FCALL_RO", "show", 1, "n")
        assert client.call("EXEC") == [
            b"counters", 21, [b"running_script", None, b"engines",
                              [b"LUA", [b"libraries_count", 2, b"functions_count", 3]]], b"2"]
        for _ in range(3):
            assert client.call("ONCE", "me", 1, "FCALL", "add", 1, "n", 3) == 51
        with pytest.raises(RespError):
            client.call("ONCE", "me", 2, "FUNCTION", "LIST")
    shared.await_equal()


def test_functions__tell_caches_what_they_write(shared):
    with shared.nodes[0].client() as writer, shared.nodes[1].client() as reader:
        writer.call("FUNCTION", "LOAD", "REPLACE", LIBRARY)
        writer.call("SET", "n", 1)
        reader.call("HELLO", 3)
        reader.call("CLIENT", "TRACKING", "ON")
        assert reader.call("FCALL_RO", "show", 1, "n") == b"1"
        writer.call("FCALL", "add", 1, "n", 1)
        assert reader.read() == [b"invalidate", [b"n"]]


def test_functions__stay_after_restarts_and_snapshots(three):
    leader = three.leader()
    leader.call("FUNCTION", "LOAD", LIBRARY)
    for node in three.nodes:
        node.call("RAFT", "SNAPSHOT")
    leader.call("FUNCTION", "LOAD", OTHER)
    for node in three.nodes:
        node.kill()
    for node in three.nodes:
        node.start()
    three.await_voters(3)
    for i, node in enumerate(three.nodes):
        assert node.call("FCALL", "add", 1, "n", 1) == 10 * (i + 1) + 1
        assert node.call("FCALL", "twice", 0, 21) == 42
        assert node.call("FUNCTION", "LOAD", "REPLACE", LIBRARY) == b"counters"
    three.await_equal()
