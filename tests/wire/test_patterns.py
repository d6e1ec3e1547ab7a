#!/usr/bin/python3
"""Several topics and patterns in one subscription, in each format: live and
resumed by one cursor, with topics that begin later, and with gaps."""

import json
import threading

import raw
from broker import Broker
from dialog import Dialog
from objects import FORMS, Objects
from stream import Events, Lines
from tap import cases, equal, run, test

EVENT_BYTES = 4 * 1024
PUBLISHERS = 4
ROUNDS = 60
PART = 30  # of the events, that a reader gets before it leaves


def named(items):
    """Of each event its topic and its data."""
    return [(item["topic"], item["data"]) for item in items]


@cases(FORMS, "Over {0}, one subscription has several topics, also later ones.")
def several(broker, form):
    name = form.__name__.lower()
    broker.post(f"{name}.early.1", "0")
    with Objects(form, broker, f"{name}.*.1,{name}.b,{name}.c.%3E") as peer:
        equal(peer.until_caught_up(), [])
        wanted = sorted([f"{name}.*.1", f"{name}.b", f"{name}.c.>"])
        equal(peer.opened["topics"], wanted)
        assert "earliest" not in peer.opened, peer.opened
        for topic in ("early.1", "b", "b.2", "c", "c.d.e", "late.1", "b"):
            broker.post(f"{name}.{topic}", topic)
        found = peer.events(5)
        topics = ["early.1", "b", "c.d.e", "late.1", "b"]
        equal(named(found), [(f"{name}.{t}", t) for t in topics])
        epoch = peer.opened["cursor"].split("-")[0]
        numbers = [int(item["resume"].split("-")[1]) for item in found]
        assert all(i["resume"].startswith(f"{epoch}-") for i in found), found
        equal(numbers, sorted(set(numbers)))


def publish_from_many(broker, prefix):
    """Publishes to topics that come into being meanwhile, from several
    connections at once; the threads."""

    def publish(publisher):
        for number in range(ROUNDS):
            topic = f"{prefix}.{publisher}.{number % 5}"
            broker.post(topic, f"{publisher}-{number}")
            broker.post(f"other.{publisher}.{number}", "not for you")

    threads = [
        threading.Thread(target=publish, args=(i,)) for i in range(PUBLISHERS)
    ]
    for thread in threads:
        thread.start()
    return threads


@cases(FORMS, "Over {0}, one cursor resumes all topics, and nothing is lost.")
def resumed(broker, form):
    prefix = f"resumed.{form.__name__.lower()}"
    path = f"{prefix}.>,none"
    found = []
    with Objects(form, broker, path) as peer:
        cursor = peer.opened["cursor"]
    threads = publish_from_many(broker, prefix)
    while len(found) < PUBLISHERS * ROUNDS:
        with Objects(form, broker, f"{path}?since={cursor}") as peer:
            for _ in range(min(PART, PUBLISHERS * ROUNDS - len(found))):
                while (item := peer.item())["op"] != "event":
                    equal(item["op"], "caught_up")
                found.append(item)
                cursor = item["resume"]
    for thread in threads:
        thread.join()
    with Objects(form, broker, f"{path}?since={cursor}") as peer:
        equal(peer.until_caught_up(), [])
    wanted = [f"{p}-{n}" for p in range(PUBLISHERS) for n in range(ROUNDS)]
    equal(sorted(item["data"] for item in found), sorted(wanted))
    for publisher in range(PUBLISHERS):
        own = [i["data"] for i in found if i["data"][0] == str(publisher)]
        equal(own, [f"{publisher}-{n}" for n in range(ROUNDS)])


@test
def by_browser(broker):
    """A browser comes back with Last-Event-ID, to all topics."""
    broker.post("browser.a", "1")
    with Events(broker, "browser.*?since=earliest") as peer:
        opened = peer.item()
        equal(opened["event"], "ringtail.open")
        event = peer.item()
        equal(json.loads(event["data"])["data"], "1")
    broker.post("browser.b", "2")
    line = f"Last-Event-ID: {event['id']}"
    with raw.Connection(broker.port) as peer:
        lines = (line, "Accept: text/event-stream")
        peer.send(raw.get("/subscribe/browser.*", *lines))
        equal(peer.answer().headers["ringtail-cursor"], event["id"])
    with Events(broker, f"browser.*?last_event_id={event['id']}") as peer:
        peer.item()
        equal(json.loads(peer.item()["data"])["data"], "2")


@cases(FORMS, "Over {0}, what is gone is told, topic by topic.")
def gaps(_, form):
    path = "gap.*?since="
    with Broker("--ring-bytes", "64KiB", "--event-bytes", "8KiB") as broker:
        broker.post("gap.kept", "first")
        with Objects(form, broker, "gap.*") as peer:
            cursor = peer.opened["cursor"]
        broker.post("gap.kept", "second")
        for _ in range(100):
            broker.post("gap.lost", "x" * EVENT_BYTES)
        with Objects(form, broker, path + cursor) as peer:
            found = peer.until_caught_up()
        gap = found[0]
        equal((gap["op"], gap["topic"]), ("gap", "gap.lost"))
        equal(gap["reason"], "evicted")
        assert "after" not in gap and "missed" not in gap, gap
        assert gap["resume"].startswith("*"), gap
        equal(named(found[1:2]), [("gap.kept", "second")])
        equal(found[2]["cursor"], gap["next"])
        cursor = found[-1]["resume"]
        with Objects(form, broker, path + cursor) as peer:
            equal(peer.until_caught_up(), [])


@cases(FORMS, "Over {0}, a cursor of another broker is told as a gap of all.")
def other_epoch(broker, form):
    name = f"epoch.{form.__name__.lower()}"
    broker.post(f"{name}.1", "here")
    with Objects(form, broker, f"{name}.*?since=*00000001-7") as peer:
        equal(peer.opened["cursor"], "*00000001-7")  # the gap comes behind it
        found = peer.until_caught_up()
    equal((found[0]["op"], found[0]["reason"]), ("gap", "epoch_changed"))
    assert "topic" not in found[0] and "next" not in found[0], found
    equal(named(found[1:]), [(f"{name}.1", "here")])


@cases(FORMS, "Over {0}, a time is one in all topics.")
def since_time(broker, form):
    name = f"time.{form.__name__.lower()}"
    for number in range(4):
        broker.post(f"{name}.{number % 2}", str(number))
    with Objects(form, broker, f"{name}.*?since=10m") as peer:
        found = peer.until_caught_up()
    equal([item["data"] for item in found], ["0", "1", "2", "3"])


@test
def operations(broker):
    """A dialog subscribes to several topics, and unsubscribes."""
    with Dialog(broker) as peer:
        ok = peer.ask("sub", id=1, topics=["op.b", "op.*.x", "op.b"])
        equal((ok["op"], ok["id"]), ("ok", 1))
        assert ok["cursor"].startswith("*") and "topic" not in ok, ok
        equal(peer.item()["op"], "caught_up")
        equal(peer.ask("sub", topic="op.c")["topic"], "op.c")
        equal(peer.item()["op"], "caught_up")
        answer = peer.ask("sub", topics=["op.*.x", "op.b"])
        equal(answer["problem"]["status"], 400)
        broker.post("op.1.x", "1")
        event = peer.item()
        equal((event["topic"], event["data"]), ("op.1.x", "1"))
        broker.post("op.c", "2")
        assert "resume" not in peer.item()
        ok = peer.ask("unsub", topics=["op.b", "op.*.x"])
        equal((ok["op"], ok["cursor"][0]), ("ok", "*"))
        broker.post("op.1.x", "3")
        assert peer.is_silent()
        ok = peer.ask("sub", topics=["op.*.x"], since=event["resume"])
        equal(ok["cursor"], event["resume"])
        equal(peer.item()["data"], "3")
        equal(peer.item()["op"], "caught_up")


@test
def leaving(_):
    """The reason of a close frame has the cursor to resume all from."""
    with Broker() as broker:
        with Dialog(broker, "/a,b.*") as peer:
            equal(peer.item()["op"], "caught_up")
            broker.post("b.1", "x")
            resume = peer.item()["resume"]
            broker.tell()
            equal(peer.item()["op"], "drain")
            equal((peer.item(), peer.code), (None, 1001))
            equal(peer.reason, f"leaving; cursor={resume}")


LOST = [
    ("a cursor of one topic", "7f3a9c21-1"),
    ("of another node", "*00000000-7"),
    ("no cursor at all", "x"),
]


@cases(LOST, "An id that is {0} is a gap for a browser, and no error.")
def lost_id(broker, last):
    """It goes on with the oldest event that is left."""
    prefix = f"lost.{len(last)}"
    broker.post(f"{prefix}.a", "left")
    with Events(broker, f"{prefix}.*", f"Last-Event-ID: {last}") as peer:
        place = json.loads(peer.item()["data"])["cursor"]
        item = peer.item()
        gap = json.loads(item["data"])
        equal((gap["op"], gap["reason"]), ("gap", "epoch_changed"))
        assert "missed" not in gap and "topic" not in gap, gap
        assert item["id"] == gap["resume"] != place, (place, item)
        equal(json.loads(peer.item()["data"])["data"], "left")
        equal(peer.item()["event"], "ringtail.caught_up")


@test
def own_topics(broker):
    """Wildcards do not have the broker's own topics."""
    with Lines(broker, "*,$sys.*") as peer:
        equal(peer.item()["topics"], ["$sys.*", "*"])
    for topics in ("$sys", "a,$sys"):
        answer = broker.request("GET", f"/subscribe/{topics}")
        equal(answer.status, 400)
        assert "the broker's own" in answer.json()["detail"], answer.body


REFUSED = [
    ("a cursor of one topic", "a,b?since=7f3a9c21-1", "since"),
    ("a number of events", "a.*?since=-5&format=sse", "since"),
    ("to close for a gap", "a,b?gap=close", "gap"),
    ("a cursor of several, in one", "a?since=*7f3a9c21-1", "since"),
    ("an id of several, in one", "a?last_event_id=*7f3a9c21-1", "last_ev"),
    ("an id of one topic", "a,b?lastEventId=7f3a9c21-1", "lastEventId"),
    ("a wildcard in a token", "a*,b", "wildcard"),
    ("a > in the middle", "a.%3E.b", "last token"),
    ("an empty topic", "a,b,,c", "a,b,: the topic is missing"),
    ("a comma at the end", "a,", "a,: the topic is missing"),
    ("65 topics", ",".join(f"a{i}" for i in range(65)), "at most 64"),
    ("too many bytes", ",".join(["a" * 60] * 20), "1024 bytes"),
]


@cases(REFUSED, "{0} is refused, with its name")
def refused(broker, path, word):
    with raw.Connection(broker.port) as peer:
        peer.send(raw.get(f"/subscribe/{path}"))
        answer = peer.answer()
    equal(answer.status, 400)
    assert word in json.loads(answer.body)["detail"], answer.body


PLACES = [("a,,b", 1), (",a", 0), ("a,b,c..", 2), ("a,b,*,>.x", 3)]


@cases([(path, path, index) for path, index in PLACES],
       "Of {0} the one that is wrong is number {2}.")
def places(broker, path, index):
    """From 0, as in a batch."""
    answer = broker.request("GET", f"/subscribe/{path}")
    equal(answer.json()["index"], index)


@test
def raw_frames(broker):
    """A raw WebSocket has one topic: several need the subprotocol."""
    with raw.Connection(broker.port) as peer:
        peer.send(raw.upgrade("/subscribe/a,b"))
        answer = peer.answer()
    equal(answer.status, 400)
    assert "ringtail.v1.json" in json.loads(answer.body)["detail"]


@test
def bounds(broker):
    """An operation has no more topics in bytes than a path may."""
    with Dialog(broker) as peer:
        topics = [f"{'a' * 60}.{number}" for number in range(20)]
        answer = peer.ask("sub", topics=topics)
        equal(answer["problem"]["limit"], 1024)


run(Broker)
