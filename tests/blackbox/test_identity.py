"""The identity of a node: a copy of its data directory is not a second node, half a command is not
executed, and its files are private."""

import os
import shutil
import socket
import stat
import struct

from harness import Node, await_true
from respclient import RespError


def clone_of(node, cluster):
    """A node on a copy of the data directory of `node`, which is not running."""
    copy = Node(cluster.directory, data=cluster.directory / "copy")
    shutil.copytree(node.data, copy.data)
    cluster.nodes.append(copy)
    return copy


def test_clone__of_a_running_node_is_refused_by_all(three):
    """Both have the same id. The first one stays the member; the others refuse the copy in the
    handshake. It logs that and serves nobody, however often it tries."""
    original = three.followers()[0]
    members = three.leader().members()
    original.kill()
    clone = clone_of(original, three)
    nodes = three.nodes[:3]
    original.start().await_up()
    three.await_voters(3, nodes=nodes)
    leader = three.leader(nodes)
    term = leader.status()["term"]
    clone.start().await_up()
    await_true(lambda: "refused the connection" in clone.log(), "the copy is refused")
    for i in range(50):
        assert original.call("SET", "k", i) == b"OK"
        assert leader.call("GET", "k") == b"%d" % i
    for command in (["GET", "k"], ["SET", "k", "from the copy"]):
        try:
            reply = clone.call(*command)
            raise AssertionError(f"the copy answered {reply}")
        except RespError as error:
            assert error.code in ("CLUSTERDOWN", "TRYAGAIN"), error
    assert leader.members() == members
    assert leader.status()["term"] == term
    assert original.call("GET", "k") == b"49"
    clone.destroy()
    original.kill()
    original.start().await_up()
    three.await_voters(3, nodes=nodes)


def test_same_directory__under_another_port_is_refused_while_it_is_used(three):
    node = three.followers()[0]
    second = Node(three.directory, data=node.data)
    three.nodes.append(second)
    second.start()
    assert second.await_end() == 1
    assert str(node.process.pid) in second.log()
    assert node.call("SET", "k", "v") == b"OK"


def test_reset__in_the_middle_of_a_command_executes_nothing(three):
    """The connection breaks after any part of a command that lacks at least the last byte."""
    whole = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n"
    for node in three.nodes:
        for size in range(1, len(whole)):
            with socket.create_connection((node.host, node.port), 10) as client:
                client.sendall(whole[:size])
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await_true(lambda node=node: node.redis().info("clients")["connected_clients"] < 5,
                   "they are gone")
        assert node.call("EXISTS", "k") == 0


def test_permissions__of_all_that_a_node_writes_are_its_owners(cluster):
    """Whatever the umask allows: 0700 and 0600, from the first file on."""
    node = cluster.node()
    before = os.umask(0)
    try:
        node.start()
    finally:
        os.umask(before)
    node.await_up()
    await_true(lambda: node.call("SET", "k", os.urandom(1000)) == b"OK", "it takes writes")
    third = cluster.node(contact=node).start()
    cluster.await_voters(2)
    third.call("SET", "k", "v")
    node.stop()
    names = sorted(node.data.iterdir())
    assert stat.S_IMODE(node.data.stat().st_mode) == 0o700
    assert {path.name for path in names} >= {"identity", "vote-a", "vote-b"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in names} == {0o600}
    assert all(path.is_file() for path in names)
