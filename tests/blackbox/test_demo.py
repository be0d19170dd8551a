"""scripts/demo, the first command of the README: it builds, starts three nodes, and serves."""

import subprocess

import pytest

from harness import BUILD, ROOT


@pytest.mark.skipif(BUILD != ROOT / "build", reason="the demo runs what is in build/")
def test_demo__starts_three_nodes_and_stops_them():
    run = subprocess.run([ROOT / "scripts" / "demo"], input="set a 1\nget a\nraft members\n",
                         capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    lines = run.stdout.splitlines()
    assert lines[:2] == ["OK", "1"]
    assert lines.count("voter") >= 3, run.stdout
    assert "did not form a cluster" not in run.stderr
