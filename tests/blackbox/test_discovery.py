"""Clients that look for the leader: as clients of Redis Cluster, by INFO and ROLE, and by WAIT."""

import subprocess

import pytest
from redis.cluster import RedisCluster
from redis.crc import key_slot
from redis.sentinel import Sentinel

from harness import HOST, await_true, die_with_parent, free_port
from respclient import RespClient, RespError


@pytest.fixture(name="clustered")
def clustered_fixture(cluster):
    cluster.options = ["--cluster-mode", "yes"]
    return cluster.start(3)


@pytest.fixture(name="oracle", scope="module")
def oracle_fixture(tmp_path_factory):
    """A Redis that serves all slots alone."""
    port = free_port()
    with subprocess.Popen(
            ["redis-server", "--port", str(port), "--save", "", "--cluster-enabled", "yes",
             "--dir", str(tmp_path_factory.mktemp("redis"))], stdout=subprocess.DEVNULL,
            preexec_fn=die_with_parent) as process:
        def up():
            with RespClient(HOST, port) as client:
                return client.call("PING")
        await_true(up, "Redis is up")
        with RespClient(HOST, port) as client:
            client.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            await_true(lambda: b"cluster_state:ok" in client.call("CLUSTER", "INFO"), "it serves")
            yield client
        process.kill()


def shape(reply):
    """A reply without its values."""
    if isinstance(reply, list):
        return [shape(part) for part in reply]
    if isinstance(reply, dict):
        return {name: shape(value) for name, value in reply.items()}
    return type(reply)


def names_of(info):
    return [line.split(b":")[0] for line in info.splitlines() if b":" in line]


def test_cluster__replies_have_the_shape_of_redis(clustered, oracle):
    alone = clustered.nodes[0]
    for version in (2, 3):
        with alone.client() as client:
            client.call("HELLO", version)
            oracle.call("HELLO", version)
            ours, theirs = client.call("CLUSTER", "SLOTS"), oracle.call("CLUSTER", "SLOTS")
            assert ours[0][:2] == theirs[0][:2]
            assert shape(ours[0][2]) == shape(theirs[0][2])
            ours, theirs = client.call("CLUSTER", "SHARDS"), oracle.call("CLUSTER", "SHARDS")
            assert type(ours[0]) is type(theirs[0])
            if version == 3:
                assert ours[0][b"slots"] == theirs[0][b"slots"]
                assert set(ours[0][b"nodes"][0]) == set(theirs[0][b"nodes"][0])
            missing = set(names_of(oracle.call("CLUSTER", "INFO"))) - \
                set(names_of(client.call("CLUSTER", "INFO")))
            assert all(name.startswith(b"cluster_stats_messages_") for name in missing), missing
            line = client.call("CLUSTER", "NODES").splitlines()[0].split()
            assert len(line) == len(oracle.call("CLUSTER", "NODES").split())
            assert len(line[0]) == 40 and line[-1] == b"0-16383"


def test_cluster__refuses_as_redis_does(clustered, oracle):
    with clustered.nodes[1].client() as client:
        for arguments in (["COUNTKEYSINSLOT", 16384], ["COUNTKEYSINSLOT", "x"],
                          ["GETKEYSINSLOT", 1, -1], ["KEYSLOT"], ["REPLICAS", "nobody"],
                          ["NONSENSE"]):
            errors = []
            for one in (client, oracle):
                with pytest.raises(RespError) as raised:
                    one.call("CLUSTER", *arguments)
                errors.append(str(raised.value))
            assert errors[0] == errors[1]
        for key in ("foo", "{foo}.x", "a{}b", "", "x{y", "{x}{y}"):
            slot = client.call("CLUSTER", "KEYSLOT", key)
            assert slot == oracle.call("CLUSTER", "KEYSLOT", key) == key_slot(key.encode())


def first_address(node):
    master = node.call("CLUSTER", "SLOTS")[0][2]
    return f"{master[0].decode()}:{master[1]}"


def test_slots__show_the_new_leader_as_soon_as_there_is_one(clustered):
    old = clustered.leader()
    rest = clustered.followers()
    assert {first_address(node) for node in clustered.nodes} == {old.address}
    old.kill()
    new = clustered.leader(rest)
    assert first_address(new) == new.address
    other = next(node for node in rest if node is not new)
    await_true(lambda: first_address(other) == new.address, "the other node shows it, too")
    assert old.port not in [node[1] for node in new.call("CLUSTER", "SLOTS")[0][2:]]


def test_redis_py__as_a_client_of_a_cluster_finds_the_leader(clustered):
    def client_of(node):
        return RedisCluster(host=HOST, port=node.port, socket_timeout=5)
    old, other = clustered.leader(), clustered.followers()[0]
    client = client_of(other)
    assert client.get_node_from_key("k").port == old.port
    assert client.set("k", "v") and client.get("k") == b"v"
    old.kill()
    # (This one, of Debian 12, can't look again by itself: it fails to copy its own settings.)
    client = client_of(other)
    assert client.set("k", "w") and client.get("k") == b"w"
    new = clustered.leader()
    await_true(lambda: client_of(other).get_node_from_key("k").port == new.port,
               "the new leader is found")


def test_redirect__sends_redis_py_to_the_leader(cluster):
    cluster.options = ["--cluster-mode", "redirect"]
    cluster.start(3)
    follower = cluster.followers()[0]
    with follower.client() as bare:
        with pytest.raises(RespError, match=f"^MOVED 12182 {cluster.leader().address}$"):
            bare.call("SET", "foo", "1")
        assert bare.call("READONLY") == b"OK"
        assert bare.call("GET", "foo") is None
    client = RedisCluster(host=HOST, port=follower.port, socket_timeout=5)
    for i in range(20):
        client.set(f"k{i}", i)
    second = cluster.followers()[0]
    second.call("RAFT", "TRANSFER", second.address)
    for i in range(20):
        assert client.get(f"k{i}") == b"%d" % i
        client.set(f"k{i}", i)


def test_cluster__is_off_by_default(shared):
    with pytest.raises(RespError, match="^ERR This instance has cluster support disabled"):
        shared.nodes[0].call("CLUSTER", "SLOTS")
    assert shared.nodes[0].redis().info("cluster")["cluster_enabled"] == 0


def test_wait__is_given_as_many_as_are_shown(three):
    leader, silent = three.leader(), three.followers()[0]
    with leader.client() as client:
        client.call("SET", "k", "v")
        shown = leader.redis().info("replication")["connected_slaves"]
        assert client.call("WAIT", shown, 0) >= shown
        assert client.call("WAIT", 2, 0) == 2
        silent.freeze()
        await_true(lambda: leader.redis().info("replication")["connected_slaves"] == 1,
                   "a silent node is shown no more")
        assert len(client.call("ROLE")[2]) == 1
        client.call("SET", "k", "w")
        assert client.call("WAIT", 1, 0) == 1
        assert client.call("WAIT", 2, 100) == 1
        client.send("WAIT", 2, 0)
        silent.thaw()
        assert client.read() == 2
        assert client.call("WAITAOF", 1, 2, 0) == [1, 2]
    with three.followers()[0].client() as client:
        client.call("SET", "k", "x")
        assert client.call("WAIT", 2, 0) == 1  # Only the leader knows more.


def test_follower_role__is_what_every_command_says(cluster):
    cluster.options = ["--follower-role", "replica"]
    cluster.start(3)
    leader, follower = cluster.leader(), cluster.followers()[0]
    assert leader.redis().info("replication")["role"] == "master"
    info = follower.redis().info("replication")
    assert (info["role"], info["master_port"], info["master_link_status"]) == \
        ("slave", leader.port, "up")
    assert follower.call("ROLE")[:3] == [b"slave", HOST.encode(), leader.port]
    with follower.client() as client:
        assert client.call("HELLO", 3)[b"role"] == b"replica"
        assert client.call("SET", "k", "v") == b"OK"  # It forwards all the same.


# --- the Sentinel door ---------------------------------------------------------------------


@pytest.fixture(name="doors")
def doors_fixture(cluster):
    """Three nodes with a door each, at a distance of 5000 from the clients' port."""
    first = cluster.node()
    first.options = ["--sentinel-port", str(first.port + 5000)]
    first.start().await_up()
    for _ in range(2):
        node = cluster.node(contact=first)
        node.options = ["--sentinel-port", str(node.port + 5000)]
        node.start()
    cluster.await_voters(3)
    return cluster


def door(node):
    return RespClient(node.host, node.port + 5000)


def test_sentinel__replies_have_the_fields_of_redis(doors, directory):
    leader = doors.leader()
    port = free_port()
    (directory / "sentinel.conf").write_text(f"port {port}\ndir {directory}\n"
                                             f"sentinel monitor mymaster {HOST} {leader.port} 1\n")
    with subprocess.Popen(["redis-server", str(directory / "sentinel.conf"), "--sentinel"],
                          stdout=subprocess.DEVNULL, preexec_fn=die_with_parent) as process:
        def ask(*arguments):
            with RespClient(HOST, port) as client:
                return client.call("SENTINEL", *arguments)
        await_true(lambda: ask("MASTERS"), "the Sentinel is up")
        with door(leader) as client:
            for arguments in (["MASTER", "mymaster"], ["GET-MASTER-ADDR-BY-NAME", "mymaster"]):
                ours, theirs = client.call("SENTINEL", *arguments), ask(*arguments)
                if arguments[0] == "MASTER":
                    assert set(ours[::2]) == set(theirs[::2])
                else:
                    assert ours == theirs
            for arguments in (["MASTER", "nobody"], ["NONSENSE"], ["MASTER"]):
                with pytest.raises(RespError) as raised:
                    ask(*arguments)
                if arguments != ["MASTER", "nobody"]:  # Here any name will do.
                    with pytest.raises(RespError, match=f"^{raised.value}$"):
                        client.call("SENTINEL", *arguments)
        process.kill()


def test_redis_py__as_a_client_of_sentinels_finds_the_new_leader(doors):
    sentinel = Sentinel([(node.host, node.port + 5000) for node in doors.nodes],
                        socket_timeout=5, sentinel_kwargs={"socket_timeout": 5})
    old = doors.leader()
    assert sentinel.discover_master("mymaster") == (HOST, old.port)
    assert len(sentinel.discover_slaves("mymaster")) == 2
    master = sentinel.master_for("mymaster")
    assert master.set("k", "v")
    assert sentinel.slave_for("mymaster").get("k") == b"v"
    old.kill()
    await_true(lambda: master.set("k", "w"), "it writes again")
    new = doors.leader()
    await_true(lambda: sentinel.discover_master("mymaster") == (HOST, new.port),
               "it has found the new leader")
    assert len(sentinel.discover_slaves("mymaster")) == 1
    assert sentinel.slave_for("mymaster").get("k") == b"w"


def test_sentinel__door_is_for_no_data_and_is_not_open_by_default(doors, shared):
    with door(doors.nodes[0]) as client:
        with pytest.raises(RespError, match="^ERR unknown command 'GET'"):
            client.call("GET", "k")
        assert client.call("SENTINEL", "CKQUORUM", "mymaster").startswith(b"OK 3 usable")
        assert b"master0:name=mymaster,status=ok" in client.call("INFO", "sentinel")
        assert b"redis_mode:sentinel" in client.call("INFO")
        ports = [row[5] for row in client.call("SENTINEL", "SENTINELS", "mymaster")]
        assert {int(port) for port in ports} == {n.port + 5000 for n in doors.nodes[1:]}
    with pytest.raises(RespError, match="^ERR unknown command"):
        doors.nodes[0].call("SENTINEL", "MASTERS")
    assert shared.nodes[0].call("CONFIG", "GET", "sentinel-port") == [b"sentinel-port", b"0"]


def test_sentinel__subscribers_hear_of_the_new_leader(doors):
    old, other = doors.leader(), doors.followers()[0]
    with door(other) as client:
        assert client.call("SUBSCRIBE", "+switch-master") == [b"subscribe", b"+switch-master", 1]
        old.kill()
        kind, channel, words = client.read()
        assert (kind, channel) == (b"message", b"+switch-master")
        new = doors.leader()
        assert words.decode().split() == ["mymaster", HOST, str(old.port), HOST, str(new.port)]
