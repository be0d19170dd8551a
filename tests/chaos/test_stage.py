"""However the tests end, nothing of them is left."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

import stage
from harness import await_true, die_with_parent

HERE = pathlib.Path(__file__).resolve().parent
VICTIM = """
import pathlib, sys
sys.path[:0] = sys.argv[2:]
import stage
from fleet import Fleet
with stage.entered():
    fleet = Fleet(pathlib.Path(sys.argv[1]), 3).start_all()
    print(*[node.process.pid for node in fleet.nodes],
          *[node.links.process.pid for node in fleet.nodes], flush=True)
    sys.stdin.read()
"""

pytestmark = pytest.mark.skipif(stage.obstacle() is not None, reason=str(stage.obstacle()))


def is_alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
        return state.rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_killed_tests_leave_no_process_no_interface_and_no_mount(tmp_path):
    links = stage.run("ip", "-o", "link", "show", "type", "veth")
    names = stage.run("ip", "netns", "list")
    with subprocess.Popen([sys.executable, "-B", "-c", VICTIM, str(tmp_path), str(HERE),
                           str(HERE.parent / "blackbox")], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True,
                          preexec_fn=die_with_parent) as tests:
        pids = [int(word) for word in tests.stdout.readline().split()]
        assert len(pids) == 6 and all(is_alive(pid) for pid in pids)
        # All of it is the other process's own.
        assert stage.run("ip", "-o", "link", "show", "type", "veth") == links
        assert str(tmp_path) not in pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8")
        spaces = [os.stat(f"/proc/{pid}/ns/net").st_ino for pid in pids]
        assert len(set(spaces)) == 3
        assert os.stat("/proc/self/ns/net").st_ino not in spaces
        os.kill(tests.pid, signal.SIGKILL)
    await_true(lambda: not any(is_alive(pid) for pid in pids), "all processes have ended")
    assert stage.run("ip", "-o", "link", "show", "type", "veth") == links
    assert stage.run("ip", "netns", "list") == names
    # The disks were mounts of the dead: what is below them is empty.
    assert all(not any(disk.iterdir()) for disk in tmp_path.glob("*-disk"))
