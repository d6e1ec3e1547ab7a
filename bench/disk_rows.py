"""The rows of the log on disk, which is in a folder beside the results."""

import statistics

import loads
from lines import range_line, ratio_line
from runs import Beside, Program, Replay, Run, cpu_per_event, paired

SYNC_SHARE = 0.7  # of what the disk can do, at least
READ_SHARE = 0.5
ROUNDS_MAX = 3  # of what takes long
START_MIB = 512
LIVE_MS_MAX = 10

# What the log writes for a batch of one topic, and for each of its events.
BATCH_BYTES = 128
EVENT_BYTES = 24 + 4 + 128
GROUP = 16  # events of a batch, about


def group(report):
    """Events of a batch, in the mean: all that one sync covers."""
    return report["events_produced_total"] / report["log_batches_total"]


def ns_per_group(report):
    """How long it takes until as many are confirmed."""
    return group(report) * report["seconds"] * 1e9 / report["events"]


def ns_per_sync(report):
    """How long the floor takes to write as much and to sync it."""
    return report["seconds"] * 1e9 / report["syncs"]


def append(events, processor):
    """The floor, in batches of so many events."""
    bytes_written = round(BATCH_BYTES + events * EVENT_BYTES)
    words = ["disk_floor", "append", "{folder}", bytes_written, 1]
    return Program(words, processor)


def nearest_processor():
    """The one of the two that the floor is faster on: a disk tells one of them
    that it is done, and who is on another learns it later."""
    times = []
    for processor in (0, 1):
        times.append(ns_per_sync((yield append(GROUP, processor))))
    return times.index(min(times))


def produce_disk(count):
    """64 publishers who wait for the disk, one event at a time each."""
    load = loads.acknowledged("disk", loads.produce(64, 1))
    near = yield from nearest_processor()
    ours, floors = [], []
    for _ in range(count):
        run = Run("ringtail-data", load, log=True, processor=near)
        ours.append((yield run))
        floors.append((yield append(group(ours[-1]), near)))
    times = [ns_per_group(report) for report in ours]
    others = [ns_per_sync(report) for report in floors]
    pairs = list(zip(times, others))
    measure = "time per group, to write and sync"
    return [ratio_line(measure, lambda time: time, pairs, 1 / SYNC_SHARE)]


def produce_memory(depth):
    """A row: what a publisher who does not wait for the disk costs a broker
    that has one, to a broker that has none. Both threads count."""
    load = loads.acknowledged("memory", loads.produce(1, depth))

    def row(count):
        ours, without = yield from paired(
            Run("ringtail-data", load), Run("ringtail", load), count
        )
        measure = "CPU per POST, to without a log"
        pairs = list(zip(ours, without))
        return [ratio_line(measure, cpu_per_event, pairs, 1.3)]

    return row


def ns_per_replayed(report):
    """Nanoseconds for a byte to arrive, whoever gets it; below, shown as a
    rate."""
    return report["seconds"] * 1e9 / report["replay_bytes"]


def ns_per_read(report):
    """The same, to read it."""
    return report["read_seconds"] * 1e9 / report["read_bytes"]


def rate_of(ns_per_byte):
    """A rate of bytes."""
    return f"{1e9 / ns_per_byte / (1 << 20):,.0f} MiB/s"


def replay(readers, is_warm):
    """A row: all that is on the disk, to so many."""

    def row(count):
        reports = []
        for _ in range(min(count, ROUNDS_MAX)):
            reports.append((yield Replay(readers, is_warm)))
        times = [(ns_per_replayed(r), ns_per_read(r)) for r in reports]
        measure = f"time per byte, to a read {'warm' if is_warm else 'cold'}"
        limit = 1 / READ_SHARE
        return [ratio_line(measure, lambda ns: ns, times, limit, rate_of)]

    return row


def live_ms(report):
    """The 99th percentile of a live event's delay."""
    return report["latency_p99_us"] / 1000


def live_beside_replay(count):
    """What live subscribers notice of somebody who replays all there is."""
    values, without = [], []
    for _ in range(min(count, ROUNDS_MAX)):
        values.append(live_ms((yield Beside("ringtail-data", loads.LIVE))))
        alone = Beside("ringtail-data", loads.LIVE, is_replayed=False)
        without.append(live_ms((yield alone)))
    line = range_line("p99 beside a replay, ms", values, LIVE_MS_MAX, "{:.2f}")
    line.beside = f"{statistics.median(without):.2f}"
    return [line]


def start(count):
    """Opening a log whose last segment is large, for each GiB of it."""
    words = ["log_start", "{folder}", START_MIB]
    reports = []
    for _ in range(min(count, ROUNDS_MAX)):
        reports.append((yield Program(words)))
    return [
        range_line(
            f"seconds per GiB, {state}",
            [report[f"{state}_s_per_gib"] for report in reports],
            1,
            "{:.2f}",
        )
        for state in ("cold", "warm")
    ]


ROWS = {
    "disk-64": produce_disk,
    "disk-memory-1": produce_memory(1),
    "disk-memory-64": produce_memory(64),
    "replay-1-cold": replay(1, False),
    "replay-1-warm": replay(1, True),
    "replay-10-cold": replay(10, False),
    "replay-10-warm": replay(10, True),
    "live-replay": live_beside_replay,
    "start": start,
}
