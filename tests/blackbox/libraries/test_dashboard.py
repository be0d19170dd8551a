"""The dashboard of the HTTP door, in a real browser."""

import json
import os
import subprocess

import pytest

from drivers import HERE, NPM
from harness import await_true, die_with_parent

DISTANCE = 5000  # From a node's port for clients to that for HTTP.


class Browser:
    """A page that does what it is asked for: dashboard.mjs."""

    def __init__(self):
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            ["node", str(HERE / "dashboard.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**os.environ, "LIBRARIES": str(NPM)}, preexec_fn=die_with_parent)

    def ask(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        assert line, "the browser has ended"
        found = json.loads(line)
        assert "error" not in found, found
        return found

    def do(self, *words):
        self.ask(*words)
        return self.answer()

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        finally:
            self.process.kill()


@pytest.fixture(name="browser")
def browser_fixture():
    made = Browser()
    yield made
    made.close()


@pytest.fixture(name="web")
def web_fixture(cluster):
    for i in range(3):
        node = cluster.node(contact=cluster.nodes[0] if i else None)
        node.options = ["--http", str(node.port + DISTANCE), "--name", f"node-{i}"]
        node.start().await_up()
    cluster.await_voters(3)
    return cluster


def url(node):
    return f"http://{node.host}:{node.port + DISTANCE}/"


def test_dashboard__shows_the_cluster_live(web, browser):
    leader = web.leader()
    watched = web.followers()[0]
    watched.call("SET", "greeting", "hello")
    opened = browser.do("open", url(watched))
    assert opened["title"] == "Rakit" and len(opened["cards"]) == 3
    assert sum("leader" in card for card in opened["cards"]) == 1

    # The log, the keys and the console.
    assert "SET greeting hello" in browser.do("rows", "greeting")["rows"][0]
    assert browser.do("execute", 'set other "two words"')["reply"] == "OK"
    assert watched.call("GET", "other") == b"two words"
    found = browser.do("keys", "greet*")
    assert found["keys"] == ["greeting"] and "hello" in found["value"]
    assert "integer" in browser.do("execute", "incr other")["reply"]
    assert "has stored" in browser.do("picture")["label"]

    # What may not be done.
    assert "handed out" in browser.do("execute", "raft key")["reply"]
    assert "of its own" in browser.do("execute", "subscribe c")["reply"]

    # For everybody: names, landmarks, a phone's width, both themes, and nothing from elsewhere.
    looks = browser.do("look")
    assert looks["wide"]["bad"] == [] and looks["phone"]["bad"] == []
    assert not looks["phone"]["scrolls"] and not looks["wide"]["scrolls"]
    assert looks["dark"] == "rgb(16, 22, 28)" and looks["faults"] == []
    assert "401 the node wants" in browser.do("denied", "set denied 1")["reply"]
    assert watched.call("EXISTS", "denied") == 0

    # A fail-over as it happens.
    browser.ask("failover")
    assert browser.answer()["watching"] == leader.address
    leader.kill()
    seen = browser.answer()
    assert seen["ms"] < 3000 and seen["leader"] != leader.address
    assert any("leads in term" in event for event in seen["events"])
    new = web.leader()
    new.call("RAFT", "REMOVE", leader.address)
    await_true(lambda: len(new.members()) == 2, "it is removed")
    browser.do("event", "was removed")

    # A user who may not do all of this.
    new.call("ACL", "SETUSER", "reader", "on", ">secret", "~*", "+get", "+info", "+ping")
    new.call("ACL", "SETUSER", "admin", "on", ">root", "~*", "&*", "+@all")
    new.call("ACL", "SETUSER", "default", "off")
    barred = browser.do("login", "reader", "secret", url(new))
    assert barred["note"].startswith("Not permitted: ")
    assert barred["reply"].startswith("Not permitted: ")
