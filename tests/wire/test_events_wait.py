#!/usr/bin/python3
"""Requests for a page that wait for the next event."""

import concurrent.futures
import json
import time

import raw
from broker import Broker, until
from pages import data, expect_problem, fill, items, next_query, page
from tap import cases, equal, run, test


class Waiting:
    """Requests that wait, each in a thread of its own."""

    def __init__(self, broker):
        self.broker = broker
        self.pool = concurrent.futures.ThreadPoolExecutor(32)
        self.before = broker.metric("polls")
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.pool.shutdown()

    def ask(self, topic, query, **headers):
        """Asks, and returns when the broker has the request."""
        job = self.pool.submit(page, self.broker, topic, query, **headers)
        self.count += 1
        wanted = self.before + self.count
        until(lambda: self.broker.metric("polls") >= wanted, "it waits")
        return job


@test
def woken(broker):
    """Who waits is answered with the event that comes."""
    cursor = fill(broker, "woken", 3)
    with Waiting(broker) as waiting:
        jobs = [
            waiting.ask("woken", f"?after={cursor}&wait=60s"),
            waiting.ask("woken", "?after=now&wait=60s"),
        ]
        receipt = broker.post("woken", b"here")
        for job in jobs:
            answer = job.result()
            equal(data(answer), ["here"])
            equal(answer.headers["Ringtail-Cursor"], receipt["cursor"])
            wanted = f"?after={receipt['cursor']}&limit=100&wait=1m"
            equal(next_query(answer), wanted)
    equal(broker.metric("polls"), 0)


@test
def not_waited(broker):
    """Nobody waits for what is there."""
    fill(broker, "there", 3)
    equal(len(data(page(broker, "there", "?wait=60s"))), 3)
    gone = "00000000-7"
    got = items(page(broker, "there", f"?after={gone}&wait=60s&limit=1"))
    equal([item["op"] for item in got], ["gap", "event"])


@test
def over(broker):
    """When the time is over the answer is 204, and where to go on."""
    cursor = fill(broker, "over", 1)
    start = time.monotonic()
    answer = page(broker, "over", f"?after={cursor}&wait=1s")
    took = time.monotonic() - start
    equal((answer.status, answer.body), (204, b""))
    equal(answer.headers["Ringtail-Cursor"], cursor)
    equal(next_query(answer), f"?after={cursor}&limit=100&wait=1s")
    assert took >= 0.9, took
    equal(broker.metric("polls"), 0)


PREFERRED = [
    ("", "wait=60", "1m"),
    ("", 'foo; bar="x", Wait = 7 ; x', "7s"),
    ("", "wait=100000000000000000000, wait=3600", "1m"),
    ("&wait=50s", "wait=1", "50s"),
]


@cases([(header, query, header, wait) for query, header, wait in PREFERRED],
       "Prefer: {0} with the parameter {1!r} is a wait of {3}.")
def preferred(broker, query, header, wait):
    """A preference is never wrong, and the parameter goes before it."""
    with Waiting(broker) as waiting:
        query = f"?after=now{query}"
        job = waiting.ask("preferred", query, Prefer=header)
        cursor = broker.post("preferred", b"here")["cursor"]
        answer = job.result()
        equal(data(answer), ["here"])
        wanted = f"?after={cursor}&limit=100&wait={wait}"
        equal(next_query(answer), wanted)


@test
def not_preferred(broker):
    """Whoever asks for no time is answered at once."""
    cursor = fill(broker, "hasty", 1)
    for header in ("wait", "wait=", "wait=x", "wait=0", "wait=-1", "awaits=9"):
        answer = page(broker, "hasty", f"?after={cursor}", Prefer=header)
        equal((answer.status, answer.body), (200, b"[\n]\n"), header)


@test
def first_event(broker):
    """One may wait for the first event of a topic."""
    with Waiting(broker) as waiting:
        job = waiting.ask("unborn", "?wait=60s")
        found = broker.request("GET", "/topics/unborn").json()
        equal((found["subscribers"], found["events"]), (1, 0))
        broker.post("unborn", b"first")
        equal(data(job.result()), ["first"])


@test
def closed_meanwhile(broker):
    """The end of a topic ends the wait, and so does a purge."""
    cursor = fill(broker, "ending", 1)
    with Waiting(broker) as waiting:
        job = waiting.ask("ending", f"?after={cursor}&wait=60s")
        broker.request("POST", "/topics/ending/close")
        equal([item["op"] for item in items(job.result())], ["closed"])
    cursor = fill(broker, "purged", 1)
    with Waiting(broker) as waiting:
        job = waiting.ask("purged", f"?after={cursor}&wait=60s")
        broker.request("DELETE", "/topics/purged")
        answer = job.result()
        if answer.status == 200:
            equal(items(answer)[0]["reason"], "epoch_changed")
        else:
            expect_problem(answer, 404, "topic-not-found")


@test
def many(broker):
    """A thousand who wait are answered, and cost little."""
    cursor = fill(broker, "crowd", 1)
    request = raw.get(f"/topics/crowd/events?after={cursor}&wait=60s")
    peers = [raw.Connection(broker.port) for _ in range(1000)]
    before = broker.metric("memory_bytes")
    for peer in peers:
        peer.send(request)
    broker.await_metric("polls", 1000)
    each = (broker.metric("memory_bytes") - before) / 1000
    broker.post("crowd", b"all")
    for peer in peers:
        answer = peer.answer()
        equal(json.loads(answer.body)[0]["data"], "all")
        peer.socket.close()
    print(f"# a request that waits takes {each:.0f} bytes")
    assert each < 6000, each


@test
def left(broker):
    """Who leaves is not waited for."""
    cursor = fill(broker, "left", 1)
    request = raw.get(f"/topics/left/events?after={cursor}&wait=60s")
    with raw.Connection(broker.port) as peer:
        peer.send(request)
        broker.await_metric("polls", 1)
    until(lambda: broker.metric("polls") == 0, "it left")
    with raw.Connection(broker.port) as peer:
        peer.send(request + b"GET /livez HTTP/1.1\r\nHo")
        broker.await_metric("polls", 1)
    until(lambda: broker.metric("polls") == 0, "it left, too")


@test
def pipelined(broker):
    """What comes behind one that waits, waits; and what is before it does
    not."""
    cursor = fill(broker, "pipe", 1)
    request = raw.get(f"/topics/pipe/events?after={cursor}&wait=60s")
    with raw.Connection(broker.port) as peer:
        peer.send(raw.get("/livez") + request + raw.get("/readyz"))
        equal(peer.answer().body, b"ok\n")
        broker.await_metric("polls", 1)
        peer.send(raw.get("/topics/pipe") + request[:30])
        assert peer.is_silent()
        second = broker.post("pipe", b"x")["cursor"]
        equal(len(json.loads(peer.answer().body)), 1)
        equal(peer.answer().body, b"ok\n")
        equal(json.loads(peer.answer().body)["latest"], second)
        peer.send(request[30:])
        equal(len(json.loads(peer.answer().body)), 1)


@test
def flooded(broker):
    """Behind one that waits only so much is read, and none of it is lost."""
    cursor = fill(broker, "flood", 1)
    request = raw.get(f"/topics/flood/events?after={cursor}&wait=60s")
    with raw.Connection(broker.port) as peer:
        peer.send(request)
        broker.await_metric("polls", 1)
        before = broker.metric("memory_bytes")
        peer.send(raw.get("/livez") * 10000)
        time.sleep(0.2)
        grown = broker.metric("memory_bytes") - before
        assert grown < 200 * 1024, grown
        broker.post("flood", b"x")
        equal(len(json.loads(peer.answer().body)), 1)
        for _ in range(10000):
            equal(peer.answer().body, b"ok\n")


@test
def last_one(broker):
    """With Connection: close the answer is the last one, also after a wait."""
    cursor = fill(broker, "last", 1)
    with raw.Connection(broker.port) as peer:
        path = f"/topics/last/events?after={cursor}&wait=60s"
        peer.send(raw.get(path, "Connection: close"))
        broker.await_metric("polls", 1)
        broker.post("last", b"x")
        answer = peer.answer()
        equal((answer.status, answer.closes), (200, True))
        peer.expect_end()


@test
def with_body(broker):
    """A body, which means nothing, may come while the request waits."""
    cursor = fill(broker, "body", 1)
    path = f"/topics/body/events?after={cursor}&wait=60s"
    with raw.Connection(broker.port) as peer:
        peer.send(raw.get(path, "Content-Length: 5") + b"he")
        broker.await_metric("polls", 1)
        peer.send(b"llo" + raw.get("/livez"))
        assert peer.is_silent()
        broker.post("body", b"x")
        equal(len(json.loads(peer.answer().body)), 1)
        equal(peer.answer().body, b"ok\n")


@test
def stopped(_):
    """When the broker stops, who waits is answered at once."""
    with Broker() as broker:
        cursor = fill(broker, "stop", 1)
        with raw.Connection(broker.port) as peer:
            path = f"/topics/stop/events?after={cursor}&wait=60s"
            peer.send(raw.get(path))
            broker.await_metric("polls", 1)
            broker.tell()
            answer = peer.answer()
            equal((answer.status, answer.closes), (204, True))
            peer.expect_end()


run(Broker)
