"""scripts/nightly: slices of seeds, a report, and going on after an interruption.

  test_nightly.py BUILD_DIRECTORY"""

import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NIGHTLY = ROOT / "scripts" / "nightly"
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
HAS_MUTANTS = subprocess.run([BUILD / "rakit-sim", "--list-mutants"], capture_output=True,
                             check=False).returncode == 0


class Nightly(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.state = pathlib.Path(temporary.name) / "state"

    def start(self, *words):
        return subprocess.Popen(
            [NIGHTLY, "--state", self.state, "--build", BUILD, "--jobs", "1", *words],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run_for(self, seconds, *words):
        with self.start("--time", str(seconds), *words) as process:
            said = process.communicate(timeout=120)[0]
        return process.returncode, said

    def read_state(self):
        return json.loads((self.state / "state.json").read_text())

    def test_nightly__reports_what_was_run(self):
        status, said = self.run_for(16, "--only", "sim,beyond")
        report = (self.state / "report.md").read_text()
        self.assertEqual(status, 0, said + report)
        self.assertIn("Nothing was found", report)
        runs = int(re.search(r"seeds 1000000 to \d+: (\d+) runs", report)[1])
        self.assertGreater(runs, 0)
        self.assertEqual(self.read_state()["next_seeds"]["sim"], 1000000 + runs)
        self.assertRegex(report, r"\| kill \| \d+")
        self.assertRegex(report, r"\| log truncated \| \d+")
        self.assertIn("## beyond", report)

    def wrap(self, option):
        """A build directory whose simulator runs with that option."""
        directory = self.state.parent / "wrapped"
        directory.mkdir()
        program = directory / "rakit-sim"
        program.write_text(f'#!/bin/sh\nexec {BUILD}/rakit-sim {option} "$@"\n')
        program.chmod(0o755)
        return directory

    def test_nightly__state_that_is_never_reached_is_a_failure(self):
        calm = self.wrap("--only-faults none")
        status, said = self.run_for(2, "--only", "sim", "--rare", "1", "--build", calm)
        report = (self.state / "report.md").read_text()
        self.assertEqual(status, 1, said)
        self.assertIn("- state never reached: disk replaced\n", report)
        self.assertIn("- fault that never struck: kill\n", report)

    @unittest.skipUnless(HAS_MUTANTS, "a build without mutants")
    def test_nightly__reports_failures_with_what_replays_them(self):
        broken = self.wrap("--mutant commit_old_term")
        status, said = self.run_for(2, "--only", "sim", "--build", broken)
        report = (self.state / "report.md").read_text()
        self.assertEqual(status, 1, said)
        self.assertRegex(report, r"\*\*\d+ failures\*\* after")
        replay = re.search(r"^ +rakit-sim (--seed \d+ --mutant commit_old_term)$", report, re.M)
        again = subprocess.run([BUILD / "rakit-sim", *replay[1].split()], capture_output=True,
                               text=True, check=False)
        self.assertEqual(again.returncode, 1)
        self.assertIn("breaks a rule", again.stderr)

    def test_nightly__goes_on_after_an_interruption(self):
        words = ("--time", "40", "--only", "sim")
        with self.start(*words) as process:
            time_is_up = time.monotonic() + 30
            while not any(self.state.glob("logs/*-sim.log")):
                self.assertLess(time.monotonic(), time_is_up)
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 3, said)
        before = self.read_state()
        self.assertFalse(before["is_ended"])
        # The night is over once its time is spent, so it continues only for the rest.
        spent = before["seconds"].get("sim", 0)
        status, said = self.run_for(spent + 2, "--only", "sim")
        after = self.read_state()
        self.assertEqual(status, 0, said)
        self.assertEqual(after["night"], 1)
        self.assertTrue(after["is_ended"])
        self.assertGreater(after["next_seeds"]["sim"], before["next_seeds"]["sim"])
        self.assertEqual(after["totals"]["sim"]["runs"], after["next_seeds"]["sim"] - 1000000)

    def test_nightly__next_night_goes_on_with_the_seeds(self):
        self.run_for(2, "--only", "sim")
        first = self.read_state()
        self.run_for(2, "--only", "sim")
        second = self.read_state()
        self.assertEqual(second["night"], 2)
        self.assertEqual(second["first_seeds"]["sim"], first["next_seeds"]["sim"])
        self.assertTrue((self.state / "report-1.md").exists())

    def test_nightly__refuses_wrong_use(self):
        for words in (["--time", "soon"], ["--only", "nothing"], ["--jobs", "0"]):
            with self.start(*words) as process:
                said = process.communicate(timeout=30)[0]
            self.assertEqual(process.returncode, 2, said)


unittest.main()
