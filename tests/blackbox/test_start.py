"""Starting and joining: the three forms of the command line, restarting, and clear refusals of what
can't work."""

import contextlib
import os
import re
import socket
import subprocess
import threading

import pytest

import harness
from harness import BUILD, Cluster, Node, await_true, free_port, run_cli, stop_listening, text
from respclient import RespError


def run_server(*arguments, cwd=None, seconds=harness.PATIENCE):
    """A server that is expected to end by itself."""
    return subprocess.run([harness.SERVER, *map(str, arguments)], cwd=cwd, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds,
                          preexec_fn=harness.die_with_parent, check=False)


def refusal(node, seconds=harness.PATIENCE):
    """The message of a server that refuses to start; asserts that it does refuse."""
    status = node.await_end(seconds)
    assert status != 0
    message = node.log()
    assert message.strip(), "it ended without a word"
    assert "CHECK" not in message and "Sanitizer" not in message
    return message


# --- the three forms -------------------------------------------------------------------


def test_start__the_first_node_makes_a_cluster_and_leads_it(cluster):
    node = cluster.start(1).nodes[0]
    status = node.status()
    assert status["role"] == "leader"
    assert status["elections_begun"] == 1
    assert node.members() == {node.address: "voter"}
    assert node.call("SET", "k", "v") == b"OK"


def test_start__a_host_name_does_as_well_as_a_number(cluster):
    node = cluster.node(host="localhost").start().await_up()
    other = cluster.node(host="localhost", contact=node).start().await_up()
    cluster.await_voters(2)
    node.call("SET", "k", "v")
    assert other.call("GET", "k") == b"v"
    assert run_cli(other, "get", "k").returncode == 0


def test_start__the_default_data_directory_is_named_after_the_port(directory):
    port = free_port()
    process = subprocess.Popen(  # pylint: disable=consider-using-with
        [harness.SERVER, "127.0.0.1", str(port)], cwd=directory, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=harness.die_with_parent)
    try:
        await_true(lambda: (directory / f"rakit-{port}").is_dir(), "the data directory is made")
        node = Node(directory, port=port)
        await_true(lambda: node.call("SET", "k", "v") == b"OK", "the node takes writes")
    finally:
        process.kill()
        process.wait()


def test_join__through_the_leader_and_through_a_follower(cluster):
    cluster.start(2)
    leader, follower = cluster.leader(), cluster.followers()[0]
    leader.call("SET", "k", "v")
    third = cluster.node(contact=leader).start().await_up()
    cluster.await_voters(3)
    fourth = cluster.node(contact=follower).start().await_up()
    cluster.await_voters(4)
    assert third.call("GET", "k") == fourth.call("GET", "k") == b"v"
    assert len(leader.members()) == 4


def test_join__several_nodes_at_the_same_time(cluster):
    first = cluster.start(1).nodes[0]
    for _ in range(4):
        cluster.node(contact=first).start()
    cluster.await_voters(5)
    assert len({text["cluster_id"] for text in (n.status() for n in cluster.nodes)}) == 1


def test_join__a_new_voter_logs_that(cluster):
    cluster.start(2)
    joined = cluster.nodes[1]
    await_true(lambda: "voter" in joined.log(), "its log says that it became a voter")


def test_join__the_log_says_which_cluster_was_joined(cluster):
    """Somebody who mistypes the contact's address can see which cluster the node has joined."""
    cluster.start(2)
    members = {node.address for node in cluster.nodes}
    third = cluster.node(contact=cluster.nodes[1]).start().await_up()
    cluster.await_voters(3)
    listening = next(line for line in third.log().splitlines() if 'event="listening' in line)
    assert f"contact={cluster.nodes[1].address}" in listening
    assert "cluster=" not in listening
    joined = re.search(r"cluster=(\w+) members=(\S+)", third.log())
    assert joined[1] == third.status()["cluster_id"]
    assert set(joined[2].split(",")) == members


def test_options__the_peer_port_can_be_chosen(cluster):
    ports = [free_port(), free_port()]
    first = cluster.node(options=["--peer-port", str(ports[0])]).start().await_up()
    cluster.node(contact=first, options=["--peer-port", str(ports[1])]).start()
    cluster.await_voters(2)
    with socket.create_connection((harness.HOST, ports[0]), 5):
        pass


def test_options__help_and_version_need_nothing_else():
    for option in ("--help", "--version"):
        done = run_server(option)
        assert done.returncode == 0 and "rakit" in done.stdout.lower()
    assert "--data" in run_server("--help").stdout


@pytest.mark.parametrize("arguments", [
    [], ["127.0.0.1"], ["127.0.0.1", "notaport"], ["127.0.0.1", "0"], ["127.0.0.1", "65536"],
    ["127.0.0.1", "-1"], ["127.0.0.1", "7000", "127.0.0.1"], ["127.0.0.1", "7000", "--nonsense"],
    ["127.0.0.1", "7000", "127.0.0.1", "7001", "7002"],
    ["127.0.0.1", "7000", "--election-timeout", "10", "--heartbeat", "100"],
    ["127.0.0.1", "7000", "--election-timeout", "soon"],
    ["127.0.0.1", "7000", "--peer-port", "7000"],
    ["127.0.0.1", "7001", "127.0.0.1", "7000", "--new-cluster"],
])
def test_options__nonsense_is_refused_before_anything_is_made(arguments, directory):
    done = run_server(*arguments, cwd=directory)
    assert done.returncode not in (0, -6, -11)
    assert done.stderr.strip()
    assert not list(directory.iterdir())


# --- starting again ----------------------------------------------------------------------


def test_restart__all_nodes_killed_and_started_have_all_data(three):
    for i in range(300):
        three.nodes[i % 3].call("SET", f"k{i}", f"v{i}")
    ids = [node.node_id() for node in three.nodes]
    for node in three.nodes:
        node.kill()
    for node in three.nodes:
        node.start()
    three.await_voters(3)
    assert [node.node_id() for node in three.nodes] == ids
    for node in three.nodes:
        assert node.call("DBSIZE") == 300
        assert node.call("GET", "k299") == b"v299"


def test_restart__a_node_resumes_whatever_its_contact_says(three):
    node = three.followers()[0]
    ident = node.node_id()
    node.stop()
    node.contact = (harness.HOST, free_port())  # No node is there.
    node.start().await_up()
    three.await_voters(3)
    assert node.node_id() == ident


def test_restart__a_node_that_missed_much_catches_up(three):
    node = three.followers()[0]
    node.kill()
    with three.leader().client() as client:
        for i in range(2000):
            client.send("SET", f"k{i}", "x" * 500)
        for _ in range(2000):
            assert client.read() == b"OK"
    node.start().await_up()
    three.await_equal()
    assert node.call("DBSIZE") == 2000


def test_restart__under_another_address_it_announces_itself(three):
    node = three.followers()[0]
    others = [n for n in three.nodes if n is not node]
    old_address = node.address
    node.stop()
    node.port = free_port()
    node.start().await_up()
    for other in others:
        await_true(lambda other=other: node.address in other.members()
                   and old_address not in other.members(), f"{other} knows the new address")
    three.await_equal()
    others[0].call("SET", "k", "v")
    assert node.call("GET", "k") == b"v"


def serve_all(nodes):
    return lambda: all(node.call("SET", "moved", "v") == b"OK" for node in nodes)


def know_all(nodes):
    addresses = sorted(node.address for node in nodes)
    return lambda: all(sorted(node.members()) == addresses for node in nodes)


def test_restart__members_that_have_exchanged_their_addresses_find_each_other(three):
    nodes = three.nodes
    for node in nodes:
        node.stop()
    # Each address belongs to another member now.
    ports = [node.port for node in nodes]
    for node, port in zip(nodes, ports[1:] + ports[:1]):
        node.port = port
        node.contact = None
        node.start()
    await_true(serve_all(nodes), "all serve")
    await_true(know_all(nodes), "all know the new addresses")
    for node in nodes:
        assert 'was not taken" answer="*' not in node.log()  # An array means that it was.


def test_restart__all_members_at_new_addresses_find_each_other_by_their_contacts(three):
    nodes = three.nodes
    for node in nodes:
        node.stop()
        node.port = free_port()
    for i, node in enumerate(nodes):
        node.contact = nodes[(i + 1) % 3]
        node.start()
    await_true(serve_all(nodes), "all serve")
    await_true(know_all(nodes), "all know the new addresses")


def test_restart__a_member_may_take_the_address_of_a_dead_one(three):
    leader = three.leader()
    moved, dead = three.followers()
    dead_id = dead.node_id()
    dead.kill()
    moved.stop()
    moved.port = dead.port
    moved.contact = leader
    moved.start()
    await_true(serve_all([leader, moved]), "both that live serve")
    with pytest.raises(RespError, match="^ERR no such member.* Of two at one address"):
        leader.call("RAFT", "REMOVE", dead.address)
    assert leader.call("RAFT", "REMOVE", dead_id) == b"OK"
    await_true(know_all([leader, moved]), "only they are left")
    assert moved.call("GET", "moved") == b"v"


def test_unreachable__the_log_names_a_member_that_is_down(three):
    node, other = three.nodes[:2]
    other.kill()
    await_true(lambda: "cannot reach a member" in node.log(), "it warns")
    line = next(line for line in node.log().splitlines() if "cannot reach" in line)
    assert "level=warn" in line and f"address={other.address}" in line, line


def test_unreachable__the_log_names_a_member_that_is_frozen(three):
    """Its connections stay open, so only the leader, which expects answers from all, can notice."""
    leader = three.leader()
    frozen = three.followers()[0]
    frozen.freeze()
    await_true(lambda: "cannot reach a member" in leader.log(), "it warns")
    line = next(line for line in leader.log().splitlines() if "cannot reach" in line)
    assert f"address={frozen.address}" in line and "it does not answer" in line, line
    frozen.thaw()
    three.await_voters(3)


def test_announce__an_unknown_name_is_logged_by_the_nodes_that_need_it(cluster):
    lost = cluster.node(options=["--announce", "no-such-host.invalid"]).start().await_up()
    node = cluster.node(contact=lost).start()
    await_true(lambda: "cannot resolve the address of a peer" in node.log(), "it warns")
    line = next(line for line in node.log().splitlines() if "cannot resolve" in line)
    assert "level=warn" in line and f"address=no-such-host.invalid:{lost.port}" in line, line


# --- what the machine makes unsafe ------------------------------------------------------


def test_start__a_data_directory_that_others_may_write_to_is_reported(cluster):
    node = cluster.node(options=["--new-cluster"])
    node.data.mkdir()
    node.data.chmod(0o777)
    node.start().await_up()
    line = next(line for line in node.log().splitlines() if "other users may write" in line)
    assert "level=warn" in line and "mode=0777" in line and "chmod 700" in line, line


def test_start__an_empty_volume_founds_no_second_cluster(cluster):
    """The volume of a node is not mounted: its mount point exists and is empty."""
    first = cluster.start(2).nodes[0]
    first.call("SET", "k", "v")
    cluster.await_voters(2)
    first.stop()
    first.data.rename(first.data.with_suffix(".unmounted"))
    first.data.mkdir()
    (first.data / "lost+found").mkdir()
    message = refusal(first.start())
    assert "there, but empty" in message and "--new-cluster" in message, message
    assert [path.name for path in first.data.iterdir()] == ["lost+found"]
    (first.data / "lost+found").rmdir()
    first.data.rmdir()
    first.data.with_suffix(".unmounted").rename(first.data)
    first.start().await_up()
    assert first.call("GET", "k") == b"v"


def test_start__an_empty_directory_founds_a_cluster_if_asked_to(cluster):
    node = cluster.node(options=["--new-cluster"])
    node.data.mkdir()
    node.start().await_up()
    assert node.call("SET", "k", "v") == b"OK"
    node.stop()
    node.start().await_up()
    assert node.call("GET", "k") == b"v", "started again, the word changes nothing"


def test_start__a_directory_of_somebody_else_is_left_alone(cluster):
    node = cluster.node()
    node.data.mkdir()
    letter = node.data / "letter"
    letter.write_text("Dear reader")
    for contact in (None, (harness.HOST, free_port())):
        node.contact = contact
        assert "letter is in it" in refusal(node.start())
        assert list(node.data.iterdir()) == [letter]
    node.contact = None
    node.options = ["--new-cluster"]
    node.start().await_up()
    node.stop()
    node.options = []
    node.start().await_up()
    assert letter.read_text() == "Dear reader"


def test_start__a_fifo_in_place_of_a_file_is_refused(cluster):
    node = cluster.start(1).nodes[0]
    node.stop()
    identity = node.data / "identity"
    identity.unlink()
    os.mkfifo(identity)
    node.start()
    assert "identity is a fifo, not a file" in refusal(node)


# --- the key of the cluster ------------------------------------------------------------------


def key_of(node):
    return node.data / "cluster-key"


def test_key__is_the_same_on_all_nodes_and_private(three):
    assert len({key_of(node).read_bytes() for node in three.nodes}) == 1
    assert {key_of(node).stat().st_mode & 0o777 for node in three.nodes} == {0o600}
    digits = key_of(three.nodes[0]).read_bytes()[32:64].hex()
    node = three.nodes[0]
    shown = [node.log() for node in three.nodes]
    shown += [str(node.call(*words)) for words in (
        ["RAFT", "STATUS"], ["REQUEST_LOG"], ["INFO", "everything"], ["CONFIG", "GET", "*"],
        ["RAFT", "ADD", text(node.status()["node_id"]), node.host, node.port, node.port + 10000])]
    assert not any(digits in said for said in shown)


def test_key__differs_from_cluster_to_cluster(cluster):
    nodes = [cluster.node().start() for _ in range(2)]
    for node in nodes:
        node.await_up()
    assert key_of(nodes[0]).read_bytes()[32:64] != key_of(nodes[1]).read_bytes()[32:64]


def test_key__missing_damaged_or_public_is_refused_with_what_to_do(three):
    node, other = three.nodes[1:]
    node.stop()
    node.await_end()
    key = key_of(node).read_bytes()
    key_of(node).unlink()
    assert "--cluster-key FILE" in refusal(node.start())
    key_of(node).write_bytes(key[:40] + b"X" + key[41:])
    key_of(node).chmod(0o600)
    assert "is damaged" in refusal(node.start())
    key_of(node).chmod(0o644)
    assert "mode 600" in refusal(node.start())
    key_of(node).unlink()
    node.options = ["--cluster-key", str(key_of(other))]
    node.start()
    three.await_voters(3)
    assert key_of(node).read_bytes() == key


def test_key__of_another_cluster_is_refused_by_the_contact_at_once(cluster):
    ours, theirs = [cluster.node().start().await_up() for _ in range(2)]
    node = cluster.node(contact=ours)
    node.options = ["--cluster-key", str(key_of(theirs))]
    message = refusal(node.start())
    assert "NOKEY" in message and "was not added" in message and "--cluster-key FILE" in message
    assert not node.data.exists()
    assert len(ours.call("RAFT", "MEMBERS")) == 1
    node.options = ["--cluster-key", str(key_of(ours))]
    node.start()
    cluster.await_voters(2, nodes=[ours, node])


# --- what cannot work ----------------------------------------------------------------------


def test_refusal__a_second_server_on_the_same_data_directory_names_the_holder(cluster):
    first = cluster.start(1).nodes[0]
    second = cluster.node(data=first.data).start()
    message = refusal(second)
    assert str(first.process.pid) in message
    assert first.call("SET", "k", "v") == b"OK"


def test_refusal__an_address_that_is_in_use(cluster):
    first = cluster.start(1).nodes[0]
    again = Node(cluster.directory, port=first.port, data=cluster.directory / "other")
    again.log_path = cluster.directory / "again.log"
    cluster.nodes.append(again)
    message = refusal(again.start())
    assert f"for clients on {first.host} port {first.port}: it is in use" in message
    assert not again.data.exists()
    again.data.mkdir()
    refusal(again.start())
    assert list(again.data.iterdir()) == []


def test_refusal__an_unknown_name(cluster):
    nowhere = "no-such-host.invalid"
    told = "the name cannot be resolved|the name servers do not answer"
    assert re.search(told, refusal(cluster.node(host=nowhere).start()))
    assert re.search(told, refusal(cluster.node(contact=(nowhere, 1)).start()))


def test_refusal__joining_through_itself(cluster):
    port = free_port()
    for contact in (harness.HOST, "localhost"):
        node = cluster.node(port=port, contact=(contact, port)).start()
        assert "that is this node itself" in refusal(node, 5)
        assert not node.data.exists()


def test_start__a_contact_that_serves_as_many_clients_as_it_may_is_joined_through(cluster):
    contact = cluster.node(options=["--max-clients", "2"]).start().await_up()
    held = []

    def fills_up():
        client = contact.client()
        try:
            client.call("PING")
        except RespError as error:
            client.close()
            return "max number of clients" in str(error)
        held.append(client)
        return False

    await_true(fills_up, "it serves nobody more")
    node = cluster.node(contact=contact).start().await_up()
    await_true(lambda: held[0].call("SET", "k", "v") == b"OK", "it is served on")
    await_true(lambda: node.call("GET", "k") == b"v", "it has joined")
    # And its administrator can still connect.
    assert "voter" in run_cli(contact, "status").stdout
    assert run_cli(contact, "info").returncode == 0
    # It tells clients to use another node.
    with contact.client() as client, pytest.raises(RespError, match="max number of clients"):
        client.call("GET", "k")
    elsewhere = run_cli(contact, "get", "k")
    assert elsewhere.stdout == "v\n"
    assert f"now talking to {node.address}" in elsewhere.stderr
    others = contact.call("CLIENT", "LIST").decode().splitlines()
    assert contact.call("CLIENT", "KILL", "SKIPME", "yes") == len(others) - 1
    await_true(lambda: contact.call("GET", "k") == b"v", "there is room again")


def test_start__a_contact_that_refuses_it_is_asked_again(cluster):
    contact = cluster.node()
    with socket.create_server((contact.host, contact.port)) as full:
        node = cluster.node(contact=contact).start()
        connection, _ = full.accept()
        connection.sendall(b"-ERR max number of clients reached\r\n")
        connection.close()
        await_true(lambda: "max number of clients reached" in node.log(), "it was turned away")
        assert node.is_running()
    contact.start().await_up()
    node.await_up()
    await_true(lambda: contact.call("SET", "k", "v") == b"OK", "the contact leads")
    await_true(lambda: node.call("GET", "k") == b"v", "it has joined")


def test_start__a_contact_may_come_later(cluster):
    port = free_port()
    node = cluster.node(contact=(harness.HOST, port)).start()
    await_true(lambda: "trying again" in node.log(), "it has looked for its contact in vain")
    with pytest.raises(RespError, match="^CLUSTERDOWN this node has not joined"):
        node.call("GET", "k")
    contact = cluster.node(port=port).start().await_up()
    node.await_up()
    cluster.await_voters(2)
    assert contact.call("SET", "k", "v") == b"OK"
    assert node.call("GET", "k") == b"v"


def test_refusal__joining_through_a_contact_that_is_not_there(cluster):
    port = free_port()
    node = cluster.node(contact=(harness.HOST, port))
    message = refusal(node.start())
    assert str(port) in message
    assert message.count("can't be reached") == 2, "it says so at once, and in the end"
    assert not node.data.exists(), "nothing is left of a start that came to nothing"
    node.data.mkdir()
    refusal(node.start())
    assert node.data.is_dir() and not list(node.data.iterdir())


def test_refusal__a_failed_join_keeps_what_was_there_before(cluster):
    """A node that has asked before keeps its id, because it may have been added with it."""
    listener = socket.create_server((harness.HOST, 0))
    node = cluster.node(contact=listener.getsockname())
    try:
        node.start()
        listener.settimeout(harness.PATIENCE)
        connection, _ = listener.accept()
        node.kill()
        connection.close()
    finally:
        listener.close()
    before = (node.data / "identity").read_bytes()
    refusal(node.start())
    assert (node.data / "identity").read_bytes() == before


def test_refusal__a_node_killed_while_joining_founds_no_cluster(cluster):
    node = cluster.node(contact=(harness.HOST, free_port())).start()
    await_true(lambda: "trying again" in node.log(), "it looks for its contact")
    node.kill()
    node.contact = None
    message = refusal(node.start())
    assert "was made to join a cluster" in message and "--new-cluster" in message, message
    contact = cluster.node().start().await_up()
    node.contact = contact
    node.start().await_up()
    cluster.await_voters(2)
    node.stop()
    node.contact = None
    node.start().await_up()
    cluster.await_voters(2)


A_KEY = b"$64\r\n" + 32 * b"0f" + b"\r\n"


@pytest.mark.parametrize("replies, is_kept", [
    ([b"-ERR there is no such thing\r\n"], False),
    ([A_KEY, b"-ERR it may not be\r\n"], False),
    ([A_KEY, b"-INDOUBT it may have been\r\n", b"-ERR it may not be\r\n"], True),
    ([A_KEY, b"$16\r\n0123456789abcdef\r\n"], True),  # The reply of another version.
])
def test_refusal__an_id_is_kept_if_it_may_have_been_added(cluster, replies, is_kept):
    """If the id were thrown away, the cluster would keep a member that never comes."""
    def answer():
        with contextlib.suppress(OSError):
            for reply in replies:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(reply)
                    connection.recv(1)

    listener = socket.create_server((harness.HOST, 0))
    threading.Thread(target=answer, daemon=True).start()
    try:
        node = cluster.node(contact=listener.getsockname())
        refusal(node.start(), 60)
        assert (node.data / "identity").exists() == is_kept
    finally:
        stop_listening(listener)


def test_refusal__joining_through_a_redis_server(cluster):
    port = free_port()
    process = subprocess.Popen(  # pylint: disable=consider-using-with
        ["redis-server", "--port", str(port), "--bind", harness.HOST, "--save", "",
         "--dir", str(cluster.directory)],
        stdout=subprocess.DEVNULL, preexec_fn=harness.die_with_parent)
    try:
        redis_server = Node(cluster.directory, port=port)
        await_true(lambda: redis_server.call("PING") == b"PONG", "redis-server is up")
        message = refusal(cluster.node(contact=(harness.HOST, port)).start())
        assert str(port) in message
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("manner", ["echo", "silence", "close", "noise"])
def test_refusal__joining_through_something_that_talks_nonsense(cluster, manner):
    """A contact that echoes, sends nothing, closes at once, or sends noise."""
    def serve(connection):
        try:
            if manner == "close":
                return
            if manner == "noise":
                connection.sendall(bytes(range(256)) * 64 + b"\r\n")
            while data := connection.recv(65536):
                if manner == "echo":
                    connection.sendall(data)
        except OSError:
            pass
        finally:
            connection.close()

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    listener = socket.create_server((harness.HOST, 0))
    threading.Thread(target=accept, daemon=True).start()
    try:
        port = listener.getsockname()[1]
        message = refusal(cluster.node(contact=(harness.HOST, port)).start(), 60)
        assert str(port) in message
    finally:
        stop_listening(listener)


def test_refusal__joining_with_the_address_of_a_member(three):
    """A new node, with its own data directory, that announces the address of a stopped member."""
    member = three.followers()[0]
    member.stop()
    leader = three.leader()
    usurper = Node(three.directory, port=member.port, contact=leader,
                   data=three.directory / "usurper")
    usurper.log_path = three.directory / "usurper.log"
    three.nodes.append(usurper)
    message = refusal(usurper.start())
    assert member.address in message or str(member.port) in message
    assert leader.members()[member.address] == "voter"


def test_refusal__a_data_directory_of_another_cluster(cluster):
    """The node continues as a member of its own cluster, or reports why it can't; it never becomes
    part of the other one."""
    first = cluster.start(1).nodes[0]
    first.call("SET", "whose", "first")
    elsewhere = Cluster(cluster.directory / "elsewhere")
    try:
        other = elsewhere.start(1).nodes[0]
        other.call("SET", "whose", "other")
        cluster_id = other.status()["cluster_id"]
        other.stop()
        other.contact = first
        other.start()

        def decided():
            return not other.is_running() or other.call("GET", "whose")
        if await_true(decided, "it serves, or ends") is True:
            assert "cluster" in refusal(other)
        else:
            assert other.call("GET", "whose") == b"other"
            assert other.status()["cluster_id"] == cluster_id
        assert list(first.members()) == [first.address]
    finally:
        elsewhere.destroy()


def test_refusal__files_that_are_not_ours_are_left_alone(directory):
    data = directory / "data"
    data.mkdir()
    (data / "identity").write_bytes(b"these are not the files you are looking for")
    before = (data / "identity").read_bytes()
    done = run_server("127.0.0.1", free_port(), "--data", data, cwd=directory)
    assert done.returncode not in (0, -6, -11)
    assert done.stderr.strip()
    assert (data / "identity").read_bytes() == before


def test_stop__a_single_node_ends_with_status_0_and_logs_that(cluster):
    node = cluster.start(1).nodes[0]
    node.call("SET", "k", "v")
    assert node.stop() == 0
    node.start().await_up()
    await_true(lambda: node.call("GET", "k") == b"v", "the value is there again")


def test_build__the_three_programs_are_in_the_build_directory():
    for name in ("rakit-server", "rakit-cli", "rakit-sim"):
        assert (BUILD / name).is_file()
