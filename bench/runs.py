"""What a row or a shape asks the runner for, and what a report says."""

import dataclasses

import loads

# Beyond this share of a run spent waiting for a processor, the machine was busy
# with something else and the figures say less.
WAIT_MAX = 0.05


@dataclasses.dataclass
class Run:
    """One run of the load generator against a fresh server."""

    server: str  # "ringtail", "floor" or a peer's name
    arguments: list
    window: bool = True  # whether --warmup and --seconds apply
    count: bool = False  # whether allocations are counted
    trace: bool = False  # whether system calls are counted
    beside: object = None  # a context, of the port, in which the load runs
    log: bool = False  # whether the broker is asked for its log's figures
    processor: int = 0  # the server's of the two; the load has the other


@dataclasses.dataclass
class Program:
    """One run of a program of bench/ that measures by itself."""

    words: list
    processor: int = None  # of the two; or both
    server: str = "library"


@dataclasses.dataclass
class Lines:
    """One run of `ringtail pub` with so many short lines on its input."""

    count: int
    server: str = "ringtail"


@dataclasses.dataclass
class Replay:
    """One run in which subscribers come to a broker that has much on disk, and
    one that reads the same files."""

    readers: int
    is_warm: bool  # whether the system has the files in memory
    server: str = "ringtail-data"


@dataclasses.dataclass
class Beside(Run):
    """One run of the load generator against a broker that has much on disk."""

    is_replayed: bool = True  # meanwhile, again and again


def cpu_per_delivery(report):
    """Nanoseconds of the server's processors for one event at one reader."""
    return report["server_cpu_ns"] / report["deliveries"]


def cpu_per_event(report):
    """Nanoseconds of the server's processors for one POST."""
    return report["server_cpu_ns"] / report["events"]


def rate(report):
    """Events a second that reached every reader."""
    return report["events"] / report["seconds"]


def idle_bytes(report):
    """Private memory of the server for one idle subscriber."""
    return report["private_bytes_grown"] / loads.CONNECTIONS


def nanoseconds(value):
    """A duration in the unit that suits it."""
    for unit in ("ns", "us", "ms"):
        if value < 1000:
            digits = 1 if unit == "ns" and value >= 10 else 2
            return f"{value:.{digits}f} {unit}"
        value /= 1000
    return f"{value:.2f} s"


def waited(report):
    """The share of a run in which a program waited for its processor because
    others had it."""
    if "server_wait_ns" not in report or not report.get("seconds"):
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
