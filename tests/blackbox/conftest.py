"""Fixtures: clusters of real processes, which are always cleaned up; if a test fails, the logs of
its servers are shown."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness import (  # pylint: disable=wrong-import-position
    HOST, Cluster, Node, await_true, die_with_parent, free_port)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):  # pylint: disable=unused-argument
    report = (yield).get_result()
    if report.failed:
        for cluster in getattr(item, "clusters", {}).values():
            report.sections.append(("logs of the servers", cluster.report()))
    setattr(item, f"report_{report.when}", report)


def watch(node, name, cluster):
    """Shows the cluster's logs if this test (or one of this module) fails."""
    if not hasattr(node, "clusters"):
        node.clusters = {}
    node.clusters[name] = cluster


@pytest.fixture(scope="module")
def redis_node(tmp_path_factory):
    """A Redis, to compare with."""
    directory = tmp_path_factory.mktemp("redis")
    port = free_port()
    process = subprocess.Popen(  # pylint: disable=consider-using-with
        ["redis-server", "--port", str(port), "--bind", HOST, "--save", "", "--dir",
         str(directory)], stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
    node = Node(directory, port=port)
    try:
        await_true(lambda: node.call("PING") == b"PONG", "redis-server is up")
        yield node
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def directory():
    """A temporary directory for this test, removed afterwards."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="rakit-test."))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def cluster(request, directory):
    """A cluster without nodes yet: cluster.start(3) makes one of three voters."""
    made = Cluster(directory)
    watch(request.node, "cluster", made)
    yield made
    made.destroy()


@pytest.fixture
def three(cluster):
    """A cluster of three voters for this test alone."""
    return cluster.start(3)


@pytest.fixture(scope="module")
def shared_three():
    """Three voters for all tests of a module that kill no node."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="rakit-test."))
    made = Cluster(path)
    try:
        yield made.start(3)
    finally:
        made.destroy()
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def shared(request, shared_three):
    """The module's cluster, emptied, with all its nodes running."""
    watch(request.node, "shared", shared_three)
    shared_three.leader().call("FLUSHALL")
    return shared_three
