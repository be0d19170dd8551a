"""What a run of a benchmark says about its machine, and on its standard error."""

import os
import platform
import subprocess
import sys


def say(text):
    print(text, file=sys.stderr, flush=True)


def machine(directory):
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        model = next((line.split(":")[1].strip() for line in info if "model name" in line), "?")
    disk = subprocess.run(["stat", "-f", "-c", "%T", directory], capture_output=True, text=True,
                          check=False).stdout.strip()
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(),
            "file_system": disk, "load_before": os.getloadavg()[0]}
