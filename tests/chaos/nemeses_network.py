"""Links between nodes that are cut: completely or in one direction, for all or for some; and a name
server that is slow or silent."""

from nemesis import Nemesis


class Cut(Nemesis):
    """Faults that drop packets; at the end the whole network works again."""

    seconds = (0.3, 3.0)

    @property
    def network(self):
        return self.fleet.network

    def end(self):
        self.network.heal()


class Isolate(Cut):
    def begin(self):
        victim = self.pick()
        if victim is not None:
            self.network.isolate(victim.place)


class Unplug(Cut):
    """Its clients do not reach it either."""

    def begin(self):
        victim = self.pick()
        if victim is not None:
            victim.place.unplug()


class Split(Cut):
    def begin(self):
        places = self.shuffled_places()
        cut = self.chance.randrange(1, len(places))
        self.about = f"{places[:cut]} {places[cut:]}"
        self.network.split(places[:cut], places[cut:])


class Shatter(Cut):
    """No node reaches another."""

    def begin(self):
        self.network.split(*[[place] for place in self.shuffled_places()])


class OneWay(Cut):
    """A node that hears nobody and is heard, or the other way round."""

    def begin(self):
        victim = self.pick()
        if victim is None:
            return
        others = [place for place in self.shuffled_places() if place is not victim.place]
        is_deaf = self.chance.random() < 0.5
        self.about += " hears nobody" if is_deaf else " is not heard"
        if is_deaf:
            self.network.cut_one_way(others, [victim.place])
        else:
            self.network.cut_one_way([victim.place], others)


class Partial(Cut):
    """Two do not reach each other, and everybody else reaches both."""

    def begin(self):
        one, other = self.shuffled_places()[:2]
        self.about = f"{one} {other}"
        self.network.cut([one], [other])


class Ring(Cut):
    """Each reaches a majority, and no two the same one (with five; with three: a chain)."""

    def begin(self):
        places = self.shuffled_places()
        self.about = str(places)
        for i, place in enumerate(places):
            far = [other for j, other in enumerate(places)
                   if min((i - j) % len(places), (j - i) % len(places)) > len(places) // 4]
            if len(places) > 3:
                self.network.cut([place], far)
        if len(places) <= 3:
            self.network.cut(places[:1], places[-1:])


class Flap(Cut):
    """A link that fails and recovers faster than an election ends."""

    seconds = (0.0, 0.1)

    def begin(self):
        victim = self.pick()
        if victim is None:
            return
        for _ in range(self.chance.randrange(3, 8)):
            self.network.isolate(victim.place)
            self.fleet.pause(self.chance.uniform(0.05, 0.8))
            self.network.heal()
            self.fleet.pause(self.chance.uniform(0.05, 0.8))


class SlowNames(Nemesis):
    """Some names can't be resolved for a while, or only slowly. Connections of one node break, so
    that it has to look for the others."""

    seconds = (0.5, 6.0)
    needs_names = True

    def begin(self):
        names = [node.name for node in self.fleet.nodes]
        slow = self.chance.sample(names, self.chance.randrange(1, len(names) + 1))
        delay = self.chance.choice([None, 0.3, 3.0])
        victim = self.pick()
        self.about = f"{slow} {delay or 'never'} s, connections of {self.about}"
        for name in slow:
            self.fleet.names.delays[name] = delay
        if victim is not None:
            victim.place.break_connections(node.place for node in self.fleet.nodes)

    def end(self):
        self.fleet.names.heal()
