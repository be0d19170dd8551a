"""Client libraries that find the leader by themselves, as clients of Redis Cluster or of Sentinel
(docs/CLIENTS.md, "Doors"), through a kill of the leader."""

import pytest

from drivers import AT_DOORS, driver
from harness import await_true

DISTANCE = 5000  # From a node's port to that of its Sentinel door.


class Door:
    """Where a client asks for the leader."""

    def __init__(self, node, door):
        self.host = node.host
        self.port = node.port + (DISTANCE if door == "sentinel" else 0)


@pytest.fixture(name="doors")
def doors_fixture(cluster):
    first = None
    for _ in range(3):
        node = cluster.node(contact=first)
        node.options = ["--cluster-mode", "yes", "--sentinel-port", str(node.port + DISTANCE)]
        node.start().await_up()
        first = first or node
    cluster.await_voters(3)
    return cluster


def clients_of(node, library):
    """How many connections of that library there are to the node."""
    rows = node.call("CLIENT", "LIST").decode().splitlines()
    return sum(f"lib-name={library}" in row and "cmd=incr" in row for row in rows)


@pytest.mark.parametrize("door", ["cluster", "sentinel"])
@pytest.mark.parametrize("library", AT_DOORS)
def test_doors__lead_to_the_new_leader(library, door, doors):
    name = library.split()[0]  # As it calls itself.
    old, other = doors.leader(), doors.followers()[0]
    with driver(library, door, Door(other, door)) as client:
        assert client.incr("k") == 1
        assert clients_of(old, name) == 1, "it sends commands to the leader"
        old.kill()
        count = await_true(lambda: client.incr("k"), f"{library} goes on")
        assert count >= 2
        new = doors.leader()

        def moved():
            return client.incr("k") and (clients_of(new, name) or clients_of(other, name))
        await_true(moved, "it sends commands to a node that lives")
