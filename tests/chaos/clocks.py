"""Wall clocks that are wrong and jump, by libfaketime: only the wall clock, since nothing
but that is ever set on a real machine. The monotonic clock goes on as it does."""

import glob
import os

LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
NEEDED = "libfaketime is missing (package faketime)"


class Clock:
    """One node's. It is the machine's until it is set for the first time; from the next
    start of the node on it can be set while the node runs, too."""

    def __init__(self, path):
        self.path = path
        self.is_wrong = False

    def set(self, setting):
        """Such as "+3600" or "-3600" seconds, or "+0 x2" for twice as fast. A node that runs
        notices within a second."""
        self.is_wrong = True
        new = self.path.with_suffix(".new")
        new.write_text(setting + "\n", encoding="ascii")
        os.replace(new, self.path)

    def reset(self):
        self.is_wrong = False

    @property
    def wrapper(self):
        if not self.is_wrong:
            return []
        return ["env", f"LD_PRELOAD={LIBRARY}", f"FAKETIME_TIMESTAMP_FILE={self.path}",
                "FAKETIME_CACHE_DURATION=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]
