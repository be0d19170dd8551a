"""Whatever arrives on the clients' port, the server keeps running, answers clearly or closes that
one connection, and goes on serving everybody else."""

import random
import socket

import pytest

from harness import HOST, await_true, run_cli
from respclient import RespError


@pytest.fixture
def node(shared):
    yield shared.nodes[0]
    for each in shared.nodes:
        assert each.is_running(), f"{each} ended:\n{each.log()[-3000:]}"
        assert each.call("PING") == b"PONG"
    assert shared.nodes[1].call("SET", "still", "alive") == b"OK"


def answer_to(node, data):
    """Everything that the server sends in response to these bytes until it closes."""
    with node.client() as client:
        try:
            client.send_raw(data)
            client.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # It closed before it had read everything, which is as good an answer.
        return client.read_to_end()


@pytest.mark.parametrize("data", [
    b"*-1\r\n", b"*0\r\n", b"\r\n", b"*1\r\n$-1\r\n", b"*1\r\n$0\r\n\r\n",
    b"*x\r\n", b"*1\r\nx\r\n", b"*1\r\n:3\r\n", b"$3\r\nGET\r\n", b"*1\r\n$x\r\n",
    b"*2147483647\r\n", b"*2147483648\r\n", b"*4294967297\r\n", b"*9223372036854775807\r\n",
    b"*9223372036854775808\r\n", b"*18446744073709551617\r\n", b"*-2147483649\r\n",
    b"*1\r\n$2147483648\r\n", b"*1\r\n$4294967296\r\n", b"*1\r\n$9223372036854775807\r\n",
    b"*1\r\n$9223372036854775808\r\n", b"*1\r\n$-2\r\n", b"*1\r\n$-9223372036854775808\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870913\r\n",
    b"*1\r\n$3\r\nGETxx", b"*1\r\n$4\r\nPINGab", b"*" + b"1" * 70000, b"*1\r\n$" + b"1" * 70000,
    b"\0\0\0\0", b"\xff" * 1000 + b"\r\n", b"*1\n$4\nPING\n", b'SET "unbalanced\r\n',
    b"SET 'unbalanced\r\n", b'"a"b\r\n', b"%1\r\n", b"~1\r\n", b">1\r\n", b"_\r\n", b"#t\r\n",
], ids=lambda data: repr(data[:24]))
def test_garbage__is_answered_or_refused(node, data):
    answer = answer_to(node, data)
    assert answer == b"" or answer[:1] in (b"-", b"+", b"$", b"*", b":"), answer[:200]


@pytest.mark.parametrize("data, error", [
    (b"*2147483648\r\n", b"-ERR Protocol error: invalid multibulk length"),
    (b"*99999999999\r\n", b"-ERR Protocol error: invalid multibulk length"),
    (b"*1\r\n$-1\r\n", b"-ERR Protocol error: invalid bulk length"),
    (b"*1\r\n$536870913\r\n", b"-ERR Protocol error: invalid bulk length"),
    (b"*1\r\n$9223372036854775808\r\n", b"-ERR Protocol error: invalid bulk length"),
    (b"*1\r\nhello\r\n", b"-ERR Protocol error: expected '$', got 'h'"),
    (b"x" * 70000, b"-ERR Protocol error: too big inline request"),
    (b'SET "k\r\n', b"-ERR Protocol error: unbalanced quotes in request"),
])
def test_protocol_errors__are_worded_as_redis_words_them(node, data, error):
    assert answer_to(node, data).startswith(error)


def test_lengths__promised_but_not_sent_take_no_memory(node):
    """Fifty clients announce 500 MB each and send none of it."""
    def resident():
        with open(f"/proc/{node.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    before = resident()
    clients = [node.client() for _ in range(50)]
    try:
        for client in clients:
            client.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500000000\r\nabc")
        assert node.call("PING") == b"PONG"
        await_true(lambda: node.call("SET", "k", "v") == b"OK", "others are served")
        assert resident() - before < 100 * 1024
    finally:
        for client in clients:
            client.close()


def test_http__is_closed_at_once_and_executes_nothing(node):
    node.call("SET", "k", "v")
    for data in (b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nDEL k\r\n",
                 b"GET / HTTP/1.1\r\nHost: localhost:8000\r\n\r\nDEL k\r\n",
                 b"post / HTTP/1.1\r\n\r\nDEL k\r\n", b"PING\r\nhost: x\r\nDEL k\r\n"):
        answer_to(node, data)
        assert node.call("GET", "k") == b"v", data


def test_random__noise_of_all_kinds_does_no_harm(node):
    chance = random.Random(20261123)
    words = [b"*", b"$", b"\r\n", b"3", b"-1", b"SET", b"GET", b"k", b"RAFT", b"STATUS", b"HELLO",
             b" ", b"\0", b"\xff\xfe", b"99999999999", b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"]
    for _ in range(200):
        data = b"".join(chance.choice(words) for _ in range(chance.randrange(1, 60)))
        answer_to(node, data)


def test_random__mutated_requests_do_no_harm(node):
    chance = random.Random(8000)
    whole = b"".join(node.client().pack(*command) for command in (
        ["SET", "key", "value"], ["APPEND", "key", "more"], ["HELLO", "3", "AUTH", "a", "b"],
        ["CLIENT", "SETINFO", "lib-name", "x"], ["SCAN", "0", "MATCH", "*", "COUNT", "10"],
        ["RAFT", "LOG", "1", "10"], ["RAFT", "TRANSFER", "nobody"], ["CONFIG", "GET", "*"]))
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        answer_to(node, bytes(data[:chance.randrange(1, len(data))]))


def test_bytes__one_at_a_time_are_put_together(node):
    with node.client() as client:
        for byte in client.pack("SET", "slow", "written") + b"GET slow\r\n":
            client.send_raw(bytes([byte]))
        assert client.read() == b"OK"
        assert client.read() == b"written"


def test_arguments__very_many_are_fine_up_to_the_limit(node):
    with node.client() as client:
        pairs = [part for i in range(50000) for part in (f"k{i}", "v")]
        assert client.call("MSET", *pairs) == b"OK"
        assert client.call("EXISTS", *pairs[::2]) == 50000
        assert client.call("DEL", *pairs[::2]) == 50000


def test_patterns__deep_globs_end(node):
    node.call("SET", "a" * 200, "v")
    assert node.call("KEYS", "a*" * 100 + "b") == []
    assert node.call("KEYS", "[") == []
    assert node.call("KEYS", "\\") == []


def test_peer_port__noise_is_refused(node):
    chance = random.Random(18000)
    for size in (0, 1, 7, 100, 100000):
        with socket.create_connection((HOST, node.port + 10000), 10) as peer:
            try:
                peer.sendall(bytes(chance.randrange(256) for _ in range(size)))
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(65536):
                    pass
            except OSError:
                pass
    with socket.create_connection((HOST, node.port + 10000), 10) as peer:
        try:
            peer.sendall(b"*1\r\n$4\r\nPING\r\n")
            peer.shutdown(socket.SHUT_WR)
            assert b"PONG" not in peer.recv(65536)
        except OSError:
            pass


def own_address():
    """An address of this machine other than loopback, or None. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith(("127.", "0.")) else address


def test_protected_mode__without_a_password_only_loopback_is_served(cluster):
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address besides loopback")
    node = cluster.node(host=address).start()

    def denied():
        assert node.is_running(), node.log()
        with node.client() as client:
            client.send("PING")
            return client.read()
    reply = await_true(denied, "it answers on its address")
    assert isinstance(reply, RespError) and reply.code == "DENIED", reply
    assert "level=warn" in node.log() and "--protected-mode no serves" in node.log()
    told = run_cli(node, "ping")
    assert told.returncode == 2 and str(reply) in told.stderr, told.stderr


def test_fds__a_server_with_few_of_them_refuses_some_and_serves_the_rest(cluster):
    """With 300 descriptors and 400 clients some are refused; afterwards all works as before."""
    node = cluster.node()
    node.start(["sh", "-c", 'ulimit -n 300; exec "$@"', "sh"]).await_up()
    clients = []
    for _ in range(400):
        try:
            clients.append(socket.create_connection((HOST, node.port), 10))
        except OSError:
            break
    assert node.is_running()
    for client in clients:
        client.close()
    await_true(lambda: node.call("SET", "k", "v") == b"OK", "it serves again")
