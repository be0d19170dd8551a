"""Real rakit-server processes for tests: start, stop, freeze, kill, and wait.

Nothing here sleeps for a fixed time: tests wait for conditions, and a wait that times out says
what it waited for."""

import ctypes
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time

import redis

from respclient import RespClient, RespError

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("RAKIT_BUILD", ROOT / "build"))
SERVER = str(BUILD / "rakit-server")
CLI = str(BUILD / "rakit-cli")
HOST = "127.0.0.1"
PATIENCE = 30.0  # Seconds until a wait times out; slow machines need many.


class Vain(AssertionError):
    """A condition did not become true in time."""


def await_true(condition, what, seconds=PATIENCE):
    """Calls `condition` until it returns something true, and returns that. Connection errors count
    as "not yet"."""
    end = time.monotonic() + seconds
    last = None
    while True:
        try:
            result = condition()
            if result:
                return result
            last = result
        except (redis.RedisError, RespError, OSError, LookupError) as error:
            last = error
        if time.monotonic() > end:
            raise Vain(f"waited {seconds} s in vain: {what} (last: {last!r})")
        time.sleep(0.01)


# Ports from a random start on, never the same twice in a run, and below those that the system gives
# to outgoing connections (32768 and up on Linux). Two runs at the same time need separate ranges,
# because a node that is down does not keep its port.
_first, _last = map(int, os.environ.get("RAKIT_PORTS", "10000-21999").split("-"))
_next_port = random.SystemRandom().randint(_first, _last)


def free_port():
    """A client port P that is free together with P + 10000."""
    global _next_port  # pylint: disable=global-statement
    for _ in range(_first, _last + 1):
        port = _next_port
        _next_port = port + 1 if port < _last else _first
        sockets = [socket.socket(), socket.socket()]
        try:
            for s, number in zip(sockets, (port, port + 10000)):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind((HOST, number))
                s.listen(1)
            return port
        except OSError:
            continue
        finally:
            for s in sockets:
                s.close()
    raise RuntimeError("no free ports")


_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    """Called in a child before exec: no test leaves a process behind, however it ends."""
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def stop_listening(listener):
    """Makes a thread that waits in accept() return with an OSError. (close() alone would leave it
    there, and the port in use.)"""
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def as_map(flat):
    """Converts a flat array of names and values, RESP2's form of a map."""
    return {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}


def text(value):
    return value.decode() if isinstance(value, bytes) else value


class Node:
    """One server process and its data directory; may be started many times."""

    def __init__(self, directory, host=HOST, port=None, contact=None, options=(), data=None):
        self.host = host
        self.port = port or free_port()
        self.contact = contact  # A Node, or (host, port), or None.
        self.options = list(options)
        self.directory = pathlib.Path(directory)
        self.data = pathlib.Path(data or self.directory / f"data-{self.port}")
        self.log_path = self.directory / f"{self.port}.log"
        self.process = None
        self._redis = None

    def __repr__(self):
        return f"<node {self.port}>"

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def command_line(self):
        line = [SERVER, self.host, str(self.port)]
        if isinstance(self.contact, Node):
            line += [self.contact.host, str(self.contact.port)]
        elif self.contact:
            line += [str(part) for part in self.contact]
        return [*line, "--data", str(self.data), *self.options]

    def start(self, wrapper=()):
        """`wrapper`: a command that starts the server, such as ["nice"]."""
        assert not self.is_running(), f"{self} runs already"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [*wrapper, *self.command_line()], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.directory, preexec_fn=die_with_parent)
        return self

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def signal(self, number):
        assert self.is_running(), f"{self} does not run:\n{self.log()[-2000:]}"
        self.process.send_signal(number)

    def kill(self):
        """Like kill -9, or a machine that dies."""
        self.signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def stop(self):
        """In order, by SIGTERM; returns the exit status."""
        self.signal(signal.SIGTERM)
        return self.await_end()

    def await_end(self, seconds=PATIENCE):
        """The exit status of a server that ends by itself."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Vain(f"{self} did not end within {seconds} s:\n{self.log()[-2000:]}") from None

    def destroy(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    # --- talking to it -----------------------------------------------------------

    def redis(self, **options):
        """A redis-py client of this node (a new one if options are given)."""
        options.setdefault("socket_timeout", PATIENCE)
        if self._redis is None or len(options) > 1:
            client = redis.Redis(host=self.host, port=self.port, **options)
            if len(options) > 1:
                return client
            self._redis = client
        return self._redis

    def client(self, **options):
        """A bare connection, which sends exactly what it is given."""
        return RespClient(self.host, self.port, **options)

    def call(self, *arguments):
        """One command on a connection of its own; error replies are raised."""
        with self.client() as client:
            return client.call(*arguments)

    def await_up(self):
        def up():
            assert self.is_running(), f"{self} ended:\n{self.log()[-2000:]}"
            return self.call("PING") == b"PONG"
        await_true(up, f"{self} answers PING")
        return self

    def status(self):
        """What this node reports about itself: the section raft of INFO, without the prefix of the
        names, numbers converted."""
        lines = self.call("INFO", "raft").decode().splitlines()
        pairs = (line.split(":", 1) for line in lines if ":" in line)
        status = {name.removeprefix("raft_"): value for name, value in pairs}
        for name in ("term", "commit_index", "applied_index", "last_index", "members",
                     "elections_begun"):
            status[name] = int(status[name])
        return status

    def cluster_status(self):
        """RAFT STATUS: the cluster as its leader sees it, with its nodes as maps."""
        status = as_map(self.call("RAFT", "STATUS"))
        status["nodes"] = [as_map(node) for node in status["nodes"]]
        return status

    def members(self):
        """RAFT MEMBERS as {address: membership}."""
        rows = [as_map(row) for row in self.call("RAFT", "MEMBERS")]
        return {text(row["address"]): text(row["membership"]) for row in rows}

    def node_id(self):
        return self.status()["node_id"]


class Cluster:
    """The nodes of one cluster. `start(3)` makes a cluster of three voters."""

    def __init__(self, directory, options=()):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.options = list(options)
        self.nodes = []

    def node(self, contact=None, **settings):
        """Another node, not started."""
        settings.setdefault("options", self.options)
        node = Node(self.directory, contact=contact, **settings)
        self.nodes.append(node)
        return node

    def start(self, count):
        first = self.node().start()
        first.await_up()
        await_true(lambda: first.status()["role"] == "leader", "the first node leads")
        for _ in range(count - 1):
            self.node(contact=first).start()
        self.await_voters(count)
        return self

    def running(self):
        return [node for node in self.nodes if node.is_running()]

    def await_voters(self, count, nodes=None, seconds=PATIENCE):
        """Waits until each of the nodes (default: all that run) is a voter, one of `count`, and the
        leader knows only voters."""
        for node in nodes or self.running():
            def known(node=node):
                assert node.is_running(), f"{node} ended:\n{node.log()[-2000:]}"
                status, whole = node.status(), node.cluster_status()
                return status["membership"] == "voter" and status["members"] == count and \
                    text(whole["configuration"]) == "stable" and \
                    [text(row["membership"]) for row in whole["nodes"]] == ["voter"] * count
            await_true(known, f"{node} is one of {count} voters", seconds)

    def leader(self, nodes=None):
        """Waits for the node that leads: it says so itself, and a majority follows it."""
        candidates = list(nodes or self.running())

        def find():
            for node in candidates:
                if node.status()["role"] == "leader":
                    # A deposed leader could not answer this.
                    node.call("EXISTS", "no-such-key")
                    return node
            return None
        return await_true(find, f"one of {candidates} leads")

    def followers(self):
        leader = self.leader()
        return [node for node in self.running() if node is not leader]

    def await_equal(self, nodes=None):
        """Waits until all nodes have applied the same log up to the leader's commit index."""
        candidates = list(nodes or self.running())

        def equal():
            commit = self.leader(candidates).status()["commit_index"]
            return all(node.status()["applied_index"] >= commit for node in candidates)
        await_true(equal, f"{candidates} have applied all")

    def destroy(self):
        for node in self.nodes:
            node.destroy()

    def report(self, lines=40):
        """The ends of all logs, shown if a test fails."""
        parts = []
        for node in self.nodes:
            state = "running" if node.is_running() else "ended"
            if state == "ended" and node.process is not None:
                state += f" with {node.process.returncode}"
            tail = "\n".join(node.log().splitlines()[-lines:])
            parts.append(f"--- {node.address} ({state}) {node.log_path}\n{tail}")
        return "\n".join(parts)


def run_cli(node, *arguments, stdin=None, seconds=PATIENCE):
    """Runs rakit-cli against a node; returns the CompletedProcess with texts."""
    line = [CLI, node.host, str(node.port), *[str(a) for a in arguments]]
    return subprocess.run(line, input=stdin, stdin=subprocess.DEVNULL if stdin is None else None,
                          capture_output=True, text=True, timeout=seconds, check=False)


def which(program):
    return shutil.which(program)
