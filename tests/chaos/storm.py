"""A storm: faults drawn from a seed, one or two at a time, while clients write down what
they see. The seed decides which faults come, in which order and for how long; whom they
hit depends on who leads then, and what comes of it on the machine."""

import random
import time

import nemeses_cluster
import nemeses_links
import nemeses_machine
import nemeses_network
import nemeses_process

# How often each is drawn, out of all.
KINDS = {
    nemeses_process.Kill: 4, nemeses_process.KillAll: 2, nemeses_process.KillAgainAndAgain: 2,
    nemeses_process.Stop: 3, nemeses_process.Freeze: 5, nemeses_process.FreezeMost: 2,
    nemeses_network.Isolate: 4, nemeses_network.Unplug: 2, nemeses_network.Split: 3,
    nemeses_network.Shatter: 1, nemeses_network.OneWay: 4, nemeses_network.Partial: 3,
    nemeses_network.Ring: 3, nemeses_network.Flap: 2,
    nemeses_links.LateLinks: 3, nemeses_links.SlowLinks: 2, nemeses_links.TornConnections: 3,
    nemeses_links.HalfOpen: 2,
    nemeses_machine.FullDisk: 2, nemeses_machine.WrongClock: 2,
    nemeses_cluster.Transfer: 3, nemeses_cluster.Grow: 4, nemeses_cluster.Shrink: 4,
}
# More would fill the memory that the small disks are made of.
AT_MOST = {nemeses_machine.FullDisk: 2}


class Storm:
    def __init__(self, fleet, seed):
        self.fleet = fleet
        self.chance = random.Random(seed)
        self.start = time.monotonic()
        self.count = {}

    def say(self, text):
        print(f"{time.monotonic() - self.start:7.2f} {text}", flush=True)

    def draw(self):
        """All that is random about a nemesis is drawn here or from its own source, so that
        what one does never changes what comes next."""
        kinds = [kind for kind in KINDS if self.count.get(kind, 0) < AT_MOST.get(kind, 1 << 30)]
        kind = self.chance.choices(kinds, [KINDS[kind] for kind in kinds])[0]
        self.count[kind] = self.count.get(kind, 0) + 1
        nemesis = kind(self.fleet, random.Random(self.chance.getrandbits(64)))
        return nemesis, self.chance.uniform(*nemesis.seconds)

    def step(self):
        """One nemesis, or two of which the second begins before the first ends."""
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
