"""The stage's own name server, which knows the nodes, and may be slow or silent about some of them.
All processes of the stage use it."""

import contextlib
import socket
import threading

from stage import run

PORT = 53
HEAD_BYTES = 12
TYPE_A = 1
NO_SUCH_NAME = 3


def question_of(query):
    """The name and type in the question, and where it ends."""
    labels, at = [], HEAD_BYTES
    while query[at] != 0:
        labels.append(query[at + 1:at + 1 + query[at]].decode("ascii"))
        at += 1 + query[at]
    return ".".join(labels).lower(), int.from_bytes(query[at + 1:at + 3], "big"), at + 5


def answer_to(query, address):
    """`address`: the name's address, or None: it does not exist."""
    _, kind, end = question_of(query)
    found = b""
    if address is not None and kind == TYPE_A:
        # The name of the question, class IN, TTL 0.
        found = b"\xc0\x0c\0\x01\0\x01" + bytes(4) + b"\0\x04" + socket.inet_aton(address)
    code = NO_SUCH_NAME if address is None else 0
    return query[:2] + bytes([0x81, 0x80 | code]) + b"\0\x01" + bytes([0, bool(found)]) + \
        bytes(4) + query[HEAD_BYTES:end] + found


class NameServer:
    """`delays`: by name, the seconds before it answers; None: never."""

    def __init__(self, directory, address, records):
        self.records = records
        self.delays = {}
        self.asked = set()  # Names, since the last heal().
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, PORT))
        settings = directory / "resolv.conf"
        settings.write_text(f"nameserver {address}\noptions timeout:10\n", encoding="ascii")
        run("mount", "--bind", settings, "/etc/resolv.conf")
        self.address = self.socket.getsockname()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            query, client = self.socket.recvfrom(512)
            if client == self.address:  # From destroy().
                return
            # A malformed question gets no answer.
            with contextlib.suppress(IndexError, UnicodeDecodeError):
                name = question_of(query)[0]
                self.asked.add(name)
                delay = self.delays.get(name, 0.0)
                if delay is not None:
                    timer = threading.Timer(delay, self.answer, (query, client, name))
                    timer.daemon = True
                    timer.start()

    def answer(self, query, client, name):
        with contextlib.suppress(OSError):
            self.socket.sendto(answer_to(query, self.records.get(name)), client)

    def heal(self):
        self.delays = {}
        self.asked = set()

    def destroy(self):
        # A thread that waits in recvfrom() keeps the port in use, even if the socket is closed.
        self.socket.sendto(b"", self.address)
        self.thread.join(10)
        self.socket.close()
        run("umount", "-l", "/etc/resolv.conf")
        assert not self.thread.is_alive(), "the name server does not end"
