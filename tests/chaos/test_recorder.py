"""The recorder and rakit-lincheck together, on redis-server: one process that executes commands one
by one is linearizable. Also, the checker's model agrees with Redis."""

import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import threading

import pytest
import redis

from harness import await_true, die_with_parent, free_port
from recorder import (Connection, Error, NotSent, Recorder, RecordingClient, RedisConnection,
                      Status, quoted, reply_text, word)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("RAKIT_BUILD", ROOT / "build"))
LINCHECK = str(BUILD / "rakit-lincheck")
REDIS = shutil.which("redis-server")

needs_lincheck = pytest.mark.skipif(not os.access(LINCHECK, os.X_OK),
                                    reason=f"{LINCHECK} was not built")
needs_redis = pytest.mark.skipif(REDIS is None, reason="redis-server is not installed")


def lincheck(*arguments):
    return subprocess.run([LINCHECK, *map(str, arguments)], capture_output=True, text=True,
                          timeout=60, check=False)


# --- the format -----------------------------------------------------------------------


def test_words_are_quoted_if_necessary():
    assert word("k:1") == "k:1"
    assert word(7) == "7"
    assert word("") == '""'
    assert word("->") == '"->"'
    assert word("#x") == '"#x"'
    assert word("a b") == '"a b"'
    assert quoted(b'\x00"\\\n\r\t\xff') == '"\\x00\\"\\\\\\n\\r\\t\\xff"'


def test_replies_say_their_kind():
    assert reply_text(Status(b"OK")) == "+OK"
    assert reply_text(b"OK") == '"OK"'
    assert reply_text(None) == "nil"
    assert reply_text(-3) == ":-3"
    assert reply_text(Error(b"ERR no number")) == '-"ERR no number"'
    assert reply_text([b"1", None, b""]) == '[ "1" nil "" ]'


# --- the three outcomes ---------------------------------------------------------------


class Script:
    """A connection that gives prepared answers."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.closed = 0

    def call(self, *_):
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def close(self):
        self.closed += 1


def record(tmp_path, outcomes):
    script = Script(*outcomes)
    times = iter(range(0, 1000, 10))
    with Recorder(tmp_path / "h.txt", clock=lambda: next(times)) as recorder:
        client = RecordingClient(recorder, "c", lambda: script)
        results = [client.ask("SET", "x", i)[0] for i in range(len(outcomes))]
    return results, (tmp_path / "h.txt").read_text().splitlines()[1:], script


def test_unknown_outcomes_stay_open_and_retire_the_client(tmp_path):
    results, lines, script = record(
        tmp_path, [Status(b"OK"), socket.timeout(), Status(b"OK"), Error(b"INDOUBT lost leader"),
                   Error(b"CLUSTERDOWN no leader"), NotSent(), Error(b"ERR no")])
    assert results == ["answered", "unknown", "answered", "unknown", "refused", "refused",
                       "answered"]
    assert lines == ["c.1 0 10 SET x 0 -> +OK", "c.1 20 ? SET x 1", "c.2 30 40 SET x 2 -> +OK",
                     "c.2 50 ? SET x 3", 'c.3 80 90 SET x 6 -> -"ERR no"']
    assert script.closed == 3


def test_what_is_under_way_at_the_end_is_open(tmp_path):
    recorder = Recorder(tmp_path / "h.txt", clock=lambda: 5)
    operation = recorder.begin("c", ["SET", "x", "1"])
    recorder.close()
    operation.returned(Status(b"OK"))
    assert (tmp_path / "h.txt").read_text() == "rakit-history 1\nc 5 ? SET x 1\n"


# --- against redis-server -------------------------------------------------------------


@pytest.fixture(name="server", scope="module")
def redis_server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("redis")
    port = free_port()
    process = subprocess.Popen(  # pylint: disable=consider-using-with
        [REDIS, "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(directory)],
        stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
    try:
        await_true(redis.Redis(port=port).ping, "redis-server is up")
        yield port
    finally:
        process.kill()
        process.wait()


def random_command(chance, number):
    """Each modelled command, on few keys; with values that are numbers, and others."""
    key, other = chance.sample(["a", "b", "c", "d"], 2)
    value = chance.choice([number, number, f"v{number}", "", "007", 2**63 - 2, -2**63 + 1,
                           b"\x00\xff\r\n"])
    small = chance.randrange(-6, 6)
    bit_offset = chance.choice([0, 1, 7, 8, 30, 100, -1, "x", 2**32])
    bit = chance.choice([0, 1, 1, 2, "x"])
    return chance.choice([
        ("GET", key), ("GET", key), ("GET", key), ("SET", key, value), ("SET", key, value),
        ("SET", key, value, "NX"), ("SET", key, value, "XX"), ("SET", key, value, "GET"),
        ("SET", key, value, "XX", "GET"), ("SET", key, value, "nx", "get"),
        ("SETNX", key, value), ("GETSET", key, value), ("GETDEL", key), ("STRLEN", key),
        ("TYPE", key), ("APPEND", key, value), ("APPEND", key, ""),
        ("SETRANGE", key, small, value), ("SETRANGE", key, "x", value),
        ("GETRANGE", key, small, chance.randrange(-6, 6)), ("GETRANGE", key, 0, -1),
        ("SUBSTR", key, small, 100), ("GETRANGE", key, "", 1), ("GETBIT", key, bit_offset),
        ("GETBIT", key, 2**32 - 1), ("SETBIT", key, bit_offset, bit), ("INCR", key), ("DECR", key),
        ("INCRBY", key, small), ("DECRBY", key, small), ("INCRBY", key, value),
        ("DECRBY", key, -2**63), ("DEL", key), ("DEL", key, other, key), ("UNLINK", key),
        ("EXISTS", key), ("EXISTS", key, other, key), ("TOUCH", key, other),
        ("MGET", key, other, key), ("MSET", key, value, other, number),
        ("MSETNX", key, value, other, number)])


@needs_lincheck
@needs_redis
def test_the_model_answers_what_redis_answers(server, tmp_path):
    """One client, so there is only one order: each reply is the model's."""
    redis.Redis(port=server).flushall()
    chance = random.Random(1)
    with Recorder(tmp_path / "h.txt") as recorder:
        client = RecordingClient(recorder, "c", lambda: Connection("127.0.0.1", server))
        for number in range(20000):
            assert client.ask(*random_command(chance, number))[0] == "answered"
        client.close()
    result = lincheck(tmp_path / "h.txt")
    assert result.returncode == 0, result.stdout + result.stderr


@needs_lincheck
@needs_redis
@pytest.mark.parametrize("connect", [
    lambda port: Connection("127.0.0.1", port),
    lambda port: RedisConnection(redis.Connection(port=port, socket_timeout=10))],
    ids=["socket", "redis-py"])
def test_clients_of_redis_see_a_linearizable_history(server, tmp_path, connect):
    redis.Redis(port=server).flushall()
    with Recorder(tmp_path / "h.txt") as recorder:
        def work(name):
            chance = random.Random(name)
            client = RecordingClient(recorder, f"c{name}", lambda: connect(server))
            for number in range(300):
                client.call(*random_command(chance, f"{name}{number:04}"))
            client.close()

        threads = [threading.Thread(target=work, args=(name,)) for name in range(1, 7)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert recorder.counts == {"answered": 1800, "open": 0, "dropped": 0}
    result = lincheck(tmp_path / "h.txt")
    assert result.returncode == 0, result.stdout + result.stderr


@needs_lincheck
@needs_redis
def test_a_lost_write_in_a_recorded_history_is_found(server, tmp_path):
    """Removes a write whose value was read, as if it had been lost from the record."""
    redis.Redis(port=server).flushall()
    with Recorder(tmp_path / "h.txt") as recorder:
        client = RecordingClient(recorder, "c", lambda: Connection("127.0.0.1", server))
        for number in range(50):
            client.call("SET", "x", number)
            client.call("GET", "x")
        client.close()
    text = (tmp_path / "h.txt").read_text()
    (tmp_path / "bad.txt").write_text(re.sub(r".* SET x 20 .*\n", "", text))
    assert lincheck(tmp_path / "h.txt").returncode == 0
    result = lincheck(tmp_path / "bad.txt")
    assert result.returncode == 1
    assert '    GET x -> "20"\n' in result.stdout
    assert '    "19"\n' in result.stdout


# --- the program ----------------------------------------------------------------------


@needs_lincheck
def test_exit_codes(tmp_path):
    good = tmp_path / "good.txt"
    bad = tmp_path / "bad.txt"
    broken = tmp_path / "broken.txt"
    hard = tmp_path / "hard.txt"
    good.write_text("rakit-history 1\nc 0 1 SET x 1 -> +OK\n")
    bad.write_text("rakit-history 1\nc 2 3 GET x -> nil\n")
    broken.write_text("rakit-history 1\nc 2 3 GET x")
    hard.write_text("rakit-history 1\n" + "".join(
        f"c{i} 0 9 SETRANGE x {i} v -> :60\n" for i in range(50))
        + "c 0 1 SETRANGE x 59 v -> :60\nc 10 11 STRLEN x -> :61\n")
    assert lincheck(good).returncode == 0
    assert lincheck(bad).returncode == 0
    assert lincheck(good, bad).returncode == 1
    assert lincheck("--each", good, bad).returncode == 0
    assert lincheck(broken).returncode == 2
    assert lincheck(tmp_path / "none.txt").returncode == 2
    assert lincheck().returncode == 2
    assert lincheck("--what").returncode == 2
    assert lincheck("--timeout", "soon", good).returncode == 2
    assert lincheck("--memory-limit", "1X", good).returncode == 2
    assert lincheck("--timeout", "0.2", hard).returncode == 3
    assert lincheck("--memory-limit", "4M", hard).returncode == 3
    assert "out of memory" in lincheck("--memory-limit", "4M", hard).stdout
    assert lincheck("--help").stdout.startswith("Usage: rakit-lincheck")
    assert lincheck("--version").stdout.startswith("rakit-lincheck ")
