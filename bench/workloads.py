"""What bench/compare measures."""

from collections import namedtuple

Workload = namedtuple("Workload", "name kind clients pipeline unit")

SCRIPT = "return(redis.call('SET',KEYS[1],ARGV[1]))"  # Without a blank: it is one word.
WORKLOADS = [
    Workload("set-1", "set", 1, 1, "ms"),
    Workload("set-50", "set", 50, 1, "k/s"),
    Workload("set-50-p16", "set", 50, 16, "k/s"),
    Workload("set-500", "set", 500, 1, "k/s"),
    Workload("get-50", "get", 50, 1, "k/s"),
    Workload("get-50-p16", "get", 50, 16, "k/s"),
    Workload("set-ex-50", "SET key:__rand_int__ xxxxxxxxxx EX 1000", 50, 1, "k/s"),
    Workload("eval-50", f"EVAL {SCRIPT} 1 key:__rand_int__ xxxxxxxxxx", 50, 1, "k/s"),
]
WARM_UP = Workload("warm-up", "set", 50, 16, "k/s")
FAILOVER = "failover"
TITLES = {
    "set-1": "SET, 1 client, p50",
    "set-50": "SET, 50 clients",
    "set-50-p16": "SET, 50 clients, pipeline 16",
    "set-500": "SET, 500 clients",
    "get-50": "GET, 50 clients",
    "get-50-p16": "GET, 50 clients, pipeline 16",
    "set-ex-50": "SET with EX, 50 clients",
    "eval-50": "EVAL of one SET, 50 clients",
    FAILOVER: "leader killed -> next write, p50",
}


def unit_of(workload):
    return "ms" if workload == FAILOVER else next(w.unit for w in WORKLOADS if w.name == workload)
