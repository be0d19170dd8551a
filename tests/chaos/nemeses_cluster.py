"""What an administrator does, at the worst of times: nodes come and go, the leader hands
over."""

import contextlib

from fleet import UNREACHABLE
from nemesis import Nemesis

VOTERS_MIN = 3


class Transfer(Nemesis):
    seconds = (0.0, 0.5)

    def begin(self):
        leader = self.fleet.seen_leader()
        others = [node for node in self.fleet.nodes if node is not leader]
        target = self.chance.choice(others)
        self.about = f"{leader} -> {target}"
        if leader is not None:
            with contextlib.suppress(*UNREACHABLE):
                leader.call("RAFT", "TRANSFER", target.address)


class Grow(Nemesis):
    """A new node joins through some member; it tries until it gets in."""

    seconds = (0.2, 2.0)

    def begin(self):
        contact = self.chance.choice(self.fleet.nodes)
        if not self.fleet.spare:
            return
        node = self.fleet.enlist()
        node.contact = contact
        node.start()
        self.about = f"{node} through {contact}"


class Shrink(Nemesis):
    """A member is removed, often the leader. Its directory is deleted once it says itself
    that it was removed: until then the change may not have been carried out."""

    seconds = (0.2, 2.0)

    def begin(self):
        members = self.fleet.known_members()
        if members is None or len(members) <= VOTERS_MIN:
            return
        victim = self.pick([node for node in self.fleet.nodes if node.address in members])
        asked = self.chance.choice(self.fleet.awake())
        with contextlib.suppress(*UNREACHABLE):
            asked.call("RAFT", "REMOVE", victim.address)

    def end(self):
        self.fleet.dismiss_removed()
