"""Writes docs/BENCHMARKS.md: what was measured last, as tables and plots."""

import report_plots
from processes import RunFailed
from report_tables import (
    figure_table,
    not_counted,
    not_first,
    not_met,
    paragraph,
    requirement_table,
    shape_table,
    table,
)
from rows import ROWS
from runs import WAIT_MAX, waited
from shapes import SHAPES

METHOD = """\
# Benchmarks

Written by `script/bench --report`, from the last figures of `script/bench
--peers`: measure again rather than edit.

Each server has one processor to itself, and the load generator another. In a
round every server is measured once, each round begins with another, and the
figure of a server is the median of its rounds. All brokers take the same
events from the same load generator over loopback, which checks that each
arrived at every subscriber, once and in order; a run in which one did not is
marked with * and does not count. *floor* is no broker: it is a loop of
`send()`, the least that any server could do. **Bold** is the best of the
brokers. What each is configured to do, and why that is fair, is told in
[bench/README.md](../bench/README.md).

Processor time is the server's, all its threads and processes together. It does
not depend on how fast the load generator is, which is why it comes first; a
throughput is the server's only where the load generator was not busy all the
time.
"""

# What a part of the report is about: its title, what to say, its plot, and its
# shapes and how many of their figures.
PARTS = [
    (
        "Fan-out",
        "One publisher with many events in flight.",
        ("cpu-per-delivery", "CPU per delivery by server and shape"),
        [name for name in SHAPES if name.startswith("fanout")]
        + ["topics-10000"],
    ),
    (
        "One event at a time",
        "The next event is published when the last subscriber has this one. The"
        " times count from sending an event to when the last one has it.",
        ("last-subscriber", "time until the last subscriber has an event"),
        [name for name in SHAPES if name.startswith("single")],
    ),
    (
        "Latency",
        "Events are sent on a fixed schedule that waits for nobody: first as"
        " many for all servers, then a part of what each managed when it was"
        " saturated, which is as many as the last of these tables says: who"
        " managed less has less to do here. A delay counts from when an event"
        " was meant to be sent.",
        ("latency", "latency percentiles by load"),
        [name for name in SHAPES if name.startswith("latency")],
    ),
    (
        "Publishing",
        "Nobody is subscribed; every event is confirmed to its publisher.",
        None,
        [name for name in SHAPES if name.startswith("produce")],
    ),
    (
        "Publishing to a disk",
        "64 publishers, each of which waits for its answer. redis-server syncs"
        " before it answers; nats-server answers before it syncs, which it does"
        " every two minutes; ringtail does what it is asked for.",
        None,
        [name for name in SHAPES if name.startswith("stream")],
    ),
    (
        "Memory",
        "What subscribers cost that do nothing, and one that reads nothing"
        " while events flow.",
        ("idle-memory", "private memory of an idle subscriber"),
        ["idle-10000", "stalled-1"],
    ),
    (
        "Coming and going",
        "Late joiners who replay what a topic holds, and subscribers who come"
        " and go.",
        None,
        ["late-100", "churn"],
    ),
    (
        "Work",
        "System calls, counted by strace in runs of their own, and allocations"
        " from the heap, counted by a library that is preloaded. redis and nats"
        " have heaps of their own, into which nobody looks.",
        None,
        ["system-calls", "allocations"],
    ),
]


def disturbed(kept):
    """In how many runs a program waited for its processor."""
    runs = [
        report
        for part in kept["shapes"].values()
        for reports in part["rounds"]
        for report in reports.values()
    ]
    for part in kept["rows"].values():
        runs += part.get("samples", ())
    return f"{sum(waited(run) > WAIT_MAX for run in runs)} of {len(runs)}"


def about(kept):
    """Where and what was measured."""
    machine = kept["machine"]
    rows = [
        ["processor", f"{machine['processors']} x {machine['processor']}"],
        ["kernel", machine["kernel"]],
        ["file system of the logs", machine.get("disk", "?")],
    ]
    versions = dict.fromkeys(kept["versions"].values())
    rows += [["measured", version] for version in versions]
    parts = [*kept["rows"].values(), *kept["shapes"].values()]
    days = sorted({part["when"] for part in parts})
    rows.append(["on", " to ".join(dict.fromkeys([days[0], days[-1]]))])
    rows.append(["runs that others disturbed", disturbed(kept)])
    return "## What was measured\n\n" + table(["", ""], rows)


def titles_of(name):
    """The titles of a shape's figures."""
    return [figure.title for figure in SHAPES[name].figures]


def tables(kept, names):
    """A table for each figure where shapes have the same, or for each shape
    where each has its own."""
    shared = titles_of(names[0])
    if len(names) > 1 and titles_of(names[1])[0] == shared[0]:
        return [figure_table(kept, names, title) for title in shared]
    return [shape_table(kept, name) for name in names]


def part(kept, title, words, plot, names):
    """One part of the report."""
    measured = [name for name in names if name in kept["shapes"]]
    if not measured:
        return ""
    pieces = [f"## {title}\n", paragraph(words)]
    if plot is not None:
        name, about_it = plot
        pieces.append(f"![{about_it}](benchmarks/{name}.svg)\n")
    return "\n".join(pieces + tables(kept, measured))


def text(kept):
    """The whole report."""
    pieces = [METHOD, about(kept), requirement_table(kept)]
    pieces += [part(kept, *what) for what in PARTS]
    pieces += [not_first(kept), not_met(kept), not_counted(kept)]
    return "\n".join(piece for piece in pieces if piece)


def ordered(kept):
    """Rows and shapes as they are listed, in whatever order they were measured;
    those that are no more are left out."""
    lists = {"rows": [*ROWS, "instructions"], "shapes": list(SHAPES)}
    parts = {
        kind: {name: kept[kind][name] for name in names if name in kept[kind]}
        for kind, names in lists.items()
    }
    return {**kept, **parts}


def write_report(kept, root):
    """Writes the report and its plots below docs/."""
    kept = ordered(kept)
    if not kept["shapes"]:
        raise RunFailed("nothing to tell of: run script/bench --peers first")
    folder = root / "docs/benchmarks"
    folder.mkdir(exist_ok=True)
    report_plots.draw(kept, folder)
    (root / "docs/BENCHMARKS.md").write_text(text(kept))
    print("docs/BENCHMARKS.md, and plots in docs/benchmarks")
    return 0
