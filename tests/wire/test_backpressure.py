#!/usr/bin/python3
"""Subscribers that stop reading: nobody else notices, memory stays bounded, and
each is told exactly where to go on."""

import time

import raw
from broker import Broker
from tap import equal, run, test

EVENT_BYTES = 16 * 1024
RING_BYTES = 256 * 1024
COUNT = 400  # events that the sockets' buffers and the ring cannot hold


def event(number):
    """The payload of an event that knows its offset."""
    return b"%08d" % number + b"." * (EVENT_BYTES - 8)


def number_of(payload):
    """What an event knows."""
    return int(payload[:8])


def publish(broker, topic, first, last):
    """Posts the events of these offsets on one connection."""
    with raw.Connection(broker.port, timeout=30) as peer:
        for number in range(first, last + 1):
            peer.send(raw.post(topic, event(number)))
            answer = peer.answer()
            equal(answer.status, 200)
            offset = answer.headers["ringtail-cursor"].split("-")[1]
            equal(int(offset), number, "offset")


def stalled(broker, path):
    """A subscriber with small buffers, of which nobody reads."""
    return raw.WebSocket(broker, path, receive_bytes=4096, timeout=30)


def offset_of(cursor):
    """The offset in a cursor."""
    return int(cursor.split("-")[1])


def is_sequence(payloads, first):
    """Whether these are all events from an offset on, each whole."""
    wanted = range(first, first + len(payloads))
    return all(p == event(n) for p, n in zip(payloads, wanted))


@test
def others(broker):
    """Subscribers that read get everything while another one does not."""
    burst = RING_BYTES // EVENT_BYTES // 2
    with stalled(broker, "/subscribe/others"):
        readers = [raw.WebSocket(broker, "/subscribe/others") for _ in range(4)]
        for first in range(1, COUNT, burst):
            publish(broker, "others", first, first + burst - 1)
            for reader in readers:
                assert is_sequence(reader.events(burst), first)
        for reader in readers:
            reader.socket.close()


@test
def evicted(broker):
    """A subscriber that the ring passes is closed with 4410, and the cursor in
    the reason leads to the next event."""
    gaps = broker.metric("subscriber_gaps_total")
    missed = broker.metric("subscriber_events_missed_total")
    with stalled(broker, "/subscribe/evicted") as peer:
        publish(broker, "evicted", 1, COUNT)
        payloads, code, reason = peer.until_close()
    assert payloads and is_sequence(payloads, 1)
    slug, values = raw.reason_values(reason)
    equal((code, slug), (4410, "cursor-evicted"))
    equal(int(values["missed"]), offset_of(values["cursor"]) - len(payloads))
    assert int(values["missed"]) > 0
    equal(broker.metric("subscriber_gaps_total"), gaps + 1)
    missed += int(values["missed"])
    equal(broker.metric("subscriber_events_missed_total"), missed)
    cursor = values["cursor"]
    with raw.WebSocket(broker, f"/subscribe/evicted?since={cursor}") as peer:
        equal(peer.cursor, cursor)
        left = peer.events(COUNT - offset_of(cursor))
        assert is_sequence(left, offset_of(cursor) + 1)


@test
def evicted_at_start(broker):
    """A cursor whose successor is gone is closed with 4410 at once: the opening
    answer says where the client was, the reason where it goes on."""
    epoch = broker.post("start", event(1))["cursor"].split("-")[0]
    publish(broker, "start", 2, COUNT)
    with raw.WebSocket(broker, f"/subscribe/start?since={epoch}-3") as peer:
        payloads, code, reason = peer.until_close()
        equal(payloads, [])
        equal(peer.cursor, f"{epoch}-3")
        slug, values = raw.reason_values(reason)
        equal((code, slug), (4410, "cursor-evicted"))
        cursor = values["cursor"]
        equal(int(values["missed"]), offset_of(cursor) - 3)
    for since in ("1h", "1970-01-01T00:00:00Z"):
        with raw.WebSocket(broker, f"/subscribe/start?since={since}") as late:
            _, code, reason = late.until_close()
            wanted = f"cursor-evicted; cursor={cursor}"
            equal((code, reason), (4410, wanted), since)
    path = f"/subscribe/start?since={cursor}"
    with raw.WebSocket(broker, path) as again:
        equal(number_of(again.events(1)[0]), offset_of(cursor) + 1)
    path = f"/subscribe/start?gap=skip&since={epoch}-3"
    with raw.WebSocket(broker, path) as skipping:
        equal(skipping.cursor, cursor)
        equal(number_of(skipping.events(1)[0]), offset_of(cursor) + 1)


@test
def skipped(broker):
    """With gap=skip a subscriber that the ring passes goes on with what is
    left, and the metrics say how many it missed."""
    gaps = broker.metric("subscriber_gaps_total")
    missed = broker.metric("subscriber_events_missed_total")
    with stalled(broker, "/subscribe/skipped?gap=skip") as peer:
        publish(broker, "skipped", 1, COUNT)
        payloads = []
        while not payloads or number_of(payloads[-1]) < COUNT:
            payloads += peer.events(1)
    numbers = [number_of(payload) for payload in payloads]
    jump = next(at for at, n in enumerate(numbers) if n != at + 1)
    assert is_sequence(payloads[:jump], 1)
    assert is_sequence(payloads[jump:], numbers[jump])
    equal(broker.metric("subscriber_gaps_total"), gaps + 1)
    missed += COUNT - len(numbers)
    equal(broker.metric("subscriber_events_missed_total"), missed)


@test
def caught_up(broker):
    """A subscriber that stalls for less than the time-out loses nothing."""
    count = RING_BYTES // EVENT_BYTES * 2 // 3
    with stalled(broker, "/subscribe/slow") as peer:
        publish(broker, "slow", 1, count)
        time.sleep(0.3)
        assert is_sequence(peer.events(count), 1)
        publish(broker, "slow", count + 1, count + 3)
        assert is_sequence(peer.events(3), count + 1)


@test
def resumed(broker):
    """After any number of events a cursor leads to exactly the next one."""
    topic = "resumed"
    publish(broker, topic, 1, 10)
    with raw.WebSocket(broker, f"/subscribe/{topic}?since=earliest") as peer:
        epoch = peer.cursor.split("-")[0]
    for offset in range(11):
        path = f"/subscribe/{topic}?since={epoch}-{offset}"
        with raw.WebSocket(broker, path) as peer:
            equal(peer.cursor, f"{epoch}-{offset}")
            assert is_sequence(peer.events(10 - offset), offset + 1)
            assert peer.is_silent(0.02)


@test
def prompt(_):
    """A subscriber that reads catches up at once, in however many writes."""
    large = b"x" * 200000  # two are more than the socket takes at once
    with Broker() as broker:
        for _ in range(2):
            broker.post("prompt", large)
        start = time.monotonic()
        for _ in range(30):
            path = "/subscribe/prompt?since=earliest"
            with raw.WebSocket(broker, path) as peer:
                assert peer.events(2) == [large, large]
        took_s = time.monotonic() - start
        assert took_s < 15, f"{took_s:.1f} s"


@test
def several_stalled(broker):
    """Many that stall on one topic cost no more memory than its ring and what
    is under way to each."""
    peers = [stalled(broker, "/subscribe/many") for _ in range(20)]
    before = broker.metric("memory_bytes")
    publish(broker, "many", 1, COUNT)
    grown = broker.metric("memory_bytes") - before
    assert grown < RING_BYTES + 20 * 2 * EVENT_BYTES, f"{grown} bytes"
    for peer in peers:
        peer.socket.close()
    publish(broker, "many", COUNT + 1, COUNT + 1)


FLAGS = ["--ring-bytes", RING_BYTES, "--event-bytes", EVENT_BYTES]
run(lambda: Broker(*FLAGS))
