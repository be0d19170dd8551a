"""An administrator's actions at bad moments: nodes are added and removed, leadership is
transferred."""

import contextlib

from fleet import UNREACHABLE
from harness import Vain, await_true
from nemesis import Nemesis

VOTERS_MIN = 3
JOIN_SECONDS = 5.0


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


class Join(Nemesis):
    seconds = (0.2, 2.0)

    def join(self):
        """Starts a spare node, which tries until it has joined. None if there is no spare node."""
        contact = self.chance.choice(self.fleet.nodes)
        if not self.fleet.spare:
            return None
        node = self.fleet.enlist()
        node.contact = contact
        return node.start()


class Grow(Join):
    """A new node joins through some member."""

    def begin(self):
        node = self.join()
        self.about = f"{node} through {node.contact}" if node else "no more"


class Shrink(Join):
    """A member is removed, often the leader. Its directory is deleted once the node itself reports
    that it was removed: until then the change may not have happened. If only three members are
    left, another one joins first."""

    def begin(self):
        if self.member_count() <= VOTERS_MIN:
            self.join()
            with contextlib.suppress(Vain):
                await_true(lambda: self.member_count() > VOTERS_MIN, "one more", JOIN_SECONDS)
        if self.member_count() <= VOTERS_MIN or not self.fleet.awake():
            self.about = "no fewer"
            return
        victim = self.pick([node for node in self.fleet.nodes if not node.is_joining])
        asked = self.chance.choice(self.fleet.awake())
        try:
            asked.call("RAFT", "REMOVE", victim.address)
        except UNREACHABLE as error:
            self.about += f": {str(error)[:40]}"

    def member_count(self):
        """An upper bound: some may have been removed already."""
        self.fleet.note_memberships()
        return sum(not node.is_joining for node in self.fleet.nodes)

    def end(self):
        self.fleet.dismiss_removed()
