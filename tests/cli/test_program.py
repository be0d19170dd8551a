"""rakit-cli as a whole, against nodes that fail on demand.

  test_program.py PATH_OF_RAKIT_CLI [TEST...]"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from fake_cluster import Cluster
from terminal import PATIENCE, Terminal

CLI = "rakit-cli"


def run(node, *words, stdin=None, options=(), **environment):
    """Runs the program without a terminal; `stdin` is text or None for nothing."""
    done = subprocess.run(
        [CLI, *options, "127.0.0.1", str(node if isinstance(node, int) else node.port), *words],
        input=(stdin or "").encode(), capture_output=True, timeout=PATIENCE, check=False,
        env={**os.environ, **environment})
    return done.returncode, done.stdout.decode("latin-1"), done.stderr.decode("latin-1")


def await_seen(node, command):
    end = time.monotonic() + PATIENCE
    while command not in node.seen:
        if time.monotonic() > end:
            raise AssertionError(f"the node was never sent {command!r}: {node.seen}")
        time.sleep(0.01)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Case(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3)
        self.one, self.two, self.three = self.cluster.nodes

    def tearDown(self):
        for node in self.cluster.nodes:
            if node.alive:
                node.kill()


class Backup(Case):
    """What the nodes hand out is no snapshot: nothing of it may get the name of a backup."""

    def setUp(self):
        super().setUp()
        self.directory = tempfile.TemporaryDirectory(prefix="rakit-test.")
        self.addCleanup(self.directory.cleanup)
        self.file = os.path.join(self.directory.name, "backup")
        self.cluster.snapshot = bytes(range(256)) * 8

    def files(self):
        return os.listdir(self.directory.name)

    def test_what_is_no_snapshot_gets_no_name(self):
        code, out, error = run(self.one, "backup", self.file)
        self.assertEqual((code, out, self.files()), (1, "", []))
        self.assertIn("is not the snapshot that the node has", error)

    def test_a_part_that_is_too_long_is_refused(self):
        self.cluster.part_bytes = 10 ** 7
        self.cluster.snapshot = bytes(2 * 1024 * 1024)
        code, _, error = run(self.one, "backup", self.file)
        self.assertEqual(code, 1)
        self.assertIn("makes no sense", error)

    def test_a_part_that_is_empty_is_refused(self):
        self.cluster.part_bytes = 0
        code, _, error = run(self.one, "backup", self.file)
        self.assertEqual(code, 1)
        self.assertIn("makes no sense", error)

    def test_an_impossible_snapshot_is_refused(self):
        self.cluster.snapshot = bytes(1000)  # No whole number of sectors.
        code, _, error = run(self.one, "backup", self.file)
        self.assertEqual(code, 1)
        self.assertIn("does not list it", error)

    def test_names_are_judged(self):
        for words in (["backup"], ["backup", ""], ["backup", "a", "b"], ["backup", "x" * 5000],
                      ["verify"], ["verify", "a", "b"]):
            code, _, error = run(self.one, *words)
            self.assertEqual(code, 1, words)
            self.assertIn("name", error.lower())

    def test_a_file_that_is_no_backup_is_not_touched(self):
        with open(self.file, "w", encoding="ascii") as file:
            file.write("precious")
        code, _, error = run(self.one, "backup", self.file)
        self.assertEqual(code, 1)
        self.assertIn("is no file of a backup", error)
        with open(self.file, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")
        self.assertEqual(self.files(), ["backup"], error)

    def test_another_backup_of_that_name_is_not_mixed_in(self):
        with open(self.file + ".7", "w", encoding="ascii") as file:
            file.write("precious")
        code, _, error = run(self.one, "backup", self.file)
        self.assertEqual((code, self.files()), (1, ["backup.7"]))
        self.assertIn("backup.7 is: move it away", error)

    def test_a_directory_that_is_not_there_is_reported(self):
        code, _, error = run(self.one, "backup", os.path.join(self.file, "b"))
        self.assertEqual(code, 1)
        self.assertIn("No such file or directory", error)

    def test_verify_needs_no_server(self):
        done = subprocess.run([CLI, "verify", self.file], capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("No such file or directory", done.stderr)


class OneShot(Case):
    def test_reply_goes_to_stdout(self):
        self.assertEqual(run(self.one, "set", "k", "two words"), (0, "OK\n", ""))
        self.assertEqual(run(self.one, "get", "k"), (0, "two words\n", ""))
        self.assertEqual(run(self.one, "get", "nothing"), (0, "\n", ""))
        self.assertEqual(run(self.one, "nest"), (0, "a\n1\n\nERR inner\n\nfine\n", ""))

    def test_error_goes_to_stderr_with_exit_1(self):
        self.assertEqual(run(self.one, "foo"), (1, "", "ERR unknown command 'foo'\n"))

    def test_exit_2_if_nobody_listens(self):
        port = free_port()
        self.assertEqual(run(port, "ping"), (
            2, "", f"could not connect to 127.0.0.1:{port}: Connection refused\n"))

    def test_an_address_may_stand_in_brackets(self):
        port = free_port()
        done = subprocess.run([CLI, "[::1]", str(port), "ping"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertTrue(done.stderr.startswith(f"could not connect to [::1]:{port}: "), done.stderr)

    def test_exit_2_if_it_is_used_wrongly(self):
        for words in (["host"], ["host", "port"], ["host", "0"], ["host", "65536"], ["", "1"],
                      ["[]", "1"], ["--nonsense"], ["--timeout"], ["--timeout", "x"],
                      ["--timeout", "-1"]):
            done = subprocess.run([CLI, *words], stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=PATIENCE, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, b""), words)
            self.assertIn(b"rakit-cli --help", done.stderr)

    def test_options_may_be_before_and_after_the_address(self):
        for words in (["--timeout", "1", "127.0.0.1", str(self.one.port), "ping"],
                      ["127.0.0.1", str(self.one.port), "--no-color", "--timeout=1", "ping"]):
            done = subprocess.run([CLI, *words], stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=PATIENCE, check=False)
            self.assertEqual((done.returncode, done.stdout), (0, b"PONG\n"), words)

    def test_patience_may_be_endless(self):
        self.assertEqual(run(self.one, "ping", options=["--timeout", "0"]), (0, "PONG\n", ""))
        self.cluster.keys[b"k"] = b"v"
        self.one.faults["GET"] = "die"
        self.assertEqual(run(self.one, "get", "k", options=["--timeout", "0"])[:2], (0, "v\n"))

    def test_options_after_the_command_belong_to_it(self):
        self.assertEqual(run(self.one, "set", "--help", "--version"), (0, "OK\n", ""))
        self.assertEqual(self.cluster.keys[b"--help"], b"--version")

    def test_empty_and_large_words(self):
        self.assertEqual(run(self.one, "set", "", "x" * 100000)[:2], (0, "OK\n"))
        self.assertEqual(run(self.one, "get", "")[1], "x" * 100000 + "\n")

    def test_help_and_version(self):
        for option, text in (("--help", "Usage: rakit-cli"), ("--version", "rakit-cli ")):
            done = subprocess.run([CLI, option], capture_output=True, timeout=PATIENCE, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertTrue(done.stdout.decode().startswith(text))

    def test_a_full_disk_is_reported(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([CLI, "127.0.0.1", str(self.one.port), "ping"], stdout=full,
                                  stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space", done.stderr)


class Pipe(Case):
    def test_commands_are_answered_in_order(self):
        self.assertEqual(run(self.one, stdin='set k "a\\tb"\n\n  get k\r\nping'),
                         (0, "OK\na\tb\nPONG\n", ""))

    def test_binary_values_pass(self):
        self.assertEqual(run(self.one, stdin='set k "\\x00\\xff\\r\\n"\nget k\n')[1],
                         "OK\n\x00\xff\r\n\n")

    def test_errors_are_printed_and_the_rest_is_done(self):
        self.assertEqual(run(self.one, stdin='foo\nget "\nping\n'),
                         (1, "PONG\n",
                          "line 1: ERR unknown command 'foo'\nline 2: unbalanced quotes\n"))

    def test_quit_ends_it(self):
        for word in ("quit", "EXIT"):
            self.assertEqual(run(self.one, stdin=f"ping\n{word}\nping\n"), (0, "PONG\n", ""))

    def test_status_is_a_table_without_colours(self):
        code, out, _ = run(self.one, "status")
        self.assertEqual(code, 0)
        lines = out.splitlines()
        self.assertEqual(lines[0], "healthy: tolerates 1 failure")
        self.assertEqual(lines[1], f"cluster c0ffee00, leader {self.one.address}, 3 voters, term 4")
        self.assertIn(["5eed0000", self.one.address, "leader", "4", "1", "1", "0", "ok"],
                      [line.split() for line in lines[3:]])
        self.assertNotIn("\x1b", out)

    def test_request_log_is_lines_with_tabs(self):
        self.assertEqual(run(self.one, stdin="set k v\nrequest_log 1 10\n")[1],
                         "OK\n1\t1\tnoop\t\n2\t1\tcommand\tk\n")
        self.assertIn(b"request_log 1 10", self.one.seen)

    def test_help_works_here_too(self):
        code, out, _ = run(self.one, stdin="help get\nhelp @generic\nhelp raft\nhelp nonsense\n")
        self.assertEqual(code, 1)
        self.assertIn("GET key\n  Returns the value of a key.\n", out)
        self.assertIn("Deletes keys.", out)
        self.assertIn("STATUS | MEMBERS", out)

    def test_version_3_of_the_protocol_is_refused(self):
        self.assertEqual(run(self.one, stdin="hello 3\nping\n")[:2], (1, "PONG\n"))


class FailOver(Case):
    def moved(self, before, after):
        return f"connection to {before.address} lost: now talking to {after.address}\n"

    def test_a_read_is_repeated_elsewhere(self):
        self.cluster.keys[b"k"] = b"v"
        self.one.faults["GET"] = "die"
        self.assertEqual(run(self.one, "get", "k"), (0, "v\n", self.moved(self.one, self.two)))

    def test_a_harmless_command_is_repeated_without_asking(self):
        self.one.faults["PING"] = "die"
        self.assertEqual(run(self.one, "ping"), (0, "PONG\n", self.moved(self.one, self.two)))
        self.assertNotIn(b"COMMAND INFO ping", self.two.seen)

    def test_a_write_is_not_repeated(self):
        self.one.faults["SET"] = "die"
        code, out, complaint = run(self.one, stdin="set k v\nget k\n")
        self.assertEqual((code, out), (1, "\n"))
        self.assertEqual(complaint, self.moved(self.one, self.two) +
                         "line 1: no reply came: the command may or may not have been executed\n")
        self.assertNotIn(b"set k v", self.two.seen)

    def test_two_nodes_may_die(self):
        self.cluster.keys[b"k"] = b"v"
        self.one.faults["GET"] = self.two.faults["GET"] = "die"
        self.assertEqual(run(self.one, "get", "k"), (0, "v\n", self.moved(self.one, self.two) +
                                                     self.moved(self.two, self.three)))

    def test_exit_2_if_all_nodes_die(self):
        self.two.kill()
        self.three.kill()
        self.one.faults["GET"] = "die"
        code, out, complaint = run(self.one, "get", "k", options=["--timeout", "0.3"])
        self.assertEqual((code, out), (1, ""))
        self.assertIn("may or may not", complaint)
        self.assertEqual(run(self.one, "ping")[0], 2)

    def test_a_silent_node_is_left(self):
        self.cluster.keys[b"k"] = b"v"
        self.one.faults["GET"] = "silence"
        code, out, complaint = run(self.one, "get", "k", options=["--timeout", "0.2"])
        self.assertEqual((code, out), (0, "v\n"))
        self.assertEqual(complaint, f"connection to {self.one.address} given up, since no answer "
                                    f"came: now talking to {self.two.address}\n")

    def test_silence_everywhere_ends_it(self):
        for node in self.cluster.nodes:
            node.faults["GET"] = "silence"
        start = time.monotonic()
        code, out, complaint = run(self.one, "get", "k", options=["--timeout", "0.2"])
        self.assertEqual((code, out), (2, ""))
        self.assertIn("no answer in time", complaint)
        self.assertLess(time.monotonic() - start, PATIENCE)

    def test_a_connection_that_broke_between_commands_is_made_again(self):
        child = subprocess.Popen([CLI, "127.0.0.1", str(self.one.port)], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdin.write(b"set k 1\n")
        child.stdin.flush()
        self.assertEqual(child.stdout.readline(), b"OK\n")
        self.one.kill()
        child.stdin.write(b"set k 2\n")
        child.stdin.close()
        # Nothing was in flight, so even a write is safe.
        self.assertEqual(child.stdout.read(), b"OK\n")
        self.assertEqual(child.stderr.read().decode(), self.moved(self.one, self.two))
        self.assertEqual(child.wait(PATIENCE), 0)
        self.assertEqual(self.cluster.keys[b"k"], b"2")
        child.stdout.close()
        child.stderr.close()

    def test_a_cluster_without_a_leader_is_awaited(self):
        for error in ("CLUSTERDOWN no leader", "TRYAGAIN later"):
            self.one.faults["SET"] = [error, error]
            self.assertEqual(run(self.one, "set", "k", "v"), (0, "OK\n", ""))

    def test_but_not_for_ever(self):
        for node in self.cluster.nodes:
            node.faults["SET"] = "CLUSTERDOWN no leader"
        start = time.monotonic()
        code, out, complaint = run(self.one, "set", "k", "v", options=["--timeout", "0.4"])
        self.assertEqual((code, out), (1, ""))
        self.assertTrue(complaint.endswith("CLUSTERDOWN no leader\n"))
        self.assertGreater(time.monotonic() - start, 0.4)

    def test_a_node_that_is_cut_off_is_left(self):
        self.one.faults["SET"] = "CLUSTERDOWN no leader"
        code, out, complaint = run(self.one, "set", "k", "v")
        self.assertEqual((code, out), (0, "OK\n"))
        self.assertIn("finds no leader or was removed: now talking to " + self.two.address,
                      complaint)

    def test_a_node_that_serves_as_many_clients_as_it_may_is_left(self):
        self.one.faults["SET"] = "ERR max number of clients reached"
        code, out, _ = run(self.one, "set", "k", "v")
        self.assertEqual((code, out), (0, "OK\n"))
        self.assertIn(b"set k v", self.two.seen)

    def test_in_doubt_is_explained_and_not_repeated(self):
        self.one.faults["SET"] = ["INDOUBT 17"]
        code, _, complaint = run(self.one, "set", "k", "v")
        self.assertEqual(code, 1)
        self.assertTrue(complaint.startswith("INDOUBT 17\nLook whether"))
        self.assertEqual(self.one.seen.count(b"set k v"), 1)

    def test_a_write_is_sent_again_under_its_number(self):
        self.cluster.knows_once = True
        self.one.faults["ONCE"] = "die"
        code, out, complaint = run(self.one, stdin="set k v\nset k w\n")
        self.assertEqual((code, out), (0, "OK\nOK\n"))
        self.assertEqual(complaint, self.moved(self.one, self.two))
        sent = [words for node in self.cluster.nodes for words in node.seen
                if words.startswith(b"ONCE")]
        self.assertEqual(sent[0], sent[1])
        self.assertEqual([words.split()[2] for words in sent], [b"1", b"1", b"2"])

    def test_a_write_in_doubt_is_sent_again_under_its_number(self):
        self.cluster.knows_once = True
        self.one.faults["ONCE"] = ["INDOUBT 17", "TRYAGAIN"]
        self.assertEqual(run(self.one, "set", "k", "v"), (0, "OK\n", ""))
        self.assertEqual(len([words for words in self.one.seen if words.startswith(b"ONCE")]), 3)

    def test_a_write_stays_in_doubt_if_nothing_answers(self):
        self.cluster.knows_once = True
        for node in self.cluster.nodes:
            node.faults["ONCE"] = "INDOUBT 17"
        code, out, complaint = run(self.one, "set", "k", "v", options=["--timeout", "0.4"])
        self.assertEqual((code, out), (1, ""))
        self.assertIn("may or may not have been executed", complaint)

    def test_a_forgotten_client_begins_anew(self):
        self.cluster.knows_once = True
        self.one.faults["ONCE"] = [None, "EXPIRED nobody knows"]
        self.assertEqual(run(self.one, stdin="set k v\nset k w\n"), (0, "OK\nOK\n", ""))
        clients = [words.split()[1:3] for words in self.one.seen if words.startswith(b"ONCE")]
        self.assertEqual([number for _, number in clients], [b"1", b"2", b"1"])
        self.assertNotEqual(clients[1][0], clients[2][0])

    def test_of_a_family_only_what_writes_has_a_number(self):
        self.cluster.knows_once = True
        self.assertEqual(run(self.one, stdin="family load a\nFAMILY list\nfamily LOAD b\n"),
                         (0, "load\nlist\nLOAD\n", ""))
        sent = [b"".join(words.split()[5:7]) for words in self.one.seen
                if words.startswith(b"ONCE")]
        self.assertEqual((sent, self.one.seen.count(b"FAMILY list")),
                         ([b"familyload", b"familyLOAD"], 1))

    def test_commands_with_many_replies_are_refused(self):
        for word in ("subscribe", "PSUBSCRIBE", "ssubscribe", "unsubscribe", "monitor"):
            code, out, complaint = run(self.one, word, "x")
            self.assertEqual((code, out), (1, ""))
            self.assertIn("redis-cli", complaint)

    def test_help_says_if_the_server_refused_it(self):
        self.one.faults["COMMAND"] = "NOPERM User u has no permissions to run 'command'"
        code, out, complaint = run(self.one, "help", "get")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("the right to COMMAND", complaint)

    def test_a_port_that_closes_may_be_for_tls(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def close_all():
                while True:
                    try:
                        listener.accept()[0].close()
                    except OSError:
                        return
            threading.Thread(target=close_all, daemon=True).start()
            code, out, complaint = run(listener.getsockname()[1], "get", "k")
            listener.shutdown(socket.SHUT_RDWR)
        self.assertEqual((code, out), (2, ""))
        self.assertRegex(complaint, "--tls|reset")

    def test_the_password_is_sent_again(self):
        self.one.faults["GET"] = "die"
        run(self.one, stdin="auth secret\nget k\n")
        self.assertIn(b"auth secret", self.two.seen)

    def test_a_server_that_refuses_clients_is_reported(self):
        refusal = "DENIED " + "only loopback is served, " * 12 + "and here it ends"
        self.one.faults["RAFT"] = refusal
        code, _, complaint = run(self.one, "ping")
        self.assertEqual(code, 2)
        self.assertIn(refusal, complaint)

    def test_what_does_not_speak_the_protocol_is_reported(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            child = subprocess.Popen([CLI, "127.0.0.1", str(listener.getsockname()[1]), "ping"],
                                     stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
            connection, _ = listener.accept()
            connection.sendall(b"SSH-2.0-nonsense\r\n")
            self.assertIn(b"cannot be understood", child.stderr.read())
            self.assertEqual(child.wait(PATIENCE), 2)
            child.stderr.close()
            connection.close()


class Databases(Case):
    def test_one_is_chosen_by_an_option(self):
        for option in (["-n", "3"], ["-n3"], ["--database", "3"], ["--database=3"]):
            self.assertEqual(run(self.one, "set", "k", option[0], options=option), (0, "OK\n", ""))
            self.assertEqual(self.cluster.databases[3].pop(b"k"), option[0].encode())
        self.assertEqual(self.cluster.keys, {})

    def test_one_that_does_not_exist_is_reported(self):
        code, out, complaint = run(self.one, "set", "k", "v", options=["-n", "16"])
        self.assertEqual((code, out), (2, ""))
        self.assertIn("database 16: ERR DB index is out of range", complaint)
        for words in (["-n", "x"], ["-n", "-1"], ["-n", ""], ["-n", "9999999999"], ["-n"]):
            done = subprocess.run([CLI, *words, "127.0.0.1", str(self.one.port)],
                                  stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=PATIENCE, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, b""), words)
        self.assertEqual(self.cluster.databases, [{} for _ in range(16)])

    def test_it_is_chosen_again_on_another_node(self):
        self.cluster.databases[5][b"k"] = b"v"
        self.one.faults["GET"] = "die"
        self.assertEqual(run(self.one, stdin="select 5\nget k\nset l w\n")[1], "OK\nv\nOK\n")
        self.assertEqual(self.cluster.databases[5], {b"k": b"v", b"l": b"w"})
        self.assertEqual(self.cluster.keys, {})

    def test_a_select_that_breaks_off_is_repeated(self):
        self.one.faults["SELECT"] = "die"
        self.assertEqual(run(self.one, stdin="select 5\nset k v\n")[1], "OK\nOK\n")
        self.assertEqual(self.cluster.databases[5], {b"k": b"v"})

    def test_a_refused_one_changes_nothing(self):
        self.one.faults["GET"] = "die"
        run(self.one, stdin="select 2\nselect 16\nget k\nset k v\n")
        self.assertEqual(self.cluster.databases[2], {b"k": b"v"})

    def test_reset_goes_back(self):
        self.one.faults["GET"] = "die"
        run(self.one, stdin="select 2\nreset\nget k\nset k v\n")
        self.assertEqual(self.cluster.keys, {b"k": b"v"})

    def test_a_node_that_refuses_it_is_left(self):
        """Nothing is executed there, because it would be executed in database 0."""
        self.one.faults["GET"] = "die"
        self.two.faults["SELECT"] = "ERR max number of clients reached"
        self.assertEqual(run(self.one, stdin="select 2\nget k\nset k v\n")[1], "OK\n\nOK\n")
        self.assertNotIn(b"set k v", self.two.seen)
        self.assertEqual(self.cluster.databases[2], {b"k": b"v"})

    def test_it_is_chosen_once_a_password_was_given(self):
        self.one.faults["SELECT"] = ["NOAUTH first a password"]
        self.assertEqual(run(self.one, stdin="auth secret\nset k v\n", options=["-n", "4"])[:2],
                         (0, "OK\nOK\n"))
        self.assertEqual(self.cluster.databases[4], {b"k": b"v"})


class Conversation(Case):
    def setUp(self):
        super().setUp()
        self.directory = tempfile.TemporaryDirectory()
        self.history = f"{self.directory.name}/history"
        self.terminal = self.open()

    def open(self, **environment):
        terminal = Terminal([CLI, "127.0.0.1", str(self.one.port)], RAKIT_HISTORY=self.history,
                            **environment)
        terminal.await_text(f"rakit {self.one.address}> ")
        terminal.await_mode()  # Before, the system keeps at most 4096 bytes of a line.
        return terminal

    def tearDown(self):
        self.terminal.type("\x03quit\r")
        self.assertEqual(self.terminal.await_end(), 0)
        self.directory.cleanup()
        super().tearDown()

    def test_types_are_shown(self):
        for line, answer in (("set k v", "OK"), ("get k", '"v"'), ("get no", "(nil)"),
                             ("nest", "2) 1) (integer) 1"), ("foo", "(error) ERR unknown command")):
            self.terminal.type(line + "\r")
            self.terminal.await_text(answer)

    def test_the_prompt_shows_the_database(self):
        self.terminal.type("select 3\r")
        self.terminal.await_text(f"rakit {self.one.address}[3]> ")
        self.terminal.type("select 0\r")
        self.terminal.await_text(f"rakit {self.one.address}> ")

    def test_tab_completes_and_hints_follow(self):
        self.terminal.type("appe\t")
        self.terminal.await_text("nd ")
        self.terminal.await_text("key value")
        self.terminal.type("k")
        self.terminal.await_text(" value")
        self.terminal.type("\x03ge\t")
        self.terminal.await_text("key")
        self.terminal.type("\t")
        self.terminal.await_text("GET       GETRANGE")

    def test_ctrl_c_clears_the_line(self):
        self.terminal.type("set k never")
        self.terminal.await_text("never")
        self.terminal.type("\x03")
        self.terminal.await_text("^C")
        self.terminal.type("ping\r")
        self.terminal.await_text("PONG")
        self.assertNotIn(b"k", self.cluster.keys)

    def test_ctrl_c_ends_a_wait(self):
        self.one.faults["GET"] = ["silence"]
        self.terminal.type("get k\r")
        await_seen(self.one, b"get k")
        self.terminal.type("\x03")
        self.terminal.await_text("interrupted")
        self.terminal.type("ping\r")
        self.terminal.await_text("PONG")

    def test_ctrl_d_during_a_wait_leaves_after_it(self):
        for node in self.cluster.nodes:
            node.faults["SET"] = ["CLUSTERDOWN no leader"] * 3
        self.terminal.await_mode()
        self.terminal.type("set k v\r")
        await_seen(self.one, b"set k v")
        self.terminal.type("\x04")
        self.assertEqual(self.terminal.await_end(), 0)
        self.terminal = self.open()
        self.terminal.type("get k\r")
        self.terminal.await_text('"v"')

    def test_history_is_kept_without_passwords(self):
        for line, answer in (("set k v", "OK"), ("auth secret", "OK"), ("ping", "PONG")):
            self.terminal.type(line + "\r")
            self.terminal.await_text(answer)
        self.terminal.await_prompt()
        self.terminal.type("\x04")
        self.assertEqual(self.terminal.await_end(), 0)
        with open(self.history, encoding="utf-8") as lines:
            self.assertEqual(lines.read(), "set k v\nping\n")
        self.terminal = self.open()
        self.terminal.type("\x1b[A\x1b[A")
        self.terminal.await_text("set k v")

    def test_a_lost_connection_is_reported_at_the_prompt(self):
        self.terminal.type("get ")
        self.terminal.await_text("key")
        self.one.kill()
        self.terminal.await_text(f"lost: now talking to {self.two.address}")
        self.terminal.await_text(f"rakit {self.two.address}> get ")

    def test_colours_are_dropped_on_demand(self):
        self.terminal.type("\x03quit\r")
        self.terminal.await_end()
        self.terminal = self.open(NO_COLOR="1")
        self.terminal.type("foo\r")
        self.terminal.await_text("(error)")
        self.assertNotIn("\x1b[31m", self.terminal.raw)

    def test_a_terminate_signal_leaves_the_terminal_in_order(self):
        os.kill(self.terminal.pid, signal.SIGTERM)
        self.assertEqual(self.terminal.await_end(), 0)
        self.terminal = self.open()

    def test_a_long_line_is_pasted_in_no_time(self):
        """That is in a second, and not in minutes."""
        value = "0123456789" * 5000
        self.terminal.paste(f"set k {value}\r")
        self.terminal.await_text("OK")
        self.assertEqual(self.cluster.keys[b"k"], value.encode())

    def test_text_beyond_ascii_is_kept(self):
        self.terminal.type("set k häuser\r")
        self.terminal.await_text("OK")
        self.assertEqual(self.cluster.keys[b"k"], "häuser".encode())


class Top(Case):
    SCREEN, NO_SCREEN = "\x1b[?1049h", "\x1b[?1049l"

    def open(self, *words):
        terminal = Terminal([CLI, "127.0.0.1", str(self.one.port), *words])
        terminal.await_text("q ends")
        terminal.await_mode()
        return terminal

    def test_it_is_drawn_again_until_q_is_typed(self):
        terminal = self.open("top", "0.1")
        terminal.await_text("voters")
        terminal.await_text("voters")
        terminal.raw = ""
        terminal.type("q")
        self.assertEqual(terminal.await_end(), 0)
        self.assertIn(self.NO_SCREEN, terminal.raw)

    def test_signals_leave_the_terminal_in_order(self):
        for number in signal.SIGINT, signal.SIGTERM:
            terminal = self.open("top")
            os.kill(terminal.pid, number)
            self.assertEqual(terminal.await_end(), 0)
            self.assertIn(self.NO_SCREEN, terminal.raw)

    def test_it_needs_a_terminal_and_a_time(self):
        status, out, complaint = run(self.one, "top")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("status --json", complaint)
        for words in ["0.01"], ["-1"], ["nan"], ["1x"], ["3601"], ["1", "2"], [""]:
            self.assertEqual(run(self.one, "top", *words)[0], 1)

    def test_it_goes_on_when_the_node_dies(self):
        terminal = self.open("top", "0.1")
        self.one.kill()
        terminal.await_text(f"127.0.0.1:{self.two.port} every")
        terminal.type("q")
        self.assertEqual(terminal.await_end(), 0)


class JobControl(Case):
    """Below a shell below a shell: only the outer one stops and continues, and it minds only the
    inner one, so it may continue rakit-cli before that has stopped."""

    def test_a_stopped_program_is_continued_each_time(self):
        shell = Terminal(["bash", "--norc", "--noprofile", "-i"], PS1="outer$ ")
        shell.await_text("outer$ ")
        shell.type(f"bash -c '{CLI} 127.0.0.1 {self.one.port}; stty -a'\r")
        prompt = f"rakit {self.one.address}> "
        shell.await_text(prompt)
        for _ in range(20):
            shell.await_mode()
            shell.type("\x1a")
            shell.await_text("outer$ ")
            shell.type("fg\r")
            shell.await_text("stty -a'")
            shell.type("ping\r")
            shell.await_text("PONG")
            shell.await_text(prompt)
        shell.type("quit\r")
        shell.await_text("eof = ^D")  # The next program finds the terminal as it was.
        shell.await_text("outer$ ")
        shell.type("exit\r")
        self.assertEqual(shell.await_end(), 0)


if __name__ == "__main__":
    CLI = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
