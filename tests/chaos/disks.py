"""A small disk for each node: a tmpfs in the stage's private mounts, which can be filled. Its
content goes with the stage."""

import os

from stage import run

MEGABYTE = 1024 * 1024
DISK_MEGABYTES = 1024  # At most; only used space takes memory.


class Disk:
    def __init__(self, path):
        self.path = path
        path.mkdir(parents=True)
        run("mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m,mode=700", "tmpfs", path)
        self.ballast = path / "ballast"

    def free_bytes(self):
        state = os.statvfs(self.path)
        return state.f_bavail * state.f_frsize

    def fill(self):
        """Takes all the remaining room, to less than a page."""
        with open(self.ballast, "ab") as file:
            for unit in (64 * MEGABYTE, MEGABYTE, 4096):
                size = os.fstat(file.fileno()).st_size
                try:
                    while True:
                        os.posix_fallocate(file.fileno(), size, unit)
                        size += unit
                except OSError:
                    os.ftruncate(file.fileno(), size)

    def empty(self):
        self.ballast.unlink(missing_ok=True)

    def destroy(self):
        run("umount", "-l", self.path)
