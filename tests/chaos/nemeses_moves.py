"""Members that move to one another's addresses, or to new ones."""

from nemeses_process import Restarts


class Move(Restarts):
    """Two members or all of them end, and start where another one of them was, or a spare
    node: each is told another member as its contact, as an operator would."""

    seconds = (0.0, 1.0)

    def begin(self):
        movers = self.fleet.members()
        count = self.chance.choice([2, len(movers)])
        self.victims = self.chance.sample(movers, min(count, len(movers)))
        for node in self.victims:
            if node.is_running():
                node.kill()
        spare = self.fleet.spare[:self.chance.randrange(2)]
        self.about = " -> ".join(map(str, [*self.victims, *spare]))
        self.fleet.rotate([*self.victims, *spare])

    def end(self):
        """Those who start first are told one who does not run yet, if nobody else does."""
        for node in self.victims:
            if node in self.fleet.nodes and not node.is_running():
                node.contact = self.fleet.contact_for(node)
                node.start()
