"""Many commands at once, on one connection or on many, while leaders change or nodes are
overloaded: each is answered once, in order, and afterwards everything works as before."""

import threading
import time

import pytest

from harness import await_true
from respclient import RespError

NOT_EXECUTED = ("CLUSTERDOWN", "TRYAGAIN")


# --- across a change of leader ------------------------------------------------------


def kill(three, leader):
    leader.kill()
    return leader.start


def freeze(three, leader):
    leader.freeze()

    def thaw():
        others = [node for node in three.nodes if node is not leader]
        assert three.leader(others) is not leader
        leader.thaw()
    return thaw


def hand_over(three, leader):
    def is_handed_over():
        if leader.status()["role"] == "leader":
            leader.call("RAFT", "TRANSFER")
        return leader.status()["role"] != "leader"
    await_true(is_handed_over, "another node leads")
    return lambda: None


def send_in_background(client, data):
    sender = threading.Thread(target=client.send_raw, args=(data,), daemon=True)
    sender.start()
    return sender


@pytest.mark.parametrize("disturb", [kill, freeze, hand_over])
def test_pipeline__of_10_000_writes_outlives_its_leader(three, disturb):
    """Sent to a follower at once. Each write is followed by an ECHO, so that a missing, duplicate
    or misplaced reply shows at once."""
    count = 10000
    leader, asked = three.leader(), three.followers()[0]
    term = leader.status()["term"]
    outcomes = []
    with asked.client(timeout=60) as client:
        sender = send_in_background(client, b"".join(
            client.pack("APPEND", "list", f"{i},") + client.pack("ECHO", i)
            for i in range(count)))
        mend = None
        for i in range(count):
            outcomes.append(client.read())
            assert client.read() == b"%d" % i
            if i == count // 10:
                mend = disturb(three, leader)
        sender.join()
        assert client.call("ECHO", "the end") == b"the end"
    mend()
    assert three.leader().status()["term"] > term
    check_outcomes(outcomes, three)
    last_refused = max((i for i, o in enumerate(outcomes) if isinstance(o, RespError)), default=0)
    assert last_refused < count - 1, "nothing was executed after the change"


def check_outcomes(outcomes, three):
    """The list contains what the client was answered."""
    three.await_equal()
    values = {node.call("GET", "list") for node in three.nodes}
    assert len(values) == 1, "the nodes differ"
    numbers = [int(part) for part in values.pop().split(b",") if part]
    assert numbers == sorted(set(numbers)), "executed out of order, or twice"
    lengths, length = {}, 0
    for number in numbers:
        length += len(str(number)) + 1
        lengths[number] = length
    for i, outcome in enumerate(outcomes):
        if not isinstance(outcome, RespError):
            assert lengths.get(i) == outcome, f"{i} was answered {outcome}, not {lengths.get(i)}"
        elif outcome.code in NOT_EXECUTED:
            assert i not in lengths, f"{i} was refused for certain, and is there"
        else:
            assert outcome.code == "INDOUBT", outcome


# --- to a target that does not answer -----------------------------------------------


def test_transfer__to_a_frozen_node_delays_writes_by_little(three):
    """Writes wait until the leader gives up, and then continue there; none ends in doubt. (The
    target may campaign once when it resumes, because it then reads the request to do so.)"""
    leader = three.leader()
    target, other = three.followers()
    term = leader.status()["term"]
    target.freeze()
    try:
        with leader.client() as admin, other.client() as client:
            admin.send("RAFT", "TRANSFER", target.address)
            await_true(lambda: client.call("SET", "k", "v") == b"OK", "it takes writes")
            replies = [client.call("INCR", "n") for _ in range(100)]
            assert replies == list(range(1, 101))
        assert leader.status()["role"] == "leader"
        assert leader.status()["term"] == term
    finally:
        target.thaw()
    three.await_equal()
    await_true(lambda: other.call("SET", "k", "w") == b"OK", "it takes writes")
    assert other.call("GET", "n") == b"100"


# --- swamped ------------------------------------------------------------------------


def test_pipeline__of_a_million_commands_is_answered_in_order(shared):
    count = 1000000
    node = shared.followers()[0]
    with node.client(timeout=120) as client:
        sender = send_in_background(client, client.pack("INCR", "n") * count)
        expected = memoryview(b"".join(b":%d\r\n" % i for i in range(1, count + 1)))
        place = 0
        while place < len(expected):
            part = client.socket.recv(1 << 20)
            assert part, "the connection ended"
            assert part == expected[place:place + len(part)]
            place += len(part)
        sender.join()
    assert shared.leader().call("GET", "n") == b"%d" % count


def test_overload__is_answered_in_full_and_leaves_nothing_behind(shared):
    """Sixty clients at all nodes send 2 000 commands each at once, far more than can be under way.
    All are answered, and afterwards a command takes as long as before."""
    count = 2000

    def slowest_of_20():
        times = []
        for _ in range(20):
            start = time.monotonic()
            assert shared.leader().call("SET", "probe", "v") == b"OK"
            times.append(time.monotonic() - start)
        return sorted(times)[-2]

    before = slowest_of_20()
    clients = [shared.nodes[i % 3].client(timeout=120) for i in range(60)]
    try:
        senders = [send_in_background(client, b"".join(
            client.pack("SET", f"k{number}", i) + client.pack("GET", f"k{number}")
            for i in range(count // 2))) for number, client in enumerate(clients)]
        for client in clients:
            for i in range(count // 2):
                written, read = client.read(), client.read()
                if written == b"OK":
                    assert read == b"%d" % i or isinstance(read, RespError), read
                else:
                    assert written.code in ("INDOUBT", *NOT_EXECUTED), written
        for sender in senders:
            sender.join()
    finally:
        for client in clients:
            client.close()
    await_true(lambda: slowest_of_20() < 5 * before + 0.2, "commands take as long as before")
    shared.await_equal()
