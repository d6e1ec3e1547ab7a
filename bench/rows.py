"""The rows of the table: what each one runs and what it computes.

A row yields the runs it wants, one at a time, and is sent their reports, so
that it alone decides about their order and the runner about everything else.
"""

import dataclasses
import statistics

from estimate import interval

# The loads, in words of the load generator; where nothing is said, an event has
# 128 bytes and there is one publisher with one request in flight. The ring of a
# topic holds 1 MiB by default; the load generator's bound on lag keeps a slow
# reader of ours from being evicted by a fast publisher.
FANOUT_100 = ["--subscribers", 100, "--depth", 256]
FANOUT_1000 = ["--subscribers", 1000, "--depth", 256]
SINGLE_1000 = ["--subscribers", 1000, "--lag", 1]
POST_1 = ["--depth", 1]
POST_64 = ["--depth", 64]
STALLED = ["--subscribers", 99, "--stopped", 1, "--depth", 256]
SMALL_TOPIC = ["--subscribers", 10_000, "--depth", 256, "--probe", 100]

# Beyond this share of a run spent waiting for a processor, the machine was busy
# with something else and the figures say less.
WAIT_MAX = 0.05

IDLE_SUBSCRIBERS = 10_000
COUNTED_EVENTS = 100_000
PUB_LINES = 2_000_000
KIB = 1024


@dataclasses.dataclass
class Run:
    """One run of the load generator against a fresh server."""

    server: str  # "ringtail" or "floor"
    arguments: list
    window: bool = True  # whether --warmup and --seconds apply
    count: bool = False  # whether allocations are counted


@dataclasses.dataclass
class Program:
    """One run of a program of bench/ that measures by itself."""

    words: list
    server: str = "library"


@dataclasses.dataclass
class Lines:
    """One run of `ringtail pub` with so many short lines on its input."""

    count: int
    server: str = "ringtail"


@dataclasses.dataclass
class Line:
    """One line of the table; the value is what is held against the limit."""

    measure: str
    ringtail: str
    floor: str
    value: float
    low: float  # of the interval that the value is believed to lie in
    high: float
    limit: float
    shown: str = "{:.2f}"

    def met(self):
        """Whether the requirement is met."""
        return self.value <= self.limit


def cpu_per_delivery(report):
    """Nanoseconds of the server's processors for one event at one reader."""
    return report["server_cpu_ns"] / report["deliveries"]


def cpu_per_event(report):
    """Nanoseconds of the server's processors for one POST."""
    return report["server_cpu_ns"] / report["events"]


def nanoseconds(value):
    """A duration in the unit that suits it."""
    return f"{value:.1f} ns" if value < 1000 else f"{value / 1000:.2f} us"


def waited(report):
    """The share of a run in which a program waited for its processor because
    others had it."""
    if "seconds" not in report:
        return 0
    waits_ns = report["server_wait_ns"] + report["load_wait_ns"]
    return waits_ns / 1e9 / report["seconds"]


def both_waited(pair):
    """The same for a pair of runs."""
    return max(map(waited, pair))


def paired(first, second, pairs):
    """Yields runs in the order A B B A A B ...: what drifts slowly falls on
    both. Pairs that something disturbed are repeated, at most once each, and
    the calmest are kept. Returns both lists of reports, pair by pair."""
    done = []
    while len(done) < 2 * pairs:
        calm = [pair for pair in done if both_waited(pair) <= WAIT_MAX]
        if len(calm) >= pairs:
            break
        runs = (first, second) if len(done) % 2 == 0 else (second, first)
        reports = [(yield runs[0]), (yield runs[1])]
        done.append(reports if len(done) % 2 == 0 else reports[::-1])
    kept = sorted(done, key=both_waited)[:pairs]
    return [pair[0] for pair in kept], [pair[1] for pair in kept]


def ratio(measure, cost, arguments, limit):
    """A row: the broker's cost as a multiple of the floor's."""

    def row(pairs):
        ours, floors = yield from paired(
            Run("ringtail", arguments), Run("floor", arguments), pairs
        )
        ratios = [cost(a) / cost(b) for a, b in zip(ours, floors)]
        return [
            Line(
                measure,
                nanoseconds(statistics.median(map(cost, ours))),
                nanoseconds(statistics.median(map(cost, floors))),
                statistics.median(ratios),
                *interval(ratios),
                limit,
            )
        ]

    return row


def post_64(pairs):
    """Pipelined POSTs: what one costs, and for comparison the floor's."""
    ours, floors = yield from paired(
        Run("ringtail", POST_64), Run("floor", POST_64), pairs
    )
    costs = [cpu_per_event(report) / 1000 for report in ours]
    return [
        Line(
            "CPU per POST, us",
            nanoseconds(statistics.median(map(cpu_per_event, ours))),
            nanoseconds(statistics.median(map(cpu_per_event, floors))),
            statistics.median(costs),
            *interval(costs),
            1.0,
        )
    ]


def idle_bytes(report):
    """Private memory of the server for one idle subscriber."""
    return report["private_bytes_grown"] / IDLE_SUBSCRIBERS


def idle_memory(pairs):
    """What 10,000 subscribers cost while nothing is published."""
    arguments = ["--subscribers", IDLE_SUBSCRIBERS, "--idle"]
    ours, floors = yield from paired(
        Run("ringtail", arguments, window=False),
        Run("floor", arguments, window=False),
        min(pairs, 3),
    )
    costs = [idle_bytes(report) for report in ours]
    return [
        Line(
            "memory per idle subscriber, B",
            f"{statistics.median(costs):.0f} B",
            f"{statistics.median(map(idle_bytes, floors)):.0f} B",
            statistics.median(costs),
            min(costs),
            max(costs),
            400,
            "{:.0f}",
        )
    ]


def rate(report):
    """Events a second that reached every reader."""
    return report["events"] / report["seconds"]


def stalled_kib(with_stalled, without):
    """Memory that one stopped reader costs, the kernel's included."""
    if with_stalled["stopped_present"] == 0:
        return 0
    grown = with_stalled["private_bytes"] - without["private_bytes"]
    return (max(grown, 0) + with_stalled["stopped_kernel_bytes"]) / KIB


def stalled(pairs):
    """100 readers, or 99 and one who stopped: what do the 99 lose?"""
    with_stalled, without = yield from paired(
        Run("ringtail", STALLED), Run("ringtail", FANOUT_100), pairs
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
    cost = Line(
        "memory of a stopped reader, KiB",
        f"{statistics.median(costs):.0f} KiB",
        "",
        statistics.median(costs),
        min(costs),
        max(costs),
        512,
        "{:.0f}",
    )
    return [loss, cost]


def allocations(_pairs):
    """Heap allocations while events flow."""
    arguments = FANOUT_100 + ["--events", COUNTED_EVENTS]
    report = yield Run("ringtail", arguments, count=True)
    per_event = report["allocations"] / report["events"]
    return [
        Line(
            "heap allocations per event",
            f"{report['allocations']}",
            "",
            per_event,
            per_event,
            per_event,
            0,
            "{:.6g}",
        )
    ]


def probe_ms(report):
    """The probe's 99th percentile."""
    return report["probe_p99_us"] / 1000


def small_topic(pairs):
    """A topic with one reader beside one that is saturated."""
    ours, floors = yield from paired(
        Run("ringtail", SMALL_TOPIC), Run("floor", SMALL_TOPIC), min(pairs, 3)
    )
    values = [probe_ms(report) for report in ours]
    return [
        Line(
            "p99 beside a saturated topic, ms",
            f"{statistics.median(values):.2f} ms",
            f"{statistics.median(map(probe_ms, floors)):.2f} ms",
            statistics.median(values),
            min(values),
            max(values),
            10,
        )
    ]


def library(mode, figure, measure, limit, shown="{:.1f}"):
    """A row of bench/embedded.c: held against a number, not against a floor."""

    def row(pairs):
        values = []
        for _ in range(min(pairs, 3)):
            report = yield Program(["embedded", mode])
            values.append(report[figure])
        value = statistics.median(values)
        text = shown.format(value)
        low, high = min(values), max(values)
        return [Line(measure, text, "", value, low, high, limit, shown)]

    return row


def pub_lines(pairs):
    """What a line of `ringtail pub` costs its own processor."""
    values = []
    for _ in range(min(pairs, 3)):
        report = yield Lines(PUB_LINES)
        values.append(report["cpu_ns"] / report["confirmed"])
    value = statistics.median(values)
    return [
        Line(
            "CPU of ringtail pub per line, ns",
            nanoseconds(value),
            "",
            value,
            min(values),
            max(values),
            2000,
            "{:.0f}",
        )
    ]


# A floor that waits for every reader cannot be measured with a stopped one.
BROKER_ONLY = [
    "stalled",
    "in-process",
    "mailbox",
    "idle-embedded",
    "idle-wakeups",
    "pub-lines",
]

ROWS = {
    "fanout-100": ratio(
        "CPU per delivery, ratio",
        cpu_per_delivery,
        FANOUT_100,
        1.25,
    ),
    "fanout-1000": ratio(
        "CPU per delivery, ratio",
        cpu_per_delivery,
        FANOUT_1000,
        1.25,
    ),
    "single-1000": ratio(
        "CPU per delivery, ratio",
        cpu_per_delivery,
        SINGLE_1000,
        1.15,
    ),
    "post-1": ratio("CPU per POST, ratio", cpu_per_event, POST_1, 1.25),
    "post-64": post_64,
    "idle-memory": idle_memory,
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
}
