"""Keys that expire, through redis-py, at the leader and at a follower."""

import time

import pytest
import redis

from harness import HOST, await_true


@pytest.fixture(params=["leader", "follower"])
def client(request, shared):
    leader = shared.leader()
    node = leader if request.param == "leader" else next(n for n in shared.nodes if n is not leader)
    with redis.Redis(host=HOST, port=node.port, decode_responses=True) as one:
        one.flushall()
        yield one


def test_expiry__of_each_command_is_what_redis_py_expects(client):
    assert client.set("k", "v", ex=100) and 99 <= client.ttl("k") <= 100
    assert client.set("k", "w", keepttl=True) and client.ttl("k") > 90
    assert client.set("k", "w") and client.ttl("k") == -1 and client.ttl("none") == -2
    assert client.setex("k", 100, "v") and client.psetex("l", 100000, "w")
    assert 90000 < client.pttl("l") <= 100000
    assert client.getex("l", persist=True) == "w" and client.ttl("l") == -1
    assert client.getex("l", ex=50) == "w" and 45 < client.ttl("l") <= 50
    assert client.expire("k", 200, gt=True) and not client.expire("k", 100, gt=True)
    assert client.expire("k", 10, lt=True) and not client.expire("k", 5, nx=True)
    assert client.pexpire("k", 99000, xx=True) and client.persist("k") and not client.persist("k")
    at = int(time.time()) + 1000
    assert client.expireat("k", at) and client.expiretime("k") == at
    assert client.pexpireat("k", at * 1000 + 1) and client.pexpiretime("k") == at * 1000 + 1
    assert client.info("keyspace")["db0"]["expires"] == 2
    assert client.expire("k", -1) and not client.exists("k")
    with pytest.raises(redis.ResponseError, match="invalid expire time in 'set' command"):
        client.set("k", "v", ex=0)


def test_expiry__removes_keys_though_nobody_asks_for_them(client, shared):
    began = time.monotonic()
    for i in range(100):
        client.set(f"k{i}", "v", px=700)
    assert client.dbsize() == 100 and 0 < client.pttl("k99") <= 700
    await_true(lambda: all(n.call("DBSIZE") == 0 for n in shared.nodes), "all are gone")
    assert time.monotonic() - began >= 0.68
    shared.await_equal()


def test_expiry__time_left_is_counted_though_nothing_is_written(client):
    client.set("k", "v", px=60000)
    await_true(lambda: client.pttl("k") < 59800, "time goes on")


def test_expiry__of_a_lock_lets_the_next_one_in(client):
    one, two = (client.lock("lock", timeout=0.5, sleep=0.01) for _ in range(2))
    assert one.acquire(blocking=False) and not two.acquire(blocking=False)
    assert two.acquire(blocking_timeout=5)
