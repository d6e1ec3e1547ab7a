#!/usr/bin/python3
"""What was acknowledged is on disk: a broker is killed again and again while
publishers publish, and each time it begins again all that they were told of is
there, once, in its order, as it was."""

import json
import random
import socket
import sys
import threading
import time

import raw
from data import JUMP, Killed, broker_on, folder, on_disk
from tap import cases, equal, run

ROUNDS = 5
PUBLISHERS = 3
DEPTH = 32  # requests of one publisher on their way
PATIENCE_S = 20


class Publisher(threading.Thread):
    """Publishes numbers to a topic until its connection breaks, and keeps the
    receipts."""

    def __init__(self, port, topic, numbers):
        super().__init__(daemon=True)
        self.port = port
        self.topic = topic
        self.numbers = numbers
        self.receipts = []  # in the order of what was published

    def payload(self, number):
        """Some are large, so that batches and segments are of many sizes."""
        return b"%d " % number + b"x" * (number * 37 % 3000)

    def run(self):
        try:
            with raw.Connection(self.port) as peer:
                while True:
                    self.publish(peer)
        except (OSError, raw.Ended):
            pass  # it was killed

    def publish(self, peer):
        """So many at a time, and their answers."""
        batch = [next(self.numbers) for _ in range(DEPTH)]
        path = f"/produce/{self.topic}?ack=disk"
        for number in batch:
            body = self.payload(number)
            length = f"Content-Length: {len(body)}"
            peer.send(raw.request("POST", path, length) + body)
        for number in batch:
            answer = peer.answer()
            equal(answer.status, 200)
            self.receipts.append((number, json.loads(answer.body)))


def counter():
    """Numbers from 1 on, for one topic in all rounds."""
    number = 0
    while True:
        number += 1
        yield number


def expect_jump(gap):
    """What may be missing is where a round ended."""
    after, following = (int(gap[name][9:]) for name in ("after", "next"))
    equal(following - after, JUMP + 1, "offsets in a gap")


def replay(port, topic, last):
    """All events of a topic from the earliest to a cursor."""
    path = f"/subscribe/{topic}?since=earliest&format=ndjson"
    events = []
    end = time.monotonic() + PATIENCE_S
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as peer:
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        lines = peer.makefile("rb")
        while time.monotonic() < end:
            line = lines.readline().strip()
            if not line.startswith(b"{"):
                continue
            event = json.loads(line)
            if event["op"] == "gap":
                expect_jump(event)
            elif event["op"] == "event":
                events.append(event)
            if event.get("cursor") == last:
                return events
    raise AssertionError(f"{topic} ended at {events[-1:]}, not at {last}")


def check(publisher, events):
    """What was acknowledged is there, once; what was not may be, in between."""
    found = {event["cursor"]: event for event in events}
    equal(len(found), len(events), "events with cursors of their own")
    offsets = [int(event["cursor"][9:]) for event in events]
    equal(offsets, sorted(offsets), "offsets")
    numbers = [int(event["data"].split()[0]) for event in events]
    equal(numbers, sorted(set(numbers)), "what was published")
    for number, receipt in publisher.receipts:
        event = found.get(receipt["cursor"])
        assert event, f"{publisher.topic}: {receipt} is not there"
        equal(event["data"].encode(), publisher.payload(number))
        equal(event["ts"], receipt["ts"])


def publish_for(broker, publishers, seconds):
    """Runs them until the broker is killed."""
    for publisher in publishers:
        publisher.start()
    time.sleep(seconds)
    broker.process.kill()
    for publisher in publishers:
        publisher.join(PATIENCE_S)
        assert not publisher.is_alive()


SEED = int(sys.argv[2]) if sys.argv[2:] and sys.argv[2].isdigit() else 1


@cases(
    [(f"seed {SEED}", SEED)],
    "Everything acknowledged survives SIGKILL at any time ({0}).",
)
def survives(seed):
    """The epoch is that of the first round in each."""
    rng = random.Random(seed)
    numbers = [counter() for _ in range(PUBLISHERS)]
    receipts = [[] for _ in range(PUBLISHERS)]
    with folder() as data:
        for _ in range(ROUNDS):
            with Killed("--data", data) as broker:
                publishers = [
                    Publisher(broker.port, f"t{i}", numbers[i])
                    for i in range(PUBLISHERS)
                ]
                publish_for(broker, publishers, rng.uniform(0.05, 0.6))
            for i, publisher in enumerate(publishers):
                receipts[i] += publisher.receipts
                publisher.receipts = receipts[i]
        with broker_on(data) as broker:
            for publisher in publishers:
                assert publisher.receipts, "nothing was acknowledged"
                last = broker.post(publisher.topic, b"999999999 end")
                on_disk(broker)
                events = replay(broker.port, publisher.topic, last["cursor"])
                check(publisher, events)
                epochs = {event["cursor"][:8] for event in events}
                equal(epochs, {last["cursor"][:8]})
                assert last["offset"] > ROUNDS * JUMP


run()
