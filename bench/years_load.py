"""The load of bench/years: filling a keyspace, overwriting it, and measuring latencies."""

import gc
import random
import selectors
import socket
import time

from contestants import HOST, redis_request

BATCH = 100  # Keys of one MSET.
UNDER_WAY = 50  # Of those.
CLIENTS = 8


def key(number):
    return b"key:%012d" % number


def connect(port):
    s = socket.create_connection((HOST, port), 30)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_lines(s, count):
    """So many one-line replies, each of which must be +OK."""
    data = b""
    while data.count(b"\n") < count:
        more = s.recv(1 << 16)
        if not more:
            raise ConnectionResetError("closed")
        data += more
    wrong = [line for line in data.splitlines() if line != b"+OK"]
    if wrong:
        raise ValueError(f"not written: {wrong[0].decode()}")


def write_batches(s, batches):
    """Batches of keys, some under way at a time."""
    under_way = 0
    for request in batches:
        s.sendall(request)
        under_way += 1
        if under_way == UNDER_WAY:
            read_lines(s, under_way)
            under_way = 0
    read_lines(s, under_way)


def fill(port, count, value_bytes):
    """Values that differ, and that no snapshot can compress."""
    chance = random.Random(1)
    noise = chance.randbytes(1 << 20)

    def value():
        start = chance.randrange(len(noise) - value_bytes)
        return noise[start:start + value_bytes]

    with connect(port) as s:
        write_batches(s, (
            redis_request("MSET", *(part for n in range(first, min(first + BATCH, count))
                                    for part in (key(n), value())))
            for first in range(0, count, BATCH)))


def overwrite(port, keys, seconds, stop=None):
    """Single SETs in a pipeline, of random keys."""
    chance, end = random.Random(), time.monotonic() + seconds
    value = chance.randbytes(100)

    def requests():
        while time.monotonic() < end and not (stop and stop.is_set()):
            yield redis_request("SET", key(chance.randrange(keys)), value)

    with connect(port) as s:
        write_batches(s, requests())


def latencies(port, keys, seconds):
    """{"SET": [nanoseconds], "GET": [...]}: half of the clients do each, one request at a time."""
    selector, chance = selectors.DefaultSelector(), random.Random()
    value = chance.randbytes(100)
    found = {"SET": [], "GET": []}

    def ask(client):
        words = (key(chance.randrange(keys)),) + ((value,) if client["kind"] == "SET" else ())
        client["socket"].sendall(redis_request(client["kind"], *words))
        client["sent"] = time.perf_counter_ns()

    for i in range(CLIENTS):
        client = {"socket": connect(port), "kind": "SET" if i % 2 else "GET", "sent": 0}
        selector.register(client["socket"], selectors.EVENT_READ, client)
        ask(client)
    gc.collect()
    gc.disable()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for event, _ in selector.select(1):
            client = event.data
            # A reply of a hundred bytes comes in one piece over loopback.
            if client["socket"].recv(4096).startswith(b"-"):
                raise ValueError("refused")
            found[client["kind"]].append(time.perf_counter_ns() - client["sent"])
            ask(client)
    gc.enable()
    for event in list(selector.get_map().values()):
        event.fileobj.close()
    return found
