"""Fixtures for tests that need networks of their own, and fleets of nodes in them."""

import contextlib
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "blackbox"))
sys.path.insert(0, str(HERE))

import stage  # pylint: disable=wrong-import-position
from fleet import Fleet  # pylint: disable=wrong-import-position
from harness import BUILD  # pylint: disable=wrong-import-position


@pytest.fixture(scope="module", name="own_network")
def own_network_fixture():
    """The module's tests run in a network of their own."""
    reason = stage.obstacle()
    if reason:
        pytest.skip(reason)
    with stage.entered():
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):  # pylint: disable=unused-argument
    report = (yield).get_result()
    if report.failed:
        item.has_failed = True


SAID = []
PREFIX = "rakit-chaos."


def remove_orphans():
    """Removes directories of tests that were killed; everything else of them has gone by itself."""
    for path in pathlib.Path(tempfile.gettempdir()).glob(f"{PREFIX}*.*"):
        owner = path.name.removeprefix(PREFIX).split(".")[0]
        if owner.isdigit() and not pathlib.Path(f"/proc/{owner}").exists():
            shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def say_at_the_end():
    """Prints figures of tests that pass, too."""
    return SAID.append


def pytest_terminal_summary(terminalreporter):
    for line in SAID:
        terminalreporter.write_line(line)


def keep_logs(path, name):
    kept = BUILD / "test-logs" / f"{name}-{os.getpid()}"
    shutil.copytree(path, kept, dirs_exist_ok=True)
    print(f"logs and histories: {kept}")


@pytest.fixture
def make_fleet(request, own_network):  # pylint: disable=unused-argument
    """make_fleet(3) starts a cluster of three; logs and histories of a failed test are kept in the
    build directory."""
    remove_orphans()
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}."))
    fleets = []

    def make(*arguments, **settings):
        fleets.append(Fleet(path, *arguments, **settings))
        return fleets[-1].start_all()
    try:
        yield make
    finally:
        with contextlib.ExitStack() as parts:
            parts.callback(shutil.rmtree, path, ignore_errors=True)
            if getattr(request.node, "has_failed", False):
                parts.callback(keep_logs, path, request.node.name)
            for fleet in fleets:
                parts.callback(fleet.destroy)
