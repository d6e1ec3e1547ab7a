#!/usr/bin/python3
"""Idempotency-Key: a request that is repeated is done once."""

import json
import time

import raw
from broker import Broker, until
from tap import cases, equal, run, test


def publish(broker, topic, key, payload=b"x", **headers):
    """A POST with a key; the answer."""
    headers["Idempotency-Key"] = key
    return broker.request("POST", f"/produce/{topic}", payload, headers)


def is_replay(answer):
    """Whether an answer says that it was given before."""
    return answer.headers.get("idempotent-replayed") == "true"


def expect_mismatch(answer):
    """A 422 that names the header."""
    equal(answer.status, 422)
    problem = answer.json()
    equal(problem["type"], "urn:ringtail:problem:idempotency-mismatch")
    assert problem["detail"].startswith("Idempotency-Key: "), problem


@test
def repeated():
    """A repetition gets the first receipt again, on any connection, and
    nothing is appended."""
    with Broker() as broker, raw.WebSocket(broker, "/subscribe/a") as reader:
        first = publish(broker, "a", "k1", b"one")
        equal((first.status, is_replay(first)), (200, False))
        broker.post("a", b"between")
        for _ in range(3):
            again = publish(broker, "a", "k1", b"one")
            equal((again.status, is_replay(again)), (200, True))
            equal(again.body, first.body)
            cursor = again.headers["ringtail-cursor"]
            equal(cursor, first.json()["cursor"])
        broker.post("a", b"end")
        equal(reader.events(3), [b"one", b"between", b"end"])


@test
def lost_answer():
    """A publisher that lost its connection repeats on a new one."""
    with Broker() as broker:
        data = raw.post("lost", b"hello", "Idempotency-Key: k")
        for cut in (None, -1, 10):
            with raw.Connection(broker.port) as peer:
                peer.send(data[:cut])
        with raw.Connection(broker.port) as peer:
            peer.send(data)
            equal(peer.answer().status, 200)
        equal(broker.post("lost", b"x")["offset"], 2)


@test
def other_body():
    """The same key with another body is refused, and the topic unchanged."""
    with Broker() as broker:
        publish(broker, "a", "k", b"one")
        expect_mismatch(publish(broker, "a", "k", b"two"))
        expect_mismatch(publish(broker, "a", "k", b""))
        assert is_replay(publish(broker, "a", "k", b"one"))
        equal(broker.post("a", b"x")["offset"], 2)


@test
def names():
    """A key belongs to its topic, in its case; quotes are not part of it."""
    with Broker() as broker:
        publish(broker, "a", "k")
        for topic, key in (("b", "k"), ("a", "K"), ("a", "k/"), ("a.k", "k")):
            assert not is_replay(publish(broker, topic, key)), (topic, key)
        assert is_replay(publish(broker, "a", '"k"'))


@test
def pipelined():
    """Repetitions in one write, whose head is not parsed again, too."""
    with Broker() as broker, raw.Connection(broker.port) as peer:
        data = raw.post("a", b"x", "Idempotency-Key: k")
        other = raw.post("a", b"y", "Idempotency-Key: k")
        elsewhere = raw.post("b", b"x", "Idempotency-Key: k")
        peer.send(data * 3 + other + elsewhere * 2 + raw.post("a", b"x"))
        answers = [peer.answer() for _ in range(7)]
        statuses = [answer.status for answer in answers]
        equal(statuses, [200, 200, 200, 422, 200, 200, 200])
        replayed = [is_replay(answer) for answer in answers]
        equal(replayed, [False, True, True, False, False, True, False])
        equal(json.loads(answers[6].body)["offset"], 2)


@test
def minimal():
    """With little to answer, it is repeated in the header alone."""
    with Broker() as broker:
        first = publish(broker, "a", "k", Prefer="return=minimal")
        again = publish(broker, "a", "k", Prefer="return=minimal")
        equal((first.status, again.status), (204, 204))
        equal((is_replay(first), is_replay(again)), (False, True))
        cursor = first.headers["ringtail-cursor"]
        equal(again.headers["ringtail-cursor"], cursor)


@test
def conditions():
    """A repetition meets the condition that the first request met; what did
    not meet its condition is not remembered."""
    with Broker() as broker:
        cursor = broker.post("a", b"x")["cursor"]
        condition = {"If-Match": f'"{cursor}"'}
        first = publish(broker, "a", "k", **condition)
        again = publish(broker, "a", "k", **condition)
        equal((first.status, again.status), (200, 200))
        equal((is_replay(again), again.body), (True, first.body))
        refused = publish(broker, "a", "later", **condition)
        equal(refused.status, 412)
        condition = {"If-Match": f'"{first.json()["cursor"]}"'}
        done = publish(broker, "a", "later", **condition)
        equal((done.status, is_replay(done)), (200, False))


@test
def refused():
    """What was refused may be tried again with the same key."""
    text = {"Content-Type": "text/plain"}
    with Broker() as broker:
        equal(publish(broker, "a", "k", b"\xff", **text).status, 400)
        answer = publish(broker, "a", "k", b"\xff")
        equal((answer.status, is_replay(answer)), (200, False))


BAD = [
    ("of nothing", b""),
    ("of empty quotes", b'""'),
    ("with a blank", b"a b"),
    ("with half a quote", b'"a'),
    ("with more behind its quotes", b'"a"b'),
    ("with an escape that is none", b'"a\\b"'),
    ("with a byte beyond ASCII", b"\xc3\xa4"),
    ("too long", b"k" * 256),
]


@cases(BAD, "A key {0} is refused, and the parameter named.")
def bad(value):
    """And nothing is published."""
    head = raw.request("POST", "/produce/a", "Content-Length: 1", "@")
    line = b"Idempotency-Key: " + value
    with Broker() as broker, raw.Connection(broker.port) as peer:
        peer.send(head.replace(b"@", line) + b"x")
        answer = peer.answer()
        equal((answer.status, answer.problem()), (400, "bad-parameter"))
        detail = json.loads(answer.body)["detail"]
        assert detail.startswith("Idempotency-Key: "), detail
        equal(broker.metric("events_produced_total"), 0)


# --- the window ---


@test
def bound_by_time():
    """A key is forgotten when its time is over."""
    with Broker("--idempotency-time", "1s") as broker:
        first = publish(broker, "a", "k")
        again = publish(broker, "a", "k")
        equal((is_replay(first), is_replay(again)), (False, True))
        time.sleep(1)
        until(
            lambda: not is_replay(publish(broker, "a", "k")), "the end of a key"
        )


@test
def bound_by_number():
    """As many keys are remembered as may be, the last ones."""
    with Broker("--idempotency-keys", "3") as broker:
        for key in ("k1", "k2", "k3", "k4"):
            assert not is_replay(publish(broker, "a", key))
        for key in ("k2", "k3", "k4"):
            assert is_replay(publish(broker, "a", key)), key
        assert not is_replay(publish(broker, "a", "k1"))
        assert not is_replay(publish(broker, "a", "k2"))
        assert is_replay(publish(broker, "a", "k4"))


@test
def bound_by_memory():
    """All keys together take no more memory than they may."""
    flags = ["--idempotency-bytes", "16KiB", "--idempotency-keys", "unlimited"]
    with Broker(*flags) as broker, raw.Connection(broker.port) as peer:
        publish(broker, "a", "first")
        before = broker.metric("memory_bytes")
        for number in range(1000):
            key = f"Idempotency-Key: {number:0>200}"
            peer.send(raw.post("a", b"x", key))
            equal(peer.answer().status, 200)
        grown = broker.metric("memory_bytes") - before
        assert grown < 512 * 1024, grown  # the events themselves, most of it
        assert not is_replay(publish(broker, "a", "first"))
        assert is_replay(publish(broker, "a", f"{999:0>200}"))
        assert is_replay(publish(broker, "a", f"{980:0>200}"))


@test
def no_memory():
    """What cannot be remembered is not done."""
    with Broker("--idempotency-bytes", "64") as broker:
        equal(publish(broker, "a", "k").status, 507)
        equal(broker.metric("events_produced_total"), 0)
        equal(broker.post("a", b"x")["offset"], 1)


run()
