"""Storms over clusters of three and of five: whatever clients saw is linearizable, every
acknowledged write is there, and once the faults end the cluster is well by itself.

    CHAOS_SECONDS=600 python3 -m pytest -s tests/chaos -k storm
    CHAOS_SEED=4711 python3 -m pytest -s tests/chaos -k storm

CHAOS_SECONDS is how long the faults last in all (default 80), CHAOS_SEED the seed of the
first storm (default: drawn; the next has the next number). Needs root."""

import math
import os
import random

import pytest

import verdict
from clients import Clients
from history import Load
from recorder import Recorder
from storm import Storm

SECONDS = float(os.environ.get("CHAOS_SECONDS", "80"))
SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
STORM_SECONDS = 60.0  # At most; then a new cluster.
COUNT = max(2, math.ceil(SECONDS / STORM_SECONDS))
SPARE = 2

pytestmark = pytest.mark.skipif(verdict.IS_MISSING, reason=f"{verdict.LINCHECK} was not built")


@pytest.mark.parametrize("seed", range(SEED, SEED + COUNT))
def test_storm__is_survived(make_fleet, say_at_the_end, seed):
    size = 3 if seed % 2 else 5
    is_named = random.Random(f"{seed} names").choice([False, True])
    print(f"\nCHAOS_SEED={seed}, {size} nodes, known by {'names' if is_named else 'addresses'}")
    # Nodes need not agree about time-outs. A leader that is patient leads on where others
    # have given it up already: only what it may not do then keeps reads from being stale.
    patience = random.Random(f"{seed} election")
    fleet = make_fleet(size, SPARE, lambda: patience.choice([400, 600, 1000, 2500]), is_named)
    history = fleet.directory / "history.txt"
    storm = Storm(fleet, seed)
    with Recorder(history) as recorder:
        clients = Clients(fleet, recorder, count=8, seed=seed, patience=[0.2, 0.5, 1.0, 5.0],
                          pause=0.005, wary=4)
        ledger = Load(fleet, worker_count=2, patience=5.0, pause=0.005)
        with clients, ledger:
            clients.await_progress(100)
            storm.run(SECONDS / COUNT)
            fleet.heal()
            storm.say("all is healed")
            # Well again, with the clients still at work.
            clients.await_progress(300, 60.0)
            ledger.await_progress(50, 60.0)
            storm.say("clients are served")
        fleet.settle()
        storm.say("all nodes are equal")
        clients.read_all()
    storm.say(f"clients: {clients.outcomes}, ledger in doubt: {len(ledger.doubts())}")
    say_at_the_end(f"CHAOS_SEED={seed} CHAOS_SECONDS={SECONDS:g}: {size} nodes, "
                   f"{storm.summary()}, operations: {clients.outcomes}")
    verdict.assert_linearizable(history)
    storm.say("linearizable")
    for node in fleet.nodes:
        ledger.check(node)
