"""Scripts as client libraries use them, on real nodes: any node runs them, knows them after a
fail-over, and gives the same replies."""

import pytest
import redis
from redis.lock import Lock

from harness import await_true

REDLOCK_EXTEND = """
if redis.call("get", KEYS[1]) == ARGV[1] then
    return redis.call("pexpire", KEYS[1], ARGV[2])
else
    return 0
end"""

RATE_LIMIT = """
local now = redis.call('TIME')
local count = redis.call('INCR', KEYS[1])
if count == 1 then
    redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[1]))
end
return {count, redis.call('PTTL', KEYS[1]), tonumber(now[1])}"""


@pytest.mark.parametrize("which", [0, 1, 2], ids=["node0", "node1", "node2"])
def test_scripts__registered_ones_run_on_any_node(shared, which):
    client = shared.nodes[which].redis()
    client.script_flush()
    extend = client.register_script(REDLOCK_EXTEND)
    assert extend(keys=["lock"], args=["me", 60000]) == 0  # NOSCRIPT, SCRIPT LOAD, EVALSHA.
    client.set("lock", "me")
    assert extend(keys=["lock"], args=["me", 60000]) == 1
    other = shared.nodes[(which + 1) % 3].redis()
    assert other.evalsha(extend.sha, 1, "lock", "me", 60000) == 1
    assert other.script_exists(extend.sha) == [True]
    shared.await_equal()


def test_scripts__locks_of_redis_py_work(shared):
    first, second = (Lock(shared.nodes[i].redis(), "mutex", timeout=60, blocking_timeout=0.1)
                     for i in (0, 1))
    assert first.acquire()
    assert not second.acquire()
    assert first.extend(5)
    first.release()
    assert second.acquire()
    second.release()
    with pytest.raises(redis.exceptions.LockError):
        first.release()


def test_scripts__limit_rates(shared):
    clients = [node.redis() for node in shared.nodes]
    replies = [client.eval(RATE_LIMIT, 1, "rate", 60000) for client in clients]
    assert [reply[0] for reply in replies] == [1, 2, 3]
    assert all(0 < reply[1] <= 60000 and reply[2] > 1600000000 for reply in replies)


def test_scripts__that_run_on_are_ended_and_all_nodes_agree(shared):
    client = shared.nodes[0].redis()
    with pytest.raises(redis.ResponseError, match="too many steps"):
        client.eval("for i = 1, 2000 do redis.call('SET', 'n', i) end while true do end", 0)
    values = {node.redis().get("n") for node in shared.nodes}
    assert len(values) == 1 and values == {b"2000"}
    await_true(client.ping, "the node serves on")
    shared.await_equal()


def test_scripts__run_in_transactions(shared):
    pipeline = shared.nodes[1].redis().pipeline(transaction=True)
    pipeline.eval("return redis.call('INCRBY', KEYS[1], 5)", 1, "tx")
    pipeline.get("tx")
    assert pipeline.execute() == [5, b"5"]


def test_scripts__of_one_transaction_share_their_steps(shared):
    with shared.leader().client() as client:
        client.call("MULTI")
        for _ in range(3):
            client.call("EVAL", "for i = 1, 400000 do end return 1", "0")
        replies = client.call("EXEC")
    assert replies[0] == 1 and "too many steps" in str(replies[2])
