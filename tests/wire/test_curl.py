#!/usr/bin/python3
"""The broker as somebody with curl sees it."""

import json
import re
import time

import raw
from broker import Broker
from curl import Curl, last_event
from tap import cases, equal, run, test

EVENT_BYTES = 4096
RECEIPT = re.compile(
    rb'\{"topic":"([^"]+)","cursor":"([0-9a-f]{8}-(\d+))","offset":(\d+),'
    rb'"ts":(\d+)\}\n'
)


# --- what is answered ---


@test
def receipt(broker):
    """A POST is answered with a receipt: topic, cursor, offset and time."""
    before = time.time_ns() // 1000000
    for offset in (1, 2, 3):
        answer = Curl(broker, "/produce/chat.42", "-d", "hello").answer
        equal(answer.status, 200)
        equal(answer.headers["content-type"], "application/json")
        found = RECEIPT.fullmatch(answer.body)
        assert found, answer.body
        topic, cursor, *offsets, ts = found.groups()
        equal(topic, b"chat.42")
        equal([int(n) for n in offsets], [offset, offset])
        equal(answer.headers["ringtail-cursor"], cursor.decode())
        assert before - 2000 <= int(ts) <= before + 60000, ts
    equal(last_event(broker, "chat.42"), (raw.TEXT, b"hello"))


@test
def minimal(broker):
    """Prefer: return=minimal is answered with 204 and the cursor alone."""
    for prefer in ("return=minimal", "x, Return=Minimal", "a=1,return=minimal"):
        words = header(f"Prefer: {prefer}")
        answer = Curl(broker, "/produce/minimal", *words).answer
        equal(answer.status, 204, prefer)
        equal(answer.headers["preference-applied"], "return=minimal")
        cursor = answer.headers["ringtail-cursor"]
        assert re.fullmatch("[0-9a-f]{8}-[1-9]", cursor), cursor
    words = header("Prefer: return=representation")
    equal(Curl(broker, "/produce/minimal", *words).answer.status, 200)


LONGEST = ".".join(["a" * 39] * 4 + ["a" * 40])

# The path after /produce/, and the topic, or None if it is refused.
TOPICS = [
    ("chat.42", "chat.42"),
    ("chat%2E42", "chat.42"),
    ("%63hat.42", "chat.42"),
    ("A-Z_a~z=0", "A-Z_a~z=0"),
    ("a" * 64, "a" * 64),
    (LONGEST, LONGEST),
    (LONGEST.replace("a", "%61"), LONGEST),
    (LONGEST + "a", None),
    ("a" * 65, None),
    ("$system", None),
    ("%24system", None),
    ("a..b", None),
    (".a", None),
    ("a.", None),
    ("..", None),
    ("%2e%2e", None),
    ("a%2Fb", None),
    ("a/b", None),
    ("a/", None),
    ("a%00", None),
    ("a%", None),
    ("a%2", None),
    ("a%zz", None),
    ("a%2525", None),
    ("a%20b", None),
    ("a+b", None),
    ("a.*", None),
    ("a.>", None),
    ("a%c3%bc", None),
    ("%c0%ae", None),
    ("a:b", None),
    ("a,b", None),
]


@test
def topics(broker):
    """A topic is decoded once and then checked."""
    for path, name in TOPICS:
        curl = Curl(broker, f"/produce/{path}", "--path-as-is", "-d", "x")
        answer = curl.answer
        if name is None:
            equal((answer.status, answer.problem()), (400, "bad-topic"), path)
        else:
            equal(answer.status, 200, path)
            equal(json.loads(answer.body)["topic"], name, path)


# --- what is refused ---

POST = ["-d", "x"]
NO_UTF8 = "\udcff"  # on a command line: the byte 0xff
TEXT = "Content-Type: text/plain"
JSON = "Content-Type: application/json"
NDJSON = "Content-Type: application/x-ndjson"
DEEP = "[" * 129 + "]" * 129


def header(line, data="x"):
    """A POST with one more header line."""
    return ["-H", line, "--data-raw", data]


# What it is, the path, curl's arguments, the status and the slug.
PROBLEMS = [
    ("An unknown path", "/", [], 404, "not-found"),
    ("No topic", "/produce/", POST, 404, "not-found"),
    ("Not even a slash", "/produce", POST, 400, "bad-batch"),
    ("A path beyond", "/livez/x", [], 404, "not-found"),
    ("GET", "/produce/a", [], 405, "method-not-allowed"),
    ("PUT", "/produce/a", ["-T", "-"], 405, "method-not-allowed"),
    ("A POST elsewhere", "/subscribe/a", POST, 405, "method-not-allowed"),
    ("A POST without length", "/produce/a", ["-X", "POST"], 411, None),
    ("Too much", "/produce/a", ["-d", "x" * 4097], 413, "payload-too-large"),
    ("ack=disk", "/produce/a?ack=disk", POST, 501, "ack-unsupported"),
    ("ack=quorum", "/produce/a?ack=quorum", POST, 501, "ack-unsupported"),
    ("ack=disk, encoded", "/produce/a?ack=%64isk", POST, 501, None),
    ("ack=bogus", "/produce/a?ack=bogus", POST, 400, "bad-parameter"),
    ("ack=", "/produce/a?ack=", POST, 400, "bad-parameter"),
    ("ack", "/produce/a?ack", POST, 400, "bad-parameter"),
    ("Some parameter", "/produce/a?x=1", POST, 400, "bad-parameter"),
    ("A stream over HTTP/1.0", "/subscribe/a", ["-0"], 505, "http-version"),
]
HEADERS = [
    (header("Content-Encoding: gzip"), 415, "unsupported-media-type"),
    (header("Content-Encoding: identity"), 415, "unsupported-media-type"),
    (header("Content-Type: x"), 400, "bad-parameter"),
    (header("Content-Type: text/plain; charset"), 400, "bad-parameter"),
    (header(TEXT, NO_UTF8), 400, "bad-payload"),
    (header(JSON, '"' + NO_UTF8 + '"'), 400, "bad-payload"),
    (header(JSON, ""), 400, "bad-payload"),
    (header(JSON, "{"), 400, "bad-payload"),
    (header(JSON, "{} {}"), 400, "bad-payload"),
    (header(JSON, "\ufeff{}"), 400, "bad-payload"),
    (header(JSON, DEEP), 400, "bad-payload"),
    (header("Content-Type: a/b+json", "'x'"), 400, "bad-payload"),
    (header(NDJSON, "{"), 400, "bad-batch"),
]
for words, *wanted in HEADERS:
    what = f"{words[1]}, of {ascii(words[3]):.9}"
    PROBLEMS.append((what, "/produce/a", words, *wanted))


@cases(PROBLEMS, "{0} is refused with {3}.")
def problem(broker, path, arguments, status, slug):
    """With a problem of that slug, and nothing is published."""
    before = broker.metric("events_produced_total")
    answer = Curl(broker, path, *arguments).answer
    equal(answer.status, status)
    assert slug in (answer.problem(), None), answer.body
    if "?ack" in path:
        assert json.loads(answer.body)["detail"].startswith("ack: ")
    if status == 413:
        equal(json.loads(answer.body)["limit"], EVENT_BYTES)
    equal(broker.metric("events_produced_total"), before)


@test
def acknowledgement(broker):
    """The parameter ack is percent-decoded, as all others are."""
    for value in ("memory", "%6demory", "%6D%65%6D%6F%72%79"):
        answer = Curl(broker, f"/produce/acked?ack={value}", *POST).answer
        equal(answer.status, 200, value)


READ = "GET, HEAD, OPTIONS"
ALLOWED = {
    "/produce": "POST, OPTIONS",
    "/produce/a": "POST, OPTIONS",
    "/subscribe/a": "GET, OPTIONS",
    "/livez": READ,
    "/readyz": READ,
    "/metrics": READ,
}


@test
def options(broker):
    """A resource says what it allows: to OPTIONS with 204, else with 405."""
    for path, allow in ALLOWED.items():
        answer = Curl(broker, path, "-X", "OPTIONS").answer
        equal((answer.status, answer.headers["allow"]), (204, allow), path)
        answer = Curl(broker, path, "-X", "PATCH").answer
        equal((answer.status, answer.headers["allow"]), (405, allow), path)


run(lambda: Broker("--event-bytes", EVENT_BYTES))
