#!/usr/bin/python3
"""What is on disk and no longer in memory is given to whoever asks for it, in
every form, as if it were still there."""

import datetime

import dialog
import pages
import raw
import stream
from batches import publish_lines
from broker import until
from data import JUMP, SMALL, Killed, broker_on, folder, on_disk, state
from tap import equal, run, test

COUNT = 3000
BATCH = 500


def payload(number):
    """The event of that number: a thousand bytes or so."""
    return b"%d " % number + bytes([97 + number % 26]) * (800 + number % 400)


def publish(broker, topic, first, last):
    """Events of these numbers, in batches."""
    lines = [b'"%s"\n' % payload(n) for n in range(first, last + 1)]
    publish_lines(broker, f"/produce/{topic}", lines, BATCH)
    on_disk(broker)


def expect(events, first, last):
    """They are the events of these numbers."""
    wanted = [b'"%s"' % payload(number) for number in range(first, last + 1)]
    equal(len(events), len(wanted))
    for number, (event, right) in enumerate(zip(events, wanted)):
        assert event == right, (first + number, event[:40], right[:40])


def data_of(items):
    """The payloads of envelopes, as bytes."""
    return [b'"%s"' % item["data"].encode() for item in items]


@test
def beyond_the_ring():
    """A ring of 64 KiB has the last events, and the disk all of them."""
    with folder() as data, broker_on(data, *SMALL) as broker:
        publish(broker, "news", 1, COUNT)
        path = "/subscribe/news?since=earliest"
        with raw.WebSocket(broker, path, timeout=30) as peer:
            equal(peer.cursor[9:], "0")
            expect(peer.events(COUNT), 1, COUNT)
            publish(broker, "news", COUNT + 1, COUNT + 10)
            expect(peer.events(10), COUNT + 1, COUNT + 10)


@test
def after_a_restart():
    """Whoever comes back with its cursor goes on behind it, in every form."""
    with folder() as data:
        with broker_on(data, *SMALL) as broker:
            publish(broker, "news", 1, COUNT)
            epoch = state(broker, "news")["epoch"]
        with broker_on(data, *SMALL) as broker:
            equal(state(broker, "news")["epoch"], epoch)
            cursor = f"{epoch}-{COUNT - 700}"
            path = f"/subscribe/news?since={cursor}"
            with raw.WebSocket(broker, path) as peer:
                equal(peer.cursor, cursor)
                expect(peer.events(700), COUNT - 699, COUNT)
            with stream.Lines(broker, f"news?since={cursor}") as peer:
                equal(peer.item()["op"], "open")
                expect(data_of(peer.items(700)), COUNT - 699, COUNT)
                equal(peer.item()["op"], "caught_up")
            with stream.Events(broker, f"news?since={cursor}") as peer:
                equal(peer.item()["event"], "ringtail.open")
                items = peer.items(700)
                payloads = [item["data"].encode() for item in items]
                expect(payloads, COUNT - 699, COUNT)
                equal(items[-1]["id"], f"{epoch}-{COUNT}")
                equal(peer.item()["event"], "ringtail.caught_up")
            publish(broker, "news", COUNT + 1, COUNT + 5)
            with raw.WebSocket(broker, path) as peer:
                expect(peer.events(705), COUNT - 699, COUNT + 5)


@test
def other_beginnings():
    """The last N, a time, and the beginning, over the end of a process."""
    with folder() as data:
        with broker_on(data, *SMALL) as broker:
            publish(broker, "news", 1, COUNT)
        with broker_on(data, *SMALL) as broker:
            publish(broker, "news", COUNT + 1, COUNT + 10)
            for since, count in (
                ("-5", 5),
                ("-20", 20),
                ("earliest", COUNT + 10),
                ("1h", COUNT + 10),
            ):
                path = f"/subscribe/news?since={since}"
                with raw.WebSocket(broker, path, timeout=30) as peer:
                    expect(peer.events(count), COUNT + 11 - count, COUNT + 10)


@test
def pages_of_it():
    """Pages go through all that there is, from disk into memory."""
    with folder() as data:
        with broker_on(data, *SMALL) as broker:
            publish(broker, "news", 1, COUNT)
        with broker_on(data, *SMALL) as broker:
            publish(broker, "news", COUNT + 1, COUNT + 30)
            query = "?after=earliest&limit=700"
            got = []
            while True:
                answer = pages.page(broker, "news", query)
                found = pages.items(answer)
                if not found:
                    break
                got += found
                query = pages.next_query(answer)
            expect(data_of(got), 1, COUNT + 30)
            equal(answer.headers["Ringtail-Up-To-Date"], "true")
            first = pages.page(broker, "news", "?after=earliest&limit=3")
            expect(data_of(pages.items(first)), 1, 3)
            again = pages.page(broker, "news", "?after=-7&wait=5s")
            expect(data_of(pages.items(again)), COUNT + 24, COUNT + 30)


@test
def after_a_kill():
    """What was on disk is given again; then a gap says that more may have been
    lost, and a cursor that nobody can know any more is one as well."""
    with folder() as data:
        with Killed("--data", data, *SMALL) as broker:
            publish(broker, "news", 1, COUNT)
            epoch = state(broker, "news")["epoch"]
        with broker_on(data, *SMALL) as broker:
            cursor = f"{epoch}-{COUNT - 5}"
            with stream.Lines(broker, f"news?since={cursor}") as peer:
                equal(peer.item()["op"], "open")
                expect(data_of(peer.items(5)), COUNT - 4, COUNT)
                gap = peer.item()
                equal((gap["op"], gap["reason"]), ("gap", "engine"))
                equal(gap["after"], f"{epoch}-{COUNT}")
                assert "missed" not in gap, gap
            path = f"/subscribe/news?since={epoch}-{COUNT + 3}"
            with raw.WebSocket(broker, path) as peer:
                _, code, reason = peer.until_close()
                slug, values = raw.reason_values(reason)
                equal((code, slug), (4410, "events-lost"))
                equal(values["cursor"], f"{epoch}-{COUNT + JUMP}")
            with raw.WebSocket(
                broker, f"/subscribe/news?since={values['cursor']}"
            ) as peer:
                publish(broker, "news", 1, 1)
                expect(peer.events(1), 1, 1)


def since_text(ts):
    """A time stamp as `since` takes it."""
    when = datetime.datetime.fromtimestamp(ts / 1000, datetime.timezone.utc)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def expect_lost(broker, since):
    """Who asks for all since then is told that some may have been lost, up to
    where the node went on."""
    with stream.Lines(broker, f"news?since={since}") as peer:
        equal(peer.item()["op"], "open")
        gap = peer.item()
        equal((gap["op"], gap["reason"]), ("gap", "engine"))
        equal(gap["next"][9:], str(JUMP + 2))


@test
def times_after_a_kill():
    """Whoever asks for all events since a time before a kill is told that some
    may have been lost, though none of that time is on disk; and so after
    another start. One who asks for a time after it is not."""
    with folder() as data:
        with Killed("--data", data) as broker:
            first = broker.post("news", b"1")
            on_disk(broker)
        since = since_text(first["ts"] + 1)
        for _ in range(2):
            with broker_on(data) as broker:
                expect_lost(broker, since)
        with broker_on(data) as broker:
            second = broker.post("news", b"2")
            on_disk(broker)
            expect_lost(broker, since)
        with broker_on(data) as broker:
            expect_lost(broker, since)
            after = since_text(second["ts"])
            with stream.Lines(broker, f"news?since={after}") as peer:
                equal(peer.item()["op"], "open")
                equal(peer.item()["data"], "2")


@test
def patterns_after_a_kill():
    """Who reads several topics, and had all that there was, is told after a
    kill that more may have been lost; after an end in good order it is not."""
    with folder() as data:
        with broker_on(data) as broker:
            broker.post("a.1", b"x")
            on_disk(broker)
            with stream.Lines(broker, "a.*") as peer:
                where = peer.item()["cursor"]
        with Killed("--data", data) as broker:
            with stream.Lines(broker, f"a.*?since={where}") as peer:
                equal(peer.item()["op"], "open")
                broker.post("a.2", b"y")
                item = peer.item()
                while item["op"] != "event":
                    equal(item["op"], "caught_up")
                    item = peer.item()
                equal(item["data"], "y")
                where = item["resume"]
            on_disk(broker)
        with broker_on(data) as broker:
            with stream.Lines(broker, f"a.*?since={where}") as peer:
                equal(peer.item()["op"], "open")
                broker.post("a.2", b"z")
                gap = peer.item()
                equal((gap["op"], "topic" in gap), ("gap", False))
                item = peer.item()
                while item["op"] != "event":
                    item = peer.item()
                equal(item["data"], "z")


@test
def damaged_on_disk():
    """A bit that the disk turned is never given to anybody, and what is lost
    with it is told."""
    with folder() as data:
        with broker_on(data, *SMALL) as broker:
            publish(broker, "news", 1, COUNT)
            name = f"{data}/{1:020}.rtl"
            at = open(name, "rb").read().index(payload(100))
            with open(name, "r+b") as file:
                file.seek(at)
                file.write(b"X")
            with dialog.Dialog(broker, "/news?since=earliest") as peer:
                before = []
                while (item := peer.item())["op"] == "event":
                    before.append(item)
                equal((item["op"], item["reason"]), ("gap", "engine"))
                expect(data_of(before), 1, len(before))
                assert len(before) < 100, len(before)
                first = int(item["next"][9:])
                assert 100 < first <= COUNT, first
                expect(data_of(peer.items(COUNT - first + 1)), first, COUNT)


@test
def little_memory():
    """Where memory has room for a block or two from disk, readers of more
    topics than that are all given what there is, in turn."""
    topics = ("a", "b", "c", "d")
    with folder() as data, broker_on(
        data, "--memory", "8MiB", *SMALL
    ) as broker:
        for topic in topics:
            publish(broker, topic, 1, BATCH)
        peers = [
            stream.Lines(broker, f"{topic}?since=earliest", timeout=60)
            for topic in topics
        ]
        for peer in peers:
            with peer:
                equal(peer.item()["op"], "open")
                expect(data_of(peer.items(BATCH)), 1, BATCH)


@test
def slow_readers():
    """Many who stall in different places each get everything, and the broker
    keeps no more than it may."""
    with folder() as data, broker_on(data, *SMALL) as broker:
        publish(broker, "news", 1, COUNT)
        path = "/subscribe/news?since=earliest"
        peers = [
            raw.WebSocket(broker, path, receive_bytes=4096, timeout=60)
            for _ in range(20)
        ]
        for number, peer in enumerate(peers):
            expect(peer.events(number * 40), 1, number * 40)
        publish(broker, "news", COUNT + 1, COUNT + 10)
        for number, peer in enumerate(peers):
            left = COUNT + 10 - number * 40
            expect(peer.events(left), number * 40 + 1, COUNT + 10)
            peer.socket.close()
        equal(broker.metric("subscriber_gaps_total"), 0)
        until(lambda: broker.metric("memory_bytes") < 8 << 20, "memory")


@test
def many_topics():
    """Each of several topics is replayed with its own events alone."""
    topics = [f"t.{number}" for number in range(20)]
    with folder() as data:
        with broker_on(data) as broker:
            for number in range(1, 101):
                for topic in topics:
                    broker.post(topic, b'"%s"' % payload(number))
            on_disk(broker)
        with broker_on(data) as broker:
            for topic in topics:
                path = f"/subscribe/{topic}?since=earliest"
                with raw.WebSocket(broker, path) as peer:
                    expect(peer.events(100), 1, 100)


run()
