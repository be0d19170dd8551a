"""The contestants of bench/compare: how each is started, used, and killed."""

import ctypes
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

import etcd_load

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
KEYS = 100000

_libc = ctypes.CDLL(None)


def die_with_parent():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def free_ports(count, distance=0):
    """Free ports, each of which has another free one `distance` above it."""
    found, port = [], random.SystemRandom().randrange(10000, 21000)
    while len(found) < count:
        port += 1
        sockets = [socket.socket(), socket.socket()]
        try:
            for s, number in zip(sockets, (port, port + distance if distance else 0)):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind((HOST, number))
            found.append(port)
        except OSError:
            pass
        finally:
            for s in sockets:
                s.close()
    return found


def await_true(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except (OSError, LookupError, ValueError, subprocess.SubprocessError):
            pass
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain: {what}")
        time.sleep(0.02)


def output_of(*command, timeout=60, **settings):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=timeout,
                          **settings).stdout


class Process:
    def __init__(self, command, directory, name, **settings):
        self.command, self.directory, self.settings = command, directory, settings
        self.log_path = directory / f"{name}.log"
        self.process = None
        self.start()

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                self.command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, preexec_fn=die_with_parent, **self.settings)

    def kill(self):
        self.process.kill()
        self.process.wait()


class RedisProtocol:
    """A contestant that answers redis-benchmark."""

    pipelines = True
    processes = ()

    def load_port(self):
        raise NotImplementedError

    def benchmark_words(self):
        """What redis-benchmark needs besides."""
        return []

    def measure(self, workload, requests):
        """(commands a second, median latency in milliseconds)."""
        words = workload.kind.split(" ")  # A test of redis-benchmark, or a command.
        line = output_of(
            "redis-benchmark", "-h", HOST, "-p", str(self.load_port()), *self.benchmark_words(),
            "-c", str(workload.clients), "-n", str(requests), "-P", str(workload.pipeline),
            "-r", str(KEYS), "-d", "100", "--csv",
            *(["-t", *words] if len(words) == 1 else words)).splitlines()[-1]
        cells = [cell.strip('"') for cell in line.rsplit(",", 7)]  # The title may have commas.
        return float(cells[1]), float(cells[4])

    def stop(self):
        for process in self.processes:
            process.kill()


def ask_redis(port, *arguments):
    """One command; its raw reply, which is short."""
    with socket.create_connection((HOST, port), 5) as s:
        s.sendall(redis_request(*arguments))
        return s.recv(65536)


def redis_request(*arguments):
    parts = [f"*{len(arguments)}\r\n".encode()]
    for argument in arguments:
        data = argument if isinstance(argument, bytes) else str(argument).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


class RedisWrite:
    """A write that is under way, for measuring fail-over."""

    def __init__(self, port):
        self.socket = socket.create_connection((HOST, port), 5)

    def send(self):
        self.socket.sendall(redis_request("SET", "failover", "x"))

    def receive(self):
        data = self.socket.recv(4096)
        if not data:
            raise ConnectionResetError("closed")
        return data.startswith(b"+OK")

    def close(self):
        self.socket.close()


class EtcdWrite(etcd_load.Connection):
    def send(self):
        self.put(b"failover", b"x")


class Redis(RedisProtocol):
    def __init__(self, directory, name, title, options):
        self.title = title
        directory.mkdir(parents=True)
        (self.port,) = free_ports(1)
        self.processes = [Process(["redis-server", "--port", str(self.port), "--bind", HOST,
                                   "--save", "", "--dir", str(directory), *options],
                                  directory, name)]
        await_true(lambda: ask_redis(self.port, "PING") == b"+PONG\r\n", f"{title} is up")

    def load_port(self):
        return self.port

    @staticmethod
    def version():
        return output_of("redis-server", "--version").split("v=")[1].split()[0]


class ThreeNodes(RedisProtocol):
    """Three nodes of a Raft cluster, which report their state in the section raft of INFO."""

    title = ""
    ports = ()

    @staticmethod
    def is_whole(state, commit):
        """Whether a node votes in a cluster of three, and has applied up to `commit`."""
        raise NotImplementedError

    @staticmethod
    def status(port):
        text = ask_redis(port, "INFO", "raft").decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def leader(self):
        for i, port in enumerate(self.ports):
            if self.processes[i].process.poll() is None:
                if self.status(port)["raft_role"] == "leader":
                    return i
        raise LookupError("nobody leads")

    def await_whole(self):
        def whole():
            commit = int(self.status(self.ports[self.leader()])["raft_commit_index"])
            return all(self.is_whole(self.status(port), commit) for port in self.ports)
        await_true(whole, f"{self.title}: three nodes vote")

    def load_port(self):
        return self.ports[self.leader()]

    def write(self, i):
        return RedisWrite(self.ports[i])


class Rakit(ThreeNodes):
    title = "Rakit ×3, synced"

    def __init__(self, directory, options=()):
        directory.mkdir(parents=True)
        self.directory = directory
        self.options = options
        self.ports = free_ports(3, 10000)
        self.build = pathlib.Path(os.environ.get("RAKIT_BUILD", ROOT / "build"))
        self.processes = []
        for port in self.ports:
            self.start_node(port)
        self.await_whole()

    def start_node(self, port):
        """The first one makes the cluster; the others join it."""
        contact = [HOST, str(self.ports[0])] if port != self.ports[0] else []
        process = Process(
            [str(self.build / "rakit-server"), HOST, str(port), *contact,
             "--data", str(self.data_of(port)), *self.options, *self.options_of(port)],
            self.directory, port)
        self.processes.append(process)
        await_true(lambda: ask_redis(port, "PING") == b"+PONG\r\n", "Rakit is up")
        return process

    def data_of(self, port):
        return self.directory / str(port)

    def options_of(self, port):  # pylint: disable=unused-argument
        return []

    @staticmethod
    def is_whole(state, commit):
        return state["raft_membership"] == "voter" and state["raft_members"] == "3" and \
            int(state["raft_applied_index"]) >= commit

    def version(self):
        return output_of(str(self.build / "rakit-server"), "--version").split()[-1]


class RakitTls(Rakit):
    """Clients and nodes use TLS."""

    title = "Rakit ×3, synced, TLS"
    requests_min = 40000  # In fewer, the handshakes of redis-benchmark are most of the work.

    def __init__(self, directory):
        self.files = directory.parent / f"{directory.name}.tls"
        self.files.mkdir(parents=True)
        self.tls_ports = {}
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        authority = ["ca.crt", "-keyout", "ca.key", "-subj", "/CN=bench authority"]
        node = ["node.crt", "-keyout", "node.key", "-subj", "/CN=node", "-CA", "ca.crt", "-CAkey",
                "ca.key", "-addext", f"subjectAltName=IP:{HOST}"]
        for words in authority, node:
            output_of("openssl", "req", "-x509", *key, "-out", *words, cwd=self.files)
        super().__init__(directory)

    def options_of(self, port):
        if port not in self.tls_ports:
            self.tls_ports[port] = free_ports(1)[0]
        return ["--tls-port", str(self.tls_ports[port]), "--tls-auth-clients", "no",
                "--tls-cluster", "yes", "--tls-cert-file", str(self.files / "node.crt"),
                "--tls-key-file", str(self.files / "node.key"),
                "--tls-ca-cert-file", str(self.files / "ca.crt")]

    def load_port(self):
        return self.tls_ports[super().load_port()]

    def benchmark_words(self):
        return ["--tls", "--cacert", str(self.files / "ca.crt")]


class RedisRaft(ThreeNodes):
    """Three nodes, each write synced on a majority (raft.log-fsync is its default). Debian
    has neither the module nor, in version 12, a Redis that is new enough for it."""

    title = "RedisRaft ×3, synced"
    module = os.environ.get("REDISRAFT_MODULE", "")
    server = os.environ.get("REDISRAFT_SERVER", "redis-server")

    def __init__(self, directory):
        directory.mkdir(parents=True)
        self.ports = free_ports(3)
        self.processes = [self.process(directory, port) for port in self.ports]
        for port in self.ports:
            await_true(lambda port=port: ask_redis(port, "PING"), "RedisRaft is up")
        ask_redis(self.ports[0], "RAFT.CLUSTER", "INIT")
        for port in self.ports[1:]:
            ask_redis(port, "RAFT.CLUSTER", "JOIN", f"{HOST}:{self.ports[0]}")
        self.await_whole()

    def process(self, directory, port):
        own = directory / str(port)
        own.mkdir()
        return Process(
            [self.server, "--port", str(port), "--bind", HOST, "--dir", str(own),
             "--dbfilename", "raft.rdb", "--loadmodule", str(pathlib.Path(self.module).resolve()),
             "--raft.addr", f"{HOST}:{port}", "--raft.log-filename", "raft.log"], directory, port)

    @staticmethod
    def is_whole(state, commit):
        return state["raft_is_voting"] == "yes" and state["raft_num_nodes"] == "3" and \
            int(state["raft_last_applied_index"]) >= commit

    def version(self):
        server = output_of(self.server, "--version").split("v=")[1].split()[0]
        return f"{self.status(self.ports[0])['raft_version']} on Redis {server}"


class Etcd:
    title = "etcd ×3"
    pipelines = False

    def __init__(self, directory):
        directory.mkdir(parents=True)
        self.ports = free_ports(3, 10000)
        names = [f"{n}=http://{HOST}:{port + 10000}" for n, port in enumerate(self.ports)]
        self.processes = []
        for n, port in enumerate(self.ports):
            client, peer = f"http://{HOST}:{port}", f"http://{HOST}:{port + 10000}"
            self.processes.append(Process(
                ["etcd", "--name", str(n), "--data-dir", str(directory / str(port)),
                 "--listen-client-urls", client, "--advertise-client-urls", client,
                 "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                 "--initial-cluster", ",".join(names), "--log-level", "error"],
                directory, port))
        self.await_whole()

    def statuses(self):
        urls = ",".join(f"{HOST}:{port}" for n, port in enumerate(self.ports)
                        if self.processes[n].process.poll() is None)
        return json.loads(output_of("etcdctl", f"--endpoints={urls}", "endpoint", "status", "-w",
                                    "json", env={**os.environ, "ETCDCTL_API": "3"}))

    def await_whole(self):
        def whole():
            rows = [row["Status"] for row in self.statuses()]
            return len(rows) == 3 and all(row.get("leader") for row in rows) and \
                max(r["raftIndex"] for r in rows) - min(r["raftAppliedIndex"] for r in rows) < 5
        await_true(whole, "three etcd nodes are whole")

    def leader(self):
        for row in self.statuses():
            status = row["Status"]
            if status["header"]["member_id"] == status["leader"]:
                return self.ports.index(int(row["Endpoint"].rsplit(":", 1)[1]))
        raise LookupError("no etcd leads")

    def measure(self, workload, requests):
        chance = random.Random()
        rate, latencies = etcd_load.run(
            self.ports[self.leader()], workload.kind, workload.clients, requests,
            lambda: b"key:%012d" % chance.randrange(KEYS))
        return rate, latencies[len(latencies) // 2] * 1000

    @staticmethod
    def version():
        return output_of("etcd", "--version").split()[2]

    def write(self, i):
        return EtcdWrite(self.ports[i])

    def stop(self):
        for process in self.processes:
            process.kill()
