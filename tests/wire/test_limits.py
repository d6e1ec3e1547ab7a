#!/usr/bin/python3
"""What is refused or dropped when a limit is reached: memory, connections, and
what a ring holds."""

import contextlib

import raw
from broker import Broker, until
from tap import cases, equal, run, test

KIB = 1024
EVENT = b"x" * 16 * KIB


def offset_of(cursor):
    """The offset in a cursor."""
    return int(cursor.split("-")[1])


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
            assert not publishes(broker)
            equal(refused.headers["retry-after"], "1")
            problem = refused.json()
            slug = problem["type"].rsplit(":", 1)[1]
            equal(slug, "insufficient-storage")
            equal((problem["status"], problem["retry_after"]), (507, 1))
            equal(peer.events(1), [EVENT])
        until(lambda: publishes(broker), "room again", 10)
        assert broker.metric("events_rejected_total") >= 2
        equal(broker.metric("memory_budget_bytes"), 1024 * KIB)


def spend(broker):
    """Publishes to new topics until an event is refused; the refusal."""
    for number in range(1000):
        answer = broker.request("POST", f"/produce/budget{number}", EVENT)
        if answer.status != 200:
            return answer
    raise AssertionError("the budget was never spent")


def publishes(broker):
    """Whether an event is taken."""
    return broker.request("POST", "/produce/after", EVENT).status == 200


@test
def memory_for_answers():
    """With the budget spent every publisher still gets an answer."""
    peers_max = 12  # all in one turn of the loop fit into the reserve
    request = raw.post("after", EVENT)
    with Broker("--memory", "1MiB") as broker, contextlib.ExitStack() as stack:
        equal(spend(broker).status, 507)
        peers = []
        for _ in range(peers_max):
            peers.append(stack.enter_context(raw.Connection(broker.port)))
        for peer in peers:
            peer.send(request)
        for peer in peers:
            equal(peer.answer().status, 507)


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
def memory_beside_bodies():
    """Bodies without their ends take no more than a quarter of the budget:
    whoever begins too many gets 507, and others go on publishing."""
    held = 0
    with Broker("--memory", "16MiB") as broker, contextlib.ExitStack() as open:
        while True:
            peer = open.enter_context(raw.Connection(broker.port))
            head = raw.request(
                "POST", "/produce/whole", f"Content-Length: {256 * KIB}"
            )
            peer.send(head + b"b" * (255 * KIB))
            if not peer.is_silent(0.2):
                break
            held += 1
            assert held < 64, "no body is one too many"
        equal(peer.answer().status, 507)
        assert held >= 8, held
        assert publishes(broker)
        assert broker.metric("memory_bytes") < 16 * KIB * KIB / 3


@test
def memory_of_unread_answers():
    """Requests whose answers nobody reads cost less than 64 KiB a peer."""
    peers = 20
    with Broker() as broker, contextlib.ExitStack() as open:
        before = broker.metric("memory_bytes")
        for _ in range(peers):
            peer = open.enter_context(
                raw.Connection(broker.port, receive_bytes=4096)
            )
            peer.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    peer.socket.send(raw.get("/metrics") * 400)
        until(lambda: broker.metric("connections") >= peers, "all peers", 5)
        equal(broker.request("GET", "/livez").status, 200)
        cost = (broker.metric("memory_bytes") - before) / peers
        assert cost < 64 * KIB, cost


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
