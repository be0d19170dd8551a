"""rakit-server --recover: a new cluster of what one node has, after the majority was lost."""

import json
import os
import shutil
import subprocess

import pytest

from harness import BUILD, HOST, SERVER, await_true
from respclient import RespError

NODES = 5
KEYS = 20


def recover(node, *options, **settings):
    """(exit status, standard output, standard error)."""
    settings.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run(
        [SERVER, HOST, str(node.port), "--data", str(node.data), "--recover", *options],
        cwd=node.directory, capture_output=True, text=True, timeout=60, check=False, **settings)
    return done.returncode, done.stdout, done.stderr


def newest_by(node):
    """Epoch, term and index of the last entry, by rakit-log; and its line for people."""
    tool = str(BUILD / "rakit-log")
    lines = subprocess.run([tool, "--json", "--verify", str(node.data)], capture_output=True,
                           text=True, timeout=60, check=True).stdout.splitlines()
    log = next(line for line in map(json.loads, lines) if line["type"] == "log")
    text = subprocess.run([tool, "--verify", str(node.data)], capture_output=True, text=True,
                          timeout=60, check=True).stdout
    line = next(line for line in text.splitlines() if line.startswith("newest by"))
    assert f"term {log['newest_term']}, entry {log['newest_index']};" in line, line
    return log["newest_term"], log["newest_index"]


@pytest.fixture
def survivors(cluster):
    """Two of five members; the other three have lost their directories. One was down earlier, so
    its log is older."""
    cluster.start(NODES)
    leader = cluster.leader()
    old, new = [node for node in cluster.nodes if node is not leader][:2]
    for i in range(KEYS):
        leader.call("SET", f"key:{i}", i)
    cluster.await_equal()
    new.call("RAFT", "SNAPSHOT")
    old.kill()
    leader.call("SET", "late", "x")
    cluster.await_equal()
    for node in cluster.running():
        node.kill()
    for node in cluster.nodes:
        if node not in (old, new):
            shutil.rmtree(node.data)
    return old, new


def check_serves(node):
    await_true(lambda: node.call("GET", "late") == b"x", f"{node} has what was acknowledged")
    for i in range(KEYS):
        assert node.call("GET", f"key:{i}") == str(i).encode()
    node.call("SET", "after", "y")


def test_recover__of_the_newest_survivor_keeps_what_was_acknowledged(survivors):
    old, new = survivors
    assert newest_by(new) > newest_by(old)

    status, output, error = recover(new)  # There is nobody to ask.
    assert status == 1 and "Nothing was changed" in output and "--yes" in output, output + error
    assert f"{HOST}:{old.port}, voter" in output and "Recover that one" in output, output
    status, output, error = recover(new, "--yes")
    assert status == 0 and "start this node as before" in output, output + error
    status, output, error = recover(new, "--yes")
    assert status == 1 and "start it without --recover" in error, output + error

    new.start().await_up()
    check_serves(new)
    assert list(new.members()) == [f"{HOST}:{new.port}"]

    # The other survivor is not let in, and hears what to do.
    old.contact = None
    old.start().await_up()
    sentence = "the cluster was recovered without this node"
    await_true(lambda: sentence in old.log(), "the old member hears what to do")
    await_true(lambda: "refused a node of another epoch" in new.log(), "the new cluster logs it")
    with pytest.raises(RespError, match="CLUSTERDOWN"):
        old.call("SET", "old", "world")
    assert list(new.members()) == [f"{HOST}:{new.port}"]
    old.kill()
    old.contact = new
    old.start()
    assert old.await_end() == 1
    assert old.log().count(sentence) > 1

    # Emptied, it joins.
    shutil.rmtree(old.data)
    old.start().await_up()
    await_true(lambda: list(new.members().values()) == ["voter", "voter"], "it joins anew")
    await_true(lambda: old.call("GET", "after") == b"y", "it has the data")
    new.kill()
    old.kill()
    assert newest_by(old)[1] > 0
    new.start().await_up()
    old.start().await_up()
    await_true(lambda: new.call("SET", "end", "z") == b"OK", "both are one cluster")


def test_recover__asks_at_a_terminal(survivors):
    _, node = survivors
    before = newest_by(node)
    for answer, wanted in ((b"no\n", 1), (b"yes\n", 0)):
        ours, theirs = os.openpty()
        os.write(ours, answer)
        status, output, error = recover(node, stdin=theirs)
        os.close(ours)
        os.close(theirs)
        assert status == wanted and "Type yes to go on" in output, output + error
        assert (newest_by(node) == before) == (wanted == 1)


def test_recover__of_a_node_that_runs_is_refused(cluster):
    node = cluster.start(1).nodes[0]
    status, output, error = recover(node, "--yes")
    assert status == 1 and "in use by process" in error, output + error
