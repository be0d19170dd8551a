"""A fake cluster: nodes in this process that answer what rakit-cli asks, share one keyspace,
and fail on demand.

By hand:  fake_cluster.py PORT...   (until its input ends)
"""

import socket
import sys
import threading

READS = ("GET", "STRLEN")
DOCS = [
    ("append", "string", "2.0.0", "key value", "Appends to a value."),
    ("del", "generic", "1.0.0", "key [key ...]", "Deletes keys."),
    ("get", "string", "1.0.0", "key", "Returns the value of a key."),
    ("getrange", "string", "2.4.0", "key start end", "Returns a part of a value."),
    ("ping", "connection", "1.0.0", "[message]", "Answers PONG."),
    ("raft", "raft", "0.1.0", "STATUS | MEMBERS | ADD host port | REMOVE id", "Administration."),
    ("request_log", "raft", "0.1.0", "[from [count]]", "Shows the replicated log."),
    ("set", "string", "1.0.0", "key value [NX | XX] [GET]", "Sets a key."),
]


class Bulk(bytes):
    """Bytes sent as a bulk string; plain str is sent as a status or error."""


def encode(reply):
    if reply is None:
        return b"$-1\r\n"
    if isinstance(reply, bool):
        raise TypeError(reply)
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, bytes):
        return b"$%d\r\n%s\r\n" % (len(reply), reply)
    if isinstance(reply, str):
        return reply.encode() + b"\r\n"
    return b"*%d\r\n" % len(reply) + b"".join(encode(item) for item in reply)


def flat(pairs):
    """A map in RESP2; texts become bulk strings."""
    out = []
    for key, value in pairs:
        out += [key.encode(), value.encode() if isinstance(value, str) else value]
    return out


def node_id(number):
    return f"{0x5eed0000 + number:08x}{'ab' * 4}"


class Node:
    """One node: a listener and a thread per connection."""

    def __init__(self, cluster, number, port=0):
        self.cluster, self.number, self.alive = cluster, number, True
        self.seen = []  # Every command that arrived, in order.
        self.connections = []
        # What to do with the next command of a name: "die" before an answer,
        # "silence", or an error to reply.
        self.faults = {}
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def accept(self):
        while self.alive:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def kill(self):
        self.alive = False
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.drop()

    def drop(self):
        """Closes its connections, but goes on running."""
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()
        self.connections = []

    def serve(self, connection):
        stream = connection.makefile("rb")
        session = {"database": 0}
        try:
            while True:
                head = stream.readline()
                if not head.startswith(b"*"):
                    return
                words = []
                for _ in range(int(head[1:])):
                    size = int(stream.readline()[1:])
                    words.append(stream.read(size + 2)[:-2])
                reply = self.answer(words, session)
                if reply is not Ellipsis:
                    connection.sendall(encode(reply))
        except (OSError, ValueError):
            pass

    def answer(self, words, session):
        name = words[0].decode().upper()
        self.seen.append(b" ".join(words))
        fault = self.faults.get(name)
        if isinstance(fault, list):
            fault = fault.pop(0) if fault else None
        if fault == "die":
            self.kill()
            return Ellipsis
        if fault == "silence":
            return Ellipsis
        if fault:
            return f"-{fault}"
        return self.cluster.execute(self, name, words, session)


class Cluster:
    def __init__(self, size=3, ports=()):
        self.databases = [{} for _ in range(16)]
        self.keys, self.log = self.databases[0], [(1, 1, "noop", "")]
        self.nodes = []
        self.knows_once, self.once = False, {}
        self.snapshot, self.part_bytes = b"", 600
        self.entries, self.first_index, self.last_index = b"", 1, 40
        for i in range(size):
            self.nodes.append(Node(self, i, ports[i] if ports else 0))

    def leader(self):
        alive = [node for node in self.nodes if node.alive]
        return alive[0] if 2 * len(alive) > len(self.nodes) else None

    def status(self, asked):
        leader = self.leader()
        rows = []
        for node in self.nodes:
            role = "leader" if node is leader else "follower" if node.alive else "unknown"
            rows.append(flat([
                ("id", node_id(node.number)), ("address", node.address), ("role", role),
                ("membership", "voter"), ("term", 4), ("commit_index", len(self.log)),
                ("applied_index", len(self.log) - (node is not leader)),
                ("match_index", len(self.log)),
                ("health", "ok" if node.alive else "unreachable")]))
        return flat([
            ("cluster_id", "c0ffee00d15ea5e5"), ("node_id", node_id(asked.number)),
            ("leader_id", node_id(leader.number) if leader else ""), ("term", 4),
            ("commit_index", len(self.log)), ("applied_index", len(self.log)),
            ("configuration", "stable"), ("nodes", rows)])

    def backup(self, node, words):
        """RAFT BACKUP: hands out `snapshot`, which is whatever a test has put there."""
        if words and words[0] == b"LOG":
            return Bulk(self.entries)
        if words:
            offset = int(words[5])
            return Bulk(self.snapshot[offset:offset + self.part_bytes])
        row = flat([("index", 40), ("term", 3), ("time_us", 1000), ("bytes", len(self.snapshot)),
                    ("checksum", "00000000000000aa")])
        return flat([("cluster_id", "c0ffee00d15ea5e5"), ("node_id", node_id(node.number)),
                     ("first_index", self.first_index), ("last_index", self.last_index),
                     ("last_term", 3), ("last_time_us", 1000), ("snapshots", [row])])

    def execute(self, node, name, words, session):
        if name == "RAFT" and words[1].upper() == b"STATUS":
            return self.status(node)
        if name == "RAFT" and words[1].upper() == b"SNAPSHOT":
            return flat([("index", 40), ("bytes", len(self.snapshot)), ("milliseconds", 1)])
        if name == "RAFT" and words[1].upper() == b"BACKUP":
            return self.backup(node, words[2:])
        if name == "REQUEST_LOG":
            return [[index, term, kind.encode(), text.encode()]
                    for index, term, kind, text in self.log]
        if name == "COMMAND" and words[1].upper() == b"DOCS":
            docs = []
            for command, group, since, syntax, summary in DOCS:
                docs += [command.encode(), flat([("summary", summary), ("since", since),
                                                 ("group", group), ("syntax", syntax)])]
            return docs
        if name == "COMMAND" and words[1].upper() == b"INFO":
            flag = "+readonly" if words[2].decode().upper() in READS else "+write"
            info = [[words[2], 2, [flag, "+fast"], 1, 1, 1]]
            if words[2].upper() == b"FAMILY":  # Its members differ.
                info[0] += [[], [], [], [[b"family|list", -2, ["+readonly"], 0, 0, 0],
                                         [b"family|load", -2, ["+write"], 0, 0, 0]]]
            if len(words) > 3:
                info.append([words[3], -3, ["+write"], 0, 0, 0] if self.knows_once else None)
            return info
        if name == "ONCE" and self.knows_once:
            key = (words[1], words[2])
            if key not in self.once:
                inner = words[5:]
                self.once[key] = self.execute(node, inner[0].decode().upper(), inner, session)
            return self.once[key]
        if name == "PING":
            return "+PONG"
        if name == "AUTH":
            return "+OK"
        if name == "INFO":
            return b"# Server\r\nrakit_version:0.1.0\r\n"
        if name in ("SELECT", "RESET"):
            number = int(words[1]) if name == "SELECT" else 0
            if number >= len(self.databases):
                return "-ERR DB index is out of range"
            session["database"] = number
            return "+OK" if name == "SELECT" else "+RESET"
        if name == "SET":
            self.databases[session["database"]][words[1]] = words[2]
            self.log.append((len(self.log) + 1, 1, "command", words[1].decode("latin-1")))
            return "+OK"
        if name == "GET":
            return self.databases[session["database"]].get(words[1])
        if name == "FAMILY":
            return "+" + words[1].decode()
        if name == "NEST":
            return [b"a", [1, [], ["-ERR inner", None]], "+fine"]
        return f"-ERR unknown command '{words[0].decode()}'"


if __name__ == "__main__":
    CLUSTER = Cluster(len(sys.argv) - 1, [int(port) for port in sys.argv[1:]])
    print("commands: kill N, drop N, fault N COMMAND DO", flush=True)
    for line in sys.stdin:
        verb, *rest = line.split()
        target = CLUSTER.nodes[int(rest[0])]
        if verb == "fault":
            target.faults[rest[1].upper()] = " ".join(rest[2:])
        else:
            getattr(target, verb)()
