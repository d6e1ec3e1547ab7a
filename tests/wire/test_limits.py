#!/usr/bin/python3
"""What ends or is refused when a limit is reached: time to read, time to answer
a ping, memory, connections, and what a ring holds."""

import contextlib
import time

import raw
from broker import Broker, until
from tap import cases, equal, run, test

KIB = 1024
EVENT = b"x" * 16 * KIB


def closes(broker, reason):
    """How many subscriptions ended for a reason."""
    return broker.metric(f'connections_closed_total{{reason="{reason}"}}')


def offset_of(cursor):
    """The offset in a cursor."""
    return int(cursor.split("-")[1])


# --- time ---


@test
def stalled():
    """A subscriber that takes nothing for the stall time-out is closed with
    4408, with the cursor of the last event that it was sent."""
    with Broker("--stall-timeout", "1s") as broker:
        path = "/subscribe/stalled"
        with raw.WebSocket(broker, path, receive_bytes=4096) as peer:
            for _ in range(60):
                broker.post("stalled", EVENT)
            until(lambda: closes(broker, "slow-consumer") == 1, "4408", 5)
            payloads, code, reason = peer.until_close()
            peer.expect_end()
        slug, values = raw.reason_values(reason)
        equal((code, slug), (4408, "slow-consumer"))
        equal(offset_of(values["cursor"]), len(payloads), "events")
        assert 0 < len(payloads) < 60
        path += f"?since={values['cursor']}"
        with raw.WebSocket(broker, path) as peer:
            equal(len(peer.events(60 - len(payloads))), 60 - len(payloads))
            assert peer.is_silent()


@test
def stalled_for_good():
    """A subscriber that takes nothing at all is cut off, close frame or not."""
    with Broker("--stall-timeout", "1s") as broker:
        path = "/subscribe/stalled"
        with raw.WebSocket(broker, path, receive_bytes=4096):
            for _ in range(60):
                broker.post("stalled", EVENT)
            until(lambda: closes(broker, "slow-consumer") == 1, "4408", 5)
            until(lambda: broker.metric("connections") == 1, "cut off", 10)


@test
def slow_but_moving():
    """A subscriber that takes little, but something, is not closed."""
    with Broker("--stall-timeout", "1s") as broker:
        path = "/subscribe/moving"
        with raw.WebSocket(broker, path, receive_bytes=64 * KIB) as peer:
            for _ in range(60):
                broker.post("moving", EVENT)
            until(lambda: broker.metric("subscriber_stalls_total") > 0, "stall")
            for _ in range(60):
                equal(peer.events(1), [EVENT])
                time.sleep(0.07)
            equal(closes(broker, "slow-consumer"), 0)


@test
def pinged():
    """A subscriber is pinged every heartbeat, and stays if it answers."""
    with Broker("--heartbeat", "1s", "--pong-timeout", "1s") as broker:
        with raw.WebSocket(broker, "/subscribe/pinged") as peer:
            start = time.monotonic()
            for _ in range(4):
                equal(peer.frame(), (raw.PING, b""))
                peer.send(raw.frame(raw.PONG))
            assert time.monotonic() - start >= 3
            broker.post("pinged", b"x")
            equal(peer.events(1), [b"x"])


@test
def unanswered():
    """A subscriber that does not answer a ping is closed with 4408, though it
    sends other frames and reads what comes."""
    with Broker("--heartbeat", "1s", "--pong-timeout", "1s") as broker:
        with raw.WebSocket(broker, "/subscribe/silent") as peer:
            cursor = broker.post("silent", b"x")["cursor"]
            equal(peer.frame(), (raw.TEXT, b"x"))
            equal(peer.frame(), (raw.PING, b""))
            peer.send(raw.frame(raw.PING, b"mine"))
            equal(peer.frame(), (raw.PONG, b"mine"))
            payloads, code, reason = peer.until_close()
            equal(payloads, [])
            equal((code, reason), (4408, f"pong-missed; cursor={cursor}"))


# --- memory ---


@test
def memory():
    """When the memory budget is spent publishers get 507, subscribers go on
    reading, and publishing works again when events have aged."""
    flags = ["--memory", "1MiB", "--max-age", "2s", "--ring-bytes", "256KiB"]
    with Broker(*flags) as broker:
        with raw.WebSocket(broker, "/subscribe/budget0") as peer:
            refused = spend(broker)
            equal(refused.status, 507)
            equal(refused.headers["retry-after"], "1")
            problem = refused.json()
            slug = problem["type"].rsplit(":", 1)[1]
            equal(slug, "insufficient-storage")
            equal((problem["status"], problem["retry_after"]), (507, 1))
            assert broker.metric("events_rejected_total") >= 1
            assert broker.metric("memory_bytes") <= 1024 * KIB
            equal(set(peer.events(10)), {EVENT})
        until(lambda: publishes(broker), "room again", 10)


def spend(broker):
    """Fills topics until one more event is refused; the refusal."""
    for number in range(1000):
        path = f"/produce/budget{number // 10}"
        answer = broker.request("POST", path, EVENT)
        if answer.status != 200:
            return answer
    raise AssertionError("the budget was never spent")


def publishes(broker):
    """Whether an event is taken."""
    return broker.request("POST", "/produce/after", EVENT).status == 200


@test
def memory_for_body():
    """A body that comes in pieces and finds no memory gets 507 as well."""
    flags = ["--memory", "1MiB", "--ring-bytes", "512KiB"]
    flags += ["--event-bytes", "512KiB"]
    body = b"x" * 400 * KIB
    with Broker(*flags) as broker, contextlib.ExitStack() as stack:
        peers = []
        for _ in range(4):
            peers.append(stack.enter_context(raw.Connection(broker.port)))
            peers[-1].send(raw.post("pieces", body)[:-1])
        refused = [peer for peer in peers if not peer.is_silent()]
        assert refused  # all of them, if they grow side by side
        for peer in refused:
            answer = peer.answer()
            equal((answer.status, answer.closes), (507, True))
            equal(answer.headers.get("retry-after"), "1")


# --- connections ---


@test
def connections():
    """Beyond the limit a connection is refused with 503, and one that ends
    makes room."""
    with Broker("--connections", "4") as broker:
        peers = [raw.WebSocket(broker, "/subscribe/full") for _ in range(4)]
        for _ in range(3):
            with raw.Connection(broker.port) as refused:
                answer = refused.answer()
                equal((answer.status, answer.closes), (503, True))
                equal(answer.problem(), "overloaded")
                equal(answer.headers["retry-after"], "1")
                refused.expect_end()
        peers[0].socket.close()
        until(lambda: livez(broker) == 200, "room again")
        assert broker.metric("connections_refused_total") >= 3
        equal(broker.metric("subscriptions"), 3)
        for peer in peers:
            peer.socket.close()


def livez(broker):
    """The status of /livez, or None if the connection broke."""
    try:
        return broker.request("GET", "/livez").status
    except OSError:
        return None


@test
def refused_with_request():
    """A refused peer that has sent its request already reads the 503, too."""
    with Broker("--connections", "1") as broker:
        with raw.WebSocket(broker, "/subscribe/full"):
            statuses = [livez(broker) for _ in range(50)]
        equal(set(statuses), {503})


# --- what a ring holds ---

RINGS = [
    ("By count", ["--ring-events", "64"], 64, 64 - 64 // 8),
    ("By bytes", ["--ring-bytes", "64KiB", "--event-bytes", "1KiB"], 64, 32),
]


@cases(RINGS, "{0}, a ring holds at most {2} events, and not far fewer.")
def ring(flags, most, least):
    """The events that are left are the last ones."""
    with Broker(*flags) as broker:
        for number in range(1000):
            broker.post("ring", b"%04d" % number + b"." * 1000)
        latest = broker.post("ring", b"last")["offset"]
        equal(latest, 1001)
        with raw.WebSocket(broker, "/subscribe/ring?since=earliest") as peer:
            left = latest - offset_of(peer.cursor)
            assert least <= left <= most, left
            payloads = peer.events(left)
        wanted = [b"%04d" % n for n in range(1001 - left, 1000)]
        equal([payload[:4] for payload in payloads], wanted + [b"last"])


@test
def age():
    """Events are gone when they are older than --max-age, the topic is not."""
    with Broker("--max-age", "1s") as broker:
        cursor = broker.post("age", b"old")["cursor"]
        path = "/subscribe/age?since=earliest"
        until(lambda: start_of(broker, path) == cursor, "the end of an age", 8)
        broker.post("age", b"new")
        with raw.WebSocket(broker, path) as peer:
            equal(peer.cursor, cursor)
            equal(peer.events(1), [b"new"])


def start_of(broker, path):
    """Where a subscription would begin."""
    with raw.WebSocket(broker, path) as peer:
        return peer.cursor


run()
