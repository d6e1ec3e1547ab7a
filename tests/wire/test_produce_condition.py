#!/usr/bin/python3
"""If-Match: to append only if the topic has not moved on."""

import concurrent.futures
import json

import raw
from broker import Broker
from tap import equal, run, test


def publish(broker, topic, condition, payload=b"x"):
    """A POST under a condition; the answer."""
    headers = {"If-Match": condition}
    return broker.request("POST", f"/produce/{topic}", payload, headers)


def expect_refusal(answer, latest):
    """A 412 that says where the topic is, if it exists."""
    equal(answer.status, 412)
    problem = answer.json()
    equal(problem["type"], "urn:ringtail:problem:precondition-failed")
    equal(problem.get("latest"), latest)
    equal("earliest" in problem, latest is not None)
    assert problem["detail"].startswith("If-Match: "), problem


@test
def chain(broker):
    """Whoever names the last event is followed by the next one."""
    cursor = broker.post("chain", b"first")["cursor"]
    for _ in range(5):
        answer = publish(broker, "chain", f'"{cursor}"')
        equal(answer.status, 200)
        previous, cursor = cursor, answer.json()["cursor"]
        expect_refusal(publish(broker, "chain", f'"{previous}"'), cursor)
    equal(broker.post("chain", b"last")["offset"], 7)


@test
def before_the_first(broker):
    """The position before the first event is one of a topic that exists."""
    with raw.WebSocket(broker, "/subscribe/first") as reader:
        assert reader.cursor.endswith("-0"), reader.cursor
        expect_refusal(publish(broker, "first", "*"), reader.cursor)
        equal(publish(broker, "first", f'"{reader.cursor}"').status, 200)
        answer = publish(broker, "first", f'"{reader.cursor}"')
        expect_refusal(answer, reader.cursor[:-1] + "1")
        equal(publish(broker, "first", "*").status, 200)


@test
def no_topic(broker):
    """A topic that does not exist meets no condition, and is not made."""
    before = broker.metric("topics")
    for condition in ("*", '"7f3a9c21-0"', '"7f3a9c21-1"'):
        expect_refusal(publish(broker, "nowhere", condition), None)
    equal(broker.metric("topics"), before)


@test
def other_log(broker):
    """The same offset in another log is another event."""
    epoch, offset = broker.post("other", b"x")["cursor"].split("-")
    other = f"{int(epoch, 16) ^ 1:08x}-{offset}"
    expect_refusal(
        publish(broker, "other", f'"{other}"'), f"{epoch}-{offset}"
    )


@test
def padded(broker):
    """Zeros before an offset mean nothing."""
    epoch, offset = broker.post("padded", b"x")["cursor"].split("-")
    equal(publish(broker, "padded", f'"{epoch}-{offset:0>20}"').status, 200)


@test
def other_condition(broker):
    """A condition that is none of a publisher's is not passed over."""
    before = broker.metric("events_produced_total")
    for value in ("*", '"7f3a9c21-1"', ""):
        headers = {"If-None-Match": value}
        answer = broker.request("POST", "/produce/unless", b"x", headers)
        equal(answer.status, 400)
        problem = answer.json()
        equal(problem["type"], "urn:ringtail:problem:bad-parameter")
        assert problem["detail"].startswith("If-None-Match: "), problem
    equal(broker.metric("events_produced_total"), before)


@test
def race(broker):
    """Of many who name the same event, one is first."""
    cursor = broker.post("race", b"x")["cursor"]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        jobs = [
            pool.submit(publish, broker, "race", f'"{cursor}"')
            for _ in range(20)
        ]
        statuses = sorted(job.result().status for job in jobs)
    equal(statuses, [200] + [412] * 19)


@test
def remembered(broker):
    """A head that comes again is under its condition again; the same head but
    for its topic, too."""
    cursor = broker.post("again", b"x")["cursor"]
    condition = f'If-Match: "{cursor}"'
    with raw.Connection(broker.port) as peer:
        peer.send(raw.post("again", b"x", condition) * 3)
        peer.send(raw.post("elsewhere", b"x", condition))
        peer.send(raw.post("again", b"x"))
        statuses = [peer.answer().status for _ in range(5)]
    equal(statuses, [200, 412, 412, 412, 200])


@test
def between(broker):
    """What counts is the last event when the body is whole."""
    cursor = broker.post("between", b"x")["cursor"]
    with raw.Connection(broker.port) as peer:
        data = raw.post("between", b"hello", f'If-Match: "{cursor}"')
        peer.send(data[:-2])
        assert peer.is_silent()
        latest = broker.post("between", b"y")["cursor"]
        peer.send(data[-2:])
        answer = peer.answer()
        equal(answer.status, 412)
        equal(json.loads(answer.body)["latest"], latest)


run(Broker)
