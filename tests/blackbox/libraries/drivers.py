"""Small programs that call INCR through a client library, controlled by lines.

Each is started with HOST PORT SETTINGS, where SETTINGS is "defaults" or "safe" (as
docs/CLIENTS.md advises), prints `ready VERSION`, and for each line of its input, a key, calls
INCR once and prints `done VALUE` or `failed ERROR`. npm libraries are in
$LIBRARIES/node_modules."""

import contextlib
import os
import pathlib
import select
import subprocess
import sys

from harness import PATIENCE, Vain, die_with_parent

HERE = pathlib.Path(__file__).resolve().parent
NPM = pathlib.Path(os.environ.get("LIBRARIES", HERE.parent.parent.parent / "build" / "libraries"))
COMMANDS = {
    "redis-py": [sys.executable, "-B", str(HERE / "driver_redis_py.py")],
    "redis-rb": ["ruby", str(HERE / "driver_redis_rb.rb")],
    "ioredis": ["node", str(HERE / "driver_ioredis.mjs")],
    "node-redis": ["node", str(HERE / "driver_node_redis.mjs")],
    "valkey-glide": ["node", str(HERE / "driver_valkey_glide.mjs")],
}
# Through a door of docs/CLIENTS.md; SETTINGS is "cluster" or "sentinel".
AT_DOORS = {
    "ioredis at a door": ["node", str(HERE / "door_ioredis.mjs")],
    "node-redis at a door": ["node", str(HERE / "door_node_redis.mjs")],
}


class Driver:
    """One such program, connected to `target` (which has a host and a port)."""

    def __init__(self, library, settings, target):
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [*{**COMMANDS, **AT_DOORS}[library], target.host, str(target.port), settings],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            env={**os.environ, "LIBRARIES": str(NPM)}, preexec_fn=die_with_parent)
        self.rest = b""
        self.version = self.read("ready")[1]

    def read(self, *words):
        """The next line that begins with one of the words; libraries print lines of their own."""
        while True:
            line, separator, rest = self.rest.partition(b"\n")
            if separator:
                self.rest = rest
                parts = line.decode(errors="replace").split(" ", 1)
                if parts[0] in words:
                    return parts
                continue
            readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            data = self.process.stdout.read(65536) if readable else None
            if not data:
                raise Vain(f"the driver said none of {words}; its status: {self.process.poll()}")
            self.rest += data

    def incr(self, key):
        """The value, or None if the library reported an error."""
        self.process.stdin.write(key.encode() + b"\n")
        word, value = self.read("done", "failed")
        return int(value) if word == "done" else None

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


@contextlib.contextmanager
def driver(library, settings, target):
    made = Driver(library, settings, target)
    try:
        yield made
    finally:
        made.close()
