"""Random commands to Rakit and to redis-server: the replies are the same, byte for byte, in both
protocols. Commands with documented differences are not used."""

import random
import re

import pytest

import harness
from respclient import RespError

KEYS = [b"a", b"b", b"c", b"d:1", b"d:2", b"\x00\xff", b""]
HASHES = [b"h", b"hash"]  # Of two faults, some commands name another one than Redis: see LCS.
VALUES = [b"", b"1", b"-7", b"x", b"hello world", b"\r\n", b"\x00\x01", b"9223372036854775807",
          b"-9223372036854775808", b"3.5", b" 1", b"01", b"x" * 200, b"+5", b"1e3"]
NUMBERS = [b"0", b"1", b"-1", b"2", b"-3", b"7", b"100", b"9223372036854775807",
           b"-9223372036854775808", b"9223372036854775808", b"x", b"", b" 2", b"1.5"]
WRONG_TIMES = [b"-1", b"0", b"x", b"", b"-9223372036854775808", b"9223372036854775808"]
SOON = [b"10000000"] * 4 + WRONG_TIMES  # From now on, as seconds and as milliseconds.
SECONDS = [b"4102444800", b"4102444801"] * 2 + WRONG_TIMES + [b"9223372036854775807"]
MILLISECONDS = [b"4102444800000", b"4102444801000"] * 2 + WRONG_TIMES
CONDITIONS = [[]] * 3 + [[b"NX"], [b"xx"], [b"WHAT"]]
ORDER_CONDITIONS = CONDITIONS + [[b"GT"], [b"lt"], [b"NX", b"GT"], [b"GT", b"LT"], [b"XX", b"LT"]]
DATABASES = [b"0", b"0", b"1", b"2", b"15", b"16", b"-1", b"x", b"", b"2147483648",
             b"9223372036854775808"]
PATTERNS = [b"*", b"?", b"d:*", b"[ab]", b"[^a]", b"[a-c]", b"\\*", b"", b"a*b", b"d:[0-9]", b"["]


def leaves_of(docs):
    """Names and types of all arguments in COMMAND DOCS that have none below them."""
    fields = harness.as_map(docs)
    for argument in fields.get("arguments", []):
        below = harness.as_map(argument)
        if "arguments" in below:
            yield from leaves_of(argument)
        else:
            yield below["name"], below["type"]


def test_docs__have_the_types_that_redis_has(redis_node, shared):
    ours, theirs = (dict(zip(docs[::2], docs[1::2])) for docs in (
        node.call("COMMAND", "DOCS") for node in (shared.nodes[0], redis_node)))
    compared, wrong = 0, []
    for name in set(ours) & set(theirs):
        types = list(leaves_of(theirs[name]))  # A name may be there twice.
        for argument, kind in leaves_of(ours[name]):
            known = [theirs for other, theirs in types if other == argument]
            compared += len(known) > 0
            if known and kind not in known:
                wrong.append((name, argument, kind, known))
    assert compared > 40
    assert not wrong


def random_case(chance, word):
    return b"".join(chance.choice([bytes([c]), bytes([c]).swapcase()]) for c in word)


def random_command(chance):
    """A command of the supported set, usually valid, sometimes wrong."""
    key, value = chance.choice(KEYS), chance.choice(VALUES)
    held = chance.choice(HASHES)
    keys = [chance.choice(KEYS) for _ in range(chance.randrange(1, 4))]
    number, other = chance.choice(NUMBERS), chance.choice(NUMBERS)
    databases = chance.choice(DATABASES), chance.choice(DATABASES)
    # A huge offset in SETRANGE would only make huge values.
    offset = chance.choice([b"0", b"1", b"5", b"300", b"-1", b"x", b"536870912",
                            b"9223372036854775807"])
    bit_offset = chance.choice([b"0", b"1", b"7", b"8", b"2400", b"-1", b"x", b"4294967296",
                                b"9223372036854775807"])
    bit = chance.choice([b"0", b"1", b"1", b"2", b"-1", b"x", b""])
    options = [chance.choice([b"NX", b"XX", b"GET", b"nx", b"get"])
               for _ in range(chance.choice([0, 0, 0, 1, 1, 2, 3]))]
    soon, seconds = chance.choice(SOON), chance.choice(SECONDS)
    milliseconds, condition = chance.choice(MILLISECONDS), chance.choice(CONDITIONS)
    order = chance.choice(ORDER_CONDITIONS)
    lifetime = chance.choice([[b"EX", soon], [b"PX", soon], [b"EXAT", seconds], [b"KEEPTTL"],
                              [b"PXAT", milliseconds], [b"PERSIST"], [b"EX"]])
    command = chance.choice([
        [b"EXPIRE", key, soon, *condition], [b"EXPIREAT", key, seconds, *order],
        [b"PEXPIREAT", key, milliseconds, *order], [b"PEXPIRE", key, soon, *condition],
        [b"PERSIST", key], [b"EXPIRETIME", key], [b"PEXPIRETIME", key],
        [b"SET", key, value, *lifetime, *options], [b"GETEX", key, *lifetime],
        [b"GETEX", key, b"PXAT", b"1"],
        [b"SETEX", key, soon, value], [b"PSETEX", key, soon, value],
        [b"GET", key], [b"SET", key, value, *options], [b"SET", key, value, b"NONSENSE"],
        [b"SET", key, number], [b"SETNX", key, value], [b"GETSET", key, value], [b"GETDEL", key],
        [b"MGET", *keys], [b"MSET", *[part for k in keys for part in (k, value)]],
        [b"MSET", *keys], [b"STRLEN", key], [b"APPEND", key, value],
        [b"GETRANGE", key, number, other],
        [b"SETRANGE", key, offset, value], [b"GETBIT", key, bit_offset],
        [b"GETBIT", key, b"4294967295"], [b"SETBIT", key, bit_offset, bit],
        [b"INCR", key], [b"DECR", key],
        [b"INCRBY", key, number], [b"DECRBY", key, number], [b"DEL", *keys], [b"UNLINK", *keys],
        [b"EXISTS", *keys], [b"TYPE", key], [b"DBSIZE"], [b"KEYS", chance.choice(PATTERNS)],
        [b"ECHO", value], [b"PING"], [b"PING", value], [b"PING", value, value],
        [b"SELECT", databases[0]], [b"SELECT", databases[1]], [b"MOVE", key, databases[0]],
        [b"MOVE", key, databases[1]], [b"SWAPDB", *databases],
        [b"FLUSHALL"] if chance.random() < 0.05 else [b"DBSIZE"],
        [b"FLUSHDB"] if chance.random() < 0.2 else [b"FLUSHDB", b"NONSENSE"],
        [b"RENAME", key, keys[0]], [b"RENAMENX", key, keys[0]], [b"COPY", key, keys[0]],
        [b"COPY", key, keys[0], b"REPLACE"], [b"COPY", key, keys[0], b"DB", databases[0]],
        [b"LCS", key, keys[0], *chance.choice([[], [b"LEN"], [b"IDX"], [b"IDX", b"WITHMATCHLEN"],
                                               [b"IDX", b"MINMATCHLEN", number]])],
        [b"SORT", key, *chance.choice([[], [b"ALPHA"], [b"LIMIT", number, other], [b"STORE"],
                                       [b"BY", b"x", b"STORE", keys[0]]])],
        [b"SORT_RO", key, b"DESC"], [b"OBJECT", b"REFCOUNT", b"no such key"],
        [b"INCRBYFLOAT", key, chance.choice([*NUMBERS, *VALUES])],
        [b"DUMP", b"no such key"],
        [b"RESTORE", key, chance.choice([b"0", b"0", b"-1", b"x"]),
         b"\x00\xc0\x01\x0a\x00\x26\x78\xe7\xb6\xd1\x01\x11\xfc",
         *chance.choice([[], [b"REPLACE"], [b"IDLETIME", number], [b"FREQ", other]])],
        [b"RESTORE", key, b"0", value],
        [b"NOSUCH", key, value], [key or b"x", value],
        [b"HSET", held, *[part for k in keys for part in (k, value)]], [b"HSET", held, *keys],
        [b"HSET", held, keys[0], number], [b"HSETNX", held, keys[0], value],
        [b"HGET", held, keys[0]],
        [b"HMGET", held, *keys], [b"HDEL", held, *keys], [b"HGETALL", held], [b"HKEYS", held],
        [b"HVALS", held], [b"HLEN", held], [b"HEXISTS", held, keys[0]], [b"HSTRLEN", held, keys[0]],
        [b"HINCRBY", held, keys[0], number], [b"HSCAN", held, b"0", b"COUNT", other],
        [b"HRANDFIELD", held, number, b"NONSENSE"], [b"HINCRBYFLOAT", held, keys[0], number],
        [b"GET", held], [b"STRLEN", held], [b"APPEND", held, value], [b"TYPE", held],
        [b"DEL", held],
        [b"SCAN", b"x"],
        [b"SCAN", b"0", b"COUNT", chance.choice([b"0", b"-1", b"x"])],
        [b"SCAN", b"0", b"NONSENSE", b"1"],
        [b"CLIENT", b"GETNAME"], [b"CLIENT", b"SETNAME", chance.choice([b"me", b"a b", b""])],
    ])
    if chance.random() < 0.03:
        command = command[:-1] or command
    if chance.random() < 0.03:
        command = [*command, value]
    return [random_case(chance, command[0]), *command[1:]]


def comparable(command, reply):
    if isinstance(reply, RespError):
        return f"-{reply}"
    if command[0].upper() == b"KEYS" and isinstance(reply, list):
        return sorted(reply)
    if command[0].upper() in (b"EXPIRETIME", b"PEXPIRETIME") and reply > 0:
        return "some time"  # Clocks differ.
    if command[0].upper() in (b"HGETALL", b"HKEYS", b"HVALS") and isinstance(reply, list):
        return sorted(reply)
    if command[0].upper() == b"HSCAN" and isinstance(reply, list):
        return "some fields"
    if command[0].upper() == b"SCAN":
        return "some keys"  # In any order; SCAN is tested below.
    return reply


@pytest.mark.parametrize("protocol", [2, 3], ids=["resp2", "resp3"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_differential__random_commands_get_the_same_replies(shared, redis_node, protocol, seed):
    chance = random.Random(f"{seed}.{protocol}")
    node = shared.nodes[seed % 3]
    redis_node.call("FLUSHALL")
    history = []
    with node.client() as ours, redis_node.client() as theirs:
        ours.call("HELLO", protocol)
        theirs.call("HELLO", protocol)
        for _ in range(40):
            batch = [random_command(chance) for _ in range(100)]
            for client in (ours, theirs):
                client.send_raw(b"".join(client.pack(*command) for command in batch))
            for command in batch:
                history = [*history[-8:], command]
                mine = comparable(command, ours.read())
                redis_says = comparable(command, theirs.read())
                assert mine == redis_says, f"{command}: after {history[:-1]}"
        shared.await_equal()
        shown = [re.sub(rb"avg_ttl=\d+", b"", client.call("INFO", "keyspace"))
                 for client in (ours, theirs)]
        assert shown[0].split() == shown[1].split()
        for database in range(16):
            ours.call("SELECT", database)
            theirs.call("SELECT", database)
            keys = theirs.call("KEYS", "*")
            assert sorted(ours.call("KEYS", "*")) == sorted(keys)
            for key in keys:
                for command in ("GET", "HGETALL"):
                    ours.send_raw(ours.pack(command, key))
                    theirs.send_raw(theirs.pack(command, key))
                    assert (comparable([command.encode()], ours.read()) ==
                            comparable([command.encode()], theirs.read()))


def test_differential__scan_gives_the_same_set(shared, redis_node):
    redis_node.call("FLUSHALL")
    pairs = [part for i in range(3000) for part in (f"key:{i * 7919 % 3001}", "v")]
    seen = []
    for node in (shared.nodes[0], redis_node):
        node.call("MSET", *pairs)
        with node.client() as client:
            cursor, keys = b"0", set()
            while True:
                cursor, part = client.call("SCAN", cursor, "MATCH", "key:*1*", "COUNT", "100")
                keys.update(part)
                if cursor == b"0":
                    break
            seen.append(keys)
    assert seen[0] == seen[1]
