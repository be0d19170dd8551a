"""Users and rights on real nodes: each way around a right, and what becomes of users when nodes
end."""

import hashlib
import os
import subprocess

import pytest

from harness import CLI, await_true
from respclient import RespError

PASSWORD = "a-password-that-no-file-may-hold"


def log_in(node, user="bob", password=PASSWORD):
    client = node.client()
    assert client.call("AUTH", user, password) == b"OK"
    return client


def refused(client, *command, match="NOPERM"):
    with pytest.raises(RespError, match=match):
        client.call(*command)


def test_rights__hold_on_each_node_from_the_reply_on(shared_three):
    """A right that was taken is taken on all nodes: commands sent after the reply are judged by
    it, whichever node has heard of it."""
    leader = shared_three.leader()
    leader.call("ACL", "SETUSER", "bob", "reset", "on", f">{PASSWORD}", "~b*", "+@all")
    clients = [log_in(node) for node in shared_three.nodes]
    for turn in range(20):
        leader.call("ACL", "SETUSER", "bob", "+set", "+get", "+eval", "+exec")
        for client in clients:
            assert client.call("SET", "b", turn) == b"OK"
        leader.call("ACL", "SETUSER", "bob", "-set", "-get")
        for client in clients:
            refused(client, "SET", "b", "x")
            refused(client, "GET", "b")
            refused(client, "EVAL", "return redis.call('set', 'b', 'x')", "0")
    assert leader.call("GET", "b") == b"19"
    for client in clients:
        client.close()


def test_rights__have_no_way_around(shared_three):
    leader = shared_three.leader()
    leader.call("SET", "secret", "value")
    leader.call("ACL", "SETUSER", "bob", "reset", "on", f">{PASSWORD}", "~b*", "&b*", "+@all",
                "-@admin", "-@dangerous", "-incr")
    for node in shared_three.nodes:
        client = log_in(node)
        for command in (["GET", "secret"], ["COPY", "secret", "b"], ["RENAME", "secret", "b"],
                        ["MSET", "b", "1", "secret", "2"], ["MGET", "b", "secret"], ["INCR", "b"],
                        ["SORT", "b", "STORE", "secret"], ["DUMP", "secret"],
                        ["LCS", "b", "secret"], ["WATCH", "secret"],
                        ["PUBLISH", "x", "m"], ["SPUBLISH", "x", "m"], ["SUBSCRIBE", "x"],
                        ["PSUBSCRIBE", "*"], ["FLUSHALL"], ["SWAPDB", "0", "1"], ["KEYS", "*"],
                        ["XREAD", "STREAMS", "rakit:changes:", "0"], ["RAFT", "SCAN", "s"],
                        ["REQUEST_LOG"], ["RAFT", "LOG"], ["RAFT", "BACKUP"], ["RAFT", "KEY"],
                        ["CONFIG", "GET", "*"], ["MONITOR"], ["CLIENT", "LIST"], ["SLOWLOG", "GET"],
                        ["CLIENT", "TRACKING", "ON", "BCAST"], ["ACL", "SETUSER", "bob", "+@all"],
                        ["ONCE", "me", "1", "INCR", "b"], ["SHUTDOWN"],
                        ["EVAL", "return 1", "1", "secret"]):
            refused(client, *command)
        assert client.call("MULTI") == b"OK"
        refused(client, "GET", "secret")
        refused(client, "EXEC", match="EXECABORT")
        refused(client, "EVAL", "return redis.call('get', 'secret')", "0")
        refused(client, "EVAL_RO", "return redis.call('get', 'secret')", "0")
        assert client.call("EVAL", "return redis.pcall('get', 'secret')['err']", "0").startswith(
            b"NOPERM")
        refused(client, "EVAL", "return redis.call('acl_show', 'LIST')", "0", match="ERR")
        refused(client, "ACL_CHANGE", "SETUSER", "bob", "+@all", match="unknown command")
        assert client.call("SET", "b", "1") == b"OK"
        client.close()


def test_rights__of_a_deleted_user_end_with_it(shared_three):
    leader = shared_three.leader()
    leader.call("ACL", "SETUSER", "bob", "reset", "on", f">{PASSWORD}", "~*", "&*", "+@all")
    clients = [log_in(node) for node in shared_three.nodes]
    assert leader.call("ACL", "DELUSER", "bob") == 1
    leader.call("ACL", "SETUSER", "bob", "on", ">other", "~*", "&*", "+@all")
    for client in clients:
        with pytest.raises((RespError, OSError, EOFError)):
            client.call("SET", "b", "x")
        client.close()


def test_login__is_refused_on_each_node_once_its_password_is_gone(shared_three):
    leader = shared_three.leader()
    for turn in range(3):
        leader.call("ACL", "SETUSER", "bob", "reset", "on", f">p{turn}", "+@all")
        for node in shared_three.nodes:
            log_in(node, password=f"p{turn}").close()
        leader.call("ACL", "SETUSER", "bob", f"<p{turn}")
        for node in shared_three.nodes:
            client = node.client()
            refused(client, "AUTH", "bob", f"p{turn}", match="WRONGPASS")
            client.close()


def test_denials__are_shown_where_they_were_judged(shared_three):
    leader = shared_three.leader()
    leader.call("ACL", "SETUSER", "bob", "reset", "on", f">{PASSWORD}", "~b*", "+set", "+eval")
    for node in shared_three.nodes:
        node.call("ACL", "LOG", "RESET")
    client = log_in(leader)
    refused(client, "GET", "b")
    refused(client, "EVAL", "return redis.call('incr', 'b')", "0")
    newest, older = leader.call("ACL", "LOG")
    assert newest[3:8:2] == [b"command", b"lua", b"incr"]
    assert older[3:8:2] == [b"command", b"toplevel", b"get"]
    assert b"cmd=eval" in newest[newest.index(b"client-info") + 1]
    client.close()


def test_passwords__are_in_no_file_and_in_no_log(shared_three):
    leader = shared_three.leader()
    leader.call("ACL", "SETUSER", "bob", "reset", "on", f">{PASSWORD}", "~*", "+@all")
    digest = hashlib.sha256(PASSWORD.encode()).hexdigest()
    monitor = leader.client()
    monitor.call("MONITOR")
    client = log_in(leader)
    client.call("HELLO", "2", "AUTH", "bob", PASSWORD)
    client.call("SET", "b", "end")
    seen = b""
    while b'"end"' not in seen:
        seen += monitor.read()
    assert PASSWORD.encode() not in seen
    for command in (["REQUEST_LOG"], ["RAFT", "LOG"], ["SLOWLOG", "GET"], ["CLIENT", "LIST"]):
        shown = repr(leader.call(*command))
        assert PASSWORD not in shown and digest not in shown
    for node in shared_three.nodes:
        assert PASSWORD not in node.log()
        found = subprocess.run(["grep", "-r", "-l", PASSWORD, str(node.data)],
                               capture_output=True, check=False)
        assert found.stdout == b""
    client.close()
    monitor.close()


def test_users__survive_restarts_and_snapshots(three):
    leader = three.leader()
    leader.call("ACL", "SETUSER", "bob", "on", f">{PASSWORD}", "~b*", "+set", "(+get ~c*)")
    wanted = leader.call("ACL", "LIST")
    three.await_equal()
    for node in three.nodes:
        node.call("RAFT", "SNAPSHOT")
    for node in three.nodes:
        node.kill()
        node.start()
    three.await_voters(3)
    for node in three.nodes:
        assert node.call("ACL", "LIST") == wanted
        client = log_in(node)
        assert client.call("SET", "b", "1") == b"OK"
        refused(client, "SET", "c", "1")
        client.close()
    newcomer = three.node(contact=three.nodes[0]).start()
    three.await_voters(4)
    await_true(lambda: newcomer.call("ACL", "LIST") == wanted, "the newcomer knows the users")


def test_users__let_nodes_join_and_start_again(cluster):
    """With a password for everybody: a node proves itself by the key of the cluster."""
    one = cluster.node(options=("--requirepass", PASSWORD)).start()
    await_true(lambda: "role=leader" in one.log(), "the first node leads")
    with pytest.raises(RespError, match="NOAUTH"):
        one.call("PING")
    admin = one.client()
    refused(admin, "AUTH", "wrong", match="WRONGPASS")
    assert admin.call("AUTH", PASSWORD) == b"OK"
    key = one.data / "cluster-key"
    assert key.exists()
    two = cluster.node(contact=one, options=("--requirepass", PASSWORD, "--cluster-key",
                                             str(key))).start()

    def has_two():
        members = admin.call("RAFT", "MEMBERS")
        return len(members) == 2 and b"learner" not in repr(members).encode()

    await_true(has_two, "the second node is a voter")
    log_in(two, "default").close()
    two.kill()
    two.start()
    await_true(lambda: two.is_running() and log_in(two, "default").call("PING") == b"PONG",
               "the second node serves again")
    admin.close()


def test_cli__logs_in(shared_three):
    leader = shared_three.leader()
    leader.call("ACL", "SETUSER", "bob", "reset", "on", f">{PASSWORD}", "~*", "+@all")
    line = [CLI, "--user", "bob", leader.host, str(leader.port), "ACL", "WHOAMI"]
    for password, found in ((PASSWORD, "bob"), ("wrong", "WRONGPASS")):
        done = subprocess.run(line, env={**os.environ, "RAKIT_PASSWORD": password},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=30, check=False)
        assert found in done.stdout + done.stderr
