#!/usr/bin/python3
"""The types that publishers give to events."""

import json

import raw
from broker import Broker
from tap import cases, equal, run, test

TOKEN = "!#$%&'*+-.^_`|~/:"
GOOD = ["a", "A.b:c/d", TOKEN, "t" * 64, "ringtai", "ringtail", "aringtail.b"]
BAD = [
    ("of nothing", b""),
    ("of a byte too many", b"t" * 65),
    ("with a blank", b"a b"),
    ("with a tab", b"a\tb"),
    ("with a quote", b'a"b'),
    ("with a backslash", b"a\\b"),
    ("with a comma", b"a,b"),
    ("with a byte beyond ASCII", b"a\xc3\xa4"),
    ("of the broker's own", b"ringtail.open"),
    ("of the broker's own, nearly", b"RingTail.x"),
]
BREAKS = [
    ("CR", b"a\rb"),
    ("LF", b"a\nb"),
    ("CR and LF, and a line", b"a\r\n data: b"),
    ("NUL", b"a\0b"),
    ("DEL", b"a\x7fb"),
]


def typed(value, payload=b"x"):
    """A POST with a type, which may be any bytes."""
    length = f"Content-Length: {len(payload)}"
    head = raw.request("POST", "/produce/typed", length, "Ringtail-Type: @")
    return head.replace(b"@", value) + payload


@test
def good(broker):
    """A type is letters, digits and some marks, 64 bytes at most."""
    with raw.Connection(broker.port) as peer:
        for value in GOOD:
            peer.send(typed(value.encode()))
            equal(peer.answer().status, 200, value)


@test
def untouched(broker):
    """A type changes nothing of the payload."""
    with raw.WebSocket(broker, "/subscribe/typed") as reader:
        with raw.Connection(broker.port) as peer:
            peer.send(typed(b"a", b"one") + typed(b"b", b"two"))
        equal(reader.events(2), [b"one", b"two"])


@cases(BAD, "A type {0} is refused, and the parameter named.")
def bad(broker, value):
    """And nothing is published."""
    before = broker.metric("events_produced_total")
    with raw.Connection(broker.port) as peer:
        peer.send(typed(value))
        answer = peer.answer()
        equal((answer.status, answer.problem()), (400, "bad-parameter"))
        detail = json.loads(answer.body)["detail"]
        assert detail.startswith("Ringtail-Type: "), detail
        peer.send(typed(b"good"))
        equal(peer.answer().status, 200)
    equal(broker.metric("events_produced_total"), before + 1)


@cases(BREAKS, "{0} in a type ends the connection.")
def breaks(broker, value):
    """For that is no header field."""
    before = broker.metric("events_produced_total")
    with raw.Connection(broker.port) as peer:
        peer.send(typed(value))
        answer = peer.answer()
        equal((answer.status, answer.closes), (400, True))
        peer.expect_end()
    equal(broker.metric("events_produced_total"), before)


@test
def twice(broker):
    """An event has one type, or none."""
    with raw.Connection(broker.port) as peer:
        peer.send(typed(b"a\r\nRingtail-Type: a"))
        equal((peer.answer().status, peer.is_silent()), (400, False))


run(Broker)
