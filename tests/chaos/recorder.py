"""Clients that record what they see, for rakit-lincheck (docs/HISTORY_FORMAT.md).

    with Recorder("history.txt") as recorder:
        client = RecordingClient(recorder, "c1", lambda: Connection("127.0.0.1", 8000))
        client.call("SET", "x", 1)

One RecordingClient for each thread; one Recorder for all of them. Several processes on one
machine may each have a recorder with its own file: they share the clock.

A command has one of three outcomes:
  answered       the reply is in the history
  not executed   for certain (a refusal, or it could not be sent): left out
  unknown        (timeout, reset, INDOUBT): open; the client goes on under another name,
                 over a new connection, because this command may yet be executed"""

import socket
import threading
import time

# Errors that promise that the command was not executed and never will be
# (docs/OPERATIONS.md lists all errors).
NOT_EXECUTED = ("CLUSTERDOWN", "TRYAGAIN", "MISCONF", "EXECABORT", "DENIED", "LOADING")
# Errors that are the outcome of an execution.
OUTCOMES = ("ERR",)


class Status(bytes):
    """A simple string: +OK."""


class Error(bytes):
    """An error reply."""

    @property
    def code(self):
        return self.split(b" ", 1)[0].decode(errors="replace")


class NotSent(Exception):
    """There was no connection, so nothing can have been executed."""


# --- the format -----------------------------------------------------------------------


def to_bytes(value):
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return str(value).encode()


def quoted(data):
    names = {0x22: '\\"', 0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}
    parts = [names.get(c) or (chr(c) if 0x20 <= c <= 0x7E else f"\\x{c:02x}") for c in data]
    return '"' + "".join(parts) + '"'


def word(value):
    """Without quotes if nothing else looks like it."""
    data = to_bytes(value)
    is_plain = data and all(0x20 < c <= 0x7E and c not in (0x22, 0x5C) for c in data)
    if is_plain and data[:1] != b"#" and data != b"->":
        return data.decode()
    return quoted(data)


def reply_text(reply):
    if reply is None:
        return "nil"
    if isinstance(reply, Status):
        return "+" + word(reply)
    if isinstance(reply, Error):
        return "-" + word(reply)
    if isinstance(reply, int):
        return f":{int(reply)}"
    if isinstance(reply, (list, tuple)):
        return " ".join(["[", *map(reply_text, reply), "]"])
    return quoted(to_bytes(reply))


# --- recording ------------------------------------------------------------------------


class Operation:
    """A command under way. Ends with one of returned(), unknown() and dropped()."""

    def __init__(self, recorder, client, arguments):
        self.recorder = recorder
        self.head = word(client)
        self.command = " ".join(map(word, arguments))
        self.invoke_ns = recorder.clock()

    def returned(self, reply):
        return_ns = self.recorder.clock()  # Read first, before anything else.
        self.recorder.finish(self, f"{self.head} {self.invoke_ns} {return_ns} {self.command}"
                                   f" -> {reply_text(reply)}\n")

    def unknown(self):
        self.recorder.finish(self, f"{self.head} {self.invoke_ns} ? {self.command}\n")

    def dropped(self):
        self.recorder.finish(self, None)


class Recorder:
    """Writes operations as they end; those under way at close() become open ones. May be used by
    many threads."""

    def __init__(self, path, clock=time.monotonic_ns):
        self.clock = clock
        self.lock = threading.Lock()
        self.under_way = set()
        self.counts = {"answered": 0, "open": 0, "dropped": 0}
        self.file = open(path, "w", encoding="ascii")  # pylint: disable=consider-using-with
        self.file.write("rakit-history 1\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def begin(self, client, arguments):
        with self.lock:
            # The clock is read last, right before the command is sent.
            operation = Operation(self, client, arguments)
            self.under_way.add(operation)
            return operation

    def finish(self, operation, line):
        with self.lock:
            if operation not in self.under_way:
                return  # close() came first, and has written it as open.
            self.under_way.remove(operation)
            self.write(line)

    def write(self, line):
        if line is None:
            self.counts["dropped"] += 1
            return
        self.counts["answered" if " -> " in line else "open"] += 1
        if not self.file.closed:
            self.file.write(line)

    def close(self):
        with self.lock:
            for operation in self.under_way:
                self.write(f"{operation.head} {operation.invoke_ns} ? {operation.command}\n")
            self.under_way.clear()
            self.file.close()


class RecordingClient:
    """Sends commands over a connection that `connect()` makes, one after the other, none of them
    twice. A connection has call(*arguments) and close(); call() returns error replies as Error,
    and raises NotSent, or anything else if the outcome is unknown."""

    def __init__(self, recorder, name, connect):
        self.recorder = recorder
        self.name = name
        self.lives = 1
        self.connect = connect
        self.connection = None

    def call(self, *arguments):
        """The reply, or an Error; also None if there was no reply: see ask()."""
        return self.ask(*arguments)[1]

    def ask(self, *arguments):
        """Returns ("answered", reply), ("refused", why) or ("unknown", why)."""
        if self.connection is None:
            try:
                self.connection = self.connect()
            except OSError as error:
                return "refused", error
        operation = self.recorder.begin(f"{self.name}.{self.lives}", arguments)
        try:
            reply = self.connection.call(*arguments)
        except NotSent as error:
            operation.dropped()
            self.close()
            return "refused", error
        except BaseException as error:
            operation.unknown()
            self.begin_anew()
            if isinstance(error, Exception):
                return "unknown", error
            raise
        if not isinstance(reply, Error) or reply.code in OUTCOMES:
            operation.returned(reply)
            return "answered", reply
        if reply.code in NOT_EXECUTED:
            operation.dropped()
            return "refused", reply
        operation.unknown()
        self.begin_anew()
        return "unknown", reply

    def begin_anew(self):
        self.lives += 1
        self.close()

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


# --- connections ----------------------------------------------------------------------


class Connection:
    """A bare RESP2 connection, which distinguishes +OK from "OK"."""

    def __init__(self, host, port, timeout=10.0):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")

    def close(self):
        self.stream.close()
        self.socket.close()

    def call(self, *arguments):
        parts = [b"*%d\r\n" % len(arguments)]
        for argument in map(to_bytes, arguments):
            parts += [b"$%d\r\n" % len(argument), argument, b"\r\n"]
        self.socket.sendall(b"".join(parts))
        return self.read()

    def exactly(self, size):
        data = self.stream.read(size)
        if len(data) < size:
            raise ConnectionResetError("the server closed the connection")
        return data

    def read(self):
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return Status(rest)
        if kind == b"-":
            return Error(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.exactly(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
        raise ConnectionError(f"not a RESP2 reply: {line[:100]!r}")


class RedisConnection:
    """The same through one connection of redis-py (redis.Connection), which must not retry anything
    by itself."""

    def __init__(self, connection):
        import redis  # pylint: disable=import-outside-toplevel

        self.response_error = redis.ResponseError
        self.connection = connection
        connection.retry_on_timeout = False
        connection.connect()

    def close(self):
        self.connection.disconnect()

    def call(self, *arguments):
        self.connection.send_command(*arguments)
        try:
            reply = self.connection.read_response()
        except self.response_error as error:
            # redis-py removes "ERR ".
            text = str(error)
            code = text.split(" ", 1)[0]
            return Error((text if code.isupper() and code.isalpha() else "ERR " + text).encode())
        # It does not distinguish +OK from "OK" either; the command decides.
        has_status = to_bytes(arguments[0]).upper() in (b"MSET", b"TYPE") or (
            to_bytes(arguments[0]).upper() == b"SET"
            and b"GET" not in [to_bytes(a).upper() for a in arguments[3:]])
        return Status(reply) if has_status and isinstance(reply, bytes) else reply
