#!/usr/bin/python3
"""Batches for several topics: POST /produce."""

import json

import raw
from batches import NDJSON, TYPE, expect_refusal
from broker import Broker
from tap import cases, equal, run, test

EVENT_BYTES = 4096


def line(topic, data, **more):
    """An event that names its topic."""
    return json.dumps({"topic": topic, "data": data, **more}).encode() + b"\n"


def publish(broker, *events, **headers):
    """A batch of lines; the answer."""
    headers = {"Content-Type": NDJSON, **headers}
    return broker.request("POST", "/produce", b"".join(events), headers)


def ranges(answer):
    """The topics of an answer, each with its first offset, last and count."""
    equal(answer.status, 200, answer.body)
    receipts = answer.json()["receipts"]
    total = sum(receipt["count"] for receipt in receipts)
    equal(answer.json()["count"], total)
    for receipt in receipts:
        equal(receipt["offset"], receipt["last"])
        assert receipt["cursor"].endswith(f"-{receipt['last']}"), receipt
    names = ("topic", "first", "last", "count")
    return [tuple(receipt[name] for name in names) for receipt in receipts]


@test
def several(broker):
    """Each event goes to its topic, and each topic has a receipt."""
    broker.post("several.b", b"before")
    with raw.WebSocket(broker, "/subscribe/several.a") as a:
        with raw.WebSocket(broker, "/subscribe/several.b") as b:
            answer = publish(
                broker,
                line("several.a", {"n": 1}),
                line("several.b", "two"),
                line("several.a", [3], type="t"),
            )
            wanted = [("several.a", 1, 2, 2), ("several.b", 2, 2, 1)]
            equal(ranges(answer), wanted)
            assert "ringtail-cursor" not in answer.headers
            equal(a.events(2), [b'{"n": 1}', b"[3]"])
            equal(b.events(1), [b"two"])


@test
def binary(broker):
    """Bytes come in base64 and are delivered in a binary frame."""
    with raw.WebSocket(broker, "/subscribe/bytes") as reader:
        body = b'{"data_base64":"AP8=","topic":"bytes"}\r\n\r\n'
        equal(ranges(publish(broker, body)), [("bytes", 1, 1, 1)])
        equal(reader.frame(), (raw.BINARY, b"\0\xff"))


@test
def as_curl_says(broker):
    """What curl says of everything is taken for NDJSON."""
    form = "application/x-www-form-urlencoded"
    answer = publish(broker, line("form", 1), **{"Content-Type": form})
    equal(ranges(answer), [("form", 1, 1, 1)])
    answer = broker.request("POST", "/produce", line("form", 1))
    equal(ranges(answer), [("form", 2, 2, 1)])


@test
def minimal(broker):
    """With little to answer there is nothing to say."""
    answer = publish(broker, line("minimal", 1), Prefer="return=minimal")
    equal((answer.status, answer.body), (204, b""))
    equal(broker.post("minimal", b"x")["offset"], 2)


GOOD = line("bad.a", 1)
BAD = [
    ("of nothing", b"", 0),
    ("with a line that is no JSON", GOOD + b"{\n", 1),
    ("with a line that is no object", GOOD + b"[]\n", 1),
    ("without a topic", GOOD + b'{"data":1}\n', 1),
    ("without data", GOOD + b'{"topic":"a"}\n', 1),
    ("with another member", GOOD + line("bad.b", 1, tag=1), 1),
    ("with a topic that is none", GOOD + line("bad..b", 1), 1),
    ("with a topic of the broker's", GOOD + line("$bad", 1), 1),
    ("with CR and LF in a topic", GOOD + line("bad\r\nb", 1), 1),
    ("with NUL in a topic", GOOD + line("bad\0b", 1), 1),
    ("with a topic escaped twice", GOOD + line("bad%2Eb", 1), 1),
    ("with a pattern", GOOD + line("bad.*", 1), 1),
    ("with CR and LF in a type", GOOD + line("bad.b", 1, type="a\r\nb"), 1),
    ("with NUL in a type", GOOD + line("bad.b", 1, type="a\0"), 1),
    ("with a type of the broker's", GOOD + line("b", 1, type="ringtail.a"), 1),
    ("with no base64", GOOD + b'{"topic":"b","data_base64":"A"}\n', 1),
    ("with a topic twice", GOOD + b'{"topic":"b","topic":"b","data":1}', 1),
]


@cases(BAD, "A batch {0} is refused, and the event named.")
def bad(broker, body, index):
    """None of its events is appended, and no topic is made."""
    topics = broker.metric("topics")
    before = broker.metric("events_produced_total")
    expect_refusal(publish(broker, body), 400, "bad-batch", index)
    equal(broker.metric("events_produced_total"), before)
    equal(broker.metric("topics"), topics)


UNSUPPORTED = "unsupported-media-type"
HEADERS = [
    ("Ringtail-Type", "a", 400, "bad-parameter"),
    ("If-Match", "*", 400, "bad-parameter"),
    ("If-None-Match", "*", 400, "bad-parameter"),
    ("Idempotency-Key", "", 400, "bad-parameter"),
    ("Content-Type", "application/json", 415, UNSUPPORTED),
    ("Content-Type", "text/plain", 415, UNSUPPORTED),
    ("Content-Type", "x", 400, "bad-parameter"),
    ("Content-Encoding", "gzip", 415, UNSUPPORTED),
]


@test
def headers(broker):
    """A header that is for one topic, or is malformed, is refused."""
    before = broker.metric("events_produced_total")
    for name, value, status, slug in HEADERS:
        answer = publish(broker, line("head", 1), **{name: value})
        expect_refusal(answer, status, slug)
    equal(broker.metric("events_produced_total"), before)


@test
def queries(broker):
    """The parameters are those of an event."""
    for query, status in (("ack=memory", 200), ("ack=disk", 501), ("x=1", 400)):
        answer = broker.request("POST", f"/produce?{query}", line("query", 1))
        equal(answer.status, status, query)


@test
def methods(broker):
    """Nothing but POST is for it, and the path has no slash behind it."""
    answer = broker.request("GET", "/produce")
    equal((answer.status, answer.headers["allow"]), (405, "POST, OPTIONS"))
    equal(broker.request("OPTIONS", "/produce").status, 204)
    equal(broker.request("POST", "/produce/", line("a", 1)).status, 404)


@test
def too_large(broker):
    """An event may be as long as any, its line may be longer."""
    exact = line("long", "x" * EVENT_BYTES)
    equal(ranges(publish(broker, exact)), [("long", 1, 1, 1)])
    longer = line("long", "x" * EVENT_BYTES + "y")
    answer = publish(broker, exact, longer)
    problem = expect_refusal(answer, 413, "payload-too-large", 1)
    equal(problem["limit"], EVENT_BYTES)


@test
def too_many_topics(broker):
    """64 topics are as many as may be."""
    body = [line(f"many.{n % 64}", n) for n in range(128)]
    wanted = [(f"many.{n}", 1, 2, 2) for n in range(64)]
    equal(ranges(publish(broker, *body)), wanted)
    answer = publish(broker, *body, line("many.64", 1))
    problem = expect_refusal(answer, 413, "payload-too-large", 128)
    equal(problem["limit"], 64)
    equal(broker.post("many.0", b"x")["offset"], 3)


@test
def too_many_events(broker):
    """10,000 events are as many as may be."""
    body = line("count", 1) * 10000
    equal(ranges(publish(broker, body)), [("count", 1, 10000, 10000)])
    answer = publish(broker, body, line("count", 1))
    problem = expect_refusal(answer, 413, "payload-too-large", 10000)
    equal(problem["limit"], 10000)


@test
def keys(broker):
    """A repetition gets all receipts again; another body is refused."""
    body = [line("key.a", 1), line("key.b", 2), line("key.a", 3)]
    key = {"Idempotency-Key": "k"}
    first = publish(broker, *body, **key)
    equal(ranges(first), [("key.a", 1, 2, 2), ("key.b", 1, 1, 1)])
    broker.post("key.a", b"between")
    again = publish(broker, *body, **key)
    equal((again.status, again.body), (200, first.body))
    equal(again.headers["idempotent-replayed"], "true")
    answer = publish(broker, *body[:2], **key)
    expect_refusal(answer, 422, "idempotency-mismatch")
    equal(ranges(publish(broker, body[1])), [("key.b", 2, 2, 1)])


@test
def key_of_a_topic(broker):
    """The key of a batch for several topics is none of a topic's."""
    key = {"Idempotency-Key": "same"}
    publish(broker, line("same", 1), **key)
    answer = broker.request("POST", "/produce/same", b"1", key)
    equal((answer.status, answer.json()["offset"]), (200, 2))


@test
def pieces(broker):
    """The body may come in any pieces, and requests may be pipelined."""
    body = line("pieces", 1) + line("pieces.b", 2)
    head = raw.request(
        "POST", "/produce", f"Content-Length: {len(body)}", TYPE
    )
    with raw.Connection(broker.port) as peer:
        peer.drip(head + body)
        equal(peer.answer().status, 200)
        event = raw.post("pieces", b"1")
        peer.send((head + body + event + event) * 10)
        equal({peer.answer().status for _ in range(30)}, {200})
    equal(broker.post("pieces", b"x")["offset"], 32)


run(lambda: Broker("--event-bytes", EVENT_BYTES))
