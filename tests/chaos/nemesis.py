"""Faults, and their repair. A nemesis draws its victims from its own random source. If it can't do
anything at the moment, it does nothing."""


class Nemesis:
    """begin() breaks something, end() repairs it; `about` says what was hit."""

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
        """Does nothing for a fault that ends by itself."""

    # --- whom to hit -------------------------------------------------------------------

    def pick(self, nodes=None):
        """Often the leader, where most things can go wrong. None if there is no node."""
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
