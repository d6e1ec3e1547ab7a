#!/usr/bin/python3
"""WebSockets of the subprotocol ringtail.v1.json: notices and operations, many
topics on one connection, and what is malformed."""

import json

import raw
from broker import Broker, until
from dialog import SUBPROTOCOL, Dialog
from tap import cases, equal, run, test

IDLE = 1000
IDLE_BYTES_MAX = 600
SUBSCRIPTIONS_MAX = 64
EVENT_BYTES = 16384
MESSAGE_BYTES = EVENT_BYTES + 1024


def epoch_of(cursor):
    """The epoch in a cursor."""
    return cursor.split("-")[0]


@test
def begins(broker):
    """A subscription by the path begins as a stream does."""
    epoch = epoch_of(broker.post("begins", "1")["cursor"])
    broker.post("begins", '{"a": 1.50}', **{"Content-Type": "application/json"})
    with Dialog(broker, "/begins?since=-1") as peer:
        assert peer.opened.pop("conn").startswith("c")
        peer.opened.pop("ts")
        wanted = {"op": "open", "topics": ["begins"], "cursor": f"{epoch}-1"}
        wanted |= {"earliest": f"{epoch}-1", "heartbeat": 25}
        equal(peer.opened, wanted)
        equal(peer.cursor, f"{epoch}-1")
        event = peer.item()
        equal((event["data"], event["cursor"]), ({"a": 1.5}, f"{epoch}-2"))
        wanted = {"op": "caught_up", "topic": "begins", "cursor": f"{epoch}-2"}
        equal(peer.item(), wanted)
        broker.post("begins", b"\xff", **{"Ringtail-Type": "x"})
        event = peer.item()
        equal((event["data_base64"], event["type"]), ("/w==", "x"))


@test
def empty(broker):
    """Without a topic a connection opens, and waits for operations."""
    with Dialog(broker) as peer:
        equal((peer.opened["topics"], peer.cursor), ([], None))
        assert "cursor" not in peer.opened
        assert peer.is_silent()
        equal(peer.ask("ping", id=1)["op"], "ok")


@test
def operations(broker):
    """Each operation is answered, with its id as it was written."""
    with Dialog(broker) as peer:
        pong = peer.ask("ping", id="a\"'\\")
        equal(pong, {"op": "ok", "id": "a\"'\\", "ts": pong["ts"]})
        equal(peer.ask("auth", token="x"), {"op": "ok", "detail": "not needed"})
        receipt = peer.ask("pub", id=-1.5e3, topic="ops", data={"x": [1]})
        epoch = epoch_of(receipt["cursor"])
        wanted = {"op": "ok", "id": -1.5e3, "topic": "ops", "offset": 1}
        wanted |= {"cursor": f"{epoch}-1", "ts": receipt["ts"]}
        equal(receipt, wanted)
        ok = peer.ask("sub", id=0, topic="ops", since="earliest")
        wanted = {"op": "ok", "id": 0, "topic": "ops", "cursor": f"{epoch}-0"}
        equal(ok, wanted)
        equal(peer.item()["data"], {"x": [1]})
        equal(peer.item()["op"], "caught_up")
        ok = peer.ask("unsub", id=2, topic="ops")
        equal(ok, {"op": "ok", "id": 2, "topic": "ops", "cursor": f"{epoch}-1"})
        broker.post("ops", "unheard")
        assert peer.is_silent()


@test
def publishes(broker):
    """What is published is text, JSON as it stands, or binary, with a type."""
    other = raw.WebSocket(broker, "/subscribe/pub")
    with Dialog(broker) as peer, other:
        equal(peer.ask("pub", topic="pub", data="é\n")["op"], "ok")
        peer.say('{"op":"pub","topic":"pub","data": [1.10,\n 2] }')
        equal(peer.item()["op"], "ok")
        answer = peer.ask("pub", topic="pub", data_base64="AP8=", type="t")
        equal(answer["offset"], 3)
        equal(other.frame(), (raw.TEXT, "é\n".encode()))
        equal(other.frame(), (raw.TEXT, b"[1.10,\n 2]"))
        equal(other.frame(), (raw.BINARY, b"\0\xff"))
        events = peer.subscribe("pub", since="-1")
        equal([event["type"] for event in events], ["t"])


@test
def once(broker):
    """What is published again with its key is done once, over HTTP as well."""
    words = {"topic": "once", "data": "x", "idempotency_key": "k"}
    with Dialog(broker) as peer:
        receipt = peer.ask("pub", **words)
        again = peer.ask("pub", id=1, **words)
        equal(again, {**receipt, "id": 1, "detail": "replayed"})
        header = {"Idempotency-Key": '"k"'}
        equal(broker.post("once", "x", **header)["offset"], 1)
        refused = peer.ask("pub", **{**words, "data": "y"})
        equal(refused["problem"]["status"], 422)
        assert refused["problem"]["detail"].startswith("idempotency_key: ")
        equal(peer.ask("pub", **{**words, "topic": "other"})["offset"], 1)
        equal(peer.ask("pub", topic="once", data="x")["offset"], 2)


@test
def own_events(broker):
    """A connection gets its own events, behind their receipts."""
    with Dialog(broker, "/own") as peer:
        peer.item()
        for number in range(100):
            words = {"topic": "own", "data": number, "id": number}
            peer.say({"op": "pub", **words})
        items = peer.items(200)
        ids = [item["id"] for item in items if item["op"] == "ok"]
        data = [item["data"] for item in items if item["op"] == "event"]
        equal((ids, data), (list(range(100)),) * 2)


@test
def without_echo(broker):
    """With echo false a connection gets the events of others alone, in whatever
    order they were published, also on many topics."""
    with Dialog(broker) as peer, Dialog(broker) as other:
        equal(peer.subscribe("echo", echo=False), [])
        equal(peer.subscribe("loud", echo=True), [])
        for number in range(50):
            mine = {"op": "pub", "topic": "echo", "data": f"mine {number}"}
            peer.say(mine)
            equal(peer.item()["op"], "ok")
            if number % 3 == 0:
                other.ask("pub", topic="echo", data=number)
                equal(peer.item()["data"], number)
        equal(peer.ask("pub", topic="loud", data="x")["op"], "ok")
        equal(peer.item()["data"], "x")
        equal(peer.ask("ping", id=1)["id"], 1)
        equal(peer.ask("unsub", topic="echo")["op"], "ok")
        events = peer.subscribe("echo", since="-1")
        equal([event["data"] for event in events], ["mine 49"])
        equal(peer.ask("pub", topic="echo", data="back")["op"], "ok")
        equal(peer.item()["data"], "back")


@test
def without_echo_blocked(broker):
    """Own events are skipped by a slow reader as well, as many as there is room
    to remember; beyond that it is asked to read."""
    big = "x" * EVENT_BYTES
    with Dialog(broker, receive_bytes=4096, timeout=30) as peer:
        equal(peer.subscribe("dumb", echo=False), [])
        equal(peer.subscribe("flood"), [])
        sent, refused = [], 0
        for number in range(60):
            broker.post("flood", big)
            broker.post("dumb", f"other {number}")
            words = {"topic": "dumb", "data": "mine", "id": number}
            peer.say({"op": "pub", **words})
        heard = {"flood": 0, "dumb": []}
        while len(sent) + refused < 60 or len(heard["dumb"]) < 60:
            item = peer.item()
            if item["op"] == "ok":
                sent.append(item["id"])
            elif item["op"] == "error":
                equal(item["problem"]["status"], 503)
                refused += 1
            elif item["op"] == "event" and item["topic"] == "dumb":
                heard["dumb"].append(item["data"])
        equal(heard["dumb"], [f"other {number}" for number in range(60)])


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


WRONG = [
    ("nothing", "", None, "bad-request", ""),
    ("no JSON", "{", None, "bad-request", ""),
    ("no object", "[]", None, "bad-request", ""),
    ("no op", '{"id":1}', 1, "bad-request", "op"),
    ("an unknown op", '{"op":"fly","id":2}', 2, "bad-request", "fly"),
    ("a wrong member", '{"op":"ping","x":1}', None, "bad-request", "x"),
    ("a sub of no topic", '{"op":"sub","id":3}', 3, "bad-request", "topic"),
    ("a bad topic", '{"op":"sub","topic":"a..b"}', None, "bad-topic", ""),
    ("a bad since", '{"op":"sub","topic":"a","since":"x"}', None,
     "bad-parameter", "since"),
    ("a bad gap", '{"op":"sub","topic":"a","gap":"x"}', None,
     "bad-parameter", "gap"),
    ("an unsub of nothing", '{"op":"unsub","topic":"a"}', None, "not-found",
     "topic"),
    ("a pub without data", '{"op":"pub","topic":"a"}', None, "bad-request",
     "data"),
    ("a pub of a pattern", '{"op":"pub","topic":"a.*","data":1}', None,
     "bad-topic", ""),
    ("a bad type", '{"op":"pub","topic":"a","data":1,"type":"a\\r\\nb"}', None,
     "bad-request", "type"),
    ("a type with NUL", '{"op":"pub","topic":"a","data":1,"type":"\\u0000"}',
     None, "bad-request", "type"),
    ("a reserved type", '{"op":"pub","topic":"a","data":1,"type":"ringtail.x"}',
     None, "bad-request", "type"),
    ("an id that is an object", '{"op":"ping","id":{}}', None, "bad-request",
     "id"),
]


@cases([(name, *rest) for name, *rest in WRONG],
       "To {0} an error is the answer, and the connection goes on.")
def wrong(broker, text, number, slug, member):
    """With the id, the slug, and the name of what is wrong."""
    with Dialog(broker) as peer:
        peer.say(text)
        answer = peer.item()
        equal(answer["op"], "error")
        equal(answer.get("id"), number)
        equal(answer["problem"]["type"], f"urn:ringtail:problem:{slug}")
        detail = answer["problem"].get("detail", "")
        assert detail.startswith(f"{member}: ") or not member, detail
        equal(peer.ask("ping", id=7)["id"], 7)


@test
def twice(broker):
    """A topic is subscribed to once, until it is left."""
    with Dialog(broker, "/twice") as peer:
        peer.item()
        answer = peer.ask("sub", topic="twice")
        equal(answer["problem"]["detail"][:7], "topic: ")
        equal(peer.ask("unsub", topic="twice")["op"], "ok")
        equal(peer.subscribe("twice"), [])


@test
def gap_at_start(broker):
    """A start that is gone is a gap; with close, no subscription."""
    epoch = epoch_of(broker.post("gone", "x")["cursor"])
    gap = {"op": "gap", "topic": "gone", "after": "00000000-9"}
    gap |= {"next": f"{epoch}-1", "reason": "epoch_changed"}
    since = "00000000-9"
    with Dialog(broker) as peer:
        answer = peer.ask("sub", topic="gone", since=since, gap="close")
        equal(answer, gap)
        answer = peer.item()
        equal(answer["problem"]["detail"][:7], "since: ")
        equal(peer.ask("sub", topic="gone", since=since)["op"], "ok")
        equal(peer.item(), gap)
        equal([item["op"] for item in peer.items(2)], ["event", "caught_up"])
    with Dialog(broker, f"/gone?since={since}&gap=close") as peer:
        equal((peer.item(), peer.item()), (gap, None))
        equal((peer.code, peer.reason.split(";")[0]), (4410, "epoch-changed"))


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
def binary(broker):
    """A binary message is closed with 1003, bad UTF-8 with 1007."""
    with Dialog(broker) as peer:
        peer.send(raw.frame(raw.BINARY, b"{}"))
        equal((peer.item(), peer.code), (None, 1003))
    with Dialog(broker) as peer:
        peer.send(raw.frame(raw.TEXT, b'{"op":"\xff'))
        equal((peer.item(), peer.code), (None, 1007))


@test
def in_pieces(broker):
    """Operations come in whatever pieces, and many at once."""
    text = json.dumps({"op": "ping", "id": "x" * 50}).encode()
    with Dialog(broker) as peer:
        peer.drip(raw.frame(raw.TEXT, text))
        equal(peer.item()["id"], "x" * 50)
        peer.send(raw.frame(raw.TEXT, text[:5], first_bits=0))
        peer.send(raw.frame(raw.PING, b"hi"))
        equal(peer.frame(), (raw.PONG, b"hi"))
        peer.send(raw.frame(0, text[5:]))
        equal(peer.item()["id"], "x" * 50)
        peer.send(raw.frame(raw.TEXT, text) * 2000)
        assert all(item["op"] == "ok" for item in peer.items(2000))


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
            while sent < count:
                sent += peer.socket.send(text[sent % len(text):] + text * 500)
        except TimeoutError:
            pass
        grown = broker.metric("memory_bytes") - before
        assert grown < 400000, grown
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
            equal(peer.subscribe("other"), [])
            broker.tell()
            equal(peer.item()["op"], "drain")
            equal((peer.item(), peer.code), (None, 1001))
            assert peer.reason.startswith("leaving"), peer.reason


OFFERS = [
    (SUBPROTOCOL, 101),
    (f"x, {SUBPROTOCOL}", 101),
    (f"{SUBPROTOCOL},{SUBPROTOCOL}", 101),
    ("x", 400),
    ("Ringtail.v1.json", 400),
    ("ringtail.v1.json.", 400),
    ("ringtail.v1", 400),
    ("", 400),
]


@cases(OFFERS, "An offer of {0!r} is answered with {1}.")
def offers(broker, status):
    """One of several is enough."""
    offer = [o for o, s in OFFERS if s == status]
    for words in offer:
        with raw.Connection(broker.port) as peer:
            line = f"Sec-WebSocket-Protocol: {words}"
            peer.send(raw.upgrade("/subscribe/offers", line))
            answer = peer.answer()
            equal(answer.status, status, words)
            if status == 400:
                equal(answer.problem(), "bad-request")
            else:
                found = answer.headers["sec-websocket-protocol"]
                equal(found, SUBPROTOCOL)


@test
def empty_refusals(broker):
    """Without a topic nothing but the subprotocol makes sense."""
    line = f"Sec-WebSocket-Protocol: {SUBPROTOCOL}"
    requests = [
        (raw.get("/subscribe"), "bad-request"),
        (raw.upgrade("/subscribe"), "bad-request"),
        (raw.upgrade("/subscribe?since=now", line), "bad-parameter"),
    ]
    for request, slug in requests:
        with raw.Connection(broker.port) as peer:
            peer.send(request)
            answer = peer.answer()
            equal((answer.status, answer.problem()), (400, slug))


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
