"""The shapes of the side by side table: what each one runs, on which servers,
and the figures that are read off its reports.

How a shape is measured is a function that yields runs against one server and
returns one report, as a row does with two. The figures are computed from the
reports alone, so that a table can be made again from what was kept.
"""

import dataclasses

import loads
from loads import KIB
from runs import (
    Run,
    cpu_per_delivery,
    cpu_per_event,
    idle_bytes,
    nanoseconds,
    rate,
)
from servers import ON_DISK

EQUAL_RATE = 1000  # which all of them manage
FEW_EVENTS = 100
TRACED_EVENTS = 500
TRACED_READERS = 100
COUNTED_EVENTS = 20_000
CHURNED = 5_000


@dataclasses.dataclass
class Figure:
    """A number of a report, how it is shown, and what is better."""

    title: str
    value: object  # a function of a report
    shown: object  # a function of the number
    is_smaller_better: bool = True
    is_context: bool = False  # says what others mean, and has no first place


def of_memory(names):
    """Those of the servers that do not write to a disk."""
    return [name for name in names if name not in ON_DISK]


@dataclasses.dataclass
class Shape:
    """A load for all servers; the first figure is the one that counts."""

    what: str
    measure: object  # a function of a server's name: a generator of runs
    figures: tuple
    rounds: int = 3
    only: tuple = ()  # the servers that take part; none: all there are
    without: tuple = ()  # the servers that cannot

    def servers(self, names):
        """Those of the servers that take part."""
        return [
            name
            for name in names
            if name in (self.only or of_memory(names))
            and name not in self.without
        ]


def amount(value):
    """A number of things, short."""
    for unit in ("", " k", " M"):
        if value < 1000:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g} G"


def share(value):
    """A part of one."""
    return f"{value:.0%}"


def count(value):
    """A number that may be small."""
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def kib(value):
    """A size in KiB."""
    return f"{value / KIB:,.0f} KiB"


def of(name, scale=1):
    """A field of a report."""
    return lambda report: report[name] * scale


def deliveries(report):
    """Events a second, each counted at every reader."""
    return report["deliveries"] / report["seconds"]


def system_calls(report):
    """System calls of the server for one delivery."""
    return report["system_calls"] / report["deliveries"]


def stalled_bytes(report):
    """Private memory that a stopped reader has the server take."""
    return max(report["private_bytes"] - report["private_without"], 0)


def lost(report):
    """The share of the throughput that a stopped reader costs the others."""
    return 1 - rate(report) / report["rate_without"]


def replayed(report):
    """Replayed bytes for each second of the server's processors."""
    return report["replay_bytes"] * 1e9 / report["server_cpu_ns"]


def load_busy(report):
    """How busy the load generator was: near 1, it was the bottleneck."""
    return report["load_cpu_ns"] / 1e9 / report["seconds"]


def mebibytes(value):
    """A rate of bytes."""
    return f"{value / KIB / KIB:,.0f} MiB"


DELIVERY_CPU = Figure("CPU per delivery", cpu_per_delivery, nanoseconds)
EVENT_CPU = Figure("CPU per event", cpu_per_event, nanoseconds)
DELIVERED = Figure("deliveries a second", deliveries, amount, False)
PUBLISHED = Figure("events a second", rate, amount, False)
REACHED = Figure("events a second, sent", rate, amount, is_context=True)
LOAD_BUSY = Figure("load busy", load_busy, share, is_context=True)
FANOUT = (DELIVERY_CPU, DELIVERED, LOAD_BUSY)
PRODUCE = (EVENT_CPU, PUBLISHED, LOAD_BUSY)
STREAM = (PUBLISHED, EVENT_CPU, LOAD_BUSY)


def percentiles(of_what, title):
    """The figures of a distribution of times, in microseconds."""
    return tuple(
        Figure(
            title + name,
            of(f"{of_what}_{key}_us", 1000),
            nanoseconds,
            is_context=key == "max",
        )
        for name, key in (
            ("p50", "p50"),
            ("p99", "p99"),
            ("p99.9", "p999"),
            ("max", "max"),
        )
    )


LAST = percentiles("last", "last has it, ")
LATENCY = percentiles("latency", "")


def plain(arguments, **what):
    """Measured by one run."""

    def measure(server):
        return (yield Run(server, arguments, **what))

    return measure


def at_share_of_maximum(part):
    """An open loop, at a part of what the server manages when saturated."""

    def measure(server):
        busiest = yield Run(server, loads.fanout(loads.LATENCY_READERS))
        hertz = round(part * rate(busiest))
        return (yield Run(server, loads.scheduled(hertz)))

    return measure


def stalled(server):
    """With a reader that has stopped, and without."""
    report = yield Run(server, loads.STALLED)
    without = yield Run(server, loads.fanout(100))
    return {
        **report,
        "rate_without": rate(without),
        "private_without": without["private_bytes"],
    }


def traced(server):
    """Many events less few: what connecting takes is in both."""
    words = loads.single(TRACED_READERS) + ["--warmup", 0, "--events"]
    few = yield Run(server, words + [FEW_EVENTS], window=False, trace=True)
    all_events = TRACED_EVENTS + FEW_EVENTS
    many = yield Run(server, words + [all_events], window=False, trace=True)
    return {
        "events": many["events"] - few["events"],
        "deliveries": many["deliveries"] - few["deliveries"],
        "system_calls": many["system_calls"] - few["system_calls"],
    }


def fanout_shapes():
    """Saturated topics of each width and each size of event."""
    for size, name in ((128, "128"), (KIB, "1k"), (16 * KIB, "16k")):
        for readers in (32, 100, 1000):
            yield f"fanout-{readers}-{name}", Shape(
                f"{readers:,} subscribers, saturated, {size:,} B",
                plain(loads.fanout(readers, size)),
                FANOUT,
            )


def single_shapes():
    """One event at a time."""
    for readers in (100, 1000, 10_000):
        yield f"single-{readers}", Shape(
            f"{readers:,} subscribers, one event at a time",
            plain(loads.single(readers)),
            (DELIVERY_CPU, *LAST),
        )


def produce_shapes():
    """Publishers without subscribers."""
    for connections, depth, what in (
        (1, 1, "1 connection, one at a time"),
        (1, 64, "1 connection, 64 in flight"),
        (100, 1, "100 connections, one at a time"),
        (1000, 1, "1,000 connections, one at a time"),
    ):
        yield f"produce-{connections}x{depth}", Shape(
            f"publishing: {what}",
            plain(loads.produce(connections, depth)),
            PRODUCE,
        )


def latency_shapes():
    """From when an event was meant to be sent to when it arrived."""
    yield f"latency-{EQUAL_RATE}", Shape(
        f"{loads.LATENCY_READERS} subscribers, {EQUAL_RATE:,} events a second",
        plain(loads.scheduled(EQUAL_RATE)),
        (*LATENCY, REACHED),
    )
    for percent in (10, 50, 80):
        yield f"latency-{percent}", Shape(
            f"{loads.LATENCY_READERS} subscribers, {percent} % of its maximum",
            at_share_of_maximum(percent / 100),
            (*LATENCY, REACHED),
        )


def stream_shape(what, when):
    """64 publishers who wait for their answers, to what is on a disk. Peers
    have one kind of answer; ringtail's tells what was asked for."""
    load = loads.produce(64, 1)

    def measure(server):
        if server == "ringtail":
            yielded = Run("ringtail-data", loads.acknowledged(when, load))
            return (yield yielded)
        return (yield Run(server, load))

    only = ("ringtail", "redis-stream", "nats-stream")
    return Shape(what, measure, STREAM, only=only)


SHAPES = {
    **dict(fanout_shapes()),
    **dict(single_shapes()),
    "topics-10000": Shape(
        "10,000 topics, a subscriber each",
        plain(loads.topics(loads.CONNECTIONS)),
        FANOUT,
    ),
    **dict(produce_shapes()),
    **dict(latency_shapes()),
    "stream-disk": stream_shape(
        "64 publishers, one at a time, ringtail answers from the disk", "disk"
    ),
    "stream-memory": stream_shape(
        "64 publishers, one at a time, ringtail answers from memory", "memory"
    ),
    "idle-10000": Shape(
        "10,000 idle subscribers",
        plain(loads.IDLE, window=False),
        (Figure("private bytes each", idle_bytes, count),),
    ),
    "stalled-1": Shape(
        "a stopped reader among 100",
        stalled,
        (
            Figure("the kernel's for it", of("stopped_kernel_bytes"), kib),
            Figure("private for it", stalled_bytes, kib),
            Figure("the others lose", lost, share),
            Figure(
                "it is still there",
                of("stopped_present"),
                amount,
                is_context=True,
            ),
        ),
        # It waits for every reader.
        without=("floor",),
    ),
    "late-100": Shape(
        "100 late joiners, a full ring each, beside live events",
        plain(loads.LATE),
        (
            Figure("replayed per CPU second", replayed, mebibytes, False),
            *LATENCY,
        ),
        only=("ringtail", "floor"),
    ),
    "churn": Shape(
        "connect, subscribe, close; 256 at a time",
        plain(["--churn", CHURNED], window=False),
        (
            Figure(
                "CPU each",
                lambda report: report["server_cpu_ns"] / report["cycles"],
                nanoseconds,
            ),
            Figure(
                "a second",
                lambda report: report["cycles"] / report["seconds"],
                amount,
                False,
            ),
        ),
    ),
    "system-calls": Shape(
        f"{TRACED_READERS} subscribers, one event at a time, under strace",
        traced,
        (Figure("system calls per delivery", system_calls, count),),
        rounds=1,
    ),
    "allocations": Shape(
        "100 subscribers, saturated, heap allocations counted",
        plain(
            loads.fanout(100) + ["--warmup", 1, "--events", COUNTED_EVENTS],
            window=False,
            count=True,
        ),
        (
            Figure(
                "heap allocations per event",
                lambda report: report["allocations"] / report["events"],
                count,
            ),
        ),
        rounds=1,
        # They have heaps of their own, into which nobody looks.
        without=("redis", "nats", "nats-ws"),
    ),
}
