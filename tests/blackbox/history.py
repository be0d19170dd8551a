"""Clients under load that remember their answers, and the check of those.

Each worker owns three keys, so that their expected contents are known exactly:

  counter:W   SET to 1, 2, 3 ...: every reader sees at least the last value
              acknowledged before the read, and at most the last value sent, or else
              a value in doubt, which may be executed at any later time
  list:W      APPEND of "1,", "2," ...: what was acknowledged is in it once, in order;
              what was refused for certain is not; what is in doubt may be
  sum         INCR by all workers: no two acknowledged replies are the same

A worker that loses its node switches to the next one. It never sends anything twice: a command
without an answer is in doubt, and not retried."""

import random
import threading
import time

from respclient import RespClient, RespError

NOT_EXECUTED = ("CLUSTERDOWN", "TRYAGAIN", "MISCONF", "OOM", "LOADING")


class Worker(threading.Thread):
    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load = load
        self.number = number
        self.random = random.Random(number)
        self.client = None
        self.node = None
        self.sent = 0           # The highest number sent.
        self.acknowledged = {}  # Number -> reply of APPEND.
        self.refused = set()    # Numbers that were certainly not appended.
        self.counter_acknowledged = 0
        self.counter_in_doubt = set()
        self.sums = []          # Replies of INCR.
        self.sums_in_doubt = 0
        self.reads = 0
        self.doubts = []        # Errors of commands that may or may not have been executed.
        self.faults = []        # What must never happen; it fails the test.

    # --- one command ----------------------------------------------------------------

    def connect(self):
        nodes = [n for n in self.load.nodes() if n is not self.node] or self.load.nodes()
        self.node = self.random.choice(nodes)
        self.client = RespClient(self.node.host, self.node.port, timeout=self.load.patience)

    def ask(self, *arguments):
        """Returns ("ok", reply), ("refused", error) or ("doubt", error)."""
        if self.client is None:
            try:
                self.connect()
            except (OSError, LookupError) as error:
                time.sleep(0.005)
                return "refused", error
        try:
            reply = self.client.call(*arguments)
        except RespError as error:
            if error.code in NOT_EXECUTED:
                return "refused", error
            if error.code != "INDOUBT":
                self.faults.append(f"{arguments}: {error}")
            self.doubts.append(error)
            return "doubt", error
        except (OSError, AssertionError) as error:
            self.client.close()
            self.client = None
            self.doubts.append(error)
            return "doubt", error
        self.load.note_success()
        return "ok", reply

    # --- the load -------------------------------------------------------------------

    def run(self):
        try:
            while not self.load.is_over.is_set():
                self.write_list()
                self.write_counter()
                self.write_sum()
                self.read_other()
                if self.load.pause:
                    self.load.is_over.wait(self.load.pause)
        except Exception as error:  # pylint: disable=broad-except
            self.faults.append(f"worker {self.number}: {error!r}")

    def write_list(self):
        self.sent += 1
        outcome, reply = self.ask("APPEND", f"list:{self.number}", f"{self.sent},")
        if outcome == "ok":
            self.acknowledged[self.sent] = reply
        elif outcome == "refused":
            self.refused.add(self.sent)

    def write_counter(self):
        outcome, reply = self.ask("SET", f"counter:{self.number}", self.sent)
        if outcome == "ok":
            if reply != b"OK":
                self.faults.append(f"SET was answered {reply!r}")
            self.counter_acknowledged = self.sent
        elif outcome == "doubt":
            self.counter_in_doubt.add(self.sent)

    def counter_may_be(self, value, acknowledged, sent):
        return acknowledged <= value <= sent or value in self.counter_in_doubt

    def write_sum(self):
        outcome, reply = self.ask("INCR", "sum")
        if outcome == "ok":
            self.sums.append(reply)
        elif outcome == "doubt":
            self.sums_in_doubt += 1

    def read_other(self):
        other = self.random.choice(self.load.workers)
        before = other.counter_acknowledged
        outcome, reply = self.ask("GET", f"counter:{other.number}")
        after = other.sent
        if outcome == "ok":
            self.reads += 1
            value = int(reply or 0)
            if not other.counter_may_be(value, before, after):
                self.faults.append(f"{self.node} was asked for counter:{other.number} and said "
                                   f"{value}; {before} was acknowledged before, {after} sent")


class Load:
    """`with Load(cluster) as load:` writes and reads until the end of the block; load.check(node)
    then compares the data with what was acknowledged."""

    def __init__(self, cluster, worker_count=4, nodes=None, patience=10.0, pause=0.0):
        self.cluster = cluster
        self.fixed_nodes = nodes
        self.patience = patience
        self.pause = pause
        self.is_over = threading.Event()
        self.progress = threading.Condition()
        self.successes = 0
        self.workers = [Worker(self, number) for number in range(worker_count)]

    def nodes(self):
        return self.fixed_nodes or self.cluster.running()

    def note_success(self):
        with self.progress:
            self.successes += 1
            self.progress.notify_all()

    def await_progress(self, count=200, seconds=30.0):
        """Waits until `count` more commands have succeeded."""
        with self.progress:
            aim = self.successes + count
            assert self.progress.wait_for(lambda: self.successes >= aim, seconds), \
                f"only {self.successes - aim + count} of {count} commands went through"

    def __enter__(self):
        for worker in self.workers:
            worker.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for worker in self.workers:
            worker.join(60)
            assert not worker.is_alive(), "a client still waits for its answer"
            if worker.client is not None:
                worker.client.close()

    def refused_count(self):
        return sum(len(worker.refused) for worker in self.workers)

    def doubts(self):
        return [error for worker in self.workers for error in worker.doubts]

    def check(self, node):
        """What `node` has now agrees with what the clients were answered."""
        faults = [fault for worker in self.workers for fault in worker.faults]
        assert not faults, "\n".join(faults[:10])
        assert sum(worker.reads for worker in self.workers) > 0
        with node.client() as client:
            for worker in self.workers:
                check_list(worker, client.call("GET", f"list:{worker.number}") or b"")
                counter = int(client.call("GET", f"counter:{worker.number}") or 0)
                assert worker.counter_may_be(counter, worker.counter_acknowledged, worker.sent)
            total = int(client.call("GET", "sum") or 0)
        sums = [value for worker in self.workers for value in worker.sums]
        assert len(sums) == len(set(sums)), "two INCR were given the same reply"
        doubt = sum(worker.sums_in_doubt for worker in self.workers)
        assert len(sums) <= total <= len(sums) + doubt


def check_list(worker, value):
    numbers = [int(part) for part in value.split(b",") if part]
    name = f"list:{worker.number}"
    there = set(numbers)
    assert len(numbers) == len(there), f"{name}: something was appended twice"
    known = [number for number in numbers if number in worker.acknowledged]
    assert known == sorted(known), f"{name}: acknowledged out of order"
    lost = set(worker.acknowledged) - there
    assert not lost, f"{name}: acknowledged and lost: {sorted(lost)[:10]}"
    undead = worker.refused & there
    assert not undead, f"{name}: refused for certain, and yet there: {sorted(undead)[:10]}"
    # The length that each APPEND returned is that of the list up to it.
    lengths, length = {}, 0
    for number in numbers:
        length += len(str(number)) + 1
        lengths[number] = length
    wrong = [n for n, reply in worker.acknowledged.items() if lengths[n] != reply]
    assert not wrong, f"{name}: wrong replies of APPEND to {wrong[:10]}"
