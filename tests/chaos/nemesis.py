"""What goes wrong, and is mended again. A nemesis draws whom it hits from its own source
of chance; it may find that it cannot do anything now, and then does nothing."""


class Nemesis:
    """begin() breaks something, end() mends it; `about` says what was hit."""

    seconds = (0.2, 2.0)  # How long it lasts.
    needs_names = False  # Whether the nodes must know each other by names.

    def __init__(self, fleet, chance):
        self.fleet = fleet
        self.chance = chance
        self.about = ""

    def __str__(self):
        return f"{type(self).__name__} {self.about}".rstrip()

    def begin(self):
        raise NotImplementedError

    def end(self):
        """For what ends by itself: nothing."""

    # --- whom to hit -------------------------------------------------------------------

    def pick(self, nodes=None):
        """Often the leader, since most of what can go wrong goes wrong there. None where
        there is nobody."""
        nodes = self.fleet.awake() if nodes is None else nodes
        leader = self.fleet.seen_leader()
        if leader in nodes and self.chance.random() < 0.5:
            self.about = f"{leader} (leader)"
            return leader
        victim = self.chance.choice(nodes) if nodes else None
        self.about = str(victim)
        return victim

    def shuffled_places(self):
        places = [node.place for node in self.fleet.nodes]
        self.chance.shuffle(places)
        return places
