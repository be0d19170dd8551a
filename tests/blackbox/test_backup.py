"""Backups: fetched online from any node, resumed, verified."""

import os
import pty
import re
import signal
import subprocess
import threading

import pytest
import redis

from harness import CLI, Node, await_true, die_with_parent, run_cli


def fill(node, count, first=0, size=1000):
    """Keys with values that cannot be compressed to less than `size` bytes."""
    pipe = node.redis().pipeline(transaction=False)
    for i in range(first, first + count):
        pipe.set(f"key{i}", f"{i}-{os.urandom(size).hex()}")
        if len(pipe) == 500:
            pipe.execute()
    pipe.execute()


def backup(node, file, code=0):
    done = run_cli(node, "backup", file)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def verify(file, code=0):
    done = subprocess.run([CLI, "verify", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == code, (done.stdout, done.stderr)
    if code != 0:
        return done.stderr
    return dict(line.split(None, 1) for line in done.stdout.splitlines())


@pytest.fixture
def tiny_disk(directory):
    """A file system with room for 3 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    path = directory / "disk"
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(path)],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_backup__from_a_follower_under_load(three, directory):
    """All of the state at one index; nothing incomplete stays behind."""
    leader, follower = three.leader(), three.followers()[0]
    fill(leader, 2000)
    stop = threading.Event()

    def count():
        client = leader.redis(client_name="load")
        while not stop.is_set():
            client.incr("one")

    thread = threading.Thread(target=count)
    thread.start()
    await_true(lambda: int(follower.call("GET", "one") or 0) > 10, "the load has begun")
    file = directory / "backup"
    said = backup(follower, file)
    stop.set()
    thread.join()
    found = verify(file)
    assert found["keys"] == "2001"
    assert found["node"] == follower.node_id()
    assert f"entry {found['entry']} " in said
    assert sorted(os.listdir(directory)).count("backup.part") == 0
    assert f"index={found['entry']} " in follower.log()


def test_backup__prints_progress_only_at_a_terminal(cluster, directory):
    node = cluster.node(options=["--snapshot-rate", "1"]).start().await_up()
    fill(node, 1500)
    done = run_cli(node, "backup", directory / "quiet")
    assert done.stderr == ""
    master, slave = pty.openpty()
    with subprocess.Popen([CLI, node.host, str(node.port), "backup", str(directory / "loud")],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave,
                          preexec_fn=die_with_parent) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                read = os.read(master, 4096)
            except OSError:  # The other end was closed.
                break
            shown += read
        process.wait()
    os.close(master)
    assert re.search(rb"backup: [0-9.]+ [KM]B of [0-9.]+ MB", shown), shown


def interrupted(node, file):
    """A backup that ends in the middle; returns how much is there."""
    part = f"{file}.part"
    with subprocess.Popen([CLI, node.host, str(node.port), "backup", str(file)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          preexec_fn=die_with_parent) as process:
        await_true(lambda: os.path.exists(part) and os.path.getsize(part) > 1024 * 1024,
                   "a part is there")
        process.send_signal(signal.SIGKILL)
    return os.path.getsize(part)


def test_backup__goes_on_where_it_was(cluster, directory):
    """With the same snapshot, though the node was killed and has newer entries; no byte is fetched
    twice."""
    node = cluster.node(options=["--snapshot-rate", "2"]).start().await_up()
    fill(node, 4000)
    file = directory / "backup"
    size = interrupted(node, file)
    node.kill()
    node.options = []
    node.start().await_up()
    fill(node, 10, first=5000)
    assert os.path.getsize(f"{file}.part") == size
    backup(node, file)
    assert verify(file)["keys"] == "4000"


def test_backup__of_another_node_is_continued_there(three, directory):
    """What was fetched is neither mixed with another snapshot nor thrown away."""
    leader, follower = three.leader(), three.followers()[0]
    fill(leader, 4000)
    follower.stop()
    follower.options = ["--snapshot-rate", "2"]
    follower.start().await_up()
    three.await_equal()
    file = directory / "backup"
    size = interrupted(follower, file)
    follower.kill()
    said = backup(leader, file, code=1)
    assert follower_id(size, file) in said
    follower.start().await_up()
    three.await_voters(3)
    backup(leader, file)
    found = verify(file)
    assert found["keys"] == "4000"
    assert found["node"] == follower.node_id()


def follower_id(size, file):
    """The node that made the snapshot, of which so much is there, still."""
    part = f"{file}.part"
    assert os.path.getsize(part) == size
    with open(part, "rb") as f:
        return f"{int.from_bytes(f.read(32)[24:], 'little'):016x}"


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 1]))


def assert_flips_are_found(backup_file, damaged):
    """In `damaged`, which is the backup or a part of it."""
    size = os.path.getsize(damaged)
    for at in [0, 9, 40, 500, *range(513, size, size // 40), size - 1]:
        flip(damaged, at)
        done = subprocess.run([CLI, "verify", str(backup_file)], capture_output=True, text=True,
                              check=False)
        assert done.returncode in (1, 2) and str(damaged) in done.stderr, at
        flip(damaged, at)


def test_verify__finds_a_flipped_byte(cluster, directory):
    node = cluster.node().start().await_up()
    fill(node, 300)
    file = directory / "backup"
    backup(node, file)
    assert_flips_are_found(file, file)
    verify(file)


def test_backup__a_full_disk_keeps_what_is_there(cluster, tiny_disk):
    """The disk of the client."""
    node = cluster.node().start().await_up()
    fill(node, 4000)
    file = tiny_disk / "backup"
    said = backup(node, file, code=1)
    assert "No space left" in said and "make room" in said
    assert os.path.getsize(f"{file}.part") > 0
    assert not os.path.exists(file)
    subprocess.run(["mount", "-o", "remount,size=64m", str(tiny_disk)], check=True)
    backup(node, file)
    assert verify(file)["keys"] == "4000"


# --- restoring ---------------------------------------------------------------------------------


def restored(cluster, file, *options):
    """A node that was started once with --restore; the option is gone for further starts."""
    node = cluster.node(options=["--restore", str(file), *options])
    node.start().await_up()
    node.options = []
    await_true(lambda: node.status()["role"] == "leader", "it leads")
    return node


def contents(node):
    client = node.redis()
    keys = sorted(client.scan_iter(count=1000))
    return dict(zip(keys, client.mget(keys))) if keys else {}


def refused(node):
    node.start()
    assert node.await_end() == 1
    return node.log()


def test_restore__gives_what_was_backed_up(three, directory):
    leader = three.leader()
    fill(leader, 500)
    leader.call("SETRANGE", "large", 3000000, "end")
    with leader.client() as client:
        client.call("SELECT", 5)
        client.call("SET", "five", "5")
    before = contents(leader)
    file = directory / "backup"
    backup(three.followers()[0], file)
    leader.call("SET", "later", "1")
    node = restored(three, file)
    assert contents(node) == before
    with node.client() as client:
        client.call("SELECT", 5)
        assert client.call("GET", "five") == b"5"
    assert node.status()["cluster_id"] != leader.status()["cluster_id"]
    assert node.node_id() not in [n.node_id() for n in three.nodes if n is not node]
    node.call("SET", "new", "1")
    node.kill()  # It is a node as any other.
    node.start().await_up()
    assert node.call("GET", "new") == b"1"
    other = three.node(contact=node)
    other.start().await_up()
    three.await_voters(2, [node, other])
    three.await_equal([node, other])
    assert contents(other) == before | {b"new": b"1"}


def test_restore__keeps_members_of_the_old_cluster_out(cluster, directory):
    cluster.start(2)
    old, other = cluster.nodes
    fill(old, 10)
    file = directory / "backup"
    backup(old, file)
    node = restored(cluster, file)
    old.stop()
    old.contact = node
    old.start()
    assert old.await_end() == 1
    assert "belongs to another cluster" in old.log()
    assert node.members() == {node.address: "voter"}
    with pytest.raises(redis.ResponseError, match="KEY|key"):
        node.redis().execute_command("RAFT", "ADD", other.node_id(), other.host, other.port,
                                     other.port + 10000)
    assert node.members() == {node.address: "voter"}


def test_restore__over_data_is_refused(cluster, directory):
    node = cluster.node().start().await_up()
    fill(node, 10)
    file = directory / "backup"
    backup(node, file)
    node.call("SET", "later", "1")
    node.stop()
    node.options = ["--restore", str(file)]
    assert "is a node's already" in refused(node)
    node.options = []
    node.start().await_up()
    assert node.call("GET", "later") == b"1"
    stranger = Node(directory, options=["--restore", str(file)])
    stranger.data.mkdir()
    (stranger.data / "somebody's").write_text("precious")
    assert "somebody's" in refused(stranger)
    assert [path.name for path in stranger.data.iterdir()] == ["somebody's"]


def test_restore__into_an_empty_directory_that_exists(cluster, directory):
    """Such as the mount point of a new volume."""
    node = cluster.node().start().await_up()
    fill(node, 10)
    file = directory / "backup"
    backup(node, file)
    new = cluster.node(options=["--restore", str(file)])
    new.data.mkdir()
    new.start().await_up()
    assert contents(new) == contents(node)


def test_restore__of_a_damaged_backup_leaves_nothing(cluster, directory):
    node = cluster.node().start().await_up()
    fill(node, 100)
    file = directory / "backup"
    backup(node, file)
    with open(file, "r+b") as f:
        f.seek(3000)
        f.write(b"damage")
    new = cluster.node(options=["--restore", str(file)])
    assert "is damaged" in refused(new)
    assert not new.data.exists()


def test_restore__with_the_key_of_the_old_cluster_is_refused(cluster, directory):
    node = cluster.node().start().await_up()
    fill(node, 10)
    file = directory / "backup"
    backup(node, file)
    new = cluster.node(options=["--restore", str(file), "--cluster-key",
                                str(node.data / "cluster-key")])
    assert "is of another cluster" in refused(new)


# --- the log behind a backup -------------------------------------------------------------------


def seen(node):
    """What a client sees: the index of the newest entry, and all keys."""
    return node.status()["applied_index"], contents(node)


def change(node, number):
    """Writes that depend on each other, of all sizes."""
    client = node.redis()
    for i in range(50):
        client.append(f"key{i}", f"-{number}")
        client.incr("counter")
    client.setrange("large", number * 700000, "end")
    client.delete(f"key{number}")


def test_restore__at_any_entry_gives_what_a_client_saw(cluster, directory):
    node = cluster.node(options=["--log-tail", "64"]).start().await_up()
    fill(node, 200)
    file = directory / "backup"
    backup(node, file)
    saw = [seen(node)]
    for number in range(1, 5):
        change(node, number)
        saw.append(seen(node))
        if number % 2 == 0:
            said = backup(node, file)
            assert f"backup.{number // 2}: entries " in said
    assert "nothing is newer" in backup(node, file)
    found = verify(file)
    assert found["log"].endswith(f"to {saw[-1][0]}, in 2 files")
    for index, keys in saw:
        new = restored(cluster, file, "--at", str(index))
        assert contents(new) == keys, index
        new.destroy()


def test_restore__at_a_time_gives_what_a_client_saw(cluster, directory):
    node = cluster.node().start().await_up()
    fill(node, 20)
    file = directory / "backup"
    backup(node, file)
    saw = []
    for number in range(3):
        change(node, number)
        backup(node, file)
        saw.append((verify(file)["up"].split()[1], contents(node)))
    for time, keys in saw:
        new = restored(cluster, file, "--at", time)
        assert contents(new) == keys
        new.destroy()


def test_backup__goes_on_with_the_log_of_any_node(three, directory):
    """Committed entries are the same on all nodes; one that was killed in the middle is replaced by
    another one."""
    leader = three.leader()
    one, two = three.followers()
    fill(leader, 100)
    three.await_equal()
    file = directory / "backup"
    backup(one, file)
    change(leader, 1)
    three.await_equal()
    backup(leader, file)
    fill(leader, 3000, size=2000)
    three.await_equal()
    one.stop()
    one.options = ["--snapshot-rate", "2"]
    one.start().await_up()
    three.await_equal()
    part = f"{file}.2.part"
    with subprocess.Popen([CLI, one.host, str(one.port), "backup", str(file)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          preexec_fn=die_with_parent) as process:
        await_true(lambda: os.path.exists(part) and os.path.getsize(part) > 1024 * 1024,
                   "a part is there")
        one.kill()
        said, error = process.communicate(timeout=60)
    assert process.returncode == 0, (said, error)
    assert "now talking to" in error
    change(leader, 2)
    three.await_equal(three.running())
    backup(two, file)
    saw = contents(leader)
    assert found_files(directory) == ["backup", "backup.1", "backup.2", "backup.3"]
    new = restored(three, file)
    assert contents(new) == saw


def found_files(directory):
    return sorted(name for name in os.listdir(directory) if name.startswith("backup"))


def test_backup__the_log_continues_after_the_client_was_killed(cluster, directory):
    node = cluster.node(options=["--snapshot-rate", "2", "--log-tail", "64"]).start().await_up()
    fill(node, 10)
    file = directory / "backup"
    backup(node, file)
    fill(node, 3000, size=1000)
    part = f"{file}.1.part"
    with subprocess.Popen([CLI, node.host, str(node.port), "backup", str(file)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          preexec_fn=die_with_parent) as process:
        await_true(lambda: os.path.exists(part) and os.path.getsize(part) > 1024 * 1024,
                   "a part is there")
        process.send_signal(signal.SIGKILL)
    size = os.path.getsize(part)
    with open(part, "r+b") as f:  # As a loss of power may leave it.
        f.truncate(size - 1000)
    backup(node, file)
    new = restored(cluster, file)
    assert contents(new) == contents(node)


def test_backup__says_if_the_log_is_gone(cluster, directory):
    node = cluster.node(options=["--log-tail", "0"]).start().await_up()
    fill(node, 10)
    file = directory / "backup"
    backup(node, file)
    node.kill()  # Which forgets that somebody may want its log.
    node.start().await_up()
    fill(node, 10)
    node.call("RAFT", "SNAPSHOT")
    fill(node, 10)

    def is_gone():
        done = run_cli(node, "backup", file)
        return done.returncode == 1 and "Begin a new backup" in done.stderr
    await_true(is_gone, "the log was cut")
    assert found_files(directory) == ["backup"]


def test_backup__of_another_cluster_is_not_mixed_in(cluster, directory):
    node = cluster.node().start().await_up()
    fill(node, 10)
    file = directory / "backup"
    backup(node, file)
    other = restored(cluster, file)
    fill(other, 5)
    assert "is a backup of cluster" in backup(other, file, code=1)
    assert found_files(directory) == ["backup"]


def test_verify__finds_a_flipped_byte_in_the_log(cluster, directory):
    node = cluster.node().start().await_up()
    fill(node, 10)
    file = directory / "backup"
    backup(node, file)
    fill(node, 300)
    backup(node, file)
    archive = f"{file}.1"
    assert_flips_are_found(file, archive)
    verify(file)
