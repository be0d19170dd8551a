"""The tables and the JSON of bench/compare.

`results` is {workload: {contestant: [figure of each round]}}, `cpu` is {workload:
{contestant: {role: [CPU seconds an operation of each round]}}}."""

import statistics

from workloads import TITLES, unit_of

# What the cost of a Rakit node is compared with.
CPU_RIVALS = ("redis-always", "redis-memory")


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(rounds, unit=""):
    if not rounds:
        return "-"
    return (f"{number(statistics.median(rounds))}{unit} "
            f"[{number(min(rounds))}-{number(max(rounds))}]")


def ratio(workload, rakit, other):
    """How many times as fast Rakit is; the inverse ratio for times."""
    if not rakit or not other:
        return None
    quotient = statistics.median(rakit) / statistics.median(other)
    return 1 / quotient if unit_of(workload) == "ms" else quotient


def aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(text.ljust(w) for text, w in zip(row, widths)) + " |"
             for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def ratio_cell(value):
    return "-" if value is None else f"{value:.2f}"


def table(results, contestants):
    names = list(contestants)
    rivals = [name for name in names if name != "rakit"]
    rows = [["workload", *[contestants[name].title for name in names],
             *[f"x {name}" for name in rivals]]]
    for workload, by_name in results.items():
        unit = " " + unit_of(workload)
        ratios = [ratio(workload, by_name.get("rakit"), by_name.get(name)) for name in rivals]
        rows.append([TITLES[workload], *[spread(by_name.get(name), unit) for name in names],
                     *map(ratio_cell, ratios)])
    return aligned(rows)


def microseconds(rounds):
    return [seconds * 1e6 for seconds in rounds or []]


def cpu_ratios(by_name):
    """{(role, rival): CPU time of a Rakit node as a multiple of the rival's}."""
    return {(role, rival): statistics.median(rounds) / statistics.median(by_name[rival]["alone"])
            for role, rounds in by_name.get("rakit", {}).items()
            for rival in CPU_RIVALS if rival in by_name}


def cpu_rows(contestants):
    """(title, contestant, role) of each server, the leader first."""
    for name, contestant in contestants.items():
        if hasattr(contestant, "leader"):
            for role in ("leader", "follower 1", "follower 2"):
                yield f"{contestant.title}: {role}", name, role
        else:
            yield contestant.title, name, "alone"


def cpu_table(cpu, contestants):
    workloads = list(cpu)
    rows = [["server", *workloads]]
    for title, name, role in cpu_rows(contestants):
        rows.append([title, *[spread(microseconds(cpu[w].get(name, {}).get(role)), " us")
                              for w in workloads]])
    ratios = {w: cpu_ratios(by_name) for w, by_name in cpu.items()}
    for role in ("leader", "follower 1", "follower 2"):
        for rival in CPU_RIVALS:
            if any((role, rival) in of_workload for of_workload in ratios.values()):
                rows.append([f"Rakit's {role} / {rival}",
                             *[ratio_cell(ratios[w].get((role, rival))) for w in workloads]])
    return aligned(rows)


def summary(rounds, unit):
    return {"unit": unit, "rounds": rounds, "median": statistics.median(rounds),
            "min": min(rounds), "max": max(rounds)}


def as_json(results, cpu):
    """The part of the JSON that holds figures."""
    return {
        "results": {w: {name: summary(rounds, unit_of(w)) for name, rounds in by_name.items()}
                    for w, by_name in results.items()},
        "ratios": {w: {name: ratio(w, by_name.get("rakit"), rounds)
                       for name, rounds in by_name.items() if name != "rakit"}
                   for w, by_name in results.items()},
        "cpu": {w: {name: {role: summary(microseconds(rounds), "us")
                           for role, rounds in roles.items()}
                    for name, roles in by_name.items()} for w, by_name in cpu.items()},
        "cpu_ratios": {w: {f"{role} / {rival}": value
                           for (role, rival), value in cpu_ratios(by_name).items()}
                       for w, by_name in cpu.items()},
    }
