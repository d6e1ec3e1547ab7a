#!/usr/bin/python3
"""WebSockets of the subprotocol ringtail.v1.json at their limits: many topics,
slow readers, long messages, and what an idle one costs."""

import raw
from broker import Broker, until
from dialog import Dialog
from tap import equal, run, test

IDLE = 1000
IDLE_BYTES_MAX = 600
SUBSCRIPTIONS_MAX = 64
EVENT_BYTES = 16384
MESSAGE_BYTES = EVENT_BYTES + 1024
OWN_RUNS_MAX = 32  # of a subscription without an echo


def publish_unread(broker, peer, topic):
    """Publishes to a topic from a peer that does not read, by turns with
    others: what it is given then are all of those."""
    sent, refused, heard = 0, 0, []
    for number in range(60):
        broker.post("flood", "x" * EVENT_BYTES)
        broker.post(topic, f"other {number}")
        peer.say({"op": "pub", "topic": topic, "data": "mine"})
    while sent + refused < 60 or len(heard) < 60:
        item = peer.item()
        if item["op"] == "ok":
            sent += 1
        elif item["op"] == "error":
            equal(item["problem"]["status"], 503)
            equal(item["problem"]["limit"], OWN_RUNS_MAX)
            refused += 1
        elif item["op"] == "event" and item["topic"] == topic:
            heard.append(item["data"])
    equal(heard, [f"other {number}" for number in range(60)])


@test
def without_echo_blocked(broker):
    """Own events are skipped by a slow reader as well, as many as there is room
    to remember; beyond that it is asked to read."""
    with Dialog(broker, receive_bytes=4096, timeout=30) as peer:
        equal(peer.subscribe("dumb", echo=False), [])
        equal(peer.subscribe("flood"), [])
        publish_unread(broker, peer, "dumb")


@test
def without_echo_of_several_blocked(broker):
    """So are those of several topics."""
    with Dialog(broker, receive_bytes=4096, timeout=30) as peer:
        equal(peer.ask("sub", topics=["mute.*"], echo=False)["op"], "ok")
        equal(peer.item()["op"], "caught_up")
        equal(peer.subscribe("flood"), [])
        publish_unread(broker, peer, "mute.a")


@test
def many_topics(broker):
    """Topics up to the limit share a connection, and none is lost."""
    topics = [f"many.{n}" for n in range(SUBSCRIPTIONS_MAX)]
    with Dialog(broker) as peer:
        for topic in topics:
            equal(peer.subscribe(topic), [])
        answer = peer.ask("sub", id=1, topic="one.more")
        equal((answer["op"], answer["id"]), ("error", 1))
        equal(answer["problem"]["limit"], SUBSCRIPTIONS_MAX)
        for number in range(10):
            for topic in topics:
                broker.post(topic, f"{number}")
        seen = {topic: [] for topic in topics}
        for item in peer.items(10 * SUBSCRIPTIONS_MAX):
            seen[item["topic"]].append(int(item["data"]))
        assert all(numbers == list(range(10)) for numbers in seen.values())
        for topic in topics[::2]:
            equal(peer.ask("unsub", topic=topic)["op"], "ok")
        for topic in topics:
            broker.post(topic, "last")
        heard = {item["topic"] for item in peer.items(SUBSCRIPTIONS_MAX // 2)}
        equal(heard, set(topics[1::2]))
        equal(peer.subscribe("one.more"), [])
        equal(broker.metric("subscriptions"), SUBSCRIPTIONS_MAX // 2 + 1)
    until(lambda: broker.metric("subscriptions") == 0, "they are gone")


@test
def interleaved(broker):
    """Large events of several topics are never mixed, on a socket that takes
    them bit by bit."""
    texts = {f"mix.{n}": str(n) * EVENT_BYTES for n in range(8)}
    with Dialog(broker, receive_bytes=4096, timeout=30) as peer:
        for topic in texts:
            equal(peer.subscribe(topic), [])
        for _ in range(3):
            for topic, text in texts.items():
                broker.post(topic, text)
        items = peer.items(3 * len(texts))
        assert all(item["data"] == texts[item["topic"]] for item in items)
        cursors = [item["cursor"] for item in items]
        equal(len(set(cursors)), len(cursors))


@test
def too_long(broker):
    """A message may be an event and a little more; beyond that is 1009."""
    head, tail = '{"op":"pub","topic":"long","data":"', '"}'
    payload = "x" * EVENT_BYTES
    with Dialog(broker) as peer:
        peer.say(head + payload + tail)
        equal(peer.item()["op"], "ok")
        peer.say(head + payload + "x" + tail)
        equal(peer.item()["problem"]["limit"], EVENT_BYTES)
        room = MESSAGE_BYTES - len(head + tail)
        peer.say(head + "x" * room + tail)
        equal(peer.item()["problem"]["status"], 413)
        peer.say(head + "x" * (room + 1) + tail)
        equal((peer.item(), peer.code), (None, 1009))


@test
def begun(_):
    """Messages that are begun and not ended take a part of the memory at most;
    then those who go on are closed with 1013, and others are served."""
    size = 256 * 1024
    with Broker("--memory", "16MiB", "--ring-bytes", "512KiB") as broker:
        peers = [Dialog(broker, timeout=30) for _ in range(60)]
        before = broker.metric("memory_bytes")
        head = raw.frame(raw.TEXT, b"x" * size)
        for peer in peers:
            peer.send(head[: size // 2])
        until(
            lambda: broker.metric("memory_bytes") > before + (2 << 20), "begun"
        )
        name = 'connections_closed_total{reason="overload"}'
        broker.await_metric(name, 5)
        assert broker.metric("memory_bytes") < 10 << 20
        with Dialog(broker) as other:
            equal(other.ask("pub", topic="a", data="x" * 3000)["op"], "ok")
        equal(broker.post("a", "x" * 3000)["offset"], 2)
        for peer in peers:
            peer.socket.close()
        until(lambda: broker.metric("connections") == 1, "gone")
        equal(broker.post("a", "x" * 200000)["offset"], 3)


@test
def unread(broker):
    """Whoever does not read its answers is not read from, and loses none."""
    text = raw.frame(raw.TEXT, b'{"op":"x"}')
    count = 40000
    with Dialog(broker, receive_bytes=4096, timeout=30) as peer:
        before = broker.metric("memory_bytes")
        peer.socket.settimeout(0.5)
        sent = 0
        try:
            while sent < count * len(text):
                sent += peer.socket.send(text[sent % len(text):] + text * 500)
        except TimeoutError:
            pass
        looks = [broker.metric("memory_bytes") for _ in range(100)]
        assert max(looks) - before < 400000, max(looks) - before
        peer.socket.settimeout(30)
        rest = -sent % len(text)
        whole = (sent + rest) // len(text)
        answers = []
        if rest:
            answers = peer.items(whole // 2)
            peer.send(text[-rest:])
        answers += peer.items(whole - len(answers))
        assert all(item["op"] == "error" for item in answers)


@test
def gaps(broker):
    """A slow reader is told of gaps, on the topic that they are in."""
    size, count = 8000, 1500
    with Dialog(broker, receive_bytes=4096, timeout=30) as peer:
        for topic in ("slow.a", "slow.b"):
            equal(peer.subscribe(topic), [])
        with raw.Connection(broker.port, timeout=60) as publisher:
            for number in range(1, count + 1):
                for topic in ("slow.a", "slow.b"):
                    text = b"%08d" % number + b"." * size
                    publisher.send(raw.post(topic, text))
                    equal(publisher.answer().status, 200)
        last = {"slow.a": 0, "slow.b": 0}
        missed = 0
        while set(last.values()) != {count}:
            item = peer.item()
            topic = item["topic"]
            if item["op"] == "gap":
                equal(int(item["after"].split("-")[1]), last[topic])
                last[topic] += item["missed"]
                missed += item["missed"]
            else:
                last[topic] += 1
                equal(int(item["data"][:8]), last[topic])
        assert missed > 0


@test
def stalls(_):
    """Who takes nothing is closed, with all its subscriptions."""
    with Broker("--stall-timeout", "1s") as broker:
        with Dialog(broker, receive_bytes=4096) as peer:
            for topic in ("a", "b", "c"):
                equal(peer.subscribe(topic), [])
            for number in range(600):
                broker.post("abc"[number % 3], "x" * 20000)
            name = 'connections_closed_total{reason="slow-consumer"}'
            broker.await_metric(name, 1)
            until(lambda: broker.metric("subscriptions") == 0, "detached")
            equal(broker.metric(name), 1)


@test
def drains(_):
    """When the broker stops it says so before it closes."""
    with Broker() as broker:
        with Dialog(broker, "/drains") as peer:
            peer.item()
            broker.tell()
            equal(peer.item()["op"], "drain")
            equal((peer.item(), peer.code), (None, 1001))
            assert peer.reason.startswith("leaving"), peer.reason


def expect_places(peer, places):
    """It is said of each subscription where that goes on, and no more."""
    found = [peer.item() for _ in places]
    equal(found, [{"op": "drain", **place} for place in places])
    equal(peer.item(), None)


def subscribe_twice(broker, peer):
    """Subscribes to a list as well, and gets an event of each; their places."""
    equal(peer.item()["op"], "caught_up")
    equal(peer.ask("sub", topics=["list.a", "list.*"])["op"], "ok")
    equal(peer.item()["op"], "caught_up")
    broker.post("one", "x")
    cursor = peer.item()["cursor"]
    broker.post("list.b", "x")
    resume = peer.item()["resume"]
    several = {"topics": ["list.*", "list.a"], "cursor": resume}
    return [{"topic": "one", "cursor": cursor}, several]


@test
def places(_):
    """Of several subscriptions each is told where to go on, when it ends."""
    with Broker() as broker:
        with Dialog(broker, "/one") as peer:
            wanted = subscribe_twice(broker, peer)
            broker.tell()
            equal(list(peer.item()), ["op", "reconnect_after_ms"])
            expect_places(peer, wanted)
            equal(peer.code, 1001)
            equal(peer.reason, f"leaving; cursor={wanted[0]['cursor']}")


@test
def places_at_fault(broker):
    """So it is when the client does what it must not; and one that has left
    has no place."""
    with Dialog(broker, "/one") as peer:
        wanted = subscribe_twice(broker, peer)
        equal(peer.ask("unsub", topic="one")["op"], "ok")
        peer.send(raw.frame(raw.BINARY, b"x"))
        expect_places(peer, wanted[1:])
        equal((peer.code, peer.reason), (1003, "unexpected-data"))


@test
def places_at_gap(_):
    """Who is closed for a gap in one is told of the others."""
    with Broker("--ring-bytes", "64KiB", "--event-bytes", "32KiB") as broker:
        with Dialog(broker, receive_bytes=4096) as peer:
            equal(peer.subscribe("kept"), [])
            equal(peer.subscribe("lost", gap="close"), [])
            kept = broker.post("kept", "x")["cursor"]
            equal(peer.item()["cursor"], kept)
            for _ in range(400):
                broker.post("lost", "x" * 20000)
            while (item := peer.item())["op"] == "event":
                pass
            equal((item["op"], item["topic"]), ("gap", "lost"))
            epoch, offset = item["next"].split("-")
            lost = f"{epoch}-{int(offset) - 1}"
            wanted = [{"topic": "lost", "cursor": lost}]
            expect_places(peer, [*wanted, {"topic": "kept", "cursor": kept}])
            equal(peer.code, 4410)
            assert f"cursor={lost}" in peer.reason, peer.reason


@test
def places_when_slow(_):
    """Who does not read finds where to go on behind what waited for him."""
    with Broker("--stall-timeout", "1s") as broker:
        with Dialog(broker, receive_bytes=4096) as peer:
            for topic in ("a", "b"):
                equal(peer.subscribe(topic), [])
            for number in range(600):
                broker.post("ab"[number % 2], "x" * 20000)
            name = 'connections_closed_total{reason="slow-consumer"}'
            broker.await_metric(name, 1)
            last = {}
            while (item := peer.item())["op"] == "event":
                last[item["topic"]] = item["cursor"]
            equal(item, {"op": "drain", "topic": "a", "cursor": last["a"]})
            expect_places(peer, [{"topic": "b", "cursor": last["b"]}])
            equal(peer.code, 4408)


@test
def idle(_):
    """An idle subscriber costs no more than 600 bytes."""
    with Broker() as broker:
        with Dialog(broker, "/idle") as first:
            first.item()
            before = broker.metric("memory_bytes")
            peers = [Dialog(broker, "/idle") for _ in range(IDLE)]
            for peer in peers:
                peer.item()
            until(lambda: broker.metric("connections") <= IDLE + 2, "settled")
            grown = broker.metric("memory_bytes") - before
            print(f"# {grown / IDLE:.0f} bytes each")
            assert grown <= IDLE * IDLE_BYTES_MAX, grown
            broker.post("idle", "x")
            assert all(peer.item()["data"] == "x" for peer in peers)
            for peer in peers:
                peer.socket.close()


@test
def rests(_):
    """After a heartbeat nothing is left of an operation, nor of the pongs of
    those that only listen."""
    with Broker("--heartbeat", "1s") as broker:
        peers = [Dialog(broker, "/rests") for _ in range(20)]
        silent = broker.metric("memory_bytes")
        for peer in peers:
            peer.item()
            equal(peer.ask("ping")["op"], "ok")
        assert broker.metric("memory_bytes") > silent + 20 * 1000
        for _ in range(2):
            for peer in peers:
                equal(peer.frame()[0], raw.PING)
                peer.send(raw.frame(raw.PONG))
        until(lambda: broker.metric("memory_bytes") < silent + 9000, "rest")
        for peer in peers:
            peer.send(raw.frame(raw.TEXT, b'{"op":"ping"}'))
            equal(peer.item()["op"], "ok")
            peer.socket.close()


run(lambda: Broker("--ring-bytes", "64KiB", "--event-bytes", EVENT_BYTES))
