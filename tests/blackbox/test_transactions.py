"""MULTI, EXEC and WATCH as clients send them, on each node of a cluster."""

import threading

import pytest
import redis

from harness import await_true
from respclient import RespError

NODES = pytest.mark.parametrize("which", [0, 1, 2], ids=["node0", "node1", "node2"])

# Commands of one connection, sent in one packet. Redis gives the same replies.
SEQUENCES = [
    "MULTI|MULTI|SET a 1|EXEC", "MULTI|WATCH a|SET a 1|EXEC", "MULTI|EXEC x|SET a 1|EXEC",
    "MULTI|DISCARD x|EXEC", "MULTI|UNWATCH|EXEC", "MULTI|AUTH x|EXEC",
    "MULTI|SET a|GET|NOPE|EXEC|GET a", "EXEC", "DISCARD", "MULTI|SET a b|INCR a|GET a|EXEC",
    "MULTI|SET a 1 BAD|SET b 1|EXEC", "MULTI|SELECT 1|SET a 5|SELECT 99|GET a|EXEC|GET a",
    "MULTI|RESET|EXEC", "MULTI|QUIT", "MULTI|EXEC", "WATCH", "WATCH a|MULTI|NOPE|EXEC",
    "WATCH a|SET a 1|MULTI|GET a|EXEC|MULTI|GET a|EXEC",
    "WATCH a|SET a 1|UNWATCH|MULTI|PING|EXEC", "WATCH a|MULTI|EXEC",
    "WATCH a|SET a 1|DISCARD|MULTI|PING|EXEC", "WATCH a|MULTI|SET a 1|DISCARD|GET a",
    "WATCH a|SET a 1|MULTI|DISCARD|MULTI|PING|EXEC", "WATCH a|SETNX a 1|MULTI|PING|EXEC",
    "SET a 1|WATCH a|SETNX a 2|DEL b|MULTI|PING|EXEC", "WATCH a|FLUSHALL|MULTI|PING|EXEC",
    "SET a 1|WATCH a|FLUSHALL|MULTI|PING|EXEC", "SET a 1|WATCH a|SWAPDB 0 1|MULTI|PING|EXEC",
    "SET a 1|WATCH a|SELECT 1|SET a 2|MULTI|GET a|EXEC", "MULTI|SCAN 0|KEYS *|DBSIZE|EXEC",
    "WATCH a b|GET a|SET c 1|MULTI|SET a 2|PING x|ECHO y|GET a|EXEC|GET a",
    "MULTI|SELECT 3|DISCARD|SET a 1|SELECT 3|GET a", "MULTI|PING|MULTI|EXEC|PING",
    "MULTI|SET a 1|SWAPDB 0 1|GET a|FLUSHALL|EXEC", "MULTI|MSET a 1 b 2|MGET a b c|DEL a b|EXEC",
    "CLIENT REPLY SKIP|MULTI|PING|EXEC",
]


@pytest.fixture
def node(shared, which):
    return shared.nodes[which]


def replies_to(node, sequence):
    node.call("FLUSHALL")
    with node.client() as client:
        commands = sequence.split("|") + ["QUIT"]
        client.send_raw(b"".join(command.encode() + b"\r\n" for command in commands))
        return client.read_to_end()


@NODES
def test_sequences__have_the_replies_of_redis(node, redis_node):
    for sequence in SEQUENCES:
        assert replies_to(node, sequence) == replies_to(redis_node, sequence), sequence


@NODES
def test_redis_py__pipelines_and_transactions(node):
    client = node.redis()
    assert client.pipeline().set("k", "v").incr("n").get("k").execute() == [True, 1, b"v"]
    with pytest.raises(redis.ResponseError, match="not an integer"):
        client.pipeline().set("k", "w").incr("k").execute()
    assert client.get("k") == b"w"

    def double(pipe):
        value = int(pipe.get("n"))
        pipe.multi()
        pipe.set("n", 2 * value)
    client.transaction(double, "n")
    assert client.get("n") == b"2"
    with client.pipeline() as pipe:
        pipe.watch("n")
        client.incr("n")
        pipe.multi()
        pipe.set("n", 100)
        with pytest.raises(redis.WatchError):
            pipe.execute()
    assert client.get("n") == b"3"


@NODES
def test_pipeline__of_many_transactions_in_one_packet(node):
    with node.client() as client:
        client.send_raw(b"MULTI\r\nINCR n\r\nAPPEND s x\r\nGET n\r\nEXEC\r\nGET n\r\n" * 300)
        for i in range(1, 301):
            assert [client.read() for _ in range(4)] == [b"OK", b"QUEUED", b"QUEUED", b"QUEUED"]
            assert client.read() == [i, i, b"%d" % i]
            assert client.read() == b"%d" % i


def test_watch__loops_on_all_nodes_count_exactly(shared):
    def count(node):
        client = node.redis()
        for _ in range(40):
            def add(pipe):
                value = int(pipe.get("n") or 0)
                pipe.multi()
                pipe.set("n", value + 1)
            client.transaction(add, "n")
    threads = [threading.Thread(target=count, args=(node,)) for node in shared.nodes * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shared.nodes[0].call("GET", "n") == b"240"


def test_transfers__keep_the_sum_when_leaders_are_killed(three):
    """Each reads two counters and moves one from the first to the second: all or nothing."""
    three.leader().call("MSET", "from", "1000", "to", "0")
    stop = threading.Event()
    sums, moved = [], [0]

    def transfer(node):
        while not stop.is_set():
            try:
                with node.client() as client:
                    while not stop.is_set():
                        client.send_raw(b"MULTI\r\nDECR from\r\nINCR to\r\nEXEC\r\n"
                                        b"MGET from to\r\n")
                        replies = [client.read() for _ in range(5)]
                        if isinstance(replies[3], list):
                            moved[0] += 1
                        if isinstance(replies[4], list):
                            sums.append(sum(int(value) for value in replies[4]))
            except (OSError, RespError, ConnectionError):
                continue
    threads = [threading.Thread(target=transfer, args=(node,)) for node in three.nodes]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            before = moved[0]
            await_true(lambda before=before: moved[0] > before + 30, "transfers succeed")
            leader = three.leader()
            leader.kill()
            leader.start().await_up()
        before = moved[0]
        await_true(lambda: moved[0] > before + 30, "transfers succeed")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(sums) == {1000}
    left, arrived = (int(value) for value in three.leader().call("MGET", "from", "to"))
    assert left + arrived == 1000 and arrived >= moved[0]
