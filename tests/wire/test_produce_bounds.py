#!/usr/bin/python3
"""Batches at the bounds of bytes, memory and rings."""

import json
import time

import raw
from batches import TYPE, expect_range, expect_refusal, lines, publish
from broker import Broker
from tap import equal, run, test

KIB = 1024


@test
def bytes_of_a_batch():
    """A body beyond its limit is refused with 413, as soon as that is known;
    at its limit it is taken."""
    body = b"1\n" * (8 * KIB)
    with Broker("--batch-bytes", "16KiB", "--event-bytes", "1KiB") as broker:
        expect_range(publish(broker, "a", body), 1, 8 * KIB)
        problem = expect_refusal(
            publish(broker, "a", body + b"1"), 413, "payload-too-large"
        )
        equal(problem["limit"], 16 * KIB)
        equal(broker.post("a", b"x")["offset"], 8 * KIB + 1)
        with raw.Connection(broker.port) as peer:
            peer.send(raw.post("a", body + b"1", TYPE)[:200])
            answer = peer.answer()
            equal((answer.status, answer.closes), (413, True))


@test
def larger_than_the_ring():
    """A batch that its ring cannot hold goes to those who keep up, whole."""
    body, events = lines(100, 300)
    with Broker("--ring-bytes", "16KiB", "--event-bytes", "2KiB") as broker:
        with raw.WebSocket(broker, "/subscribe/small") as reader:
            for first in (1, 101, 201):
                expect_range(publish(broker, "small", body), first, 100)
            equal(reader.events(300), events * 3)
        path = "/subscribe/small?since=earliest"
        with raw.WebSocket(broker, path) as reader:
            left = 300 - int(reader.cursor.split("-")[1])
            assert 20 <= left <= 50, left
            equal(reader.events(left), events[-left:])


@test
def no_memory():
    """When not all of a batch fits, none of it is appended."""
    body, _ = lines(300, 1000)
    flags = ["--memory", "8MiB", "--ring-bytes", "1MiB"]
    with Broker(*flags) as broker:
        with raw.WebSocket(broker, "/subscribe/full0") as reader:
            taken = fill(broker, body)
            assert taken > 4, taken
            equal(taken, broker.metric("events_produced_total") // 300)
            topics = broker.metric("topics")
            expect_refusal(
                publish(broker, "another", body), 507, "insufficient-storage"
            )
            equal(broker.metric("topics"), topics)
            equal(broker.metric("events_produced_total"), taken * 300)
            equal(len(reader.events(300)), 300)


def fill(broker, body):
    """Publishes batches to new topics until one is refused; how many were
    not."""
    for number in range(100):
        answer = publish(broker, f"full{number}", body)
        if answer.status != 200:
            equal(answer.status, 507)
            return number
    raise AssertionError("the budget was never spent")


@test
def no_memory_for_one_of_many():
    """When one topic of a batch has no room, no topic has its events."""
    flags = ["--memory", "8MiB", "--ring-bytes", "1MiB"]
    data = "x" * 1000
    with Broker(*flags) as broker:
        for number in range(100):
            topics = broker.metric("topics")
            before = broker.metric("events_produced_total")
            body = many([f"a{number}", "same", f"b{number}"] * 100, data)
            answer = broker.request("POST", "/produce", body)
            if answer.status != 200:
                break
        expect_refusal(answer, 507, "insufficient-storage")
        assert number > 2, number
        equal(broker.metric("topics"), topics)
        equal(broker.metric("events_produced_total"), before)
        equal(broker.post("same", b"x")["offset"], 100 * number + 1)


def many(topics, data):
    """A batch with an event for each of the topics."""
    events = [json.dumps({"topic": name, "data": data}) for name in topics]
    return "\n".join(events)


@test
def retried_when_there_is_room():
    """With memory again, the same key is taken for the first time."""
    body, _ = lines(300, 1000)
    flags = ["--memory", "8MiB", "--ring-bytes", "1MiB", "--max-age", "1s"]
    with Broker(*flags) as broker:
        fill(broker, body)
        key = {"Idempotency-Key": "k"}
        answers = [publish(broker, "late", body, **key)]
        while answers[-1].status == 507 and len(answers) < 100:
            time.sleep(0.1)
            answers.append(publish(broker, "late", body, **key))
        assert len(answers) > 1, "there was room"
        receipt = expect_range(answers[-1], 1, 300)
        assert "idempotent-replayed" not in answers[-1].headers
        equal(publish(broker, "late", body, **key).json(), receipt)


run()
