"""Links between nodes that are slow, late, broken or half open: a proxy (proxy.py) in each node's
namespace. A node's links go through it only while they are disturbed."""

import json
import pathlib
import subprocess
import sys

from harness import die_with_parent
from network import PROXY_MARK, PROXY_PORT

PROGRAM = pathlib.Path(__file__).with_name("proxy.py")


class Links:
    """What one node sends to the others, and their answers."""

    def __init__(self, place):
        self.place = place
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [*place.wrapper, sys.executable, "-B", str(PROGRAM), str(PROXY_PORT),
             str(PROXY_MARK)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=die_with_parent)
        assert self.process.stdout.readline() == "ready\n", "the proxy did not start"

    def tell(self, **state):
        """Returns how many connections it has, and has had."""
        self.process.stdin.write(json.dumps(state) + "\n")
        self.process.stdin.flush()
        return [int(word) for word in self.process.stdout.readline().split()]

    def spoil(self, others, **state):
        """Breaks connections to these nodes; new ones behave as `state` says."""
        self.tell(**state)
        self.place.add("proxied", others)
        self.place.break_connections(others)

    def mend(self):
        self.place.clear("proxied")
        self.tell(close=True)

    def destroy(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
