"""rakit-sim as people use it: its command line, its reports of failures, and how it shrinks
them.

  test_tool.py BUILD_DIRECTORY

In a build with mutants it tests failures as well; in others there are none."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(sys.argv.pop(1)).resolve() / "rakit-sim"


def run(*words):
    return subprocess.run([TOOL, *map(str, words)], capture_output=True, text=True, timeout=240,
                          check=False)


HAS_MUTANTS = run("--list-mutants").returncode == 0


def trace(*words):
    """Line by line."""
    return run(*words, "--trace").stdout.splitlines()


class CommandLine(unittest.TestCase):
    def test_tool__help_is_on_standard_output(self):
        for word in ("--help", "--version", "--list-faults"):
            done = run(word)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(done.stdout)

    def test_tool__wrong_use_is_reported_and_exits_2(self):
        for words, about in ((["--nonsense"], "--nonsense"), (["--seed"], "missing"),
                             (["--seed", "x"], "number"), (["--nodes", "10"], "from 1 to 9"),
                             (["--only-faults", "rain"], "rain"), (["--strikes", "3,2"], "rising"),
                             (["--shrink"], "--seed"), (["word"], "word"),
                             (["--seconds", "long"], "seconds"),
                             (["--file", "/nonexistent"], "/nonexistent"),
                             (["--trace", "--jobs", "2"], "--trace")):
            done = run(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(about, done.stderr)
            self.assertEqual(done.stdout, "")


def strikes_of(lines):
    """(Place, number, kind) of each."""
    found = ((i, re.search(r"^ *[\d.]+ nem +strike (\d+): ([\w-]+)", line))
             for i, line in enumerate(lines))
    return [(i, int(match[1]), match[2]) for i, match in found if match]


class Runs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Looks for a seed with some strikes in a short time, because seeds change their meaning.
        cls.words = next(words for words in (("--seed", seed, "--seconds", 4)
                                             for seed in range(1, 50))
                         if len(strikes_of(trace(*words))) > 9)

    def test_tool__same_seed_same_trace_on_any_number_of_jobs(self):
        figures = [json.loads(run("--seeds", 6, "--jobs", jobs, "--json", "-").stdout)
                   for jobs in (1, 3)]
        self.assertEqual(figures[0]["hash"], figures[1]["hash"])
        self.assertEqual(figures[0]["runs"], 6)
        self.assertEqual(figures[0]["next"], 7)
        self.assertEqual(figures[0]["failures"], [])
        self.assertGreater(sum(figures[0]["faults"].values()), 0)

    def test_tool__figures_go_to_a_file(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "figures.json"
            done = run("--seeds", 2, "--json", path, "--quiet")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(path.read_text())["runs"], 2)
            self.assertIn("a second of one core", done.stdout)

    def test_tool__traces_are_the_same_up_to_what_was_left_out(self):
        whole = trace(*self.words)
        self.assertEqual(whole, trace(*self.words))
        place, number, _ = strikes_of(whole)[4]
        less = trace(*self.words, "--strikes", f"1-{number - 1},{number + 1}-4000")
        self.assertEqual(less[:place], whole[:place])
        self.assertEqual(less[place], whole[place] + ", left out")

    def test_tool__strike_left_out_moves_no_other(self):
        def drawn(*words):
            return [(number, kind) for _, number, kind in strikes_of(trace(*self.words, *words))]

        self.assertEqual(drawn(), drawn("--strikes", "3"))

    def test_tool__progress_without_a_terminal_only_if_it_is_asked_for(self):
        self.assertEqual(run("--seeds", 2).stderr, "")
        shown = run("--time", 1, "--progress", "--quiet").stderr
        self.assertRegex(shown, r"\d+ runs .*simulated s .* 0 failed")


@unittest.skipUnless(HAS_MUTANTS, "a build without mutants")
class Failures(unittest.TestCase):
    # A mutant, and a seed that notices it after some strikes, so that there is something to shrink:
    # found below, because seeds change their meaning.
    MUTANT = "commit_old_term"

    @classmethod
    def setUpClass(cls):
        found = json.loads(run("--mutant", cls.MUTANT, "--seeds", 40, "--keep-going", "--json",
                               "-").stdout)
        cls.failure = next(failure for failure in found["failures"]
                           if len(strikes_of(trace("--mutant", cls.MUTANT, "--seed",
                                                   failure["seed"]))) > 9)
        cls.seed = cls.failure["seed"]

    def test_tool__failure_report_has_rule_events_and_replay(self):
        done = run("--mutant", self.MUTANT, "--seed", self.seed)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, rf"seed {self.seed} breaks a rule at [\d.]+ s: commit rule")
        self.assertIn("last events", done.stderr)
        self.assertRegex(done.stderr, r"\n +[\d.]+ n\d +> n\d append_entries ")
        replay = f"rakit-sim --seed {self.seed} --mutant {self.MUTANT}"
        self.assertIn(f"replay: {replay} --trace\n", done.stderr)
        self.assertEqual(self.failure["replay"], replay)

    def test_tool__aborted_run_is_reported_as_well(self):
        done = run("--mutant", "commit_falls", "--seeds", 10)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"raft\.c:\d+: CHECK\(index > r->commit_index\)")
        self.assertIn("last events", done.stderr)

    def test_tool__goes_on_after_failures(self):
        done = run("--mutant", self.MUTANT, "--seeds", 40, "--keep-going", "--jobs", 2, "--quiet",
                   "--json", "-")
        figures = json.loads(done.stdout)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(figures["runs"], 40)
        self.assertGreater(len(figures["failures"]), 1)

    def test_tool__shrinks_to_less_that_fails_alike(self):
        before = run("--mutant", self.MUTANT, "--seed", self.seed)
        done = run("--mutant", self.MUTANT, "--seed", self.seed, "--shrink")
        self.assertEqual(done.returncode, 1)
        self.assertIn(": commit rule", done.stderr)
        words = re.search(r"^replay: rakit-sim (.*) --trace$", done.stderr, re.M)[1].split()
        small = run(*words)
        self.assertEqual(small.returncode, 1)
        self.assertIn(": commit rule", small.stderr)
        # (That it is the same small run again.)
        self.assertIn(re.search(r"breaks a rule at .*", done.stderr)[0], small.stderr)
        strikes = len(re.findall(r"^  strike \d+ at ", done.stderr, re.M))
        happened = len(re.findall(r" strike \d+: [\w-]+$", "\n".join(
            trace("--mutant", self.MUTANT, "--seed", self.seed)), re.M))
        self.assertLess(strikes, happened, before.stderr)
        self.assertLessEqual(strikes, 5)

    def test_tool__does_not_shrink_what_is_good(self):
        done = run("--seed", self.seed, "--shrink")
        self.assertEqual(done.returncode, 0)
        self.assertIn("breaks no rule", done.stderr)

    def test_tool__trace_shows_where_a_mutant_leads_astray(self):
        good = trace("--seed", self.seed)
        bad = trace("--seed", self.seed, "--mutant", self.MUTANT)
        same = next(i for i, (a, b) in enumerate(zip(good, bad)) if a != b)
        self.assertGreater(same, 100)


unittest.main()
