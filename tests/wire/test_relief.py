#!/usr/bin/python3
"""With a log on disk rings give way when memory is short: no publisher is
refused for what is on disk already, and all of it can be read."""

import contextlib
import http.client
import threading

import raw
import stream
from broker import until
from data import broker_on, folder, on_disk
from tap import equal, run, test

MIB = 1 << 20
TOPICS = 200
ROUNDS = 8
EVENTS = 12  # in a batch
MEMORY = 24 * MIB
FLAGS = ("--memory", "24MiB", "--ring-bytes", "1MiB")


def payload(topic, number):
    """The event of that number."""
    return b"%d %d " % (topic, number) + bytes([97 + number % 26]) * 4000


def batch(peer, topic, around, query):
    """The events of a topic that come in that round."""
    numbers = range(around * EVENTS, (around + 1) * EVENTS)
    lines = b"".join(b'"%s"\n' % payload(topic, number) for number in numbers)
    peer.request(
        "POST",
        f"/produce/t.{topic}{query}",
        lines,
        {"Content-Type": "application/x-ndjson"},
    )
    answer = peer.getresponse()
    equal(answer.status, 200, answer.read())
    answer.read()


def publish(broker, query=""):
    """More than three times what memory has, to all topics in turn, on one
    connection: it waits when the disk is behind."""
    peer = http.client.HTTPConnection("127.0.0.1", broker.port, timeout=20)
    with contextlib.closing(peer):
        for around in range(ROUNDS):
            for topic in range(TOPICS):
                batch(peer, topic, around, query)
    on_disk(broker)


def expect_all(events, topic):
    """They are all events of the topic."""
    count = ROUNDS * EVENTS
    equal(len(events), count)
    for number in range(count):
        equal(events[number], b'"%s"' % payload(topic, number), topic)


def expect_relief(broker):
    """Rings gave way, and nobody was refused anything."""
    assert broker.metric("rings_yielded_bytes_total") > MEMORY
    equal(broker.metric("events_rejected_total"), 0)
    equal(broker.metric("subscriber_gaps_total"), 0)


@test
def more_than_memory():
    """Every publisher is answered with 200, and each topic is replayed."""
    with folder() as data, broker_on(data, *FLAGS) as broker:
        publish(broker)
        assert broker.metric("memory_bytes") < MEMORY * 7 / 8
        for topic in range(TOPICS):
            path = f"/subscribe/t.{topic}?since=earliest"
            with raw.WebSocket(broker, path, timeout=30) as peer:
                expect_all(peer.events(ROUNDS * EVENTS), topic)
        expect_relief(broker)


@test
def acknowledged_from_memory():
    """The same for publishers that do not wait for the disk."""
    with folder() as data, broker_on(data, *FLAGS) as broker:
        publish(broker, "?ack=memory")
        path = f"/subscribe/t.{TOPICS - 1}?since=earliest"
        with raw.WebSocket(broker, path, timeout=30) as peer:
            expect_all(peer.events(ROUNDS * EVENTS), TOPICS - 1)
        expect_relief(broker)


@test
def beside_subscribers():
    """Who follows gets everything; who stands still goes on from disk."""
    with folder() as data, broker_on(data, *FLAGS) as broker:
        path = "/subscribe/t.7?since=earliest"
        with raw.WebSocket(
            broker, path, receive_bytes=4096, timeout=30
        ) as still, stream.Lines(broker, "t.9") as follows:
            equal(follows.item()["op"], "open")
            equal(follows.item()["op"], "caught_up")
            publish(broker)
            events = follows.payloads(ROUNDS * EVENTS)
            expect_all([b'"%s"' % event.encode() for event in events], 9)
            expect_all(still.events(ROUNDS * EVENTS), 7)
        expect_relief(broker)


@test
def new_topics():
    """Neither is the first event of a new topic refused."""
    with folder() as data, broker_on(data, *FLAGS) as broker:
        publish(broker)
        for number in range(500):
            broker.post(f"new.{number}", b"x" * 16000)
        until(lambda: broker.metric("topics") == TOPICS + 500, "the topics")
        expect_relief(broker)


def publish_alone(broker, topic, query, statuses):
    """Events with a connection each; what they were answered."""
    for _ in range(200):
        path = f"/produce/{topic}{query}"
        statuses.append(broker.request("POST", path, b"x" * 16000).status)


@test
def new_connections():
    """Who opens a connection for each event is not refused where the disk is
    behind, but waits for it, whatever the answer is to wait for."""
    flags = ("--memory", "8MiB", "--ring-bytes", "256KiB")
    with folder() as data, broker_on(data, *flags) as broker:
        for query in ("?ack=memory", "?ack=disk"):
            statuses = []
            threads = [
                threading.Thread(
                    target=publish_alone,
                    args=(broker, f"t.{number}", query, statuses),
                )
                for number in range(16)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            equal((len(statuses), set(statuses)), (16 * 200, {200}), query)


run()
