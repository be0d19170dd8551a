"""Real clusters under real faults: whatever clients saw while nodes were killed, frozen,
stopped and moved is linearizable, by the word of rakit-lincheck."""

import itertools
import os
import pathlib
import random
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "blackbox"))

from harness import BUILD, Cluster, await_true  # pylint: disable=wrong-import-position
from recorder import Connection, Recorder, RecordingClient
from respclient import RespError

LINCHECK = str(BUILD / "rakit-lincheck")
CLIENTS = 6
KEY_LIFE = 250  # Operations on one set of keys; then fresh ones, to keep judging cheap.

pytestmark = pytest.mark.skipif(not os.access(LINCHECK, os.X_OK),
                                reason=f"{LINCHECK} was not built")


class Clients:
    """Threads that read and write few keys through whichever node they can reach."""

    def __init__(self, cluster, recorder):
        self.cluster = cluster
        self.recorder = recorder
        self.is_over = threading.Event()
        self.count = itertools.count()
        self.answered = 0
        self.threads = [threading.Thread(target=self.run, args=(n,), daemon=True)
                        for n in range(CLIENTS)]

    def run(self, number):
        chance = random.Random(number)

        def connect():
            node = chance.choice(self.cluster.nodes)
            return Connection(node.host, node.port, timeout=5.0)

        client = RecordingClient(self.recorder, f"c{number}", connect)
        while not self.is_over.is_set():
            serial = next(self.count)
            outcome, _ = client.ask(*self.command(chance, serial))
            if outcome == "answered":
                self.answered += 1
            else:
                client.close()  # Go on at another node.
                self.is_over.wait(0.01)
        client.close()

    @staticmethod
    def command(chance, serial):
        key = f"k{serial // KEY_LIFE}.{chance.randrange(4)}"
        return chance.choice([
            ("GET", key), ("GET", key), ("GET", key), ("SET", key, f"v{serial}"),
            ("APPEND", key, f"+{serial}"), ("STRLEN", key), ("DEL", key),
            ("SET", key, f"n{serial}", "NX"), ("GETSET", key, f"g{serial}")])

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join(30)

    def await_progress(self, count):
        aim = self.answered + count
        await_true(lambda: self.answered >= aim, f"{count} more answers")


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


@pytest.mark.parametrize("seed", [1, 2])
def test_chaos__what_clients_saw_is_linearizable(tmp_path, seed):
    chance = random.Random(seed)
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
        judged = subprocess.run([LINCHECK, "--timeout", "60", str(history)], text=True,
                                capture_output=True, timeout=120, check=False)
        assert judged.returncode == 0, f"{judged.stdout[-5000:]}\n{cluster.report()}"
    finally:
        cluster.destroy()
