"""Pictures of bench/years: one SVG file a figure, which follow the reader's colours."""

import statistics

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 320, 80, 24, 56, 60
STYLE = """
  svg { background: #ffffff; font: 13px system-ui, sans-serif; }
  text { fill: #1f2328; } .tick { fill: #59636e; } .title { font-size: 15px; font-weight: 600; }
  .grid { stroke: #d1d9e0; } .a { fill: #0969da; } .b { fill: #bc4c00; }
  .line { fill: none; stroke: #0969da; stroke-width: 2; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; } text { fill: #e6edf3; } .tick { fill: #9da7b3; }
    .grid { stroke: #30363d; } .a { fill: #58a6ff; } .b { fill: #f0883e; }
    .line { stroke: #58a6ff; }
  }
"""


def rounded_up(value):
    """The end of an axis: 1, 2 or 5 times a power of ten."""
    power = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 0.1
    while power > value:
        power /= 10
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def frame(title, top, unit):
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           f'width="{WIDTH}" height="{HEIGHT}" role="img"><title>{title}</title>')
    yield f"<style>{STYLE}</style>"
    yield f'<text class="title" x="{LEFT}" y="28">{title}</text>'
    for i in range(5):
        y = HEIGHT - BOTTOM - i / 4 * (HEIGHT - TOP - BOTTOM)
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        yield (f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
               f'{top * i / 4:g} {unit}</text>')


def height_of(value, top):
    return value / top * (HEIGHT - TOP - BOTTOM)


def bars(title, unit, groups):
    """{group: {series: value}}, at most two series."""
    top = rounded_up(max(v for series in groups.values() for v in series.values()))
    names = list(next(iter(groups.values())))
    step = (WIDTH - LEFT - RIGHT) / len(groups)
    yield from frame(title, top, unit)
    for i, (group, series) in enumerate(groups.items()):
        width = step * 0.7 / len(names)
        for j, value in enumerate(series.values()):
            x = LEFT + i * step + step * 0.15 + j * width
            size = height_of(value, top)
            yield (f'<rect class="{"ab"[j]}" x="{x:.1f}" y="{HEIGHT - BOTTOM - size:.1f}" '
                   f'width="{width - 2:.1f}" height="{size:.1f}"/>')
        yield (f'<text class="tick" x="{LEFT + (i + 0.5) * step:.1f}" y="{HEIGHT - BOTTOM + 18}" '
               f'text-anchor="middle">{group}</text>')
    for j, name in enumerate(names):
        x = LEFT + j * 220
        yield f'<rect class="{"ab"[j]}" x="{x}" y="{HEIGHT - 24}" width="12" height="12"/>'
        yield f'<text x="{x + 18}" y="{HEIGHT - 13}">{name}</text>'
    yield "</svg>"


def curve(title, unit, points):
    """[[seconds, value]]."""
    top = rounded_up(max(value for _, value in points))
    last = points[-1][0]
    yield from frame(title, top, unit)
    places = [f"{LEFT + t / last * (WIDTH - LEFT - RIGHT):.1f} "
              f"{HEIGHT - BOTTOM - height_of(value, top):.1f}" for t, value in points]
    yield f'<path class="line" d="M{"L".join(places)}"/>'
    for i in range(5):
        x = LEFT + i / 4 * (WIDTH - LEFT - RIGHT)
        yield (f'<text class="tick" x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
               f'{last * i / 4 / 60:.3g} min</text>')
    yield "</svg>"


def rounds(values):
    return {f"round {n}": {"": value} for n, value in enumerate(values, 1)}


def pictures(found):
    """(file name, lines)."""
    if "pause" in found:
        yield "pause", bars("Latency of one request, with and without a snapshot", "ms", {
            name: {"no snapshot": statistics.median(f["without_ms"]),
                   "snapshots all the time": statistics.median(f["with_ms"])}
            for name, f in found["pause"].items()})
    if "memory" in found:
        yield "memory", bars("Memory that a snapshot takes in addition", "%",
                             rounds(found["memory"]["extra_percent"]))
    if "start" in found:
        yield "start", bars("From the start of a node until it serves", "s",
                            rounds(found["start"]["seconds"]))
        yield "start-snapshot", bars("Snapshot loaded in a second of one core", "MB",
                                     rounds(found["start"]["snapshot"]["mb_a_core_second"]))
        yield "start-log", bars("Entries of the log loaded in a second of one core", "million",
                                rounds(found["start"]["log"]["million_entries_a_core_second"]))
    if "transfer" in found:
        yield "transfer", bars("From the start of a new node until it votes, under load", "s",
                               rounds(found["transfer"]["seconds"]))
    if "disk" in found:
        yield "disk", curve("Size of a data directory while 1 000 keys are overwritten", "MB",
                            found["disk"]["samples"])
    if "reads" in found:
        yield "reads", bars("GET, three clients of 50 connections", "k/s", {
            "all on the leader": {"": statistics.median(found["reads"]["leader_alone_k"])},
            "one on each node": {"": statistics.median(found["reads"]["three_nodes_k"])}})


def draw_all(found, directory):
    directory.mkdir(parents=True, exist_ok=True)
    for name, lines in pictures(found):
        (directory / f"years-{name}.svg").write_text("\n".join(lines) + "\n", encoding="utf-8")
