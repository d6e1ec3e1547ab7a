"""The loads, in words of the load generator.

Where nothing is said, an event has 128 bytes and there is one publisher with
one request in flight.
"""

KIB = 1024

# How far the slowest reader may be behind, by the size of an event. The ring of
# a topic holds 1 MiB by default; a peer keeps a copy for each reader.
LAGS = {128: 1024, KIB: 256, 16 * KIB: 32}
DEPTH = 256
CONNECTIONS = 10_000
LATENCY_READERS = 100
RATE_MAX = 1_000_000  # that the load generator knows


def fanout(subscribers, size=128):
    """A topic as busy as can be."""
    lag = LAGS[size]
    words = ["--subscribers", subscribers, "--depth", min(DEPTH, lag)]
    return words if size == 128 else words + ["--bytes", size, "--lag", lag]


def in_format(name, load):
    """The same, with subscribers who get another format."""
    return ["--protocol", f"ringtail-{name}", *load]


def single(subscribers):
    """The next event when all have the last."""
    words = ["--subscribers", subscribers, "--lag", 1]
    # Too few events in a second to tell which is the slowest of a hundred.
    return words + (["--seconds", 3] if subscribers >= CONNECTIONS else [])


def produce(connections, depth):
    """Nobody subscribed."""
    return ["--publishers", connections, "--depth", depth]


def batches(count):
    """Batches of so many events of 128 bytes, each a line, and nobody
    subscribed. The payload is all but the body's first and last quotes."""
    size = count * (128 + 1) - 1 - 2
    return ["--protocol", "ringtail-batch", "--bytes", size]


def topics(count):
    """A subscriber for each topic, and batches over many topics."""
    return ["--topics", count, "--subscribers", count, "--depth", DEPTH]


def scheduled(hertz):
    """So many events a second, whatever becomes of them."""
    return ["--subscribers", LATENCY_READERS, "--rate", min(hertz, RATE_MAX)]


def acknowledged(when, load):
    """The same, where an event's publisher waits for the memory or the disk."""
    return ["--protocol", f"ringtail-{when}", *load]


REPLAYED = 256 * 1024  # events of 1 KiB
FILL = acknowledged(
    "memory",
    ["--events", REPLAYED, "--bytes", KIB, "--depth", 64, "--warmup", 0],
)


def replay(readers):
    """All that there is, to each of them."""
    return ["--subscribers", readers, "--bytes", KIB, "--replay", REPLAYED]


# Live readers of two topics, neither of which is the one that is replayed.
LIVE = ["--topics", 2, "--subscribers", 2, "--rate", 1_000]
STALLED = ["--subscribers", 99, "--stopped", 1, "--depth", DEPTH]
SMALL_TOPIC = fanout(CONNECTIONS) + ["--probe", 100]
# Joiners that replay a full ring, beside a live reader.
LATE = ["--subscribers", 1, "--rate", 1_000, "--late", 100]
IDLE = ["--subscribers", CONNECTIONS, "--idle"]
