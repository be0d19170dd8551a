"""A network of nodes in the stage's network namespace: a bridge, and for each node a
namespace of its own with one interface on it. Sets of addresses in each node's packet
filter decide what happens to packets between nodes:

  deaf     packets from these are dropped on arrival (one direction of a link)
  proxied  connections to the peer port of these go through the node's proxy (links.py)

The tests' clients are on the bridge itself, and always reach every node."""

import itertools

from stage import run

SUBNET = "198.18.0"  # Reserved for tests of networks (RFC 2544), and private to this namespace.
PORT = 8000
PEER_PORT = 18000
PROXY_PORT = 15000
PROXY_MARK = 1  # Marks the proxy's own connections, which must not be redirected to it.

_FILTER = f"""
table inet chaos {{
    set deaf {{ type ipv4_addr; }}
    set proxied {{ type ipv4_addr; }}
    chain input {{
        type filter hook input priority filter;
        ip saddr @deaf counter drop
    }}
    chain output {{
        type nat hook output priority -100;
        meta mark {PROXY_MARK} accept
        ip daddr @proxied tcp dport {PEER_PORT} redirect to :{PROXY_PORT}
    }}
}}
"""


class Place:
    """Where one node lives: a namespace, and an address in it."""

    def __init__(self, number):
        self.number = number
        self.name = f"n{number}"
        self.address = f"{SUBNET}.{number}"

    def __repr__(self):
        return self.name

    @property
    def wrapper(self):
        """The beginning of a command line that runs in here, in the same process."""
        return ["nsenter", f"--net=/run/netns/{self.name}", "--"]

    def run(self, *command, **settings):
        return run(*self.wrapper, *command, **settings)

    def make(self):
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", f"to-{self.name}", "type", "veth", "peer", "name", "eth0",
            "netns", self.name)
        run("ip", "link", "set", f"to-{self.name}", "master", "bridge", "up")
        run("ip", "-n", self.name, "link", "set", "lo", "up")
        run("ip", "-n", self.name, "addr", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", self.name, "link", "set", "eth0", "up")
        self.run("nft", "-f", "-", stdin=_FILTER)

    def change(self, verb, name, others):
        addresses = ", ".join(other.address for other in others if other is not self)
        if addresses:
            # An address that is in the set already may be added, not taken out, again.
            self.run("nft", verb, "element", "inet", "chaos", name, f"{{ {addresses} }}")

    def add(self, name, others):
        self.change("add", name, others)

    def clear(self, name):
        self.run("nft", "flush", "set", "inet", "chaos", name)

    def dropped(self):
        """Packets that were dropped because their sender is in `deaf`."""
        words = self.run("nft", "list", "chain", "inet", "chaos", "input").split()
        return int(words[words.index("packets") + 1])

    def break_connections(self, others):
        """Connections between nodes are reset at this end, at once."""
        for other in others:
            self.run("ss", "-K", "-t", "dst", other.address)

    def unplug(self):
        run("ip", "link", "set", f"to-{self.name}", "down")

    def plug(self):
        run("ip", "link", "set", f"to-{self.name}", "up")


class Network:
    """All places, and cuts between them."""

    def __init__(self, count):
        run("ip", "link", "add", "bridge", "type", "bridge")
        run("ip", "link", "set", "bridge", "up")
        run("ip", "addr", "add", f"{SUBNET}.254/24", "dev", "bridge")
        self.places = [Place(number) for number in range(1, count + 1)]
        for place in self.places:
            place.make()

    @staticmethod
    def cut_one_way(senders, receivers):
        """Packets from the first nodes do not reach the second ones any more."""
        for receiver in receivers:
            receiver.add("deaf", senders)

    def cut(self, ones, others):
        self.cut_one_way(ones, others)
        self.cut_one_way(others, ones)

    def split(self, *groups):
        for ones, others in itertools.combinations(groups, 2):
            self.cut(ones, others)

    def isolate(self, place):
        self.cut([place], [other for other in self.places if other is not place])

    def heal(self):
        for place in self.places:
            place.clear("deaf")
            place.plug()

    def destroy(self):
        """For the next network in the same stage; the kernel would do it, too."""
        for place in self.places:
            run("ip", "link", "del", f"to-{place.name}")
            run("ip", "netns", "del", place.name)
        run("ip", "link", "del", "bridge")
