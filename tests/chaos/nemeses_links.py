"""Bad links between nodes: slow, late, torn in the middle, or half open."""

from nemesis import Nemesis


class Spoil(Nemesis):
    """The links of one node, or of all, in both directions, go through the proxies."""

    seconds = (0.5, 3.0)

    def __init__(self, fleet, chance):
        super().__init__(fleet, chance)
        self.spoilt = []

    def state(self):
        """The state for the proxies, drawn anew for each."""
        raise NotImplementedError

    def begin(self):
        victim = None if self.chance.random() < 0.3 else self.pick()
        if victim is None:
            self.about = "all"
        for node in self.fleet.nodes:
            partners = self.fleet.nodes if victim in (None, node) else [victim]
            node.links.spoil([partner.place for partner in partners], **self.state())
            self.spoilt.append(node.links)

    def end(self):
        for links in self.spoilt:
            links.mend()


class LateLinks(Spoil):
    def state(self):
        high = self.chance.choice([10, 60, 300])
        return {"delay_ms": [self.chance.uniform(0, high), high]}


class SlowLinks(Spoil):
    def state(self):
        return {"bytes_per_s": self.chance.choice([1000, 5000, 50000])}


class TornConnections(Spoil):
    """Reset in the middle of a frame, again and again."""

    def state(self):
        return {"reset_after": [1, self.chance.choice([200, 5000, 100000])]}


class HalfOpen(Spoil):
    """The far end is gone, and the near end does not notice."""

    def state(self):
        return {"half_open_after": [200, self.chance.choice([5000, 100000])]}
