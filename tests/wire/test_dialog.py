#!/usr/bin/python3
"""WebSockets of the subprotocol ringtail.v1.json: notices and operations, and
what is malformed."""

import json

import raw
from broker import Broker
from dialog import SUBPROTOCOL, Dialog
from tap import cases, equal, run, test

EVENT_BYTES = 16384


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
def without_echo_of_several(broker):
    """Of several topics its own events are left out, and nothing else; where it
    is goes on past them."""
    topics = ["some.*", "one"]
    with Dialog(broker) as peer, Dialog(broker) as other:
        equal(peer.ask("sub", topics=topics, echo=False)["op"], "ok")
        equal(peer.item()["op"], "caught_up")
        heard, wanted = [], []
        for number in range(200):
            topic = ("some.a", "one", "some.b", "else")[number % 4]
            speaker = other if number % 7 in (2, 3) else peer
            speaker.ask("pub", topic=topic, data=number)
            if speaker is other and topic != "else":
                wanted.append(number)
                heard.append(peer.item())
        equal([item["data"] for item in heard], wanted)
        numbers = [int(item["resume"].split("-")[1]) for item in heard]
        equal(numbers, sorted(set(numbers)))
        last = peer.ask("pub", topic="one", data="mine")
        left = peer.ask("unsub", topics=topics)["cursor"]
        other.ask("pub", topic="one", data="after")
        equal(peer.ask("sub", topics=topics, since=left)["cursor"], left)
        equal(peer.item()["cursor"].split("-")[1], str(last["offset"] + 1))


@test
def without_echo_at_once(broker):
    """Also when both publish many in a write, without waiting for anything."""
    mine = raw.frame(raw.TEXT, b'{"op":"pub","topic":"burst.1","data":-1}')
    with Dialog(broker) as peer, Dialog(broker) as other:
        equal(peer.ask("sub", topics=["burst.*"], echo=False)["op"], "ok")
        equal(peer.item()["op"], "caught_up")
        for start in range(0, 500, 50):
            texts = [b'{"op":"pub","topic":"burst.0","data":%d}' % number
                     for number in range(start, start + 50)]
            peer.send(mine * 25)
            other.send(b"".join(raw.frame(raw.TEXT, text) for text in texts))
            peer.send(mine * 25)
        items = peer.items(1000)
        heard = [item["data"] for item in items if item["op"] == "event"]
        equal(heard, list(range(500)))


WRONG = [
    ("nothing", "", None, "bad-request", ""),
    ("no JSON", "{", None, "bad-request", ""),
    ("no object", "[]", None, "bad-request", ""),
    ("no op", '{"id":1}', 1, "bad-request", "op"),
    ("an unknown op", '{"op":"fly","id":2}', 2, "bad-request", "fly"),
    ("a wrong member", '{"op":"ping","x":1}', None, "bad-parameter", "x"),
    ("a sub of no topic", '{"op":"sub","id":3}', 3, "bad-parameter", "topic"),
    ("a bad topic", '{"op":"sub","topic":"a..b"}', None, "bad-topic", "topic"),
    ("an own topic", '{"op":"sub","topic":"$sys"}', None, "bad-topic", "topic"),
    ("a bad one of several", '{"op":"sub","topics":["a","b.."]}', None,
     "bad-topic", "topics"),
    ("a number as one of several", '{"op":"sub","topics":["a",1]}', None,
     "bad-parameter", "topics"),
    ("65 topics", json.dumps({"op": "sub", "topics": ["a"] * 65}), None,
     "bad-parameter", "topics"),
    ("a bad since", '{"op":"sub","topic":"a","since":"x"}', None,
     "bad-parameter", "since"),
    ("a bad gap", '{"op":"sub","topic":"a","gap":"x"}', None,
     "bad-parameter", "gap"),
    ("an unsub of nothing", '{"op":"unsub","topic":"a"}', None, "not-found",
     "topic"),
    ("an unsub of several", '{"op":"unsub","topics":["a","b"]}', None,
     "not-found", "topics"),
    ("an unsub of a list of one", '{"op":"unsub","topics":["a"]}', None,
     "not-found", "topics"),
    ("a pub without data", '{"op":"pub","topic":"a"}', None, "bad-parameter",
     "data"),
    ("a pub of a pattern", '{"op":"pub","topic":"a.*","data":1}', None,
     "bad-topic", "topic"),
    ("a bad type", '{"op":"pub","topic":"a","data":1,"type":"a\\r\\nb"}', None,
     "bad-parameter", "type"),
    ("a type with NUL", '{"op":"pub","topic":"a","data":1,"type":"\\u0000"}',
     None, "bad-parameter", "type"),
    ("a reserved type", '{"op":"pub","topic":"a","data":1,"type":"ringtail.x"}',
     None, "bad-parameter", "type"),
    ("an id that is an object", '{"op":"ping","id":{}}', None, "bad-parameter",
     "id"),
    ("two ops", '{"op":"ping","op":"ping"}', None, "bad-request", "op"),
    ("a pub of too much",
     json.dumps({"op": "pub", "topic": "a", "data": "x" * (EVENT_BYTES + 1)}),
     None, "payload-too-large", "data"),
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
        answer = peer.ask("sub", topics=["twice"])
        equal(answer["problem"]["detail"][:8], "topics: ")
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
    for request in (raw.get("/subscribe"), raw.upgrade("/subscribe")):
        with raw.Connection(broker.port) as peer:
            peer.send(request)
            answer = peer.answer()
            equal((answer.status, answer.problem()), (400, "bad-request"))


class Refused(raw.WebSocket):
    """A WebSocket of the subprotocol that is told what was wrong."""

    lines = Dialog.lines

    def told(self):
        """The problem, and behind it the code and the reason of the close."""
        (notice,), code, reason = self.until_close()
        notice = json.loads(notice)
        equal(notice["op"], "error")
        return notice["problem"], code, reason


REFUSED = [
    ("?since=now", 4400, "bad-parameter; parameter=since"),
    ("/a?since=soon", 4400, "bad-parameter; parameter=since"),
    ("/a?gap=no", 4400, "bad-parameter; parameter=gap"),
    ("/a?" + "x" * 200, 4400, "bad-parameter; parameter=" + "x" * 64),
    ("/a,b?since=-3", 4400, "bad-parameter; parameter=since"),
    ("/a..b", 4400, "bad-topic"),
    ("/a,,b", 4400, "bad-topic"),
]


@cases([(path[:15], path, *rest) for path, *rest in REFUSED],
       "What is wrong with {0} is told in the subprotocol, with {2}.")
def refused(broker, path, code, reason):
    """Browsers show nothing of a handshake that was refused. Without the
    subprotocol, or if the handshake itself is wrong, that is what happens."""
    count = 'connections_closed_total{reason="refused"}'
    before = broker.metric(count)
    with Refused(broker, f"/subscribe{path}") as peer:
        equal(peer.subprotocol, SUBPROTOCOL)
        problem, *closed = peer.told()
        equal(problem["status"], 400)
        equal(closed, [code, reason])
    equal(broker.metric(count), before + 1)
    for lines in ([], [*Dialog.lines, "Content-Length: 1"]):
        with raw.Connection(broker.port) as peer:
            peer.send(raw.upgrade(f"/subscribe{path}", *lines) + b"x")
            equal(peer.answer().status, 400)


run(lambda: Broker("--ring-bytes", "64KiB", "--event-bytes", EVENT_BYTES))
