"""Caches of clients (CLIENT TRACKING): what one node's client has read is invalidated by changes at
any node, over fail-overs, too."""

from harness import await_true

CHANNEL = "__redis__:invalidate"


class Cache:
    """A connection that reads, and one that gets its invalidations."""

    def __init__(self, node):
        self.values = {}
        self.invalidations = node.client()
        number = self.invalidations.call("CLIENT", "ID")
        self.invalidations.call("SUBSCRIBE", CHANNEL)
        self.reader = node.client()
        assert self.reader.call("CLIENT", "TRACKING", "ON", "REDIRECT", number) == b"OK"

    def next_invalid(self):
        """The keys of the next invalidation; None: all."""
        kind, channel, keys = self.invalidations.read()
        assert (kind, channel) == (b"message", CHANNEL.encode())
        return keys

    def close(self):
        self.reader.close()
        self.invalidations.close()


def test_tracking__reports_changes_of_any_node_at_any_node(three):
    three.leader().call("MSET", "a", "1", "b", "1")
    three.await_equal()
    caches = [Cache(node) for node in three.nodes]
    for cache in caches:
        assert cache.reader.call("MGET", "a", "b") == [b"1", b"1"]
    three.followers()[0].call("SET", "a", "2")
    three.leader().call("DEL", "b")
    for cache in caches:
        assert [cache.next_invalid(), cache.next_invalid()] == [[b"a"], [b"b"]]
        assert cache.reader.call("MGET", "a", "b") == [b"2", None]
    three.leader().call("FLUSHALL")
    for cache in caches:
        assert cache.next_invalid() is None
        cache.close()


def test_tracking__survives_the_loss_of_the_leader(three):
    leader = three.leader()
    leader.call("SET", "k", "before")
    follower = three.followers()[0]
    cache = Cache(follower)
    assert cache.reader.call("GET", "k") == b"before"
    leader.kill()
    await_true(lambda: follower.call("SET", "k", "after") == b"OK", "writes are taken again")
    assert cache.next_invalid() in ([b"k"], None)
    assert cache.reader.call("GET", "k") == b"after"
    cache.close()
