"""Descriptors, memory and connections run out, or are taken by clients that do not need them: nodes
remain members, others are served, and what was acknowledged is kept."""

import re
import resource
import signal
import socket
import threading

import pytest

from harness import HOST, PATIENCE, await_true, text
from respclient import RespClient, RespError

MEGABYTE = 1024 * 1024


def proc_status_kb(node, name):
    with open(f"/proc/{node.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))


def row_of(node, asked):
    """What the leader reports about `node`; another node, `asked`, is asked for it."""
    rows = asked.cluster_status()["nodes"]
    return next(row for row in rows if text(row["address"]) == node.address)


def await_in_step(node, asked):
    """Waits until the leader hears `node`, and it has applied everything committed."""
    def in_step():
        status = asked.cluster_status()
        row = row_of(node, asked)
        return text(row["health"]) == "ok" and row["applied_index"] >= status["commit_index"]
    await_true(in_step, f"{node} is in step")


# --- descriptors ----------------------------------------------------------------------


class Crowd(threading.Thread):
    """Connects to a node over and over, and keeps each connection that it gets."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node = node
        self.is_over = threading.Event()
        self.clients = []

    def run(self):
        while not self.is_over.wait(0.001) and len(self.clients) < 15000:
            try:
                self.clients.append(socket.create_connection((HOST, self.node.port), 10))
            except OSError:
                pass  # Refused, as intended.

    def end(self):
        self.is_over.set()
        self.join()
        for client in self.clients:
            client.close()


def test_fds__taken_by_clients_are_not_those_of_peers(three):
    """A follower with 300 descriptors has as many clients as it accepts, and more connect all the
    time. Other nodes restart, so that it needs new connections, and gets them."""
    limited, other = three.followers()
    limited.kill()
    limited.start(["sh", "-c", 'ulimit -n 300; exec "$@"', "sh"]).await_up()
    three.await_voters(3)
    crowd = Crowd(limited)
    try:
        crowd.start()
        await_true(lambda: len(crowd.clients) > 400, "there are more than it can have")
        for node in (other, three.leader([n for n in three.nodes if n is not limited])):
            node.kill()
            node.start()
            rest = [n for n in three.nodes if n is not limited]
            leader = await_true(lambda rest=rest: leader_but(limited, rest), "there is a leader")
            await_true(lambda leader=leader: leader.call("SET", "k", "v") == b"OK", "it writes")
            await_in_step(limited, leader)
    finally:
        crowd.end()
    await_true(lambda: limited.call("GET", "k") == b"v", "it serves again")


def leader_but(limited, rest):
    """The leader as the others see it. If `limited` leads (it can't be asked now, because clients
    take all its places), any of the others."""
    for node in rest:
        leader = node.status()["leader"]
        if leader != "none":
            return next((n for n in rest if text(n.node_id()) == leader), node)
    return None


# --- connections ------------------------------------------------------------------------


def test_clients__ten_thousand_at_once_and_no_more(shared):
    """Further ones get an error that says why; nothing happens to the cluster."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 11000:
        pytest.skip(f"only {hard} open files are granted here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 11000), hard))
    node = shared.followers()[0]
    clients = []
    try:
        already = int(node.redis().info("clients")["connected_clients"])
        while len(clients) < 10000 - already:
            clients.append(RespClient(node.host, node.port, timeout=60))
        for i in range(0, len(clients), 100):
            clients[i].send("INCR", "n")
        replies = sorted(client.read() for client in clients[::100])
        assert replies == list(range(1, len(replies) + 1))
        with node.client() as late:
            assert "max number of clients" in str(late.read())
        await_in_step(node, shared.leader())
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    await_true(lambda: node.redis().info("clients")["connected_clients"] < 100, "they are gone")


def test_clients__at_the_limit_at_twice_the_limit_and_after_it(cluster):
    limit = 40
    node = cluster.node(options=["--max-clients", str(limit)]).start().await_up()

    def connected():
        with node.client() as client:  # As an administrator, if there is no other place.
            info = client.call("INFO", "clients").decode()
            return int(re.search(r"connected_clients:(\d+)", info).group(1))
    clients = [node.client() for _ in range(limit)]
    refused = []
    try:
        for i, client in enumerate(clients):
            assert client.call("SET", f"k{i}", i) == b"OK"
        for _ in range(limit):
            refused.append(node.client())
            with pytest.raises((RespError, OSError), match="max number of clients|reset|closed"):
                refused[-1].call("PING")
        # Those that are connected do not notice.
        for i, client in enumerate(clients):
            assert client.call("GET", f"k{i}") == b"%d" % i
        assert connected() == limit
        for client in clients[limit // 2:]:
            client.close()
        await_true(lambda: connected() <= limit // 2 + 1, "their places are free")
        # One place is left for the connection that has just asked.
        clients[limit // 2:] = [node.client() for _ in range(limit // 2 - 1)]
        for i, client in enumerate(clients):
            assert client.call("GET", f"k{i}") == b"%d" % i
    finally:
        for client in clients + refused:
            client.close()
    await_true(lambda: connected() <= 1, "nothing is left of them")
    assert node.redis().info("stats")["rejected_connections"] >= limit


def test_slowloris__at_both_ports_keeps_no_node_out(three):
    """Hundreds of clients that send a little and then nothing, at the clients' and the peers' ports
    of all nodes; a node that comes back finds its place nevertheless."""
    victim = three.followers()[0]
    rest = [node for node in three.nodes if node is not victim]
    idle = []
    try:
        for node in rest:
            for _ in range(150):
                idle.append(socket.create_connection((HOST, node.port), 10))
                idle[-1].sendall(b"*3\r\n$3\r\nSET\r\n$1")
                idle.append(socket.create_connection((HOST, node.port + 10000), 10))
                idle[-1].sendall(b"\x40\x00")
        victim.kill()
        three.leader(rest).call("SET", "k", "v")
        victim.start()
        await_in_step(victim, three.leader(rest))
        assert victim.call("GET", "k") == b"v"
        assert rest[0].call("SET", "k", "w") == b"OK"
    finally:
        for connection in idle:
            connection.close()


def test_errors__unread_are_bounded(shared):
    """A client that sends nonsense by the megabyte and reads no answer is not read from any more;
    all answers are there when it does read."""
    node = shared.nodes[0]
    before = proc_status_kb(node, "VmRSS")
    with socket.socket() as flood:
        flood.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        flood.connect((node.host, node.port))
        flood.setblocking(False)
        nonsense = b"GET\r\nNOSUCH %s\r\n" % (b"x" * 90)
        sent, rest, vain_count = 0, b"", 0

        def is_blocked():
            """Sends as much as possible; true once nothing could be sent for a second."""
            nonlocal sent, rest, vain_count
            vain_count += 1
            try:
                while True:
                    rest = rest or nonsense * 1000
                    size = flood.send(rest)
                    rest = rest[size:]
                    sent += size
                    vain_count = 0
                    assert sent < 256 * MEGABYTE, "it reads for ever"
            except BlockingIOError:
                return vain_count > 100
        await_true(is_blocked, "it reads no more")
        assert node.call("SET", "k", "v") == b"OK"
        assert proc_status_kb(node, "VmRSS") - before < 64 * 1024
        flood.settimeout(PATIENCE)
        answer = b""
        while answer.count(b"\r\n") < 10000:
            answer += flood.recv(1 << 16)
        lines = answer.split(b"\r\n")[:10000]
        assert all(line.startswith(b"-") for line in lines)
        assert all(b"unknown command 'NOSUCH'" in line for line in lines[1::2])


# --- memory --------------------------------------------------------------------------


def test_follower__that_is_frozen_costs_the_leader_no_memory(cluster):
    """200 MB of writes that one follower does not take: the leader keeps 64 MB of its log in
    memory, and reads the rest from disk when the follower is back. (The timeouts are for a slow
    machine that has much to write.)"""
    cluster.options = ["--election-timeout", "1500", "--request-timeout", "20000"]
    three = cluster.start(3)
    leader = three.leader()
    victim = three.followers()[0]
    with leader.client(timeout=60) as client:
        for i in range(80):  # As much as it keeps in any case.
            assert client.call("SET", "k", b"%08d" % i * (MEGABYTE // 8)) == b"OK"
        before = proc_status_kb(leader, "VmRSS")
        victim.freeze()
        try:
            for i in range(80, 280):
                assert client.call("SET", "k", b"%08d" % i * (MEGABYTE // 8)) == b"OK"
            assert proc_status_kb(leader, "VmRSS") - before < 128 * 1024
        finally:
            victim.thaw()
    await_in_step(victim, three.followers()[0])
    three.await_equal()
    assert victim.call("GETRANGE", "k", 0, 7) == b"00000279"
    assert proc_status_kb(leader, "VmRSS") - before < 192 * 1024


def test_memory__running_out_ends_a_node_as_a_crash_does(three):
    """A leader that gets no more memory ends at once, others lead, and everything that was
    acknowledged is on all nodes once it is restarted."""
    leader, asked = three.leader(), three.followers()[0]
    limit = (proc_status_kb(leader, "VmSize") + 96 * 1024) * 1024
    resource.prlimit(leader.process.pid, resource.RLIMIT_AS, (limit, limit))
    resource.prlimit(leader.process.pid, resource.RLIMIT_CORE, (0, 0))
    acknowledged = []
    with asked.client(timeout=60) as client:
        for i in range(400):
            try:
                if client.call("SET", f"k{i}", b"%d" % i * MEGABYTE) == b"OK":
                    acknowledged.append(i)
            except RespError as error:
                assert error.code in ("INDOUBT", "CLUSTERDOWN", "TRYAGAIN"), error
            if not leader.is_running():
                break
        assert leader.await_end() == -signal.SIGABRT
        assert "out of memory" in leader.log()
        assert acknowledged
        rest = [node for node in three.nodes if node is not leader]
        assert three.leader(rest) is not leader
        leader.start().await_up()
        three.await_equal()
        for node in three.nodes:
            assert node.call("EXISTS", *[f"k{i}" for i in acknowledged]) == len(acknowledged)
        sizes = {node.call("DBSIZE") for node in three.nodes}
        assert len(sizes) == 1
