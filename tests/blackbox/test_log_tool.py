"""rakit-log on the directories of real nodes: whole, damaged in several ways, and in use."""

import json
import os
import shutil
import subprocess
import threading

import pytest

from harness import BUILD, await_true

LOG_TOOL = str(BUILD / "rakit-log")
FIRST_SEGMENT = "log-0000000000000001.seg"
SECTOR = 512


def look(path, *options):
    """(exit status, standard output, standard error)."""
    done = subprocess.run([LOG_TOOL, *options, str(path)], capture_output=True, text=True,
                          timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def objects(path, *options):
    status, output, _ = look(path, "--json", *options)
    return status, [json.loads(line) for line in output.splitlines()]


def snapshot(path):
    """All files with their bytes and times."""
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.iterdir()}


def overwrite(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


@pytest.fixture
def data(cluster):
    """The directory of a node that was a member of a cluster of two and has ended."""
    first = cluster.start(2).nodes[0]
    for i in range(10):
        assert first.call("SET", f"key:{i}", f"value {i}") == b"OK"
    assert first.call("SET", b"\x00\xff", "binary") == b"OK"
    for node in reversed(cluster.nodes):
        assert node.stop() == 0
    return first.data


def entry_of_key(path, key):
    """The log entry of the command that set it."""
    _, lines = objects(path)
    return next(line for line in lines if line["type"] == "entry" and line["kind"] == "command"
                and line.get("arguments", [None, None])[1] == key)


def test_log_tool__explains_a_log_and_changes_nothing(data, cluster):
    before = snapshot(data)
    status, text, complaint = look(data)
    assert (status, complaint) == (0, "")
    assert "verdict   good: a node would start here" in text
    assert f"adds 127.0.0.1:{cluster.nodes[1].port} as a learner" in text
    assert f"promotes 127.0.0.1:{cluster.nodes[1].port} to voter, a joint state begins" in text
    assert 'command SET key:3 "value 3"' in text
    assert 'SET "\\x00\\xff" binary' in text
    assert "\x1b" not in text
    status, lines = objects(data)
    assert status == 0
    entries = [line for line in lines if line["type"] == "entry" and line["state"] == "live"]
    assert [e["index"] for e in entries] == list(range(1, len(entries) + 1))
    assert [e["time_us"] for e in entries] == sorted(e["time_us"] for e in entries)
    assert ["SET", "key:3", "value 3"] in [e.get("arguments") for e in entries]
    assert ["SET", {"hex": "00ff"}, "binary"] in [e.get("arguments") for e in entries]
    assert lines[0]["type"] == "directory"
    assert not lines[0]["is_in_use"]
    assert snapshot(data) == before


def test_log_tool__shows_parts_of_a_log(data):
    wanted = entry_of_key(data, "key:5")
    index = wanted["index"]
    _, text, _ = look(data, "--entry", str(index))
    assert "argument 1  key:5\n" in text
    assert f"byte {wanted['offset']}, " in text
    _, text, _ = look(data, "--from", str(index), "--to", str(index + 1))
    assert "key:5" in text and "key:6" in text and "key:4" not in text and "key:7" not in text
    _, text, _ = look(data, "--key", "key:[78]")
    assert "key:7" in text and "key:8" in text and "key:6" not in text


@pytest.mark.parametrize("damage, verdict, words", [
    ("record", "later-batch", "cannot be read"),
    ("vote", "vote-copy-lost", "a node would start here and mend it"),
    ("votes", "votes-lost", "cannot know whom it voted for"),
    ("segment", "segment-end-missing", "segment 1 of the log (log-0000000000000001.seg)"),
    ("head", "segment-head-damaged", "the first sector of log-0000000000000001.seg"),
    ("short", "segment-short", "is cut short"),
    ("origin", "origin-damaged", "nobody knows where the log begins"),
    ("identity", None, "identity file is missing"),
    ("key", None, "belongs to another cluster"),
    ("mode", None, "give it mode 600"),
])
def test_log_tool__explains_damage_as_the_server_does(data, cluster, damage, verdict, words):
    if damage == "record":
        overwrite(data / FIRST_SEGMENT, entry_of_key(data, "key:5")["offset"] + 44, b"\xee\xee")
    elif damage in ("vote", "votes"):
        for name in ["vote-a", "vote-b"][:1 if damage == "vote" else 2]:
            overwrite(data / name, 40, b"\xee\xee")
    elif damage == "segment":
        for file in data.glob("log-*.seg"):
            file.unlink()
    elif damage == "head":
        overwrite(data / FIRST_SEGMENT, 40, b"\xee\xee")
    elif damage == "short":
        os.truncate(data / FIRST_SEGMENT, 100 * SECTOR)
    elif damage == "origin":
        (data / "origin").write_bytes(b"x" * SECTOR)
    elif damage == "identity":
        (data / "identity").unlink()
    elif damage == "key":
        other = cluster.node().start().await_up()
        assert other.stop() == 0
        shutil.copy(other.data / "cluster-key", data / "cluster-key")
    else:
        (data / "cluster-key").chmod(0o644)
    before = snapshot(data)
    for options in ((), ("--verify",)):
        status, text, _ = look(data, *options)
        assert status == 1, text
        assert words in text
        assert verdict is None or f"({verdict})" in text
    is_repaired = damage in ("record", "segment", "head", "short", "origin")
    status, lines = objects(data)
    assert status == 1
    assert [line["verdict"] for line in lines if line["type"] == "verdict"] == [
        "mended" if damage == "vote" else "repaired" if is_repaired else "refused"]
    assert snapshot(data) == before
    # The server reports the same.
    node = cluster.nodes[0]
    node.start()
    if damage == "vote":
        await_true(lambda: "a copy of the vote was damaged" in node.log(), "the copy is mended")
    elif is_repaired:
        await_true(lambda: f"case={verdict}" in node.log(), "it starts with what is left")
    else:
        assert node.await_end() != 0
        assert words in node.log()


def test_log_tool__verifies_snapshots_as_a_start_does(cluster):
    node = cluster.start(1).nodes[0]
    for i in range(100):
        node.call("SET", f"key:{i}", "x" * 1000)
    node.call("RAFT", "SNAPSHOT")
    node.call("SET", "after", "1")
    assert node.stop() == 0
    status, text, _ = look(node.data)
    assert status == 0
    assert "(snapshot-good)" in text
    assert ", all of it good" in text
    found = next(line for line in objects(node.data)[1] if line["type"] == "snapshot")
    assert "items" in [section["name"] for section in found["sections"]]
    overwrite(node.data / found["file"], found["file_bytes"] // 2, b"\xee" * SECTOR)
    status, text, _ = look(node.data, "--verify")
    assert status == 1
    assert f"{found['file']} is damaged from byte " in text
    node.start()
    assert node.await_end() != 0
    assert f"{found['file']} is damaged" in node.log()


def test_log_tool__of_a_torn_tail_is_good(data):
    last = max(line["offset"] for line in objects(data)[1] if line["type"] == "batch")
    overwrite(data / FIRST_SEGMENT, last + 20 * SECTOR, b"torn")
    status, text, _ = look(data)
    assert status == 0
    assert "(torn-tail)" in text
    assert "behind the end  segment 1, byte " in text


def test_log_tool__looks_while_a_node_writes(cluster):
    node = cluster.start(1).nodes[0]
    is_over = threading.Event()

    def write():
        with node.client() as client:
            i = 0
            while not is_over.is_set():
                client.call("SET", f"key:{i % 100}", "x" * (i % 3000))
                i += 1

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    try:
        last_index = 0
        for _ in range(30):
            status, lines = objects(node.data, "--verify")
            log = next(line for line in lines if line["type"] == "log")
            assert status == 0, lines
            assert lines[0]["is_in_use"]
            assert log["last_index"] >= last_index
            last_index = log["last_index"]
        status, text, _ = look(node.data, "--verify")
        assert (status, "in use    a node runs on this directory" in text) == (0, True)
    finally:
        is_over.set()
        for writer in writers:
            writer.join()
    assert node.stop() == 0
    assert objects(node.data, "--verify")[1][0]["is_in_use"] is False


def test_log_tool__refuses_wrong_use(directory):
    for options, path, words in [
            ((), directory, "is no data directory of Rakit"),
            ((), directory / "missing", "No such file"),
            (("--from", "x"), directory, "--from takes the index of an entry"),
            (("--what",), directory, "Try: rakit-log --help")]:
        status, text, complaint = look(path, *options)
        assert (status, text) == (2, "")
        assert words in complaint
