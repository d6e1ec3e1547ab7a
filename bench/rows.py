"""The rows of the requirements: what each one runs and what it computes.

A row yields the runs it wants, one at a time, and is sent their reports, so
that it alone decides about their order and the runner about everything else.
"""

import json
import statistics

import crowd
import disk_rows
import loads
from estimate import interval
from lines import Line, range_line, ratio_line
from loads import KIB
from runs import (
    Lines,
    Program,
    Run,
    cpu_per_delivery,
    cpu_per_event,
    idle_bytes,
    nanoseconds,
    paired,
    rate,
)

COUNTED_EVENTS = 100_000
PUB_LINES = 2_000_000
INSTRUCTIONS = (
    ("delivery", "user instructions per delivery", 300),
    ("produce", "user instructions per POST, alone", 2500),
    ("produce-64", "user instructions per POST, 64 in one", 2500),
)
# Deliveries of a wake when a batch of POSTs goes to as many topics.
WAKE = loads.DEPTH


def last_p99(report):
    """Nanoseconds until the last subscriber has an event, of 99 in 100."""
    return report["last_p99_us"] * 1000


CPU_RATIO = ("CPU per delivery, ratio", cpu_per_delivery)
LAST_RATIO = ("p99 to the last subscriber, ratio", last_p99)


def ratio(arguments, *requirements):
    """A row: figures of the broker as multiples of the floor's. Each
    requirement is a measure, its cost, and at most what."""

    def row(count):
        ours, floors = yield from paired(
            Run("ringtail", arguments), Run("floor", arguments), count
        )
        pairs = list(zip(ours, floors))
        return [
            ratio_line(measure, cost, pairs, limit)
            for measure, cost, limit in requirements
        ]

    return row


def fanout_format(name):
    """A row: what a delivery costs in a format, as a multiple of a raw one."""
    arguments = loads.in_format(name, loads.fanout(100))

    def row(count):
        ours, raw = yield from paired(
            Run("ringtail", arguments),
            Run("ringtail", loads.fanout(100)),
            count,
        )
        measure = "CPU per delivery, to raw"
        return [
            ratio_line(measure, cpu_per_delivery, list(zip(ours, raw)), 1.3)
        ]

    return row


def post_64(count):
    """Pipelined POSTs: what one costs, and for comparison the floor's."""
    arguments = loads.produce(1, 64)
    ours, floors = yield from paired(
        Run("ringtail", arguments), Run("floor", arguments), count
    )
    costs = [cpu_per_event(report) / 1000 for report in ours]
    return [
        Line(
            "CPU per POST, us",
            nanoseconds(statistics.median(map(cpu_per_event, ours))),
            nanoseconds(statistics.median(map(cpu_per_event, floors))),
            statistics.median(costs),
            *interval(costs),
            0.6,
            "{:.3f}",
        )
    ]


def batch_1000(count):
    """What an event costs that comes with 999 others in a body."""
    values = []
    for _ in range(min(count, 3)):
        report = yield Run("ringtail", loads.batches(1000))
        values.append(cpu_per_event(report) / 1000)
    return [range_line("CPU per event, ns", values, 667)]


def patterns(count):
    """What a POST costs on a node of very many topics when somebody subscribes
    to a pattern that has them, but not the one that is published to."""
    load = loads.produce(1, 64)
    ours, without = yield from paired(
        Run("ringtail", load, beside=crowd.subscribed),
        Run("ringtail", load, beside=crowd.topics),
        count,
    )
    measure = "CPU per POST, to without a pattern"
    return [ratio_line(measure, cpu_per_event, list(zip(ours, without)), 1.1)]


def topics(count):
    """A delivery to a topic of its own, and one among others of one topic: to
    as many subscribers, and as many of a wake."""
    lines = []
    for what, readers in (("as many", loads.CONNECTIONS), ("a wake's", WAKE)):
        many, one = yield from paired(
            Run("ringtail", loads.topics(loads.CONNECTIONS)),
            Run("ringtail", loads.single(readers)),
            min(count, 3),
        )
        measure = f"CPU per delivery, to {what} of one"
        pairs = list(zip(many, one))
        lines.append(ratio_line(measure, cpu_per_delivery, pairs, 1.3))
    return lines


def cpu_per_replayed(report):
    """Nanoseconds of the server's processors for a byte of a replay."""
    return report["server_cpu_ns"] / report["replay_bytes"]


def live_p99(report):
    """Nanoseconds that a live event takes, of 99 in 100."""
    return report["latency_p99_us"] * 1000


def late():
    """Late joiners beside live traffic. 0.8 of the floor's bytes for each
    second of a processor: 1.25 of its time for each byte."""
    return ratio(
        loads.LATE,
        ("CPU per replayed byte, ratio", cpu_per_replayed, 1.25),
        ("p99 of live events beside, ratio", live_p99, 2),
    )


def idle_memory(count):
    """What 10,000 subscribers cost while nothing is published."""
    ours, floors = yield from paired(
        Run("ringtail", loads.IDLE, window=False),
        Run("floor", loads.IDLE, window=False),
        min(count, 3),
    )
    line = range_line(
        "memory per idle subscriber, B", list(map(idle_bytes, ours)), 400
    )
    line.beside = f"{statistics.median(map(idle_bytes, floors)):.0f}"
    return [line]


def idle_format(name):
    """A row: the same in a format."""
    arguments = loads.in_format(name, loads.IDLE)

    def row(count):
        values = []
        for _ in range(min(count, 3)):
            report = yield Run("ringtail", arguments, window=False)
            values.append(idle_bytes(report))
        return [range_line("memory per idle subscriber, B", values, 600)]

    return row


def stalled_kib(with_stalled, without):
    """Memory that one stopped reader costs, the kernel's included."""
    if with_stalled["stopped_present"] == 0:
        return 0
    grown = with_stalled["private_bytes"] - without["private_bytes"]
    return (max(grown, 0) + with_stalled["stopped_kernel_bytes"]) / KIB


def stalled(count):
    """100 readers, or 99 and one who stopped: what do the 99 lose?"""
    with_stalled, without = yield from paired(
        Run("ringtail", loads.STALLED),
        Run("ringtail", loads.fanout(100)),
        count,
    )
    both = list(zip(with_stalled, without))
    losses = [100 * (1 - rate(a) / rate(b)) for a, b in both]
    costs = [stalled_kib(a, b) for a, b in both]
    loss = Line(
        "throughput the others lose, %",
        f"{statistics.median(map(rate, with_stalled)) / 1000:.1f} k/s",
        "",
        statistics.median(losses),
        *interval(losses),
        3,
    )
    return [loss, range_line("memory of a stopped reader, KiB", costs, 512)]


def allocations(_count):
    """Heap allocations while events flow."""
    arguments = loads.fanout(100) + ["--events", COUNTED_EVENTS]
    arguments += ["--warmup", 1]  # the topic's ring has grown by then
    report = yield Run("ringtail", arguments, count=True)
    per_event = report["allocations"] / report["events"]
    return [range_line("heap allocations per event", [per_event], 0, "{:.6g}")]


def probe_ms(report):
    """The probe's 99th percentile."""
    return report["probe_p99_us"] / 1000


def small_topic(count):
    """A topic with one reader beside one that is saturated."""
    ours, floors = yield from paired(
        Run("ringtail", loads.SMALL_TOPIC),
        Run("floor", loads.SMALL_TOPIC),
        min(count, 3),
    )
    values = list(map(probe_ms, ours))
    line = range_line("p99 beside a saturated topic, ms", values, 10, "{:.2f}")
    line.beside = f"{statistics.median(map(probe_ms, floors)):.2f}"
    return [line]


def library(mode, figure, measure, limit, shown="{:.1f}"):
    """A row of bench/embedded.c: held against a number, not against a floor."""

    def row(count):
        values = []
        for _ in range(min(count, 3)):
            report = yield Program(["embedded", mode])
            values.append(report[figure])
        return [range_line(measure, values, limit, shown)]

    return row


def pub_lines(count):
    """What a line of `ringtail pub` costs its own processor."""
    values = []
    for _ in range(min(count, 3)):
        report = yield Lines(PUB_LINES)
        values.append(report["cpu_ns"] / report["confirmed"])
    return [range_line("CPU of ringtail pub per line, ns", values, 2000)]


def instructions(path):
    """What script/instructions counted last, if it was run: it is not
    measured here, for it does not depend on time."""
    if not path.exists():
        return []
    counted = json.loads(path.read_text())["loads"]
    return [
        range_line(measure, [counted[name]["instructions"]], limit)
        for name, measure, limit in INSTRUCTIONS
        if name in counted
    ]


# A floor that waits for every reader cannot be measured with a stopped one.
BROKER_ONLY = [
    "fanout-json",
    "fanout-sse",
    "batch-1000",
    "patterns",
    "topics",
    "idle-json",
    "idle-sse",
    "stalled",
    "in-process",
    "mailbox",
    "idle-embedded",
    "idle-wakeups",
    "pub-lines",
    *disk_rows.ROWS,
]

ROWS = {
    "fanout-100": ratio(loads.fanout(100), (*CPU_RATIO, 1.15)),
    "fanout-1000": ratio(loads.fanout(1000), (*CPU_RATIO, 1.15)),
    "fanout-16k": ratio(loads.fanout(100, 16 * KIB), (*CPU_RATIO, 1.05)),
    "fanout-json": fanout_format("json"),
    "fanout-sse": fanout_format("sse"),
    "single-1000": ratio(
        loads.single(1000), (*CPU_RATIO, 1.08), (*LAST_RATIO, 1.15)
    ),
    "single-10000": ratio(
        loads.single(10_000), (*CPU_RATIO, 1.08), (*LAST_RATIO, 1.15)
    ),
    "patterns": patterns,
    "topics": topics,
    "post-1": ratio(
        loads.produce(1, 1), ("CPU per POST, ratio", cpu_per_event, 1.25)
    ),
    "post-64": post_64,
    "batch-1000": batch_1000,
    "late": late(),
    "idle-memory": idle_memory,
    "idle-json": idle_format("json"),
    "idle-sse": idle_format("sse"),
    "stalled": stalled,
    "allocations": allocations,
    "small-topic": small_topic,
    "in-process": library(
        "publish",
        "cpu_ns_per_event",
        "CPU per event and subscriber, ns",
        150,
    ),
    "mailbox": library(
        "mailbox",
        "ns_per_event",
        "time per event from 4 threads, ns",
        333,
    ),
    "pub-lines": pub_lines,
    "idle-embedded": library(
        "idle",
        "bytes",
        "memory of an idle broker, B",
        64 * KIB,
        "{:.0f}",
    ),
    "idle-wakeups": library(
        "idle",
        "wakeups_per_second",
        "wake-ups of an idle broker a second",
        1,
    ),
    **disk_rows.ROWS,
}
