"""Real libraries, unmodified, each at its simplest real work: through a follower, and through
another node once the leader was killed. What they do is in works/."""

import functools
import os
import subprocess
import sys
import time

import pytest

from drivers import HERE, NPM
from harness import PATIENCE, ROOT, await_true

WORKS = HERE / "works"
PROGRAMS = {"py": [sys.executable, "-B"], "mjs": ["node"], "php": ["php"], "rb": ["ruby"],
            "pl": ["perl"]}
# Language and name; what it needs besides strings and transactions.
LIBRARIES = [
    ("py", "redis-py", ""), ("py", "redis-py-lock", "EVALSHA"), ("py", "django-cache", ""),
    ("py", "django-sessions", ""), ("py", "flask-session", ""), ("py", "dogpile", ""),
    ("py", "dogpile-lock", "EVALSHA"), ("py", "limits", "EVALSHA"),
    ("mjs", "node-redis", ""), ("mjs", "ioredis", ""), ("mjs", "connect-redis", ""),
    ("mjs", "keyv", ""), ("mjs", "redlock", "EVALSHA"), ("mjs", "rate-limiter-flexible", "EVAL"),
    ("mjs", "rate-limit-redis", "EVALSHA"),
    ("php", "phpredis", ""), ("php", "phpredis-sessions", ""), ("php", "predis", ""),
    ("php", "symfony-cache", ""),
    ("rb", "redis-rb", ""), ("rb", "redis-store", ""), ("pl", "perl-redis", ""),
]


def work(language, name, node):
    done = subprocess.run(
        [*PROGRAMS[language], str(WORKS / f"works.{language}"), name, node.host, str(node.port)],
        env={**os.environ, "LIBRARIES": str(NPM)}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)
    return done.stdout.decode(errors="replace")


@functools.cache
def knows(node, command):
    return node.call("COMMAND", "INFO", command)[0] is not None


@pytest.mark.parametrize("language, name, needs", LIBRARIES, ids=[row[1] for row in LIBRARIES])
def test_library__does_its_simplest_work_through_a_follower(shared, language, name, needs):
    node = shared.followers()[0]
    if needs and not knows(node, needs):
        pytest.skip(f"it needs {needs}")
    output = work(language, name, node)
    assert output.endswith("works\n"), output


def test_libraries__work_once_the_leader_was_killed(three):
    """Through a node that is there: how each library finds one is in test_retries.py."""
    leader = three.leader()
    node = three.followers()[0]
    leader.kill()
    begin = time.monotonic()
    await_true(lambda: work("pl", "perl-redis", node).endswith("works\n"), "Perl's Redis works")
    assert time.monotonic() - begin < PATIENCE
    failed = {name: output for language, name, needs in LIBRARIES
              if language in ("pl", "rb", "php") and not needs
              and not (output := work(language, name, node)).endswith("works\n")}
    assert not failed


def test_docs__name_each_library():
    page = (ROOT / "docs" / "CLIENTS.md").read_text()
    part = page.split("## Libraries that work")[1].split("\n## ")[0]
    missing = [name for _, name, _ in LIBRARIES if f"`{name}`" not in part]
    assert not missing
