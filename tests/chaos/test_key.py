"""Nodes on different machines do not hand over the key of the cluster: a node that joins needs it
in a file, and one with another key is not added."""

import socket

import pytest

from fleet import KEY_NAME, PATIENCE, make_key
from network import PEER_PORT

NOBODY = "does not have the key of this cluster"


@pytest.fixture(name="one")
def one_fixture(make_fleet):
    return make_fleet(1, spare_count=1)


def member_count(node):
    return len(node.members())


def give_key(node, path):
    node.options = [str(path) if before == "--cluster-key" else option
                    for before, option in zip(["", *node.options], node.options)]


def test_key__is_not_handed_to_another_machine_and_nothing_changes(one):
    first = one.nodes[0]
    node = one.enlist()
    place = node.options.index("--cluster-key")
    options, node.options = node.options, node.options[:place] + node.options[place + 2:]
    node.contact = first
    node.start()
    assert node.await_end() == 1
    assert "NOKEY" in node.log() and "--cluster-key FILE" in node.log()
    assert not node.data.exists()
    assert member_count(first) == 1
    node.options = options
    node.start()
    one.await_voters(2, seconds=PATIENCE)
    one.settle()


def test_key__of_a_members_directory_is_accepted(one):
    first = one.nodes[0]
    node = one.enlist()
    give_key(node, first.data / "cluster-key")
    node.contact = first
    node.start()
    one.await_voters(2, seconds=PATIENCE)
    one.settle()


def test_key__another_one_is_refused_and_logged_at_both_ends(one):
    first = one.nodes[0]
    node = one.enlist()
    make_key(one.directory / "other")
    give_key(node, one.directory / "other")
    node.contact = first
    node.start()
    assert node.await_end() == 1
    assert "NOKEY" in node.log() and NOBODY in node.log()
    assert not node.data.exists()
    assert member_count(first) == 1
    assert first.call("SET", "k", "v") == b"OK"
    give_key(node, one.directory / KEY_NAME)
    node.start()
    one.await_voters(2, seconds=PATIENCE)
    one.settle()


def test_key__strangers_on_the_peer_port_are_disconnected(one):
    first = one.nodes[0]
    with socket.create_connection((first.host, PEER_PORT), timeout=10) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert stranger.recv(1) == b""
    with socket.create_connection((first.host, PEER_PORT), timeout=10) as stranger:
        # A connection that sends nothing is closed after two seconds.
        assert stranger.recv(1) == b""
    assert first.call("SET", "k", "v") == b"OK"
