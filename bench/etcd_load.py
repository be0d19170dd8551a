"""Load for etcd in its own protocol: gRPC over HTTP/2, written by hand, because
Debian packages no load generator for it, and etcd's HTTP gateway would be measured along
with it. One request is under way on each connection, as with redis-benchmark.

One Python process drives all connections; it can do about 20 000 requests a second
on its own, some times more than three etcd nodes on two cores."""

import selectors
import socket
import struct
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + \
        struct.pack(">I", stream) + payload


def literal(text):
    return bytes([len(text)]) + text.encode()


def headers_of(method):
    """The header block of a call: HPACK without Huffman coding and without state."""
    return (b"\x83\x86"  # :method POST, :scheme http
            + b"\x04" + literal(f"/etcdserverpb.KV/{method}")
            + b"\x01" + literal("localhost")
            + b"\x0f\x10" + literal("application/grpc")
            + b"\x00" + literal("te") + literal("trailers"))


PUT, RANGE = headers_of("Put"), headers_of("Range")


def field(number, value):
    size = len(value)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return bytes([number << 3 | 2]) + length + value


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = -1
        self.input = b""
        self.has_data = False
        self.sent_at = 0.0
        # A window so large that it never needs to be opened again.
        settings = struct.pack(">HI", 4, 2**31 - 1)
        window = frame(8, 0, 0, struct.pack(">I", 2**31 - 1 - 65535))
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0, settings) + window)

    def ask(self, headers, body):
        self.stream += 2
        self.has_data = False
        message = b"\0" + struct.pack(">I", len(body)) + body
        self.sent_at = time.perf_counter()
        self.socket.sendall(frame(HEADERS, END_HEADERS, self.stream, headers)
                            + frame(DATA, END_STREAM, self.stream, message))

    def put(self, key, value):
        self.ask(PUT, field(1, key) + field(2, value))

    def get(self, key):
        self.ask(RANGE, field(1, key))

    def receive(self):
        """Reads what is there. True or False if the answer is complete (False: an error), None
        if it is not yet."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionResetError("etcd closed the connection")
        self.input += data
        answer = None
        while len(self.input) >= 9:
            size = int.from_bytes(self.input[:3], "big")
            if len(self.input) < 9 + size:
                break
            kind, flags = self.input[3], self.input[4]
            stream = int.from_bytes(self.input[5:9], "big")
            payload = self.input[9:9 + size]
            self.input = self.input[9 + size:]
            if kind == SETTINGS and not flags & ACK:
                self.socket.sendall(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                self.socket.sendall(frame(PING, ACK, 0, payload))
            elif kind == GOAWAY:
                raise ConnectionResetError("etcd says goodbye")
            elif stream == self.stream:
                # A call that failed ends without a message.
                self.has_data |= kind == DATA and size > 5
                if kind == RST_STREAM or flags & END_STREAM:
                    answer = self.has_data and kind != RST_STREAM
        return answer

    def close(self):
        self.socket.close()


def run(port, kind, client_count, requests, keys):
    """`requests` calls from `client_count` connections; `keys` gives random keys.
    Returns the rate and the latencies in seconds, sorted."""
    value = b"x" * 100
    selector = selectors.DefaultSelector()
    connections = [Connection(port) for _ in range(client_count)]
    latencies, started, failed = [], 0, 0

    def next_request(connection):
        key = keys()
        if kind == "set":
            connection.put(key, value)
        else:
            connection.get(key)

    begin = time.perf_counter()
    try:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            next_request(connection)
            started += 1
        while len(latencies) < requests:
            for ready, _ in selector.select(30) or [(None, None)]:
                if ready is None:
                    raise TimeoutError("etcd does not answer")
                connection = ready.data
                answer = connection.receive()
                if answer is None:
                    continue
                failed += not answer
                latencies.append(time.perf_counter() - connection.sent_at)
                if started < requests:
                    next_request(connection)
                    started += 1
        seconds = time.perf_counter() - begin
    finally:
        for connection in connections:
            connection.close()
        selector.close()
    if failed:
        raise RuntimeError(f"{failed} of {requests} calls of etcd failed")
    return requests / seconds, sorted(latencies)
