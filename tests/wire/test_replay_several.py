#!/usr/bin/python3
"""Who reads several topics is given what is on disk and no longer in memory, in
the order of all, with nothing missing and nothing twice."""

from batches import publish_lines
from broker import until
from data import SMALL, broker_on, folder, on_disk, state
from dialog import Dialog
from objects import FORMS, Objects
from stream import Lines
from tap import cases, equal, run, test

TOPICS = [f"s.{number}" for number in range(12)]
BATCH = 240


def payload(number):
    """The event of that number: a few hundred bytes."""
    return b"%d " % number + bytes([97 + number % 26]) * (200 + number % 400)


def topic_of(number):
    """Where it is published: some topics have much, and some little."""
    if number % 50 == 0:
        return TOPICS[7 + number // 50 % 5]
    return TOPICS[number * number % 7]


def publish(broker, first, last):
    """Events of these numbers, in batches over the topics."""
    lines = [
        b'{"topic":"%s","data":"%s"}\n'
        % (topic_of(number).encode(), payload(number))
        for number in range(first, last + 1)
    ]
    publish_lines(broker, "/produce", lines, BATCH)
    on_disk(broker)


def expect(events, first, last, topics=TOPICS):
    """They are the events of these numbers in these topics."""
    wanted = [n for n in range(first, last + 1) if topic_of(n) in topics]
    equal(len(events), len(wanted))
    for event, number in zip(events, wanted):
        equal(event["topic"], topic_of(number))
        assert event["data"].encode() == payload(number), (number, event)


def behind(event):
    """The query that goes on behind an event."""
    return f"since={event['resume']}"


@cases(FORMS, "Over {0}, a pattern goes on over the end of a broker.")
def after_a_restart(form):
    with folder() as data:
        with broker_on(data, *SMALL) as broker:
            with Objects(form, broker, "s.*") as peer:
                equal(peer.until_caught_up(), [])
                publish(broker, 1, 4000)
                got = peer.events(4000)
                expect(got, 1, 4000)
        with broker_on(data, *SMALL) as broker:
            with Objects(form, broker, f"s.*?{behind(got[99])}") as peer:
                expect(peer.until_caught_up(), 101, 4000)
                publish(broker, 4001, 4500)
                expect(peer.events(500), 4001, 4500)
            with Objects(form, broker, f"s.*?{behind(got[2999])}") as peer:
                expect(peer.until_caught_up(), 3001, 4500)
            with Objects(form, broker, f"s.*?{behind(got[3999])}") as peer:
                expect(peer.until_caught_up(), 4001, 4500)


@test
def beyond_the_rings():
    """Rings of 64 KiB have the last events, and the disk all of them; a list
    has those of its topics alone."""
    with folder() as data, broker_on(data, *SMALL) as broker:
        with Objects(Lines, broker, "s.*") as peer:
            start = peer.opened["cursor"]
        publish(broker, 1, 5000)
        for chosen in (["s.3", "s.7"], ["s.1"], ["s.0", "s.9", "s.11"], TOPICS):
            path = f"{','.join(chosen)},none.*?since={start}"
            with Objects(Dialog, broker, path) as peer:
                expect(peer.until_caught_up(), 1, 5000, chosen)
        equal(broker.metric("subscriber_gaps_total"), 0)


@test
def beginnings():
    """The earliest is what the log has, of all topics; and a time."""
    with folder() as data:
        with broker_on(data, *SMALL) as broker:
            publish(broker, 1, 3000)
        with broker_on(data, *SMALL) as broker:
            publish(broker, 3001, 3100)
            for since in ("earliest", "1h"):
                with Objects(Lines, broker, f"s.*?since={since}") as peer:
                    expect(peer.until_caught_up(), 1, 3100)
            with Objects(Lines, broker, "s.*?since=now") as peer:
                equal(peer.until_caught_up(), [])


@test
def while_others_publish():
    """Who comes from behind and who publishes do not meet in a wrong place."""
    with folder() as data, broker_on(data, *SMALL) as broker:
        publish(broker, 1, 3000)
        path = "s.*?since=earliest"
        peers = [
            Objects(Lines, broker, path, receive_bytes=4096, timeout=60)
            for _ in range(8)
        ]
        for number, peer in enumerate(peers):
            expect(peer.events(number * 50), 1, number * 50)
        publish(broker, 3001, 6000)
        for number, peer in enumerate(peers):
            got = []
            while len(got) < 6000 - number * 50:
                item = peer.item()
                if item["op"] == "event":
                    got.append(item)
                else:
                    equal(item["op"], "caught_up")
            expect(got, number * 50 + 1, 6000)
            peer.peer.socket.close()
        equal(broker.metric("subscriber_gaps_total"), 0)
        until(lambda: broker.metric("memory_bytes") < 10 << 20, "memory")


@test
def more_topics_than_are_told():
    """However many topics there are, nothing of any is missing."""
    topics = [f"m.{number}" for number in range(300)]
    with folder() as data:
        with broker_on(data, *SMALL) as broker:
            for round_ in range(3):
                lines = [
                    b'{"topic":"%s","data":"%d"}\n' % (topic.encode(), round_)
                    for topic in topics
                ]
                publish_lines(broker, "/produce", lines, 60)
            on_disk(broker)
        with broker_on(data, *SMALL) as broker:
            with Objects(Lines, broker, "m.*?since=earliest") as peer:
                got = [
                    (item["topic"], item["data"])
                    for item in peer.until_caught_up()
                ]
        equal(got, [(t, str(r)) for r in range(3) for t in topics])


@test
def retention():
    """What the disk has removed is a gap of its topic alone."""
    with folder() as data, broker_on(data, *SMALL) as broker:
        with Objects(Lines, broker, "s.*") as peer:
            start = peer.opened["cursor"]
        kept = b'{"data_bytes":"64KiB"}'
        equal(broker.request("PUT", "/topics/s.2", kept).status, 201)
        publish(broker, 1, 5000)
        until(lambda: state(broker, "s.2")["earliest"][9:] != "1", "retention")
        with Objects(Lines, broker, f"s.*?since={start}") as peer:
            gap = peer.item()
            equal((gap["op"], gap["topic"]), ("gap", "s.2"))
            equal(gap["reason"], "evicted")
            got = peer.until_caught_up()
        others = [topic for topic in TOPICS if topic != "s.2"]
        expect([e for e in got if e["topic"] != "s.2"], 1, 5000, others)
        rest = [e for e in got if e["topic"] == "s.2"]
        last = [n for n in range(1, 5001) if topic_of(n) == "s.2"][-len(rest) :]
        equal([int(e["data"].split()[0]) for e in rest], last)
        equal(rest[0]["cursor"], gap["next"])


@test
def closed():
    """That a topic is closed is told in its place, also when it is on disk."""
    with folder() as data:
        with broker_on(data, *SMALL) as broker:
            publish(broker, 1, 1000)
            answer = broker.request("POST", "/topics/s.4/close")
            assert answer.status in (200, 204), answer.status
            others = [n for n in range(1001, 2001) if topic_of(n) != "s.4"]
            for number in others[:300]:
                broker.post(topic_of(number), payload(number))
            on_disk(broker)
        with broker_on(data, *SMALL) as broker:
            with Objects(Lines, broker, "s.*?since=earliest") as peer:
                got = peer.until_caught_up()
        places = [i for i, item in enumerate(got) if item["op"] == "closed"]
        equal(places, [1000])
        expect(got[:1000], 1, 1000)
        equal(len(got), 1301)


@test
def damaged_on_disk():
    """A bit that the disk turned is never given to anybody, and the topic is
    told of."""
    with folder() as data:
        with broker_on(data, *SMALL) as broker:
            publish(broker, 1, 3000)
            name = f"{data}/{1:020}.rtl"
            at = open(name, "rb").read().index(payload(101))
            with open(name, "r+b") as file:
                file.seek(at)
                file.write(b"X")
            with Objects(Lines, broker, "s.*?since=earliest") as peer:
                items = peer.until_caught_up()
        gaps = [item for item in items if item["op"] == "gap"]
        equal([gap["reason"] for gap in gaps], ["engine"])
        equal(gaps[0]["topic"], topic_of(101))
        got = [item for item in items if item["op"] == "event"]
        others = [topic for topic in TOPICS if topic != topic_of(101)]
        expect([e for e in got if e["topic"] in others], 1, 3000, others)
        assert all(b"X" not in e["data"].encode() for e in got)


run()
