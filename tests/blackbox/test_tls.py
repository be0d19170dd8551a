"""TLS: clients and nodes that show certificates, and those that have the wrong ones."""

import pathlib
import shutil
import subprocess
import tempfile

import pytest
import redis

from certificates import Authority
from conftest import watch
from harness import CLI, HOST, Cluster, await_true, free_port

LARGE = b"x" * (5 << 20)


def port_pair():
    """Two ports, one apart: the distance must be the same at all nodes."""
    while True:
        port, other = free_port(), free_port()
        if other == port + 1:
            return port, other


class Secured:
    """Three nodes of a cluster that serve clients with and without TLS, and use it themselves."""

    def __init__(self, directory):
        self.authority = Authority(directory / "authority")
        self.client = self.authority.issue("client")
        self.node_files = self.authority.issue("node")
        self.cluster = Cluster(directory)
        self.tls_ports = {}

    def options(self, certificate=None, key=None):
        return ["--tls-cert-file", str(certificate or self.node_files[0]), "--tls-key-file",
                str(key or self.node_files[1]), "--tls-ca-cert-file",
                str(self.authority.certificate), "--tls-crl-file", str(self.authority.revoke()),
                "--tls-cluster", "yes"]

    def add(self, contact=None, options=()):
        port, tls_port = port_pair()
        node = self.cluster.node(contact, port=port, options=[
            *self.options(), "--tls-port", str(tls_port), *options])
        self.tls_ports[node] = tls_port
        return node.start()

    def start(self):
        first = self.add().await_up()
        for _ in range(2):
            self.add(contact=first)
        self.cluster.await_voters(3)
        return self

    def words(self, name="client"):
        """Options of redis-cli and of rakit-cli."""
        return ["--tls", "--cacert", self.authority.certificate, "--cert",
                self.authority.path(f"{name}.crt"), "--key", self.authority.path(f"{name}.key")]

    def redis(self, node, name="client", **options):
        files = {} if name is None else {
            "ssl_certfile": str(self.authority.path(f"{name}.crt")),
            "ssl_keyfile": str(self.authority.path(f"{name}.key"))}
        return redis.Redis(HOST, self.tls_ports[node], ssl=True, socket_timeout=30,
                           ssl_ca_certs=str(self.authority.certificate), **files, **options)


@pytest.fixture(scope="module")
def secured(request):
    path = pathlib.Path(tempfile.mkdtemp(prefix="rakit-test."))
    made = Secured(path)
    watch(request.node, "secured", made.cluster)
    try:
        yield made.start()
    finally:
        made.cluster.destroy()
        shutil.rmtree(path, ignore_errors=True)


def cli(program, *words):
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=30,
                          stdin=subprocess.DEVNULL, check=False)


def test_libraries_work_as_without_tls(secured):
    for node in secured.cluster.nodes:
        client = secured.redis(node)
        assert client.set("small", b"1") and client.get("small") == b"1"
        client.set("large", LARGE)
        assert client.get("large") == LARGE
        pipe = client.pipeline(transaction=False)
        for i in range(2000):
            pipe.incr("counter")
            pipe.get("large" if i % 500 == 0 else "small")
        assert pipe.execute()[-1] == b"1"
    assert secured.cluster.nodes[0].call("GET", "counter") == b"6000"
    assert secured.redis(secured.cluster.nodes[1]).delete("large", "counter") == 2


def test_redis_cli_works(secured):
    where = ["-h", HOST, "-p", secured.tls_ports[secured.cluster.nodes[0]]]
    run = cli("redis-cli", *where, *secured.words(), "set", "k", "by redis-cli")
    assert run.stdout == "OK\n", run.stderr
    run = cli("redis-cli", *where, *secured.words(), "get", "k")
    assert run.stdout == "by redis-cli\n", run.stderr


def test_rakit_cli_works_and_believes_nobody_blindly(secured):
    leader = secured.cluster.leader()
    where = [HOST, secured.tls_ports[leader]]
    run = cli(CLI, *secured.words(), *where, "set", "k", "by rakit-cli")
    assert (run.returncode, run.stdout) == (0, "OK\n"), run.stderr
    assert "leader" in cli(CLI, *secured.words(), *where, "status").stdout
    run = cli(CLI, "--tls", "--cert", *secured.words()[4:5], "--key", *secured.words()[6:], *where,
              "get", "k")
    assert run.returncode == 2 and "TLS failed: " in run.stderr  # The system does not know it.
    run = cli(CLI, *secured.words(), "--sni", "elsewhere.example", *where, "get", "k")
    assert run.returncode == 2 and "hostname mismatch (--sni" in run.stderr
    run = cli(CLI, *secured.words()[:3], *where, "get", "k")
    assert run.returncode == 2 and "--cert FILE --key FILE" in run.stderr
    run = cli(CLI, "--insecure", *secured.words()[3:], *where, "get", "k")
    assert (run.returncode, run.stdout) == (0, "by rakit-cli\n"), run.stderr
    run = cli(CLI, "--cert", "/nowhere/a.crt", *where, "get", "k")
    assert run.returncode == 2 and "--cert and --key" in run.stderr
    run = cli(CLI, *secured.words(), HOST, leader.port, "get", "k")
    assert run.returncode == 2 and "does not speak TLS" in run.stderr


def test_clients_without_a_good_certificate_are_refused(secured):
    node = secured.cluster.nodes[1]
    with pytest.raises(redis.ConnectionError):
        secured.redis(node, name=None).ping()
    stranger = Authority(secured.authority.directory / "stranger")
    stranger.issue("client")
    with pytest.raises(redis.ConnectionError):
        secured.redis(node, name="stranger/client").ping()
    assert node.log().count("a connection to here could not be encrypted") == 1  # In a minute.
    assert "peer did not return a certificate" in node.log()
    assert int(secured.redis(node).info("tls")["tls_client_handshakes_failed"]) >= 2


def test_clients_with_tls_are_sent_to_ports_with_tls(secured):
    leader = secured.cluster.leader()
    follower = secured.cluster.followers()[0]
    client = secured.redis(follower, single_connection_client=True)
    client.execute_command("RAFT", "REDIRECT", "ON")
    with pytest.raises(redis.ResponseError, match=f":{secured.tls_ports[leader]}$"):
        client.execute_command("GET", "k")


def test_a_node_joins_by_tls(secured):
    port = free_port()
    leader = secured.cluster.leader()
    node = secured.cluster.node(
        (HOST, secured.tls_ports[leader]), port=port,
        options=[*secured.options(), "--tls-port", str(port), "--learner"])
    secured.tls_ports[node] = port
    node.start()
    client = secured.redis(node)
    await_true(lambda: client.info("raft")["raft_membership"] == "learner", "it has joined")
    assert await_true(lambda: client.get("k"), "it has the data")
    with pytest.raises(Exception):
        node.call("PING")  # Without TLS.
    node.kill()
    secured.cluster.nodes.remove(node)
    leader.call("RAFT", "REMOVE", f"{HOST}:{port}")


def test_nodes_without_a_good_certificate_are_kept_out(secured):
    """They have the key of the cluster: the contact hands it over by loopback."""
    leader = secured.cluster.leader()
    wrong = secured.authority.issue("wrong", "IP:192.0.2.1")
    for options in [], secured.options(*wrong):
        node = secured.cluster.node(leader, options=options).start()
        await_true(lambda n=node: "not joined yet, trying again" in n.log(), "it is not added")
        assert "UNREACHED" in node.log()
        node.destroy()
        secured.cluster.nodes.remove(node)
    assert len(leader.members()) == 3
    assert "could not be encrypted" in leader.log()


def test_a_leader_is_killed(secured):
    leader = secured.cluster.leader()
    others = secured.cluster.followers()
    client = secured.redis(others[0])
    client.set("k", "before")
    leader.kill()
    await_true(lambda: client.set("k", "after"), "the others go on")
    run = cli(CLI, *secured.words(), HOST, secured.tls_ports[others[1]], "get", "k")
    assert run.stdout == "after\n", run.stderr
    leader.start()
    secured.cluster.await_voters(3)
    assert int(client.info("tls")["tls_peer_handshakes"]) >= 4
    assert await_true(lambda: secured.redis(leader).get("k"), "it is back") == b"after"


def test_files_are_read_again(secured):
    """A client's certificate is revoked, and that of the nodes replaced, while clients work."""
    node = secured.cluster.nodes[0]
    secured.authority.issue("leaver")
    old = secured.redis(node)
    old.set("k", "before")
    assert secured.redis(node, name="leaver").ping()
    secured.authority.revoke("leaver")
    for name, path in zip(("crt", "key"), secured.authority.issue("renewed", days=19)):
        path.replace(secured.authority.path(f"node.{name}"))
    info = await_true(lambda: next((i for i in [old.info("tls")] if i["tls_reloads"] >= 1 and
                                    "renewed" in i["tls_certificate"]), None), "loaded again")
    assert info["tls_fault"] == "" and info["tls_port"] == secured.tls_ports[node]
    assert old.get("k") == b"before"  # The connections that are open stay.
    assert secured.redis(node).ping()
    with pytest.raises(redis.ConnectionError):
        secured.redis(node, name="leaver").ping()
    # It ends within 30 days.
    await_true(lambda: "a file of TLS must be replaced soon" in node.log(), "it is announced")
    secured.authority.path("node.key").write_text("no key")
    await_true(lambda: "holds no private key" in str(old.info("tls")["tls_fault"]), "it is noticed")
    assert secured.redis(node).ping()
