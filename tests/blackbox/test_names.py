"""Members and contacts that are given by name, and a name server that never answers. Each process
sees its own /etc/hosts and /etc/resolv.conf."""

import contextlib
import os
import random
import socket
import subprocess
import time

import pytest

from harness import CLI, Node, await_true, die_with_parent

ENTER = ('mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && '
         'shift 2 && exec "$@"')


class Names:
    """The known names. For any other, a name server is asked that never answers."""

    def __init__(self, directory):
        directory.mkdir(exist_ok=True)
        self.hosts = directory / "hosts"
        self.resolver = directory / "resolv.conf"
        self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        address = f"127.53.{random.randrange(256)}.{random.randrange(1, 255)}"
        try:
            self.server.bind((address, 53))
        except OSError as error:
            self.server.close()
            pytest.skip(f"no name server can listen here: {error}")
        self.resolver.write_text(f"nameserver {address}\noptions timeout:30\n", encoding="ascii")
        self.know()
        done = subprocess.run([*self.wrapper, "true"], capture_output=True, text=True, check=False)
        if os.geteuid() != 0 or done.returncode != 0:
            self.server.close()
            pytest.skip(f"no mounts of its own for a process: {done.stderr.strip()}")

    @property
    def wrapper(self):
        """The beginning of a command line that runs with these names, in the same process."""
        return ["unshare", "--mount", "sh", "-c", ENTER, "sh", str(self.hosts), str(self.resolver)]

    def know(self, *names):
        """Only these names belong to this machine."""
        text = "".join(f"127.0.0.1 {name}\n" for name in ("localhost", *names))
        self.hosts.write_text(text, encoding="ascii")

    def await_lookup(self):
        """Waits until the name server was asked."""
        await_true(lambda: self.server.recv(512, socket.MSG_DONTWAIT), "a name is looked up")


class NamedNode(Node):
    """A node whose address is a name that only it and its peers know."""

    def __init__(self, directory, names, name, contact=None):
        super().__init__(directory, contact=contact, options=["--protected-mode", "no"])
        self.names = names
        self.name = name

    def command_line(self):
        line = super().command_line()
        line[1] = self.name
        if self.contact is not None:
            line[3] = self.contact.name
        return line

    def start(self, wrapper=()):
        return super().start([*self.names.wrapper, *wrapper])


@pytest.fixture
def make_names(directory):
    """make_names(...) makes names in their own directory below the test's."""
    with contextlib.ExitStack() as servers:
        def make(*parts):
            made = Names(directory.joinpath(*parts))
            servers.callback(made.server.close)
            return made
        yield make


@pytest.fixture
def names(make_names):
    return make_names()


def start_three(cluster, names):
    names.know("one.test", "two.test", "three.test")
    for name in ("one.test", "two.test", "three.test"):
        contact = cluster.nodes[0] if cluster.nodes else None
        cluster.nodes.append(NamedNode(cluster.directory, names, name, contact))
        cluster.nodes[-1].start().await_up()
    cluster.await_voters(3)
    return cluster.nodes


def test_a_name_that_is_not_found_separates_no_other_nodes(cluster, names):
    one, two, three = start_three(cluster, names)
    three.kill()
    names.know("one.test", "two.test")
    one.call("SET", "key", "before")
    names.await_lookup()
    two.kill()
    two.start()
    begin = time.monotonic()
    await_true(lambda: two.call("SET", "key", "after") == b"OK", "two of three serve", 20)
    assert time.monotonic() - begin < 10
    assert one.call("GET", "key") == b"after"
    # Lookups that take half a minute do not delay the end.
    begin = time.monotonic()
    assert [two.stop(), one.stop()] == [0, 0]
    assert time.monotonic() - begin < 10


def test_members_that_are_known_find_each_other_without_a_name_server(cluster, names, make_names):
    one, two, three = start_three(cluster, names)
    three.kill()
    names.know()
    names.await_lookup()
    # The others can't resolve any name now, and use its last address.
    three.names = make_names("three")
    three.names.know("one.test", "two.test", "three.test")
    three.start().await_up()
    await_true(lambda: three.status()["leader"] != "none", "the third has a leader", 20)
    assert three.call("SET", "key", "value") == b"OK"
    assert one.call("GET", "key") == two.call("GET", "key") == b"value"


def test_rakit_cli_keeps_to_its_timeout(names):
    begin = time.monotonic()
    done = subprocess.run([*names.wrapper, CLI, "--timeout", "0.5", "nobody.test", "8000", "ping"],
                          capture_output=True, text=True, check=False, timeout=60,
                          preexec_fn=die_with_parent)
    assert time.monotonic() - begin < 10
    assert done.returncode == 2
    assert "the name servers did not answer in time" in done.stderr
