"""Messages between clients of all nodes, and events of keys."""

import redis

from harness import await_true


def subscribe(node, *channels, patterns=()):
    """A subscriber that is certainly subscribed."""
    subscriber = node.redis(socket_timeout=30, decode_responses=True).pubsub()
    if channels:
        subscriber.subscribe(*channels)
    if patterns:
        subscriber.psubscribe(*patterns)
    for _ in range(len(channels) + len(patterns)):
        assert subscriber.get_message(timeout=10)["type"] in ("subscribe", "psubscribe")
    return subscriber


def take(subscriber, count):
    """The next messages, as (channel, text)."""
    taken = []
    while len(taken) < count:
        message = subscriber.get_message(timeout=10)
        assert message is not None, f"only {taken}"
        taken.append((message["channel"], message["data"]))
    return taken


def test_messages__reach_all_subscribers_of_all_nodes_in_one_order(three):
    subscribers = [subscribe(node, "news", patterns=["n?ws"]) for node in three.nodes]
    for i in range(60):
        three.nodes[i % 3].redis().publish("news", i)
    expected = [("news", str(i)) for i in range(60) for _ in range(2)]
    assert [take(s, 120) for s in subscribers] == [expected] * 3
    for s in subscribers:
        s.close()


def test_messages__in_flight_from_many_publishers_have_the_same_order_everywhere(three):
    subscribers = [subscribe(node, "a", "b") for node in three.nodes]
    clients = [node.client() for node in three.nodes]
    for number, client in enumerate(clients):
        client.send_raw(b"".join(client.pack("PUBLISH", "ab"[i % 2], f"{number}-{i}")
                                 for i in range(200)))
    for client in clients:
        assert all(isinstance(client.read(), int) for _ in range(200))
        client.close()
    seen = [take(s, 600) for s in subscribers]
    assert seen[0] == seen[1] == seen[2]
    for number in range(3):
        mine = [text for _, text in seen[0] if text.startswith(f"{number}-")]
        assert mine == [f"{number}-{i}" for i in range(200)]
    for s in subscribers:
        s.close()


def test_messages__that_were_acknowledged_arrive_though_the_leader_is_killed(three):
    follower, other = three.followers()
    subscriber = subscribe(follower, "c")
    acknowledged = []

    def publish(i):
        try:
            other.redis().publish("c", i)
            acknowledged.append(str(i))
        except redis.RedisError:
            pass  # In doubt, or certainly not published.
        return True

    for i in range(50):
        publish(i)
    three.leader().kill()
    await_true(lambda: publish(50) and "50" in acknowledged, "messages are taken again")
    for i in range(51, 100):
        publish(i)
    seen = []
    while not seen or seen[-1] != acknowledged[-1]:
        seen += [text for _, text in take(subscriber, 1)]
    assert [text for text in seen if text in acknowledged] == list(dict.fromkeys(acknowledged))
    subscriber.close()


def test_events__of_keys_are_published_on_every_node_that_was_asked(three):
    for node in three.nodes:
        node.redis().config_set("notify-keyspace-events", "KEA")
    subscribers = [subscribe(node, patterns=["__keyevent@0__:*"]) for node in three.nodes]
    three.leader().redis().set("k", "v")
    three.followers()[0].redis().delete("k")
    for s in subscribers:
        assert take(s, 2) == [("__keyevent@0__:set", "k"), ("__keyevent@0__:del", "k")]
        s.close()


def test_subscriber__that_leaves_is_not_counted(three):
    node = three.leader()
    subscriber = subscribe(node, "x")
    assert node.redis().publish("x", "m") == 1
    assert node.redis().pubsub_numsub("x") == [(b"x", 1)]
    assert "pubsub_channels:1" in node.call("INFO", "stats").decode()
    subscriber.close()
    await_true(lambda: node.redis().publish("x", "m") == 0, "the subscriber is gone")
