#!/usr/bin/python3
"""Batches: the events of one request, appended all together or not at all."""

import concurrent.futures
import json

import raw
from batches import TYPE, expect_range, expect_refusal, lines, publish
from broker import Broker
from tap import cases, equal, run, test

EVENT_BYTES = 4096

@test
def whole(broker):
    """Each line is an event, as it stands; the answer says which they are."""
    body, events = lines(1000)
    with raw.WebSocket(broker, "/subscribe/whole") as reader:
        broker.post("whole", b"before")
        expect_range(publish(broker, "whole", body), 2, 1000)
        broker.post("whole", b"after")
        equal(reader.events(1002), [b"before", *events, b"after"])


BODIES = [
    ("without an end of the last line", b"1\n2", [b"1", b"2"]),
    ("with CRLF", b"1\r\n2\r\n", [b"1", b"2"]),
    ("with empty lines", b"\n\r\n1\n \t\n\n2\n\n", [b"1", b"2"]),
    ("with blanks around", b' 1 \n\t{"a": [ ]}\n', [b" 1 ", b'\t{"a": [ ]}']),
    ("of one event", b'"one"', [b'"one"']),
    ("of any JSON", b'null\n-1.5e3\n""\n', [b"null", b"-1.5e3", b'""']),
    ("in UTF-8", b'"\xc3\xa4"\n', [b'"\xc3\xa4"']),
    ("of the longest event", b'"%s"' % (b"x" * (EVENT_BYTES - 2)), None),
]


@cases(BODIES, "A batch {0} is one.")
def bodies(broker, body, events):
    """And its events come as they were sent."""
    events = events or [body]
    with raw.WebSocket(broker, "/subscribe/bodies") as reader:
        first = int(reader.cursor.split("-")[1]) + 1
        expect_range(publish(broker, "bodies", body), first, len(events))
        equal(reader.events(len(events)), events)


LONG = b'"%s"' % (b"x" * (EVENT_BYTES - 1))
BAD = [
    ("without anything", b"", 400, "bad-batch", 0),
    ("of blank lines", b"\n \r\n\t", 400, "bad-batch", 0),
    ("whose first line is no JSON", b"{\n1\n", 400, "bad-batch", 0),
    ("whose last line is no JSON", b"1\n\n2\n3 4", 400, "bad-batch", 2),
    ("with a line that goes on", b"1\n[1,\n2]\n", 400, "bad-batch", 1),
    ("with a byte that is no UTF-8", b'1\n"\xff"\n', 400, "bad-batch", 1),
    ("with NUL", b'1\n"\0"\n', 400, "bad-batch", 1),
    ("with CR in a line", b'1\n"a\rb"\n', 400, "bad-batch", 1),
    ("with an event too long", b"1\n" + LONG, 413, "payload-too-large", 1),
    ("of too many events", b"1\n" * 10001, 413, "payload-too-large", 10000),
]


@cases(BAD, "A batch {0} is refused, and the event named.")
def bad(broker, body, status, slug, index):
    """None of its events is appended, and no topic is made."""
    before = broker.metric("events_produced_total")
    topics = broker.metric("topics")
    problem = expect_refusal(publish(broker, "bad", body), status, slug, index)
    if status == 413:
        equal(problem["limit"], 10000 if index == 10000 else EVENT_BYTES)
    equal(broker.metric("events_produced_total"), before)
    equal(broker.metric("topics"), topics)


@test
def most(broker):
    """As many events as a batch may have."""
    expect_range(publish(broker, "most", b"1\n" * 10000), 1, 10000)


@test
def contiguous(broker):
    """No event of others comes between those of a batch."""
    with raw.WebSocket(broker, "/subscribe/mix") as reader:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            jobs = [
                pool.submit(publish, broker, "mix", b'"%d"\n' % n * 100)
                for n in range(20)
            ]
            for job in jobs:
                equal(job.result().status, 200)
        events = reader.events(2000)
    runs = [events[n : n + 100] for n in range(0, 2000, 100)]
    assert all(len(set(run)) == 1 for run in runs), runs


@test
def pieces(broker):
    """A batch may come in any pieces, in chunks, and after a 100."""
    body, events = lines(20)
    data = raw.post("pieces", body, TYPE)
    coding = "Transfer-Encoding: chunked"
    head = raw.request("POST", "/produce/pieces", coding, TYPE)
    chunk = b"%x\r\n%s\r\n"
    chunked = b"".join(chunk % (len(part), part) for part in split(body, 7))
    expecting = raw.post("pieces", body, TYPE, "Expect: 100-continue")
    with raw.WebSocket(broker, "/subscribe/pieces") as reader:
        with raw.Connection(broker.port) as peer:
            peer.drip(data)
            equal(peer.answer().status, 200)
            peer.send(head + chunked + b"0\r\n\r\n")
            equal(peer.answer().status, 200)
            peer.send(expecting[: -len(body)])
            equal(peer.answer().status, 100)
            peer.send(body)
            equal(peer.answer().status, 200)
            peer.send(data * 10)
            equal({peer.answer().status for _ in range(10)}, {200})
        equal(reader.events(13 * 20), events * 13)


def split(data, size):
    """Pieces of so many bytes."""
    return [data[at : at + size] for at in range(0, len(data), size)]


@test
def headers(broker):
    """What holds of an event holds of a batch: type, condition, key, and what
    is preferred."""
    typed = publish(broker, "head", b"1\n2\n", **{"Ringtail-Type": "a"})
    expect_range(typed, 1, 2)
    bad_type = {"Ringtail-Type": "ringtail.a"}
    equal(publish(broker, "head", b"1\n2\n", **bad_type).status, 400)
    condition = {"If-Match": "*", "Idempotency-Key": "k"}
    first = publish(broker, "head", b"1\n2\n3\n", **condition)
    receipt = expect_range(first, 3, 3)
    again = publish(broker, "head", b"1\n2\n3\n", **condition)
    equal(again.headers["idempotent-replayed"], "true")
    equal(again.json(), receipt)
    equal(publish(broker, "head", b"1\n2\n", **condition).status, 422)
    condition = {"If-Match": f'"{receipt["cursor"]}"'}
    expect_range(publish(broker, "head", b"1\n", **condition), 6, 1)
    equal(publish(broker, "head", b"1\n", **condition).status, 412)
    answer = publish(broker, "head", b"1\n2\n", Prefer="return=minimal")
    equal(answer.status, 204)
    assert answer.headers["ringtail-cursor"].endswith("-8"), answer.headers


@test
def refused_and_repeated(broker):
    """A batch that was refused may be mended and sent with the same key."""
    key = {"Idempotency-Key": "mend"}
    equal(publish(broker, "mend", b"1\n{\n", **key).status, 400)
    expect_range(publish(broker, "mend", b"1\n{}\n", **key), 1, 2)


@test
def problem_is_json(broker):
    """The detail of a refusal can be read."""
    answer = publish(broker, "bad", b"1\n\n{\n")
    problem = json.loads(answer.body)
    equal(problem["detail"], "a line is not JSON")
    equal(problem["title"], "An event of the batch is not valid")


run(lambda: Broker("--event-bytes", EVENT_BYTES))
