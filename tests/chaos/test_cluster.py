"""Faults that can be caused without root: what clients saw while nodes were killed, frozen and
stopped, and leadership was transferred, is linearizable."""

import random

import pytest

import verdict
from clients import Clients
from harness import Cluster
from recorder import Recorder
from respclient import RespError

pytestmark = pytest.mark.skipif(verdict.IS_MISSING, reason=f"{verdict.LINCHECK} was not built")


def kill_leader(cluster, _):
    leader = cluster.leader()
    leader.kill()
    cluster.leader()
    leader.start()
    cluster.await_equal()


def kill_follower(cluster, chance):
    follower = chance.choice(cluster.followers())
    follower.kill()
    follower.start()
    cluster.await_equal()


def freeze_leader(cluster, _):
    leader = cluster.leader()
    leader.freeze()
    cluster.leader([node for node in cluster.nodes if node is not leader])
    leader.thaw()
    cluster.await_equal()


def stop_leader(cluster, _):
    leader = cluster.leader()
    leader.stop()
    leader.start()
    cluster.await_equal()


def transfer(cluster, chance):
    target = chance.choice(cluster.followers())
    try:
        cluster.leader().call("RAFT", "TRANSFER", target.address)
    except RespError:
        pass  # It may be in doubt, or too early; the next fault comes anyway.


def kill_all(cluster, _):
    for node in cluster.nodes:
        node.kill()
    for node in cluster.nodes:
        node.start()
    cluster.await_equal()


def test_cluster__what_clients_saw_is_linearizable(tmp_path):
    chance = random.Random(1)
    cluster = Cluster(tmp_path / "cluster")
    history = tmp_path / "history.txt"
    faults = [kill_leader, kill_follower, freeze_leader, stop_leader, transfer, kill_all] * 2
    chance.shuffle(faults)
    try:
        cluster.start(3)
        with Recorder(history) as recorder, Clients(cluster, recorder) as clients:
            for fault in faults:
                clients.await_progress(100)
                fault(cluster, chance)
            clients.await_progress(100)
        verdict.assert_linearizable(history)
    finally:
        cluster.destroy()
