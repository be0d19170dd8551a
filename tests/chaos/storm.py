"""A storm: faults drawn from a seed, one or two at a time, while clients record what they see. The
seed decides which faults happen, in which order and for how long. Which nodes they hit depends
on the leader at that moment, and the effects depend on the machine."""

import random
import time

import nemeses_cluster
import nemeses_links
import nemeses_machine
import nemeses_moves
import nemeses_network
import nemeses_process

KINDS = [
    nemeses_process.Kill, nemeses_process.KillAll, nemeses_process.KillAgainAndAgain,
    nemeses_process.Stop, nemeses_process.Freeze, nemeses_process.FreezeMost,
    nemeses_network.Isolate, nemeses_network.Unplug, nemeses_network.Split,
    nemeses_network.Shatter, nemeses_network.OneWay, nemeses_network.Partial,
    nemeses_network.Ring, nemeses_network.Flap, nemeses_network.SlowNames,
    nemeses_links.LateLinks, nemeses_links.SlowLinks, nemeses_links.TornConnections,
    nemeses_links.HalfOpen,
    nemeses_machine.FullDisk, nemeses_machine.WrongClock,
    nemeses_moves.Move,
    nemeses_cluster.Transfer, nemeses_cluster.Grow, nemeses_cluster.Shrink,
]


class Storm:
    def __init__(self, fleet, seed):
        self.fleet = fleet
        self.chance = random.Random(seed)
        self.start = time.monotonic()
        self.kinds = [kind for kind in KINDS if fleet.names is not None or not kind.needs_names]
        self.bag = []  # Kinds still to come: each comes once before any comes again.
        self.count = {}

    def say(self, text):
        print(f"{time.monotonic() - self.start:7.2f} {text}", flush=True)

    def draw(self):
        """All randomness of a nemesis is drawn here or from its own source, so that one never
        changes what comes next."""
        if not self.bag:
            self.bag = self.chance.sample(self.kinds, len(self.kinds))
        kind = self.bag.pop()
        self.count[kind] = self.count.get(kind, 0) + 1
        nemesis = kind(self.fleet, random.Random(self.chance.getrandbits(64)))
        return nemesis, self.chance.uniform(*nemesis.seconds)

    def step(self):
        """One nemesis, or two, the second of which begins before the first ends."""
        drawn = [self.draw() for _ in range(self.chance.choice([1, 1, 2]))]
        order = self.chance.sample(drawn, len(drawn))
        calm = self.chance.choice([0.0, 0.0, 0.3, 1.5]) * self.chance.random()
        for nemesis, seconds in drawn:
            nemesis.begin()
            self.say(f"{nemesis}, for {seconds:.1f} s")
            self.fleet.pause(seconds)
        for nemesis, _ in order:
            nemesis.end()
        self.say("is over")
        self.fleet.assert_none_crashed()
        self.fleet.note_memberships()
        self.fleet.pause(calm)

    def run(self, seconds):
        while time.monotonic() - self.start < seconds:
            self.step()

    def summary(self):
        kinds = ", ".join(f"{kind.__name__} {count}" for kind, count in
                          sorted(self.count.items(), key=lambda pair: pair[0].__name__))
        return f"{sum(self.count.values())} faults ({kinds})"
