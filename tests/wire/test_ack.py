#!/usr/bin/python3
"""What publishers are told of a log on disk: when an event is in memory, and
when it is there."""

import contextlib
import json
import pathlib
import tempfile

import raw
from broker import Broker
from dialog import Dialog
from tap import equal, run, test

LINES = {"Content-Type": "application/x-ndjson"}


@contextlib.contextmanager
def logging_broker():
    """A broker with a log, which is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="ringtail-ack-") as data:
        with Broker("--data", data) as broker:
            yield broker


def post(topic, body=b"x", ack=None, *lines):
    """A request to publish, as bytes."""
    query = "" if ack is None else f"?ack={ack}"
    length = f"Content-Length: {len(body)}"
    path = f"/produce/{topic}{query}"
    return raw.request("POST", path, length, *lines) + body


def receipts(peer, count):
    """What so many requests were answered, each with a receipt."""
    answers = [peer.answer() for _ in range(count)]
    equal({answer.status for answer in answers}, {200})
    return [json.loads(answer.body) for answer in answers]


def written(data):
    """All bytes of the log in a directory."""
    files = pathlib.Path(data).iterdir()
    return b"".join(file.read_bytes() for file in files)


# --- what is asked for ---


@test
def levels(broker):
    """A receipt says how far the event has come: as it was asked for, and to
    disk for who does not say."""
    equal(broker.post("a", b"x")["ack"], "disk")
    for ack in ("memory", "disk", "disk", "memory"):
        answer = broker.request("POST", f"/produce/a?ack={ack}", b"x")
        equal((answer.status, answer.json()["ack"]), (200, ack))
        minimal = {"Prefer": "return=minimal"}
        answer = broker.request("POST", f"/produce/a?ack={ack}", b"x", minimal)
        equal((answer.status, answer.headers["Ringtail-Ack"]), (204, ack))
    answer = broker.request("POST", "/produce/a?ack=quorum", b"x")
    equal(answer.status, 501)


@test
def defaults(broker):
    """A topic's own level holds for who does not say, until it is told to be
    as the others."""
    equal(broker.request("GET", "/topics/own").status, 404)
    for body, ack in [
        (b'{"ack":"memory"}', "memory"),
        (b'{"ring_events":7}', "disk"),
        (b'{"ack":"disk"}', "disk"),
    ]:
        answer = broker.request("PUT", "/topics/own", body)
        assert answer.status in (200, 201), answer.body
        equal(answer.json()["configuration"]["ack"], ack)
        shown = broker.request("GET", "/topics/own").json()
        equal(shown["configuration"]["ack"], ack)
        equal(broker.post("own", b"x")["ack"], ack)
    answer = broker.request("PUT", "/topics/own", b'{"ack":"quorum"}')
    equal(answer.status, 400)


@test
def remembered(_):
    """A topic's own level survives the broker."""
    with tempfile.TemporaryDirectory(prefix="ringtail-ack-") as data:
        with Broker("--data", data) as broker:
            broker.request("PUT", "/topics/own", b'{"ack":"memory"}')
        with Broker("--data", data) as broker:
            equal(broker.post("own", b"x")["ack"], "memory")
            equal(broker.post("other", b"x")["ack"], "disk")


@test
def batches(broker):
    """Batches say it for each of their topics."""
    answer = broker.request("POST", "/produce/a?ack=disk", b"1\n2\n", LINES)
    equal((answer.json()["count"], answer.json()["ack"]), (2, "disk"))
    lines = b'{"topic":"a","data":1}\n{"topic":"b","data":2}\n'
    answer = broker.request("POST", "/produce?ack=disk", lines, LINES)
    equal([each["ack"] for each in answer.json()["receipts"]], ["disk"] * 2)


@test
def keys(broker):
    """A repetition waits for the disk like the first request."""
    key = "Idempotency-Key: k1"
    with raw.Connection(broker.port) as peer:
        peer.send(post("keys", b"x", "memory", key))
        peer.send(post("keys", b"x", "disk", key) * 3)
        told = receipts(peer, 4)
    equal([each["ack"] for each in told], ["memory", "disk", "disk", "disk"])
    equal({each["cursor"] for each in told}, {told[0]["cursor"]})


@test
def dialogs(broker):
    """Operations are answered when their events are where they should be, and
    do not wait for one another."""
    with Dialog(broker) as dialog:
        for number, ack in enumerate(("memory", "disk") * 20):
            dialog.say(
                {"op": "pub", "id": number, "topic": "d", "data": 1, "ack": ack}
            )
        told = {item["id"]: item for item in dialog.items(40)}
    equal([told[i]["offset"] for i in range(40)], list(range(1, 41)))
    equal([told[i]["ack"] for i in range(40)], ["memory", "disk"] * 20)


# --- pipelines ---


@test
def shared(broker):
    """64 requests that are pipelined are a batch or two, not 64 syncs."""
    before = broker.metric("log_batches_total")
    with raw.Connection(broker.port) as peer:
        peer.send(post("shared", ack="disk") * 64)
        told = receipts(peer, 64)
    equal([each["offset"] for each in told], list(range(1, 65)))
    assert broker.metric("log_batches_total") - before <= 4


@test
def ordered(broker):
    """Answers keep the order of requests that ask for this and that."""
    acks = ["memory", "disk", "memory", "memory", "disk", "disk", "memory"] * 60
    requests = b"".join(post("mixed", ack=ack) for ack in acks)
    with raw.Connection(broker.port) as peer:
        peer.send(requests)
        told = receipts(peer, len(acks))
    equal([each["offset"] for each in told], list(range(1, len(acks) + 1)))
    equal([each["ack"] for each in told], acks)


@test
def slow(broker):
    """While much is written, who asks for memory is answered, and who asks for
    the disk waits for his own."""
    load = b"".join(b'"%s"\n' % (b"y" * 100000) for _ in range(40))
    typed = f"Content-Type: {LINES['Content-Type']}"
    with raw.Connection(broker.port) as many, raw.Connection(
        broker.port
    ) as one:
        many.send(post("load", load, "memory", typed) * 4)
        one.send(post("slow", ack="disk") + post("slow", ack="memory"))
        equal([e["ack"] for e in receipts(one, 2)], ["disk", "memory"])
        equal([e["count"] for e in receipts(many, 4)], [40] * 4)


@test
def upgraded(broker):
    """A subscription behind an answer that waits begins behind it."""
    with raw.Connection(broker.port) as peer:
        peer.send(post("first", ack="disk") + raw.upgrade("/subscribe/first"))
        equal(receipts(peer, 1)[0]["ack"], "disk")
        equal(peer.answer().status, 101)


@test
def last(broker):
    """Who sends no more gets all answers, and then the end."""
    with raw.Connection(broker.port) as peer:
        peer.send(post("last", ack="disk") * 200)
        peer.finish()
        equal(len(receipts(peer, 200)), 200)
        peer.expect_end()


# --- what subscribers see ---


@test
def visible(broker):
    """Who asks for what is on disk gets all of it, in each format."""
    raw_peer = raw.WebSocket(broker, "/subscribe/seen?visible=disk")
    with raw_peer, Dialog(broker, "/seen?visible=disk") as first:
        with Dialog(broker) as second:
            answer = second.ask("sub", topic="seen", visible="disk")
            equal(answer["op"], "ok")
            equal(second.item()["op"], "caught_up")
            equal(first.item()["op"], "caught_up")
            for number in range(50):
                broker.post("seen", b"%d" % number)
            for number in range(50):
                text = str(number)
                equal(raw_peer.frame(), (raw.TEXT, text.encode()))
                equal(first.item()["data"], text)
                equal(second.item()["data"], text)


@test
def replayed(broker):
    """It is replayed from where one likes, and then goes on."""
    for number in range(20):
        broker.post("again", b"%d" % number)
    with Dialog(broker, "/again?visible=disk&since=earliest") as peer:
        equal([item["data"] for item in peer.items(20)], numbers(20))
        equal(peer.item()["op"], "caught_up")
        broker.post("again", b"20")
        equal(peer.item()["data"], "20")


def numbers(count):
    """The payloads of so many events."""
    return [str(number) for number in range(count)]


@test
def unseen(broker):
    """Without a log it is refused with 501, and what is no level with 400."""
    for path, status in [
        ("a?visible=quorum", 501),
        ("a,b?visible=quorum", 501),
        ("a?visible=later", 400),
    ]:
        answer = broker.request("GET", f"/subscribe/{path}")
        equal(answer.status, status, path)
    with Broker() as other:
        for path in ["a", "a,b", "a.*"]:
            answer = other.request("GET", f"/subscribe/{path}?visible=disk")
            equal(answer.status, 501)
        with Dialog(other) as peer:
            answer = peer.ask("sub", topics=["a", "b"], visible="disk")
            equal(answer["problem"]["status"], 501)


# --- what is on disk ---


def publish_until_killed(broker, numbers, told):
    """Publishes under ever new numbers; what was acknowledged is noted."""
    with raw.Connection(broker.port) as peer:
        try:
            for round_number in range(1 << 20):
                wanted = [b"<%d>" % next(numbers) for _ in range(16)]
                peer.send(b"".join(post("k", text, "disk") for text in wanted))
                if round_number == 20:
                    broker.process.kill()
                for text, receipt in zip(wanted, receipts(peer, 16)):
                    told[receipt["cursor"]] = text
        except (raw.Ended, ConnectionError):
            return


@test
def kept(_):
    """What was acknowledged with the disk is there after SIGKILL, each time,
    and no place is given twice."""
    told, numbers = {}, iter(range(1 << 30))
    with tempfile.TemporaryDirectory(prefix="ringtail-ack-") as data:
        for rounds in range(1, 5):
            broker = Broker("--data", data).__enter__()
            publish_until_killed(broker, numbers, told)
            broker.process.communicate()
            assert len(told) >= rounds * 20 * 16, len(told)
        log = written(data)
    equal(len(set(told.values())), len(told))
    equal([text for text in told.values() if text not in log], [])


run(logging_broker)
