"""Namespaces of this process: a network and mounts that no other process sees.

Nothing made here needs to be cleaned up. The kernel removes it with the last process in it, and
every process that is started here dies with its parent: however the tests end, killed included,
no interface, mount or server is left behind."""

import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
PROGRAMS = {"ip": "iproute2", "ss": "iproute2", "nft": "nftables", "nsenter": "util-linux",
            "mount": "mount"}

_libc = ctypes.CDLL(None, use_errno=True)


def run(*command, stdin=None):
    """Runs a system tool; the exception has its message if it fails."""
    done = subprocess.run([str(part) for part in command], input=stdin, capture_output=True,
                          text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


def _system(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def obstacle():
    """Why a stage is impossible here, or None."""
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    for program, package in PROGRAMS.items():
        if not any(os.access(f"{place}/{program}", os.X_OK)
                   for place in ("/usr/sbin", "/usr/bin", "/sbin", "/bin")):
            return f"{program} is missing (package {package})"
    child = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True,
                           text=True, check=False)
    return f"no namespaces here: {child.stderr.strip()}" if child.returncode != 0 else None


@contextlib.contextmanager
def entered():
    """Moves this thread, and those that it starts within, to a network of their own, and makes all
    the process's mounts private from now on. (In a process with threads this can't be undone,
    but it does no harm: new mounts outside are still seen.)"""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _system(_libc.unshare(CLONE_NEWNET | CLONE_NEWNS), "unshare")
        try:
            run("mount", "--make-rslave", "/")
            run("ip", "link", "set", "lo", "up")
            # Names of namespaces that only this process knows.
            os.makedirs("/run/netns", exist_ok=True)
            run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/run/netns")
            # libfaketime leaves files there for servers that were killed.
            run("mount", "-t", "tmpfs", "tmpfs", "/dev/shm")
            yield
        finally:
            for path in ("/dev/shm", "/run/netns"):
                with contextlib.suppress(OSError):
                    run("umount", "-l", path)
            _system(_libc.setns(home, CLONE_NEWNET), "setns")
    finally:
        os.close(home)
