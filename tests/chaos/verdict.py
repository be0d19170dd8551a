"""rakit-lincheck's word on a history. That it could not decide in time is a failure, too."""

import os
import subprocess

from harness import BUILD

LINCHECK = str(BUILD / "rakit-lincheck")
CHECK_SECONDS = 120
IS_MISSING = not os.access(LINCHECK, os.X_OK)


def assert_linearizable(history):
    judged = subprocess.run([LINCHECK, "--timeout", str(CHECK_SECONDS), str(history)], text=True,
                            capture_output=True, timeout=2 * CHECK_SECONDS, check=False)
    assert judged.returncode == 0, \
        f"{history}: rakit-lincheck says {judged.returncode}\n{judged.stdout[-5000:]}" \
        f"{judged.stderr[-2000:]}"
