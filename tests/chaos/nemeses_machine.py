"""Disks that are full, and clocks that are wrong."""

import clocks
from disks import MEGABYTE
from fleet import UNREACHABLE
from nemesis import Nemesis
from respclient import RespError

FILLER = b"x" * MEGABYTE
FILLERS_MAX = 160


class FullDisk(Nemesis):
    """No room on one node's disk. The log has some room reserved: large values (of a key that is
    not judged) use it up."""

    seconds = (0.2, 2.0)

    def __init__(self, fleet, chance):
        super().__init__(fleet, chance)
        self.victim = None

    def begin(self):
        self.victim = self.pick()
        if self.victim is None:
            return
        self.victim.is_disk_full = True
        self.victim.disk.fill()
        self.about += ": " + self.use_up()

    def use_up(self):
        """Writes until the node refuses a write, or reports that its disk is full (followers refuse
        nothing). Stops early if the cluster accepts no writes anyway."""
        for _ in range(FILLERS_MAX):
            try:
                with self.victim.client() as client:
                    client.call("SET", "filler", FILLER)
                    state = client.call("INFO", "persistence", "raft")
                    if b"disk_full:1" in state and b"raft_role:leader" not in state:
                        return "it says so"
            except RespError as error:
                return f"{error.code}"
            except UNREACHABLE as error:
                return f"{error!r}"
        return "there was room for all"

    def end(self):
        if self.victim is not None:
            self.victim.disk.empty()
            self.victim.is_disk_full = False
            self.fleet.restart_ended([self.victim])


class WrongClock(Nemesis):
    """The wall clock is wrong at a start, and then jumps while the node runs."""

    SETTINGS = ["+3600", "-3600", "+31536000", "-31536000", "+0 x3", "+0 x0.3", "+0"]

    def begin(self):
        victim = self.pick(self.fleet.running())
        if victim is None or clocks.LIBRARY is None:
            return
        settings = self.chance.sample(self.SETTINGS, 3)
        self.about += f": {settings}"
        if not victim.clock.is_wrong or self.chance.random() < 0.5:
            victim.kill()
            victim.clock.set(settings[0])
            victim.start()
        for setting in settings[1:]:
            self.fleet.pause(self.chance.uniform(0.5, 1.5))
            victim.clock.set(setting)
