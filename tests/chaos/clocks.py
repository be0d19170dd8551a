"""Wall clocks that are wrong and jump, by libfaketime. Only the wall clock is changed, because only
that is ever set on a real machine."""

import glob
import os

LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
NEEDED = "libfaketime is missing (package faketime)"


class Clock:
    """The clock of one node. It is the machine's until it is first set; after the next start of the
    node it can also be set while the node runs."""

    def __init__(self, path):
        self.path = path
        self.is_wrong = False

    def set(self, setting):
        """For example "+3600" or "-3600" seconds, or "+0 x2" for twice as fast. A node that runs
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
