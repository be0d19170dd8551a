"""Nodes in their own namespaces, each with a disk, a clock and links that can be disturbed; which
of them are members, and which are ready to become one."""

import contextlib
import os
import shutil
import time

from clocks import Clock
from disks import Disk
from harness import Cluster, Node, Vain, await_true, text
from links import Links
from names import NameServer
from network import PEER_PORT, PORT, SUBNET, Network
from respclient import RespClient, RespError

# Longer than the default: a busy machine should not cause failures.
OPTIONS = ["--protected-mode", "no", "--peer-port", str(PEER_PORT), "--heartbeat", "100"]
KEY_NAME = "key"  # Nodes at different addresses do not hand over the key.
ELECTION_MS = 600
REQUEST_MS = 3000
ELECTION_S = ELECTION_MS / 1000
PATIENCE = 60.0
UNREACHABLE = (OSError, RespError, LookupError, ValueError)


def make_key(path):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(os.urandom(32))


class FleetNode(Node):
    """A server in a place, which knows what was done to it on purpose."""

    def __init__(self, directory, place, election_ms, name=None):
        """`name`: the name at which other nodes reach it, if not its address."""
        super().__init__(directory, host=place.address, port=PORT,
                         options=[*OPTIONS, "--cluster-key", str(directory / KEY_NAME),
                                  "--election-timeout", str(election_ms),
                                  "--request-timeout", str(max(election_ms, REQUEST_MS))])
        self.place = place
        self.name = name
        self.log_path = directory / f"{place.name}.log"
        self.disk = Disk(directory / f"{place.name}-disk")
        self.clock = Clock(directory / f"{place.name}-clock")
        self.links = Links(place)
        self.data = self.disk.path / "node"
        self.is_meant_to_run = False
        self.is_frozen = False
        self.is_disk_full = False
        self.is_joining = True  # Until it was seen to be a member, it may give up joining.
        self.has_moved = False

    def __repr__(self):
        return self.place.name

    @property
    def address(self):
        """As members know it."""
        return f"{self.name or self.host}:{self.port}"

    def command_line(self):
        return super().command_line() + (["--announce", self.name] if self.name else [])

    @property
    def lodging(self):
        """What belongs to the place, and not to the node in it."""
        return self.place, self.links, self.name

    @lodging.setter
    def lodging(self, lodging):
        assert not self.is_running()
        self.place, self.links, self.name = lodging
        self.host = self.place.address
        self.has_moved = True

    def start(self, wrapper=()):
        self.is_meant_to_run = True
        return super().start([*self.place.wrapper, *self.clock.wrapper, *wrapper])

    def signal(self, number):
        super().signal(number)
        self.is_frozen = False

    def kill(self):
        self.is_meant_to_run = False
        super().kill()

    def stop(self):
        self.is_meant_to_run = False
        return super().stop()

    def freeze(self):
        super().freeze()
        self.is_frozen = True

    def thaw(self):
        if self.is_frozen and self.is_running():
            super().thaw()
        self.is_frozen = False

    def client(self, **options):
        options.setdefault("timeout", 5.0)
        return RespClient(self.host, self.port, **options)

    def note_membership(self):
        with contextlib.suppress(*UNREACHABLE):
            if self.is_joining and self.status()["membership"] in ("voter", "learner"):
                self.is_joining = False

    def reset(self):
        """Like a machine that was never used."""
        self.destroy()
        self.is_meant_to_run = self.is_frozen = False
        self.is_joining = True
        self.has_moved = False
        self.contact = None
        self.clock.reset()
        shutil.rmtree(self.data, ignore_errors=True)

    def destroy_all(self):
        with contextlib.ExitStack() as parts:
            parts.callback(self.disk.destroy)
            parts.callback(self.links.destroy)
            self.destroy()


class Fleet(Cluster):
    """`nodes` are (to be) members; `spare` ones are clean."""

    def __init__(self, directory, count, spare_count=0, election_ms=lambda: ELECTION_MS,
                 is_named=False):
        """`is_named`: nodes know each other by names, from a name server of the fleet's own."""
        super().__init__(directory)
        make_key(self.directory / KEY_NAME)
        self.nodes = []
        self.spare = []
        self.count = count
        self.names = None
        # Each part is destroyed even if another can't be, or if a later one can't be made.
        with contextlib.ExitStack() as made:
            self.network = Network(count + spare_count)
            made.callback(self.network.destroy)
            records = {}
            for place in self.network.places:
                name = f"{place.name}.chaos.test" if is_named else None
                records[name] = place.address
                self.spare.append(FleetNode(self.directory, place, election_ms(), name))
                made.callback(self.spare[-1].destroy_all)
            if is_named:
                self.names = NameServer(self.directory, f"{SUBNET}.254", records)
                made.callback(self.names.destroy)
            self.made = made.pop_all()

    def all_nodes(self):
        return self.nodes + self.spare

    def enlist(self):
        """A spare node that is to become a member; not started."""
        node = self.spare.pop(0)
        self.nodes.append(node)
        return node

    def dismiss(self, node):
        """A node that the cluster has certainly removed becomes a spare one."""
        node.reset()
        self.nodes.remove(node)
        self.spare.append(node)

    def start_all(self):
        first = self.enlist().start()
        first.await_up()
        await_true(lambda: first.status()["role"] == "leader", "the first node leads", PATIENCE)
        for _ in range(self.count - 1):
            node = self.enlist()
            node.contact = first
            node.start()
        self.await_voters(self.count, seconds=PATIENCE)
        self.note_memberships()
        return self

    @staticmethod
    def pause(seconds):
        """The time of a fault; waits for no condition."""
        time.sleep(seconds)

    # --- looking, without waiting for anybody ----------------------------------------

    def awake(self):
        return [node for node in self.nodes if node.is_running() and not node.is_frozen]

    def seen_leader(self):
        """The node that reports itself as leader in the newest term; None if there is none."""
        found = []
        for node in self.awake():
            with contextlib.suppress(*UNREACHABLE):
                with node.client(timeout=1.0) as client:
                    status = client.call("INFO", "raft").decode()
                values = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
                if values["raft_role"] == "leader":
                    found.append((int(values["raft_term"]), node.place.number, node))
        return max(found)[2] if found else None

    def crashed(self):
        """Nodes that ended by themselves. One that could not join yet may give up, and one whose
        disk is full may refuse to start."""
        ended = [node for node in self.nodes if node.is_meant_to_run and not node.is_running()]
        return [node for node in ended if node.process.returncode != 1
                or not (node.is_joining or node.is_disk_full)]

    def assert_none_crashed(self):
        crashed = self.crashed()
        assert not crashed, f"ended by themselves: {crashed}\n{self.report()}"

    # --- membership --------------------------------------------------------------------

    def note_memberships(self):
        for node in self.nodes:
            node.note_membership()

    def dismiss_removed(self):
        """Nodes report that they were removed only once that is committed."""
        for node in list(self.nodes):
            with contextlib.suppress(*UNREACHABLE):
                if node.is_running() and not node.is_frozen and \
                        node.status()["membership"] == "removed":
                    self.dismiss(node)

    # --- addresses -----------------------------------------------------------------------

    def members(self):
        return [node for node in self.nodes if not node.is_joining]

    @staticmethod
    def rotate(nodes):
        """Each gets the next one's address; all of them are stopped."""
        lodgings = [node.lodging for node in nodes]
        for node, lodging in zip(nodes, lodgings[1:] + lodgings[:1]):
            node.lodging = lodging

    def contact_for(self, node):
        """A member through which it can find the others; one that runs, if possible."""
        others = [other for other in self.members() if other is not node]
        return next((other for other in others if other.is_running()), others[0])

    # --- after the faults --------------------------------------------------------------

    def restart_ended(self, nodes):
        """Restarts nodes that faults have ended; nodes that have not joined use a member as
        contact."""
        for node in nodes:
            if node in self.nodes and not node.is_running():
                if node.is_joining or node.has_moved:
                    node.contact = self.contact_for(node)
                node.start()

    def heal(self):
        """Ends all faults, and starts every node that is a member."""
        self.network.heal()
        if self.names is not None:
            self.names.heal()
        for node in self.all_nodes():
            node.links.mend()
        for node in self.nodes:
            node.disk.empty()
            node.is_disk_full = False
            node.thaw()
        self.note_memberships()
        self.restart_ended(self.nodes)

    def settle(self, seconds=PATIENCE):
        """Waits until there is one leader, all nodes are voters or were removed, and all have
        applied the same log to the same state. Nobody may write meanwhile."""
        def settled():
            self.assert_none_crashed()
            self.dismiss_removed()
            self.note_memberships()
            self.restart_ended(self.nodes)
            states = [node.status() for node in self.nodes]
            leaders = [state["node_id"] for state in states if state["role"] == "leader"]
            whole = self.nodes[0].cluster_status()
            return len(leaders) == 1 \
                and {state["leader"] for state in states} == set(leaders) \
                and len({state["term"] for state in states}) == 1 \
                and all(state["membership"] == "voter" for state in states) \
                and all(state["members"] == len(self.nodes) for state in states) \
                and text(whole["configuration"]) == "stable" \
                and {state["last_index"] for state in states} \
                    == {state["applied_index"] for state in states} \
                and len({state["last_index"] for state in states}) == 1
        try:
            await_true(settled, "one leader, all are voters and have applied all", seconds)
        except Vain as vain:
            raise Vain(f"{vain}\n{self.describe()}\n{self.report()}") from None
        digests = {repr(node): node.status()["state_digest"] for node in self.nodes}
        assert len(set(digests.values())) == 1, f"states differ: {digests}\n{self.report()}"

    def describe(self):
        lines = []
        for node in self.all_nodes():
            try:
                lines.append(f"{node}: {node.status()}")
            except UNREACHABLE as error:
                lines.append(f"{node}: {error!r}")
        return "\n".join(lines)

    def destroy(self):
        self.made.close()
