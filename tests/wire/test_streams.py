#!/usr/bin/python3
"""Streams over HTTP: server-sent events and lines of JSON, from the first
notice to the last chunk, live and resumed, and what happens at the limits."""

import json
import subprocess
import time

import raw
from broker import Broker, until
from stream import Events, Lines
from subscriber import post_many
from tap import cases, equal, run, test

RING_BYTES = 64 * 1024
EVENT_BYTES = 4 * 1024
COUNT = 2000  # events of that size, that no socket and ring hold
IDLE = 1000
IDLE_BYTES_MAX = 600  # of each idle subscriber
FORMS = [("lines of JSON", Lines), ("server-sent events", Events)]

BINARY = {"Content-Type": "application/octet-stream"}
JSON = {"Content-Type": "application/json"}


def notice(item):
    """The object of a notice, in whatever form it came."""
    return item if "op" in item else json.loads(item["data"])


def payload(item):
    """The payload of a text event, in whatever form it came."""
    return item["data"]


def begin(peer):
    """Reads up to where live events begin; the events that were replayed."""
    opened = notice(peer.item())
    equal(opened["op"], "open")
    equal(opened["cursor"], peer.cursor)
    replayed = []
    while (item := peer.item()).get("op", item.get("event")) not in (
        "caught_up",
        "ringtail.caught_up",
    ):
        replayed.append(item)
    return replayed


def epoch_of(cursor):
    """The epoch in a cursor."""
    return cursor.split("-")[0]


@test
def lines(broker):
    """A line for each event, with its payload as JSON, text or base64."""
    first = broker.post("lines", '{"a":\r\n[1.10]}', **JSON)
    epoch = epoch_of(first["cursor"])
    with Lines(broker, "lines?since=earliest") as peer:
        opened = peer.item()
        assert opened.pop("conn").startswith("c")
        assert abs(opened.pop("ts") - first["ts"]) < 60000
        wanted = {"op": "open", "topics": ["lines"], "cursor": f"{epoch}-0"}
        wanted |= {"earliest": f"{epoch}-1", "heartbeat": 15}
        equal(opened, wanted)
        event = {"op": "event", "topic": "lines", "cursor": f"{epoch}-1"}
        event |= {"ts": first["ts"], "data": {"a": [1.10]}}
        equal(peer.item(), event)
        wanted = {"op": "caught_up", "topic": "lines", "cursor": f"{epoch}-1"}
        equal(peer.item(), wanted)
        broker.post("lines", 'é "\n\0'.encode(), **{"Ringtail-Type": "a/b"})
        item = peer.item()
        equal((item["data"], item["type"]), ('é "\n\0', "a/b"))
        broker.post("lines", b"\xff\n", **BINARY)
        item = peer.item()
        equal(item["data_base64"], "/wo=")
        assert "data" not in item and "type" not in item


@test
def events(broker):
    """A server-sent event for each, its payload line by line as it is, and
    binary in the envelope."""
    receipt = broker.post("events", "one")
    epoch = epoch_of(receipt["cursor"])
    with Events(broker, "events?since=-1") as peer:
        opened = peer.item()
        equal((opened["event"], opened["id"]), ("ringtail.open", f"{epoch}-0"))
        assert 2000 <= int(opened["retry"]) < 4000, opened
        equal(peer.item(), {"id": f"{epoch}-1", "data": "one"})
        equal(peer.item()["event"], "ringtail.caught_up")
        broker.post("events", b"a\r\nb\rc\n\nd\r", **{"Ringtail-Type": "x"})
        event = {"id": f"{epoch}-2", "event": "x", "data": "a\nb\nc\n\nd\n"}
        equal(peer.item(), event)
        broker.post("events", "")
        equal(peer.item(), {"id": f"{epoch}-3", "data": ""})
        broker.post("events", b"\0\xff", **BINARY)
        item = peer.item()
        equal((item["id"], "event" in item), (f"{epoch}-4", False))
        equal(json.loads(item["data"])["data_base64"], "AP8=")


@test
def with_curl(broker):
    """curl -N shows events as they come."""
    url = broker.url("/subscribe/curl")
    words = ["curl", "-sN", "--max-time", "20", url]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as curl:
        ops = [json.loads(curl.stdout.readline())["op"] for _ in range(2)]
        equal(ops, ["open", "caught_up"])
        for number in range(3):
            broker.post("curl", str(number))
            line = json.loads(curl.stdout.readline())
            equal((line["op"], line["data"]), ("event", str(number)))
        curl.kill()


CHOICES = [
    ("text/event-stream", "", "text/event-stream"),
    ("text/event-stream;q=0.5, */*;q=0.4", "", "text/event-stream"),
    ("text/event-stream;q=0.5, */*", "", "application/x-ndjson"),
    ("*/*", "", "application/x-ndjson"),
    ("text/html", "", "application/x-ndjson"),
    ("application/x-ndjson", "?format=sse", "text/event-stream"),
    ("text/event-stream", "?format=ndjson", "application/x-ndjson"),
]


@cases(CHOICES, "Accept: {0} with {1!r} is answered with {2}.")
def choices(broker, query, wanted):
    """What is asked for, with the parameter before the header."""
    accept = next(a for a, q, w in CHOICES if (q, w) == (query, wanted))
    with raw.Connection(broker.port) as peer:
        peer.send(raw.get(f"/subscribe/choice{query}", f"Accept: {accept}"))
        equal(peer.answer().headers["content-type"], wanted)


@test
def without_accept(broker):
    """Without Accept a stream is lines of JSON."""
    with raw.Connection(broker.port) as peer:
        peer.send(raw.get("/livez") + raw.get("/subscribe/none"))
        equal(peer.answer().body, b"ok\n")
        media = peer.answer().headers["content-type"]
        equal(media, "application/x-ndjson")


STARTS = [
    ("since=1h&lastEventId={1}", None, 1),
    ("since=-1&last_event_id={2}&lastEventId={1}", None, 2),
    ("last_event_id={2}&lastEventId={1}", "{3}", 3),
    ("since=earliest", "{4}", 4),
    ("since=-2", "", 3),
]


@cases(STARTS, "{0} with Last-Event-ID: {1} begins after event {2}.")
def starts(broker, header, offset):
    """The header goes before the parameters, and those before since."""
    query = next(q for q, h, o in STARTS if (h, o) == (header, offset))
    if broker.request("GET", "/livez").status and not hasattr(starts, "ids"):
        receipts = [broker.post("starts", str(n)) for n in range(1, 6)]
        starts.ids = ["", *(receipt["cursor"] for receipt in receipts)]
    path = "starts?" + query.format(*starts.ids)
    head = [] if header is None else [f"Last-Event-ID:{header}"]
    head = [line.format(*starts.ids) for line in head]
    for _, form in FORMS:
        with form(broker, path, *head) as peer:
            equal(peer.cursor, starts.ids[offset])
            wanted = [str(number) for number in range(offset + 1, 6)]
            equal([payload(item) for item in begin(peer)], wanted)


PROBLEMS = [
    ("since=", "", "since"),
    ("since=soon", "", "since"),
    ("gap=", "", "gap"),
    ("gap=latest", "", "gap"),
    ("format=", "", "format"),
    ("format=raw", "", "format"),
    ("format=SSE", "", "format"),
    ("Since=now", "", "Since"),
    ("topic=a", "", "topic"),
]

LOST = [
    ("last_event_id=", "", "last_event_id"),
    ("last_event_id=1", "", "last_event_id"),
    ("last_event_id=%zz", "", "last_event_id"),
    ("lastEventId=now", "", "lastEventId"),
    ("lastEventId=*7f3a9c21-1", "", "lastEventId"),
    ("since=now", "Last-Event-ID: 7", "Last-Event-ID"),
    ("since=now", "Last-Event-ID: 00000000-1x", "Last-Event-ID"),
    ("since=now", "Last-Event-ID: *7f3a9c21-1", "Last-Event-ID"),
]


@cases([(f"{q} {h}", q, h, n) for q, h, n in PROBLEMS], "{0} is refused.")
def problems(broker, query, header, name):
    """A parameter that is wrong is a 400 that names it."""
    for accept in ("text/event-stream", "*/*"):
        with raw.Connection(broker.port) as peer:
            head = [f"Accept: {accept}"] + ([header] if header else [])
            peer.send(raw.get(f"/subscribe/problems?{query}", *head))
            answer = peer.answer()
            equal((answer.status, answer.problem()), (400, "bad-parameter"))
            detail = json.loads(answer.body)["detail"]
            assert detail.startswith(f"{name}: "), detail
            peer.send(raw.get("/livez"))
            equal(peer.answer().status, 200)


@cases([(f"{q} {h}", q, h, n) for q, h, n in LOST], "{0} leads nowhere.")
def lost(broker, query, header, name):
    """A 400 in lines; browsers would not come back, so a gap in their form."""
    topic = f"lost-{LOST.index((query, header, name))}"
    broker.post(topic, "left")
    epoch = epoch_of(broker.post(topic, "over")["cursor"])
    head = [header] if header else []
    with Events(broker, f"{topic}?{query}", *head) as peer:
        place = notice(peer.item())["cursor"]
        gap = notice(peer.item())
        assert "missed" not in gap and epoch_of(place) != epoch, gap
        equal((gap["reason"], gap["after"]), ("epoch_changed", place))
        equal(gap["next"], f"{epoch}-1")
        equal([payload(item) for item in peer.items(2)], ["left", "over"])
        equal(notice(peer.item())["op"], "caught_up")
    with raw.Connection(broker.port) as peer:
        peer.send(raw.get(f"/subscribe/{topic}?{query}", *head))
        answer = peer.answer()
        equal((answer.status, answer.problem()), (400, "bad-parameter"))
        detail = json.loads(answer.body)["detail"]
        assert detail.startswith(f"{name}: "), detail


@test
def websocket_format(broker):
    """A WebSocket cannot be told of gaps, nor asked for a stream's format."""
    for query, name in (("gap=notify", "gap"), ("format=sse", "format")):
        with raw.Connection(broker.port) as peer:
            peer.send(raw.upgrade(f"/subscribe/a?{query}"))
            answer = peer.answer()
            equal((answer.status, answer.problem()), (400, "bad-parameter"))
            assert json.loads(answer.body)["detail"].startswith(f"{name}: ")


@cases(FORMS, "A subscriber of {0} that comes back misses and repeats nothing.")
def resumes(broker, form):
    """From every position, with the id or the cursor of the last item."""
    topic = f"resumes-{form.__name__}"
    post_many(broker, topic, 300)
    seen, last = [], None
    while len(seen) < 300:
        head = [f"Last-Event-ID: {last}"] if last else []
        path = topic if last else f"{topic}?since=earliest"
        with form(broker, path, *head) as peer:
            equal(notice(peer.item())["op"], "open")
            for item in peer.items(min(37, 300 - len(seen))):
                seen.append(item["data"])
                last = item.get("id") or item["cursor"]
    equal(seen, [str(number) for number in range(300)])


@cases(FORMS, "{0} are cut anywhere, and still whole, in order.")
def in_pieces(broker, form):
    """A reader with a small buffer gets large events as they are."""
    topic = f"pieces-{form.__name__}"
    texts = [f"{n}," * n * 37 for n in range(1, 40)]
    path = f"{topic}?since=now"
    with form(broker, path, receive_bytes=4096) as peer:
        begin(peer)
        for start in range(0, 39, 13):
            for text in texts[start : start + 13]:
                broker.post(topic, text)
            found = [payload(item) for item in peer.items(13)]
            equal(found, texts[start : start + 13])


def publish(broker, topic, count):
    """Posts numbered events of a fixed size, on one connection."""
    with raw.Connection(broker.port, timeout=60) as peer:
        for number in range(1, count + 1):
            text = b"%08d" % number + b"." * (EVENT_BYTES - 9)
            peer.send(raw.post(topic, text))
            equal(peer.answer().status, 200)


def account(items):
    """Goes through events and gaps; fails unless each offset is either an event
    or in a gap. Returns the last offset, and how many were missed."""
    offset, missed = 0, 0
    for item in items:
        if item.get("op") == "gap" or item.get("event") == "ringtail.gap":
            gap = notice(item)
            after, following = (
                int(gap[name].split("-")[1]) for name in ("after", "next")
            )
            equal(after, offset, "the event before the gap")
            equal(gap["missed"], following - after - 1)
            equal(gap["reason"], "evicted")
            missed += gap["missed"]
            offset = following - 1
            if "id" in item:
                equal(item["id"], f"{epoch_of(gap['next'])}-{offset}")
        else:
            offset += 1
            equal(int(item["data"][:8]), offset)
    return offset, missed


def read_to(peer, last):
    """Items up to the event of that offset."""
    items = []
    while not items or not items[-1]["data" if "data" in items[-1] else "op"][
        :8
    ] == f"{last:08}":
        items.append(peer.item())
    return items


@cases(FORMS, "A slow reader of {0} is told of each gap, and goes on.")
def gaps(broker, form):
    """What it gets and what it is told of are all the events there were."""
    topic = f"gaps-{form.__name__}"
    before = broker.metric("subscriber_events_missed_total")
    with form(broker, topic, receive_bytes=4096) as peer:
        begin(peer)
        publish(broker, topic, COUNT)
        last, missed = account(read_to(peer, COUNT))
        equal(last, COUNT)
        assert missed > 0
        found = broker.metric("subscriber_events_missed_total") - before
        equal(missed, found)


@cases(FORMS, "With gap=skip a reader of {0} that is passed goes on untold.")
def skips(broker, form):
    """Nothing but events comes."""
    topic = f"skips-{form.__name__}"
    with form(broker, f"{topic}?gap=skip", receive_bytes=4096) as peer:
        begin(peer)
        publish(broker, topic, COUNT)
        items = read_to(peer, COUNT)
        assert len(items) < COUNT
        numbers = [int(item["data"][:8]) for item in items]
        equal(numbers, sorted(set(numbers)))


@cases(FORMS, "With gap=close {0} end with the gap that a reader is told of.")
def closes(broker, form):
    """The gap is the last it is told, and it leads on."""
    topic = f"closes-{form.__name__}"
    name = 'connections_closed_total{reason="cursor-evicted"}'
    before = broker.metric(name)
    with form(broker, f"{topic}?gap=close", receive_bytes=4096) as peer:
        begin(peer)
        publish(broker, topic, COUNT)
        items = peer.rest()
        _, missed = account(items)
        assert missed > 0
        following = notice(items[-1])["next"]
    equal(broker.metric(name), before + 1)
    epoch, offset = following.split("-")
    path = f"{topic}?last_event_id={epoch}-{int(offset) - 1}"
    with form(broker, path) as peer:
        equal(notice(peer.item())["op"], "open")
        equal(int(payload(peer.item())[:8]), int(offset))


@cases(FORMS, "A start of {0} that is gone is a gap, and no error.")
def starts_with_gap(broker, form):
    """Of another log: its size is not known. Whoever is cut off before the gap
    comes back with the position that it had."""
    topic = f"gone-{form.__name__}"
    epoch = epoch_of(broker.post(topic, "x")["cursor"])
    wanted = {"op": "gap", "topic": topic, "after": "00000000-9"}
    wanted |= {"next": f"{epoch}-1", "reason": "epoch_changed"}
    head = "Last-Event-ID: 00000000-9"
    for policy in ("notify", "close", "skip"):
        with form(broker, f"{topic}?gap={policy}", head) as peer:
            known = f"{epoch}-0" if policy == "skip" else "00000000-9"
            opened = notice(peer.item())
            equal((opened["op"], opened["cursor"]), ("open", known))
            equal(peer.cursor, known)
            if policy != "skip":
                equal(notice(peer.item()), wanted)
            if policy == "close":
                equal(peer.item(), None)
            else:
                equal(payload(peer.item()), "x")
                equal(notice(peer.item())["op"], "caught_up")


@cases(FORMS, "A reader of {0} that takes nothing is closed in the end.")
def stalls(_, form):
    """And counted as a slow consumer."""
    flags = ["--stall-timeout", "1s", "--ring-bytes", "1MiB"]
    with Broker(*flags) as broker:
        with form(broker, "stalls", receive_bytes=4096) as peer:
            begin(peer)
            publish(broker, "stalls", COUNT)
            name = 'connections_closed_total{reason="slow-consumer"}'
            broker.await_metric(name, 1)
            until(lambda: broker.metric("subscriptions") == 0, "detached")


@cases(FORMS, "Signs of life come on idle {0}.")
def signs(_, form):
    """As often as WebSockets are pinged, here."""
    with Broker("--heartbeat", "1s") as broker:
        with form(broker, "signs") as peer:
            equal(notice(peer.item())["heartbeat"], 1)
            equal(notice(peer.item())["op"], "caught_up")
            time.sleep(2.5)
            broker.post("signs", "x")
            equal(payload(peer.item()), "x")
            assert peer.signs >= 1


@cases(FORMS, "When the broker stops {0} end in good order.")
def drains(_, form):
    """With a notice, the last chunk and the end of the connection."""
    with Broker() as broker:
        with form(broker, "drains") as peer:
            begin(peer)
            broker.post("drains", "x")
            equal(payload(peer.item()), "x")
            broker.tell()
            rest = peer.rest()
            equal([notice(item)["op"] for item in rest], ["drain"])
            wait_ms = notice(rest[0])["reconnect_after_ms"]
            assert 2000 <= wait_ms < 4000, wait_ms
            if form is Events:
                equal(rest[0]["retry"], str(wait_ms))


@cases(FORMS, "When a topic is closed {0} end behind its last event.")
def topic_closed(broker, form):
    """And a browser that comes back is told not to."""
    topic = f"over-{form.__name__}"
    with form(broker, topic) as peer:
        begin(peer)
        cursor = broker.post(topic, "x")["cursor"]
        answer = broker.request("PUT", f"/topics/{topic}", '{"closed":true}')
        equal(answer.status, 200)
        equal(payload(peer.item()), "x")
        wanted = {"op": "closed", "topic": topic, "cursor": cursor}
        equal([notice(item) for item in peer.rest()], [wanted])
    with raw.Connection(broker.port) as peer:
        line = f"Last-Event-ID: {cursor}"
        peer.send(raw.get(f"/subscribe/{topic}?format=sse", line))
        equal(peer.answer().status, 204)
        peer.send(raw.get("/livez"))
        equal(peer.answer().status, 200)
    with form(broker, f"{topic}?since=-1") as peer:
        equal([payload(item) for item in begin(peer)], ["x"])
        equal([notice(item)["op"] for item in peer.rest()], ["closed"])


@cases(FORMS, "What a reader of {0} sends is ignored, but its end.")
def input_ignored(broker, form):
    """The end is a close by the peer."""
    name = 'connections_closed_total{reason="closed-by-peer"}'
    before = broker.metric(name)
    with form(broker, f"input-{form.__name__}") as peer:
        begin(peer)
        peer.send(raw.get("/livez") + raw.post("smuggled", b"x") + b"\0\r\n")
        peer.send(b"x" * 100000)
        broker.post(f"input-{form.__name__}", "still there")
        equal(payload(peer.item()), "still there")
        peer.finish()
        peer.expect_end()
    broker.await_metric(name, before + 1)
    produced = broker.metric("events_produced_total")
    broker.post("smuggled", "y")
    equal(broker.metric("events_produced_total"), produced + 1)


@cases(FORMS, "An idle subscriber of {0} costs no more than 600 bytes.")
def idle(_, form):
    """A thousand of them, by the broker's own account."""
    with Broker() as broker:
        with form(broker, "idle") as first:
            begin(first)
            before = broker.metric("memory_bytes")
            peers = [form(broker, "idle") for _ in range(IDLE)]
            for peer in peers:
                begin(peer)
            until(lambda: broker.metric("connections") <= IDLE + 2, "settled")
            grown = broker.metric("memory_bytes") - before
            print(f"# {grown / IDLE:.0f} bytes each")
            assert grown <= IDLE * IDLE_BYTES_MAX, grown
            broker.post("idle", "x")
            assert all(payload(peer.item()) == "x" for peer in peers)
            for peer in peers:
                peer.socket.close()


run(lambda: Broker("--ring-bytes", RING_BYTES, "--event-bytes", 16384))
