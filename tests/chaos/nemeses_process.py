"""Processes that are killed, frozen, or stopped in order."""

from fleet import ELECTION_S
from nemesis import Nemesis


class Restarts(Nemesis):
    """Faults that end processes: they run again at the end, unless they were restarted already or
    are not members any more."""

    def __init__(self, fleet, chance):
        super().__init__(fleet, chance)
        self.victims = []

    def end(self):
        for node in self.victims:
            if node in self.fleet.nodes and not node.is_running():
                node.start()


class Kill(Restarts):
    def begin(self):
        victim = self.pick(self.fleet.running())
        if victim is not None:
            victim.kill()
            self.victims = [victim]


class KillAll(Restarts):
    seconds = (0.0, 1.0)

    def begin(self):
        self.victims = self.fleet.running()
        for node in self.victims:
            node.kill()


class KillAgainAndAgain(Restarts):
    """Also while it starts."""

    def begin(self):
        victim = self.pick(self.fleet.running())
        if victim is None:
            return
        self.victims = [victim]
        for _ in range(self.chance.randrange(2, 6)):
            victim.kill()
            victim.start()
            self.fleet.pause(self.chance.choice([0.005, 0.05, 0.5]) * self.chance.random())


class Stop(Restarts):
    """SIGTERM: a leader transfers leadership first."""

    def begin(self):
        victim = self.pick()
        if victim is None:
            return
        self.victims = [victim]
        status = victim.stop()
        assert status == 0, f"{victim} was told to stop and ended with {status}"


class Freeze(Nemesis):
    """SIGSTOP, for less or for longer than an election takes."""

    def __init__(self, fleet, chance):
        super().__init__(fleet, chance)
        self.victims = []
        self.seconds = chance.choice([(0.1 * ELECTION_S, 0.8 * ELECTION_S),
                                      (1.5 * ELECTION_S, 6 * ELECTION_S)])

    def begin(self):
        victim = self.pick()
        if victim is not None:
            victim.freeze()
            self.victims = [victim]

    def end(self):
        for node in self.victims:
            node.thaw()


class FreezeMost(Freeze):
    """A majority, at once."""

    def begin(self):
        awake = self.fleet.awake()
        count = min(len(awake), len(self.fleet.nodes) // 2 + 1)
        self.victims = self.chance.sample(awake, count)
        self.about = str(self.victims)
        for node in self.victims:
            node.freeze()
