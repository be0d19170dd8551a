"""Members that move to one another's addresses, or to new ones."""

from nemeses_process import Restarts


class Move(Restarts):
    """Two members or all of them end, and start at the former address of another one, or of a spare
    node; each gets another member as its contact, as from an operator."""

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
        """If no other node runs, the first ones get a contact that is started later."""
        for node in self.victims:
            if node in self.fleet.nodes and not node.is_running():
                node.contact = self.fleet.contact_for(node)
                node.start()
