"""A start with much data: clients get an error while it loads, and a signal ends it."""

import re

from harness import await_true
from respclient import RespError


def write_many(node, rounds, commands):
    """SETs of distinct keys, in pipelines of one write each."""
    with node.client(timeout=120) as client:
        for i in range(rounds):
            client.send_raw(b"".join(client.pack("SET", f"key:{i}:{k}", "v" * 20)
                                     for k in range(commands)))
            for _ in range(commands):
                assert client.read() == b"OK"


def test_loading__is_answered_and_ends_when_told_to(cluster):
    node = cluster.start(1).nodes[0]
    write_many(node, 150, 2000)
    assert node.stop() == 0

    def answers(*arguments):
        try:
            return node.call(*arguments)
        except RespError as error:
            return error

    def await_loading():
        node.start()
        error = await_true(lambda: answers("GET", "key:0:0"), "it answers")
        assert isinstance(error, RespError), f"loaded before it answered: {error}"
        assert re.match(r"LOADING Rakit is loading the dataset \(\d+ %\): the command was not "
                        r"executed\. Try again in \d+ s$", str(error)), error

    await_loading()
    assert b"loading:1\r\n" in node.call("INFO", "persistence")
    assert b"role:slave" in node.call("INFO", "replication")
    assert b"loading:1\r\n" in node.call("INFO", "everything")
    assert node.stop() == 0
    assert "listening" not in node.log().rsplit("starting", 1)[1]
    await_loading()
    node.kill()
    await_loading()
    await_true(lambda: answers("GET", "key:149:1999") == b"v" * 20, "all is loaded")
    assert b"loading:0\r\n" in node.call("INFO", "persistence")
    assert node.call("DBSIZE") == 150 * 2000
