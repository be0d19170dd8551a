"""The recipe of docs/CLIENTS.md, with its addresses replaced by those of a test."""

import re
import subprocess

import pytest

from harness import ROOT, await_true, die_with_parent, free_port
from respclient import RespClient


def recipe():
    text = (ROOT / "docs" / "CLIENTS.md").read_text()
    block = re.search(r"\n## HAProxy\n\n((?:    .*\n|\n)+)", text).group(1)
    return re.sub(r"^    ", "", block, flags=re.M)


class Proxy:
    def __init__(self, directory, nodes):
        self.host, self.port = "127.0.0.1", free_port()
        self.socket = directory / "haproxy.sock"
        text = recipe().replace("127.0.0.1:6379", f"{self.host}:{self.port}")
        for number, node in enumerate(nodes):
            text = text.replace(f"127.0.0.1:{8000 + number}", node.address)
        path = directory / "haproxy.cfg"
        path.write_text(f"global\n    stats socket {self.socket} level admin\n{text}")
        with open(directory / "haproxy.log", "wb") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                ["haproxy", "-f", str(path)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=die_with_parent)

    def client(self):
        return RespClient(self.host, self.port)

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(name="haproxy")
def haproxy_fixture(directory, three):
    proxy = Proxy(directory, three.nodes)
    yield proxy
    proxy.close()


def node_behind(client, nodes):
    port = int(re.search(rb"laddr=\S+:(\d+)", client.call("CLIENT", "INFO")).group(1))
    return next(node for node in nodes if node.port == port)


@pytest.mark.parametrize("role", ["leader", "follower"])
def test_recipe__sessions_on_a_frozen_node_end_and_new_ones_are_served(haproxy, three, role):
    victim = three.leader() if role == "leader" else three.followers()[0]

    def session_on_victim():
        client = haproxy.client()
        if node_behind(client, three.nodes) is victim:
            return client
        client.close()
        return None
    client = await_true(session_on_victim, f"the proxy sends a client to {victim}")
    assert client.call("SET", "k", "v") == b"OK"
    victim.freeze()
    with pytest.raises(OSError):
        client.call("GET", "k")  # Waits until the proxy ends the session.
    client.close()
    for _ in range(6):  # Two rounds over all servers of the recipe.
        with haproxy.client() as other:
            assert other.call("GET", "k") == b"v"
            assert node_behind(other, three.nodes) is not victim
    victim.thaw()
    await_true(session_on_victim, f"the proxy sends clients to {victim} again").close()
