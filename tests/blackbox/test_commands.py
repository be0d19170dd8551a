"""Commands as real clients send them, on each node of a cluster: leader or not, the answers are the
same."""

import os
import re
import subprocess

import pytest
import redis

from harness import HOST, ROOT, await_true
from respclient import RespError

NODES = pytest.mark.parametrize("which", [0, 1, 2], ids=["node0", "node1", "node2"])


@pytest.fixture
def node(shared, which):
    return shared.nodes[which]


@pytest.fixture
def client(node):
    return node.redis()


@NODES
def test_discovery__each_node_that_serves_is_a_master(client):
    assert client.info("replication")["role"] == "master"
    assert client.execute_command("ROLE")[0] == b"master"


@NODES
def test_client_info__is_understood_by_redis_py(client):
    assert client.client_info()["db"] == 0


@NODES
def test_strings__set_get_append_strlen_del(client):
    assert client.set("a", "1") is True
    assert client.append("a", "2") == 2
    assert client.strlen("a") == 2
    assert client.execute_command("STRLN", "a") == 2
    assert client.get("a") == b"12"
    assert client.delete("a") == 1
    assert client.get("a") is None
    assert client.ping()


@NODES
def test_strings__are_binary_safe(client):
    key, value = bytes(range(256)), os.urandom(1000) + b"\r\n\0$-1\r\n"
    assert client.set(key, value)
    assert client.get(key) == value
    assert client.keys() == [key]
    assert client.set("", "") and client.get("") == b""
    assert client.strlen(key) == len(value)


@NODES
def test_strings__set_knows_nx_xx_and_get(client):
    assert client.set("k", "1", xx=True) is None
    assert client.set("k", "1", nx=True) is True
    assert client.set("k", "2", nx=True) is None
    assert client.set("k", "3", get=True) == b"1"
    assert client.setnx("k", "4") == 0
    assert client.getset("k", "5") == b"3"
    assert client.getdel("k") == b"5"
    assert client.exists("k") == 0


@NODES
def test_strings__counters_and_ranges(client):
    assert client.incr("n") == 1
    assert client.incrby("n", 41) == 42
    assert client.decr("n") == 41
    assert client.decrby("n", 50) == -9
    client.set("s", "not a number")
    with pytest.raises(redis.ResponseError, match="value is not an integer or out of range"):
        client.incr("s")
    client.set("max", 2**63 - 1)
    with pytest.raises(redis.ResponseError, match="overflow"):
        client.incr("max")
    client.set("hello", "Hello World")
    assert client.getrange("hello", -5, -1) == b"World"
    assert client.setrange("hello", 6, "Redis") == 11
    assert client.get("hello") == b"Hello Redis"
    assert client.setrange("new", 3, "x") == 4
    assert client.get("new") == b"\0\0\0x"


@NODES
def test_keys__many_at_once(client):
    assert client.mset({f"k{i}": i for i in range(100)})
    assert client.mget(["k0", "nope", "k99"]) == [b"0", None, b"99"]
    assert client.dbsize() == 100
    assert client.exists("k0", "k0", "nope") == 2
    assert client.type("k0") == "string" or client.type("k0") == b"string"
    assert client.type("nope") in ("none", b"none")
    assert sorted(client.keys("k?")) == sorted(b"k%d" % i for i in range(10))
    assert client.randomkey().startswith(b"k")
    assert client.unlink("k1", "k2", "nope") == 2
    assert client.delete("k3") == 1
    assert client.dbsize() == 97


@NODES
def test_keys__scan_gives_each_key_and_flushall_none(client):
    client.mset({f"key:{i}": i for i in range(1000)})
    client.mset({f"other:{i}": i for i in range(100)})
    assert len(set(client.scan_iter(count=7))) == 1100
    assert set(client.scan_iter(match="other:*", count=50)) == {b"other:%d" % i for i in range(100)}
    assert client.flushall()
    assert client.dbsize() == 0 and client.randomkey() is None
    client.set("k", "v")
    assert client.flushdb()
    assert client.keys() == []


def test_scan__goes_on_at_another_node_where_it_stopped(shared):
    for part in range(10):
        shared.nodes[0].redis().mset({f"{part}:{i}": i for i in range(200)})
    cursor, seen, turn = 0, set(), 0
    while True:
        cursor, keys = shared.nodes[turn % 3].redis().scan(cursor, count=10)
        seen.update(keys)
        turn += 1
        if cursor == 0:
            break
    assert len(seen) == 2000


def test_reads__see_at_every_node_what_was_acknowledged_at_another(shared):
    clients = [node.redis() for node in shared.nodes]
    for i in range(300):
        clients[i % 3].set("k", i)
        assert clients[(i + 1) % 3].get("k") == b"%d" % i
        assert clients[(i + 2) % 3].get("k") == b"%d" % i


@NODES
def test_pipeline__keeps_order_and_reads_its_own_writes(node):
    pipe = node.redis().pipeline(transaction=False)
    for i in range(500):
        pipe.set("k", i)
        pipe.get("k")
        pipe.append("k", "x")
        pipe.strlen("k")
        pipe.ping()
    replies = pipe.execute()
    for i in range(500):
        size = len(str(i)) + 1
        assert replies[5 * i:5 * i + 5] == [True, b"%d" % i, size, size, True]


@NODES
def test_connection__what_clients_send_on_connecting(node):
    with node.client() as client:
        assert client.call("PING") == b"PONG"
        assert client.call("PING", "hello") == b"hello"
        assert client.call("ECHO", "x") == b"x"
        assert client.call("SELECT", 0) == b"OK"
        with pytest.raises(RespError, match="^ERR DB index is out of range"):
            client.call("SELECT", 16)
        number = client.call("CLIENT", "ID")
        assert number > 0
        assert client.call("CLIENT", "SETNAME", "me") == b"OK"
        assert client.call("CLIENT", "GETNAME") == b"me"
        assert client.call("CLIENT", "SETINFO", "lib-name", "test") == b"OK"
        assert f"id={number}".encode() in client.call("CLIENT", "LIST")
        assert client.call("READONLY") == b"OK"
        with pytest.raises(RespError, match="^ERR"):
            client.call("CLIENT", "MAINT_NOTIFICATIONS", "ON")
        assert client.call("CONFIG", "GET", "save")[0] == b"save"
        assert client.call("RESET") == b"RESET"
        assert client.call("QUIT") == b"OK"
        assert client.read_to_end() == b""


@NODES
@pytest.mark.parametrize("last, reply", [
    (b"QUIT\r\n", b"+OK\r\n"),
    (b"*1\r\n!4\r\n", b"-ERR Protocol error: expected '$', got '!'\r\n")], ids=["quit", "error"])
def test_connection__ends_with_all_replies_whatever_is_sent_behind(node, last, reply):
    with node.client() as client:
        client.send_raw(b"SET end 1\r\nGET end\r\n" + last + b"x" * (1 << 20))
        data = b""
        while part := client.socket.recv(1 << 16):  # A reset would be raised.
            data += part
        assert data == b"+OK\r\n$1\r\n1\r\n" + reply


@NODES
def test_connection__commands_describe_themselves(node):
    with node.client() as client:
        count = client.call("COMMAND", "COUNT")
        assert count > 40
        assert len(client.call("COMMAND")) == count
        (get,) = client.call("COMMAND", "INFO", "get")
        assert get[0] == b"get" and get[1] == 2 and get[3:6] == [1, 1, 1]
        assert b"readonly" in get[2]
        docs = client.call("COMMAND", "DOCS", "append")
        assert docs[0] == b"append" and b"summary" in docs[1]
        assert client.call("COMMAND", "INFO", "no-such-command") == [None]


def test_docs__name_every_command_in_the_readme(shared):
    part = (ROOT / "README.md").read_text().split("\n## Commands\n")[1].split("\n## ")[0]
    names = {name.decode().upper() for name in shared.nodes[0].call("COMMAND", "DOCS")[::2]}
    assert len(names) > 40
    assert not names - set(re.findall(r"[A-Z_]+", part))


def test_docs__name_every_error_code_that_the_server_has():
    texts = (ROOT / "src" / "resp" / "errors.h").read_text()
    codes = set(re.findall(r'#define ERROR_\w+ (?:\\\n +)?"([A-Z]+)\b', texts))
    table = (ROOT / "docs" / "OPERATIONS.md").read_text().split("## Errors that clients see")[1]
    assert {"CLUSTERDOWN", "INDOUBT", "MISCONF"} <= codes
    assert codes == set(re.findall(r"`-([A-Z]+)\b", table.split("\n## ")[0]))


def test_connection__docs_have_the_shape_that_clients_read(shared):
    """redis-cli 7.2 and later builds its hints from the tree of arguments."""
    def fields(flat):
        return dict(zip(flat[::2], flat[1::2]))

    def check(arguments):
        for argument in map(fields, arguments):
            kind = argument[b"type"]
            assert argument[b"name"]
            assert kind in (b"key", b"string", b"double", b"integer", b"pattern", b"pure-token",
                            b"oneof", b"block", b"unix-time")
            assert (kind in (b"oneof", b"block")) == (b"arguments" in argument)
            assert kind != b"pure-token" or argument[b"token"]
            check(argument.get(b"arguments", []))

    def by_name(flat):
        return {name: fields(text) for name, text in fields(flat).items()}

    with shared.nodes[0].client() as client:
        docs = by_name(client.call("COMMAND", "DOCS"))
        for text in docs.values():
            assert text[b"summary"] and text[b"since"] and text[b"group"]
            check(text.get(b"arguments", []))
            for member in by_name(text.get(b"subcommands", [])).values():
                check(member.get(b"arguments", []))
        key, value, choice, get, lifetime = map(fields, docs[b"set"][b"arguments"])
        assert key[b"type"] == b"key" and value[b"name"] == b"value"
        assert choice[b"type"] == b"oneof" and choice[b"flags"] == [b"optional"]
        assert [fields(a)[b"token"] for a in choice[b"arguments"]] == \
            [b"NX", b"XX", b"IFEQ", b"IFNE", b"IFDEQ", b"IFDNE"]
        assert get[b"token"] == b"GET" and get[b"flags"] == [b"optional"]
        assert lifetime[b"type"] == b"oneof" and lifetime[b"flags"] == [b"optional"]
        assert [fields(a)[b"token"] for a in lifetime[b"arguments"]] == [
            b"EX", b"PX", b"EXAT", b"PXAT", b"KEEPTTL"]
        pairs, = map(fields, docs[b"mset"][b"arguments"])
        assert pairs[b"type"] == b"block" and pairs[b"flags"] == [b"multiple"]
        assert [fields(a)[b"name"] for a in pairs[b"arguments"]] == [b"key", b"value"]
        match = fields(docs[b"scan"][b"arguments"][1])
        assert (match[b"token"], match[b"type"]) == (b"MATCH", b"pattern")
        assert b"raft|add" in by_name(docs[b"raft"][b"subcommands"])
        keys = fields(client.call("COMMAND", "INFO", "mset")[0][8][0])
        assert fields(fields(keys[b"find_keys"])[b"spec"]) == {b"lastkey": -1, b"keystep": 2,
                                                               b"limit": 0}
        assert b"client|id" in [info[0] for info in client.call("COMMAND", "INFO", "client")[0][9]]


@NODES
def test_connection__info_has_the_fields_that_clients_parse(node):
    info = node.redis().info()
    for field in ("redis_version", "redis_mode", "run_id", "role", "loading", "used_memory",
                  "connected_clients", "total_commands_processed", "tcp_port"):
        assert field in info, field
    assert info["tcp_port"] == node.port
    for section in ("server", "clients", "memory", "stats", "replication", "raft"):
        assert node.redis().info(section), section


@NODES
def test_resp3__hello_switches_and_replies_take_its_shapes(node):
    with node.client() as client:
        hello = client.call("HELLO", 3)
        assert isinstance(hello, dict) and hello[b"proto"] == 3
        assert {b"server", b"version", b"id", b"mode", b"role", b"modules"} <= set(hello)
        assert client.call("GET", "nope") is None
        client.send("GET", "nope")
        assert client.socket.recv(100) == b"_\r\n"
        assert isinstance(client.call("COMMAND", "DOCS", "get"), dict)
        assert isinstance(client.call("RAFT", "STATUS"), dict)
        assert client.call("HELLO", 2)[0] == b"server"
        client.send("GET", "nope")
        assert client.socket.recv(100) == b"$-1\r\n"
        with pytest.raises(RespError, match="^NOPROTO"):
            client.call("HELLO", 4)
        assert client.call("PING") == b"PONG"


@NODES
def test_errors__are_worded_as_redis_words_them(node):
    with node.client() as client:
        for arguments, error in [
                (["NOSUCH", "a", "b"],
                 "ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' "),
                (["GET"], "ERR wrong number of arguments for 'get' command"),
                (["SET", "k"], "ERR wrong number of arguments for 'set' command"),
                (["SET", "k", "v", "NONSENSE"], "ERR syntax error"),
                (["SET", "k", "v", "NX", "XX"], "ERR syntax error"),
                (["MSET", "a", "1", "b"], "ERR wrong number of arguments for 'mset' command"),
                (["INCRBY", "k", "x"], "ERR value is not an integer or out of range"),
                (["SCAN", "x"], "ERR invalid cursor"),
                (["SETRANGE", "k", "-1", "x"], "ERR offset is out of range"),
                (["EXEC"], "ERR EXEC without MULTI"),
                (["DISCARD"], "ERR DISCARD without MULTI"),
        ]:
            with pytest.raises(RespError) as raised:
                client.call(*arguments)
            assert str(raised.value).strip() == error.strip()
        assert client.call("PING") == b"PONG"


@NODES
def test_inline__commands_of_a_person_with_a_terminal(node):
    with node.client() as client:
        client.send_raw(b"SET greeting \"hello world\"\r\nget greeting\n\r\n\r\nPING\r\n")
        assert client.read() == b"OK"
        assert client.read() == b"hello world"
        assert client.read() == b"PONG"


@NODES
def test_redis_cli__works_in_both_protocols(node):
    def cli(*arguments):
        done = subprocess.run(["redis-cli", "-h", HOST, "-p", str(node.port), *arguments],
                              capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.strip()
    assert cli("set", "k", "v") == "OK"
    assert cli("get", "k") == "v"
    assert cli("-3", "get", "k") == "v"
    assert cli("incr", "n") == "1"
    assert sorted(cli("--scan").split()) == ["k", "n"]
    assert "redis_version" in cli("info", "server")
    done = subprocess.run(["redis-cli", "-h", HOST, "-p", str(node.port)],
                          input="MULTI\nSET k w\nINCR n\nEXEC\nGET k\nGET n\n",
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.split() == ["OK", "QUEUED", "QUEUED", "OK", "2", "w", "2"]


@NODES
def test_redis_benchmark__runs_its_usual_tests(node):
    done = subprocess.run(
        ["redis-benchmark", "-h", HOST, "-p", str(node.port), "-n", "2000", "-c", "20", "-q",
         "-t", "ping_inline,ping_mbulk,set,get,incr,mset"],
        capture_output=True, text=True, timeout=120, check=True)
    for name in ("PING_INLINE", "SET", "GET", "INCR", "MSET"):
        assert name in done.stdout
    assert "rror" not in done.stdout.replace("ERROR: failed to fetch CONFIG", "")
    done = subprocess.run(
        ["redis-benchmark", "-h", HOST, "-p", str(node.port), "-n", "20000", "-c", "50", "-P", "16",
         "-q", "-t", "set,get"], capture_output=True, text=True, timeout=120, check=True)
    assert "requests per second" in done.stdout


def test_cluster__all_nodes_hold_the_same_in_the_end(shared):
    for i in range(200):
        shared.nodes[i % 3].call("SET", f"k{i}", i)
    shared.await_equal()
    counts = [node.call("DBSIZE") for node in shared.nodes]
    assert counts == [200, 200, 200]
    await_true(lambda: len({node.status()["applied_index"] for node in shared.nodes}) == 1,
               "all nodes have applied the same")
