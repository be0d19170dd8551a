"""bench/compare: a short run, whose figures must make sense. How large they are proves nothing."""

import json
import shutil
import subprocess
import sys

import pytest
from harness import BUILD, ROOT

sys.path.insert(0, str(ROOT / "bench"))

import cpu_time  # pylint: disable=wrong-import-position

pytestmark = pytest.mark.skipif(
    not (shutil.which("redis-server") and shutil.which("redis-benchmark")),
    reason="redis-server or redis-benchmark is missing")


def compare(directory, *arguments, **environment):
    path = directory / "figures.json"
    run = subprocess.run(
        [ROOT / "bench" / "compare", "--rounds", "1", "--seconds", "0.05", "--data", directory,
         "--json", path, *arguments], capture_output=True, text=True, timeout=120, check=False,
        env={"PATH": "/usr/bin:/bin", "RAKIT_BUILD": str(BUILD), **environment})
    return run, json.loads(path.read_text()) if path.exists() else None


def test_cpu_time_of_a_process_grows_while_it_works():
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            before = cpu_time.cpu_seconds(busy.pid)
            while cpu_time.cpu_seconds(busy.pid) < before + 0.05:
                assert busy.poll() is None
        finally:
            busy.kill()
    with pytest.raises(OSError):
        cpu_time.cpu_seconds(busy.pid)


def test_cpu_time_is_shown_for_each_server(directory):
    run, figures = compare(directory, "--only", "rakit,redis-always,set-50,get-50")
    assert run.returncode == 0, run.stderr
    for workload in ("set-50", "get-50"):
        assert figures["results"][workload]["rakit"]["median"] > 0
        spent = figures["cpu"][workload]
        assert set(spent["rakit"]) == {"leader", "follower 1", "follower 2"}
        assert set(spent["redis-always"]) == {"alone"}
        for roles in spent.values():
            for figure in roles.values():
                assert figure["unit"] == "us"
                assert 0 < figure["min"] <= figure["median"] <= figure["max"]
        assert spent["rakit"]["leader"]["median"] > spent["rakit"]["follower 1"]["median"]
        assert figures["cpu_ratios"][workload]["leader / redis-always"] > 0
    assert "Rakit's leader / redis-always" in run.stdout


def test_redisraft_is_named_as_not_given(directory):
    run, figures = compare(directory, "--only", "redis-memory,redisraft,get-50")
    assert run.returncode == 2
    assert "REDISRAFT_MODULE" in run.stderr
    assert figures is None
