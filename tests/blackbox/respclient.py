"""A minimal Redis client: sends the bytes it is given, parses RESP2 and RESP3 replies, and never
retries, so a test knows what was sent how often."""

import socket


class RespError(Exception):
    """An error reply; its first word is the code."""

    @property
    def code(self):
        return str(self).split(" ", 1)[0]


class RespClient:
    def __init__(self, host, port, timeout=30.0):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = bytearray()
        self.place = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # --- sending -------------------------------------------------------------------

    @staticmethod
    def pack(*arguments):
        parts = [b"*%d\r\n" % len(arguments)]
        for argument in arguments:
            if not isinstance(argument, (bytes, bytearray)):
                argument = str(argument).encode()
            parts += [b"$%d\r\n" % len(argument), argument, b"\r\n"]
        return b"".join(parts)

    def send_raw(self, data):
        self.socket.sendall(data)

    def send(self, *arguments):
        self.socket.sendall(self.pack(*arguments))

    def call(self, *arguments):
        """Sends one command and returns its reply; an error reply is raised."""
        self.send(*arguments)
        return self.raise_error(self.read())

    @staticmethod
    def raise_error(reply):
        if isinstance(reply, RespError):
            raise reply
        return reply

    # --- receiving -----------------------------------------------------------------

    def _more(self):
        if self.place > 1 << 20:
            del self.input[:self.place]
            self.place = 0
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        self.input += data

    def _line(self):
        start = self.place
        while True:
            end = self.input.find(b"\r\n", start)
            if end >= 0:
                line = bytes(self.input[self.place:end])
                self.place = end + 2
                return line
            before = len(self.input) - self.place
            self._more()
            start = self.place + max(before - 1, 0)

    def _bytes(self, size):
        while len(self.input) - self.place < size + 2:
            self._more()
        data = bytes(self.input[self.place:self.place + size])
        assert self.input[self.place + size:self.place + size + 2] == b"\r\n"
        self.place += size + 2
        return data

    def read(self):  # pylint: disable=too-many-return-statements
        """The next reply. Errors are returned, not raised, because they may be inside arrays."""
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return RespError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind in b"$=!":
            data = None if rest == b"-1" else self._bytes(int(rest))
            if kind == b"!":
                return RespError(data.decode(errors="replace"))
            return data[4:] if kind == b"=" else data
        if kind in b"*~>":
            return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
        if kind == b"%":
            return {self.read(): self.read() for _ in range(int(rest))}
        if kind == b"_":
            return None
        if kind == b"#":
            return rest == b"t"
        if kind == b",":
            return float(rest)
        if kind == b"(":
            return int(rest)
        raise AssertionError(f"not a RESP reply: {line[:200]!r}")

    def read_to_end(self):
        """All bytes until the server closes; a reset counts as closing."""
        data = bytearray(self.input[self.place:])
        try:
            while True:
                part = self.socket.recv(1 << 16)
                if not part:
                    return bytes(data)
                data += part
        except ConnectionResetError:
            return bytes(data)
