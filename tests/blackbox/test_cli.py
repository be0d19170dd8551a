"""rakit-cli: one command, commands from a pipe, and a person at a terminal."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

import pytest

import harness
from harness import CLI, await_true, free_port, run_cli

ESCAPE = "\x1b"


def test_one_shot__prints_the_reply_and_exits_0(shared):
    node = shared.nodes[0]
    done = run_cli(node, "set", "k", "two words")
    assert (done.returncode, done.stdout, done.stderr) == (0, "OK\n", "")
    assert run_cli(node, "get", "k").stdout.strip().strip('"') == "two words"
    assert "3" in run_cli(node, "append", "n", "abc").stdout
    assert run_cli(node, "ping").stdout == "PONG\n"


def test_one_shot__an_error_reply_goes_to_stderr_with_exit_1(shared):
    done = run_cli(shared.nodes[0], "nosuchcommand")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "unknown command" in done.stderr


def test_one_shot__exit_2_if_it_can_not_connect_or_is_used_wrongly(shared):
    line = [CLI, harness.HOST, str(free_port()), "ping"]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 2 and done.stderr.strip() and done.stdout == ""
    for arguments in (["onlyhost"], ["127.0.0.1", "notaport"], ["--nonsense"]):
        done = subprocess.run([CLI, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False)
        assert done.returncode == 2 and done.stderr.strip(), arguments
    done = subprocess.run([CLI, "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "rakit-cli" in done.stdout
    assert shared.nodes[0].is_running()


def test_pipe__commands_are_answered_in_order_as_plain_text(shared):
    commands = "set a 1\nappend a 2\nstrln a\nget a\ndel a\nping\n"
    done = run_cli(shared.nodes[1], stdin=commands)
    assert done.returncode == 0, done.stderr
    assert ESCAPE not in done.stdout
    words = [re.sub(r"^\(integer\) |\"", "", line) for line in done.stdout.splitlines()]
    assert words == ["OK", "2", "2", "12", "1", "PONG"]


def test_pipe__an_error_is_printed_and_the_rest_is_done(shared):
    done = run_cli(shared.nodes[0], stdin="set k v\nnosuch\nget k\n")
    assert "unknown command" in done.stderr
    assert "v" in done.stdout
    assert done.returncode == 1


def test_pipe__the_last_line_needs_no_end(shared):
    done = run_cli(shared.nodes[0], stdin="set k v\nget k")
    assert done.stdout.splitlines()[-1].strip('"') == "v"


def test_pipe__quotes_hold_words_together(shared):
    done = run_cli(shared.nodes[0], stdin='set "a key" "a \\"value\\""\nstrlen "a key"\n')
    assert "9" in done.stdout.splitlines()[-1]


def test_status__is_a_table_of_all_nodes(shared):
    for done in (run_cli(shared.nodes[1], "status"), run_cli(shared.nodes[1], stdin="status\n")):
        assert done.returncode == 0
        for node in shared.nodes:
            assert node.address in done.stdout
        assert done.stdout.count("leader") >= 1 and done.stdout.count("follower") >= 2
        assert ESCAPE not in done.stdout


def test_status__shows_figures_of_all_nodes_also_as_json(shared):
    def known():
        status = json.loads(run_cli(shared.nodes[2], "status", "--json").stdout)
        return all(each["sync_p50_us"] > 0 for each in status["nodes"]) and status
    status = await_true(known, "each node has reported its figures")
    assert sorted(each["address"] for each in status["nodes"]) == sorted(
        node.address for node in shared.nodes)
    assert all(each["sync_margin_ms"] <= each["election_timeout_ms"] for each in status["nodes"])
    out = run_cli(shared.nodes[0], "status").stdout
    assert any(line.startswith("sync p99 ") for line in out.splitlines())
    info = shared.nodes[0].call("INFO").decode()
    for field in ("log_sync_max_usec", "log_sync_margin_ms", "commands_waiting", "last_trouble"):
        assert f"\r\n{field}:" in info


def test_request_log__is_a_readable_table(shared):
    shared.nodes[0].call("SET", "some-key", "v")
    done = run_cli(shared.nodes[2], "request_log")
    assert done.returncode == 0
    assert any("SET" in line and "some-key" in line for line in done.stdout.splitlines())


def test_help__knows_the_servers_commands(shared):
    done = run_cli(shared.nodes[0], stdin="help\nhelp append\n")
    assert done.returncode == 0
    assert "append" in done.stdout.lower()


class Terminal:
    """rakit-cli on a pseudo terminal."""

    def __init__(self, node, columns=80, locale=None):
        self.child, self.fd = pty.fork()
        if self.child == 0:
            try:
                os.environ["TERM"] = "xterm"
                os.environ["HOME"] = "/nonexistent"
                if locale is not None:
                    os.environ["LC_ALL"] = locale
                termios.tcsetwinsize(0, (24, columns))
                os.execv(CLI, [CLI, node.host, str(node.port)])
            finally:
                os._exit(127)  # Otherwise this copy of the test would run all following tests.
        self.output = ""

    def await_text(self, wanted, seconds=harness.PATIENCE):
        """Reads until `wanted` was printed, and drops everything up to it."""
        end = time.monotonic() + seconds
        while wanted not in self.output:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            assert ready, f"waited in vain for {wanted!r}; it said {self.output!r}"
            try:
                self.output += os.read(self.fd, 65536).decode(errors="replace")
            except OSError:
                break
        assert wanted in self.output, self.output
        before, self.output = self.output.split(wanted, 1)
        return before

    def type(self, keys):
        os.write(self.fd, keys if isinstance(keys, bytes) else keys.encode())

    def await_end(self):
        end = time.monotonic() + harness.PATIENCE
        try:
            while select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                if not os.read(self.fd, 65536):
                    break
            else:
                os.kill(self.child, signal.SIGKILL)
        except OSError:
            pass
        _, status = os.waitpid(self.child, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def test_terminal__a_person_sets_gets_and_leaves(shared):
    terminal = Terminal(shared.nodes[0])
    terminal.await_text(">")
    terminal.type("set greeting hello\n")
    terminal.await_text("OK")
    terminal.type("get greeting\n")
    terminal.await_text('"hello"')
    terminal.type("strlen greeting\n")
    terminal.await_text("(integer) 5")
    terminal.type("get nothing\n")
    terminal.await_text("(nil)")
    terminal.type("exit\n")
    assert terminal.await_end() == 0


def test_terminal__the_log_shows_where_time_went(shared):
    terminal = Terminal(shared.nodes[0])
    terminal.await_text(">")
    terminal.type("set staged v\n")
    terminal.await_text("OK")
    terminal.type("request_log\n")
    terminal.await_text("STAGES")
    terminal.await_text("set staged v")
    terminal.await_text("LAST: completed the majority")
    index = shared.nodes[0].call("REQUEST_LOG")[-1][0]
    terminal.type(f"request_log {index} 1\n")
    terminal.await_text(f"entry {index}")
    terminal.await_text("answered")
    terminal.type("exit\n")
    assert terminal.await_end() == 0


def test_terminal__help_breaks_no_word(shared):
    terminal = Terminal(shared.nodes[0], columns=60)
    terminal.await_text(">")
    for topic, end in (("", "ends."), (" server", "clock:")):
        terminal.type(f"help{topic}\n")
        terminal.await_text(f"help{topic}")
        said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.await_text(end))
        lines = said.split("\r\n")[1:]
        assert len(lines) > 5 and max(map(len, lines)) <= 60, lines
    terminal.type("exit\n")
    assert terminal.await_end() == 0


@pytest.mark.parametrize("locale, word", [
    ("C.UTF-8", b"J\xf6rg"), ("C.UTF-8", b"M\xe4"), ("C", "J\u00f6rg".encode())])
def test_terminal__a_line_that_the_locale_cannot_decode_is_refused(shared, locale, word):
    node = shared.nodes[0]
    node.call("SET", "undecodable", "before")
    terminal = Terminal(node, locale=locale)
    terminal.await_text(">")
    terminal.type(b"set undecodable " + word + b"\r")
    terminal.await_text("Not executed")
    terminal.await_text(">")
    terminal.type("get undecodable\r")
    terminal.await_text('"before"')
    terminal.type("exit\n")
    assert terminal.await_end() == 0


def test_terminal__what_the_locale_can_decode_arrives(shared):
    node = shared.nodes[0]
    terminal = Terminal(node, locale="C.UTF-8")
    terminal.await_text(">")
    terminal.type("set decodable J\u00f6rg\r")
    terminal.await_text("OK")
    assert node.call("GET", "decodable") == "J\u00f6rg".encode()
    terminal.type("exit\n")
    assert terminal.await_end() == 0


def test_terminal__it_prints_that_it_waits(three):
    leader, followers = three.leader(), three.followers()
    terminal = Terminal(leader)
    terminal.await_text(">")
    for node in followers:
        node.freeze()
    terminal.type("get k\n")
    terminal.await_text("no answer yet, waiting: Ctrl-C gives up")
    for node in followers:
        node.thaw()
    terminal.await_text("(nil)")
    terminal.type("exit\n")
    assert terminal.await_end() == 0


def test_terminal__it_follows_the_cluster_when_its_node_dies(three):
    node = three.nodes[0]
    terminal = Terminal(node)
    terminal.await_text(">")
    terminal.type("set k v\n")
    terminal.await_text("OK")
    node.kill()
    three.leader()
    terminal.type("get k\n")
    others = "|".join(str(n.port) for n in three.nodes if n is not node)
    end = time.monotonic() + harness.PATIENCE
    said = ""
    while not ('"v"' in said and re.search(others, said)):
        assert time.monotonic() < end, said
        ready, _, _ = select.select([terminal.fd], [], [], 1.0)
        if ready:
            said += os.read(terminal.fd, 65536).decode(errors="replace")
        else:
            terminal.type("get k\n")
    terminal.type("exit\n")
    assert terminal.await_end() == 0


@pytest.mark.parametrize("command", ["quit", "exit"])
def test_pipe__quit_and_exit_end_it(shared, command):
    done = run_cli(shared.nodes[0], stdin=f"ping\n{command}\nping\n")
    assert done.returncode == 0
    assert done.stdout.count("PONG") == 1
