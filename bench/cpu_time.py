"""CPU time that processes have spent, user and system: the kernel's own clock of each
process, in nanoseconds, including threads that have ended."""

import ctypes
import os
import time

_libc = ctypes.CDLL(None)


def cpu_seconds(pid):
    """As clock_getcpuclockid(3); raises OSError if there is no such process."""
    clock = ctypes.c_int()
    error = _libc.clock_getcpuclockid(ctypes.c_int(pid), ctypes.byref(clock))
    if error:
        raise OSError(error, os.strerror(error))
    return time.clock_gettime(clock.value)


def roles_of(contestant):
    """{role: process} of a contestant, which are all up: a leader and its followers, or
    one server that is alone."""
    processes = list(contestant.processes)
    if not hasattr(contestant, "leader"):
        return {"alone": processes[0]}
    leader = processes.pop(contestant.leader())
    return {"leader": leader} | {f"follower {n}": p for n, p in enumerate(processes, 1)}


def measured(contestant, work, count):
    """What work() returns, and {role: CPU seconds of each of `count` operations}: nothing
    if another node led afterwards."""
    roles = roles_of(contestant)
    before = {role: cpu_seconds(p.process.pid) for role, p in roles.items()}
    result = work()
    spent = {role: cpu_seconds(p.process.pid) - before[role] for role, p in roles.items()}
    if roles_of(contestant) != roles:
        return result, {}
    return result, {role: seconds / count for role, seconds in spent.items()}
