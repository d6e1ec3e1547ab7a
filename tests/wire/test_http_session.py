#!/usr/bin/python3
"""Many requests on one connection, in whatever pieces they come; and peers that
are slow or silent."""

import concurrent.futures
import contextlib
import json
import signal
import threading
import time

import raw
from broker import Broker
from tap import cases, equal, run, test

EVENT_BYTES = 4096
FLAGS = ["--event-bytes", EVENT_BYTES, "--head-timeout", "1s"]
FLAGS += ["--body-timeout", "1s", "--idle-timeout", "2s"]

# A wait ends up to two ticks of a second late, and a busy machine adds to it.
LATE_S = 8


def offsets(answers):
    """The offsets in receipts."""
    return [int(a.headers["ringtail-cursor"].split("-")[1]) for a in answers]


@test
def pipelined(broker):
    """A thousand requests sent at once are answered in order."""
    count = 1000
    with raw.Connection(broker.port) as peer:
        data = b"".join(raw.post("many", b"%d" % i) for i in range(count))
        sender = threading.Thread(target=peer.send, args=(data,))
        sender.start()
        answers = [peer.answer() for _ in range(count)]
        sender.join()
        equal({a.status for a in answers}, {200}, "statuses")
        equal(offsets(answers), list(range(1, count + 1)), "offsets")


@test
def pipelined_by_many(_):
    """When many have more requests than a turn has time for, all are answered
    in order. The broker is stopped while they send, and finds all at once."""
    count = 40
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Broker())
        peers = [
            stack.enter_context(raw.Connection(broker.port)) for _ in range(300)
        ]
        broker.process.send_signal(signal.SIGSTOP)
        for number, peer in enumerate(peers):
            peer.send(raw.post(f"turn.{number}", b"x") * count)
        broker.process.send_signal(signal.SIGCONT)
        for peer in peers:
            answers = [peer.answer() for _ in range(count)]
            equal(offsets(answers), list(range(1, count + 1)), "offsets")


@test
def alike(broker):
    """Requests that are almost the same are each answered as what they are."""
    json = "Content-Type: application/json"
    minimal = "Prefer: return=minimal"
    variants = [
        (raw.post("like.a", b"x"), "like.a"),
        (raw.post("like.b", b"x"), "like.b"),
        (raw.post("like.b", b"xy"), "like.b"),
        (raw.post("like.b", b""), "like.b"),
        (raw.post("like.b", b"x", json), 400),
        (raw.post("like.b", b"1", json), "like.b"),
        (raw.post("like.b", b"1", json, minimal), 204),
        (raw.post("like..", b"1"), 400),
        (raw.post("like.b", b"1"), "like.b"),
        (raw.get("/livez"), 200),
    ]
    # Each once and thrice, and each after every other.
    order = [v for v in variants for _ in range(4)]
    order += [v for a in variants for b in variants for v in (a, b)]
    with raw.Connection(broker.port) as peer:
        for data, _ in order:
            peer.send(data)
        for data, expected in order:
            answer = peer.answer()
            if isinstance(expected, str):
                equal((answer.status, answer.topic()), (200, expected))
            else:
                equal(answer.status, expected, data)


@test
def large_answers(broker):
    """The last answer closes, also when it is the one too many to wait."""
    for count in range(10, 24):
        requests = [raw.get("/metrics")] * count
        requests.append(raw.get("/metrics", "Connection: close"))
        with raw.Connection(broker.port) as peer:
            peer.send(b"".join(requests) + b"x")
            for _ in requests:
                equal(peer.answer().status, 200)
            peer.expect_end()


@test
def pipelined_mixture(broker):
    """Answers come in the order of the requests, refusals among them."""
    requests = [
        (raw.get("/livez"), 200),
        (raw.post("bad topic".replace(" ", "%20"), b"x" * 100), 400),
        (raw.request("HEAD", "/readyz"), 200),
        (raw.get("/nowhere"), 404),
        (raw.post("mixed", b"x" * 100), 200),
        (raw.request("DELETE", "/livez"), 405),
        (raw.post("empty", b"x", "If-Match: *"), 412),
        (raw.request("OPTIONS", "/metrics"), 204),
        (raw.get("/subscribe/mixed?since=x"), 400),
        (raw.post("mixed", b"", "Prefer: return=minimal"), 204),
    ]
    with raw.Connection(broker.port) as peer:
        peer.send(b"".join(data for data, _ in requests * 10))
        for data, status in requests * 10:
            answer = peer.answer(to_head=data.startswith(b"HEAD"))
            equal(answer.status, status, data)
            assert not answer.closes, data


CHUNKS = b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: a\r\n\r\n"
SPLIT = [
    ("A request with a length", raw.post("split", b"hello")),
    (
        "A chunked request",
        raw.request("POST", "/produce/split", "Transfer-Encoding: chunked")
        + CHUNKS,
    ),
]


@cases(SPLIT, "{0} may be split anywhere.")
def split_anywhere(broker, data):
    """All in one connection, and the payload is whole each time."""
    with raw.Connection(broker.port) as peer:
        for at in range(1, len(data)):
            peer.send(data[:at])
            time.sleep(0.001)
            peer.send(data[at:])
            equal(peer.answer().status, 200, f"split at {at}")
    with raw.WebSocket(broker, "/subscribe/split?since=earliest") as reader:
        equal(set(reader.events(len(data) - 1)), {b"hello"}, "payloads")


@test
def keeps_alive(broker):
    """A connection serves one request after the other."""
    before = broker.metric("connections_opened_total")
    with raw.Connection(broker.port) as peer:
        for _ in range(100):
            peer.send(raw.post("alive", b"x"))
            equal(peer.answer().status, 200)
    equal(broker.metric("connections_opened_total"), before + 2, "opened")


KEEP = "Connection: keep-alive"
PERSISTENCE = [
    ("HTTP/1.1", b"1.1", "", None),
    ("HTTP/1.1 with close", b"1.1", "Connection: close", "close"),
    ("HTTP/1.1 with close in a list", b"1.1", "Connection: x, Close", "close"),
    ("HTTP/1.0", b"1.0", "", "close"),
    ("HTTP/1.0 with keep-alive", b"1.0", KEEP, "keep-alive"),
]


@cases(PERSISTENCE, "{0} is answered with Connection: {3}.")
def persistence(broker, version, line, wanted):
    """And the connection does as it says."""
    head = raw.get("/livez", line or "X: y")
    head = head.replace(b"HTTP/1.1", b"HTTP/" + version)
    with raw.Connection(broker.port) as peer:
        peer.send(head)
        equal(peer.answer().headers.get("connection"), wanted)
        if wanted == "close":
            peer.expect_end()
        else:
            peer.send(head)
            equal(peer.answer().status, 200)


@test
def requests_after_close(broker):
    """What follows a request with Connection: close is not looked at."""
    with raw.Connection(broker.port) as peer:
        last = raw.get("/livez", "Connection: close")
        peer.send(last + raw.post("after-close", b"x"))
        equal(peer.answer().status, 200)
        peer.expect_end()
    with raw.WebSocket(broker, "/subscribe/after-close") as reader:
        assert reader.cursor.endswith("-0"), reader.cursor


@test
def half_closed(broker):
    """A peer that sends FIN behind its requests gets all answers."""
    with raw.Connection(broker.port) as peer:
        peer.send(raw.post("half", b"x") * 10)
        peer.finish()
        equal(offsets(peer.answer() for _ in range(10)), list(range(1, 11)))
        peer.expect_end()


# --- refused requests with bodies ---

SKIPPED = [
    ("a body of known length", raw.post("*", b"x" * 1000)),
    (
        "a chunked body",
        raw.request("POST", "/produce/*", "Transfer-Encoding: chunked")
        + b"5\r\nGET /\r\n0\r\n\r\n",
    ),
    (
        "a body to a resource that has none",
        raw.request("GET", "/livez", "Content-Length: 5") + b"GET /",
    ),
]


@cases(SKIPPED, "A refusal skips {0}, whole and in pieces.")
def skips_body(broker, data):
    """The connection goes on where the body ends."""
    with raw.Connection(broker.port) as peer:
        peer.send(data + raw.post("skipped", b"x"))
        peer.answer()
        equal(peer.answer().status, 200, "after the whole")
        peer.drip(data[:-1])
        peer.answer()
        peer.send(data[-1:] + raw.post("skipped", b"x"))
        equal(peer.answer().status, 200, "after the pieces")


@test
def skips_no_flood(broker):
    """A refused chunked body that is too long ends the connection."""
    head = raw.request("POST", "/produce/*", "Transfer-Encoding: chunked")
    with raw.Connection(broker.port) as peer:
        peer.send(head)
        equal(peer.answer().status, 400)
        peer.send(b"2000\r\n" + b"x" * EVENT_BYTES)
        assert peer.is_silent()
        peer.send(b"x")
        peer.expect_end()


@test
def skips_no_garbage(broker):
    """A refused chunked body that is malformed ends the connection."""
    head = raw.request("POST", "/produce/*", "Transfer-Encoding: chunked")
    with raw.Connection(broker.port) as peer:
        peer.send(head)
        equal(peer.answer().status, 400)
        peer.send(b"x\r\n")
        peer.expect_end()


@test
def smuggled_frames(broker):
    """What follows a refused upgrade is not looked at."""
    smuggled = raw.post("after-upgrade", b"x")
    handshake = raw.upgrade("/subscribe/a?since=tomorrow")
    with raw.Connection(broker.port) as peer:
        peer.send(handshake + raw.frame(raw.TEXT, smuggled) + smuggled)
        answer = peer.answer()
        equal((answer.status, answer.closes), (400, True))
        peer.expect_end()
    with raw.WebSocket(broker, "/subscribe/after-upgrade") as reader:
        assert reader.cursor.endswith("-0"), reader.cursor


# --- Expect ---


@test
def continues(broker):
    """Expect: 100-continue is answered before the body, and only once."""
    head = raw.post("expect", b"", "Expect: 100-continue")
    head = head.replace(b"Content-Length: 0", b"Content-Length: 5")
    with raw.Connection(broker.port) as peer:
        for _ in range(2):
            peer.send(head)
            equal(peer.answer().status, 100)
            assert peer.is_silent()
            peer.drip(b"hello")
            equal(peer.answer().status, 200)
        peer.send(head + b"hello")
        equal(peer.answer().status, 200, "with the body right behind")


UNEXPECTED = [
    ("A body that is too long", "expect", EVENT_BYTES + 1, "100-continue", 413),
    ("A bad topic", "*", 5, "100-continue", 400),
    ("Another expectation", "expect", 5, "200-maybe", 417),
]


@cases(UNEXPECTED, "{0} is refused with {4}, without 100 Continue.")
def does_not_continue(broker, topic, count, expect, status):
    """The connection ends, for the body may come or not."""
    lines = [f"Content-Length: {count}", f"Expect: {expect}"]
    with raw.Connection(broker.port) as peer:
        peer.send(raw.request("POST", f"/produce/{topic}", *lines))
        answer = peer.answer()
        equal((answer.status, answer.closes), (status, True))
        peer.expect_end()


# --- heads that are alike ---

LINES = [
    b"POST /produce/alike.one HTTP/1.1",
    b"POST /produce/alike.two HTTP/1.1",
    b"POST /produce/alike.one?ack=memory HTTP/1.1",
    b"POST /produce/alike.one?ack=disk HTTP/1.1",
    b"POST /produce/alike%2Eone HTTP/1.1",
    b"POST /produce/alike%2Fone HTTP/1.1",
    b"POST /produce/ HTTP/1.1",
    b"POST /produce HTTP/1.1",
    b"POST /produce/a..b HTTP/1.1",
    b"POST /produce/" + b"a" * 65 + b" HTTP/1.1",
    b"POST /produce/alike one HTTP/1.1",
    b"POST /produce/alike.one HTTP/1.0",
    b"POST /produce/alike.one  HTTP/1.1",
    b"POST  /produce/alike.one HTTP/1.1",
    b"POST /produce/alike\0one HTTP/1.1",
    b"POST /Produce/alike.one HTTP/1.1",
    b"POST /subscribe/alike.one HTTP/1.1",
    b"POST http://other/produce/alike.two HTTP/1.1",
    b"PUT /produce/alike.one HTTP/1.1",
    b"GET /produce/alike.one HTTP/1.1",
]


def verdict(broker, *lines):
    """What the last of the requests is answered with."""
    tail = b"\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
    with raw.Connection(broker.port) as peer:
        peer.send(b"".join(line + tail for line in lines))
        answers = [peer.answer() for _ in lines]
    told = json.loads(answers[-1].body or b"{}")
    about = {name: told.get(name) for name in ("topic", "type", "detail")}
    return answers[-1].status, answers[-1].closes, about


@test
def alike_but_for_target(broker):
    """A head that is like the one before but for its target is judged as if it
    were the first."""
    for line in LINES:
        alone = verdict(broker, line)
        equal(verdict(broker, LINES[0], line), alone, line)
        equal(verdict(broker, LINES[0], LINES[1], line), alone, line)


# --- slow and silent peers ---


def silent_end(broker, data, status):
    """How long it takes until a peer that goes silent is refused."""
    start = time.monotonic()
    with raw.Connection(broker.port) as peer:
        peer.send(data)
        if status is not None:
            answer = peer.answer()
            equal((answer.status, answer.closes), (status, True))
            equal(answer.problem(), "request-timeout")
        peer.expect_end()
    return time.monotonic() - start


def dripping_end(broker):
    """How long a head may take that comes byte by byte."""
    start = time.monotonic()
    with raw.Connection(broker.port) as peer:
        peer.send(b"GET /livez HTTP/1.1\r\nX: ")
        while peer.is_silent(0.02):
            peer.send(b"a")
        equal(peer.answer().status, 408)
    return time.monotonic() - start


def skipped_end(broker):
    """How long the body of a refused request may take."""
    start = time.monotonic()
    with raw.Connection(broker.port) as peer:
        head = raw.request("POST", "/produce/*", "Content-Length: 5")
        peer.send(head)
        equal(peer.answer().status, 400)
        peer.expect_end()
    return time.monotonic() - start


BEGUN = b"GET /livez HTTP/1.1\r\nHo"
BODY = raw.request("POST", "/produce/slow", "Content-Length: 5") + b"hell"
CHUNK = raw.request("POST", "/produce/slow", "Transfer-Encoding: chunked")
SLOW = [
    ("an unfinished head, with 408", lambda b: silent_end(b, BEGUN, 408), 1),
    ("a head byte by byte, with 408", dripping_end, 1),
    ("an unfinished body, with 408", lambda b: silent_end(b, BODY, 408), 1),
    ("unfinished chunks, with 408", lambda b: silent_end(b, CHUNK, 408), 1),
    ("the body of a refused request", skipped_end, 1),
    ("no request at all", lambda b: silent_end(b, b"", None), 2),
    ("an empty line alone", lambda b: silent_end(b, b"\r\n", None), 2),
]


@test
def slow(broker):
    """Peers that take too long are not waited for."""
    with concurrent.futures.ThreadPoolExecutor(len(SLOW)) as workers:
        ends = [(workers.submit(row[1], broker), row) for row in SLOW]
        for end, (what, _, least_s) in ends:
            took_s = end.result()
            what = f"{what}: {took_s:.1f} s"
            assert least_s <= took_s <= least_s + LATE_S, what


@test
def idle_after_answer(broker):
    """A connection that has been answered is closed when idle, silently."""
    with raw.Connection(broker.port) as peer:
        peer.send(raw.get("/livez"))
        equal(peer.answer().status, 200)
        start = time.monotonic()
        peer.expect_end()
        assert 2 <= time.monotonic() - start <= 2 + LATE_S


@test
def read_late(broker):
    """A peer that reads its answers late gets all of them."""
    count = 2000
    with raw.Connection(broker.port, receive_bytes=64 * 1024) as peer:
        data = raw.get("/metrics") * count
        sender = threading.Thread(target=peer.send, args=(data,))
        sender.start()
        time.sleep(0.3)
        for _ in range(count):
            equal(peer.answer().status, 200)
        sender.join()


run(lambda: Broker(*FLAGS))
