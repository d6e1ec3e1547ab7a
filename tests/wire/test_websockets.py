#!/usr/bin/python3
"""The whole way of an event, with the client of Debian's python3-websockets:
what is posted arrives, in order, as it was sent."""

import asyncio
import contextlib
import datetime
import random
import signal
import time
import urllib.parse

import websockets

import raw
from broker import Broker
from tap import cases, equal, run, test

QUIET_S = 0.1
EVENT_BYTES = 256 * 1024


def subscribe(broker, topic, **parameters):
    """Connects to a topic; to be used as an asynchronous context manager."""
    query = urllib.parse.urlencode(parameters)
    path = f"/subscribe/{topic}" + (f"?{query}" if query else "")
    # With a bounded queue it could not close before all of it is read.
    return websockets.connect(
        broker.url(path, "ws"),
        ping_interval=None,
        max_size=None,
        max_queue=None,
    )


async def post(broker, topic, payload, **headers):
    """Publishes without holding up the loop; the receipt."""
    return await asyncio.to_thread(broker.post, topic, payload, **headers)


async def take(client, count):
    """The next events."""
    return [await asyncio.wait_for(client.recv(), 30) for _ in range(count)]


async def is_silent(client):
    """Whether no event comes for a while."""
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(client.recv(), QUIET_S)
        return False
    return True


def events_from(broker, topic, count, **parameters):
    """The first events of a subscription, after which nothing comes."""

    async def receive():
        async with subscribe(broker, topic, **parameters) as client:
            events = await take(client, count)
            assert await is_silent(client), f"more than {count} events"
            return client.response_headers["Ringtail-Cursor"], events

    return asyncio.run(receive())


# --- text and binary ---

PLAIN = b"gr\xc3\xbc\xc3\x9fe"
JSON = b'{"a": [1, 2.5e3, "\\u00fc"]}'
NOT_UTF8 = b"\xff\x00\xfe"
FORM = "application/x-www-form-urlencoded"

# Content-Type (None: no such header), payload, whether it arrives as text.
KINDS = [
    (None, PLAIN, True),
    (None, b"", True),
    (None, NOT_UTF8, False),
    ("", PLAIN, True),
    (FORM, PLAIN, True),
    (FORM, NOT_UTF8, False),
    (FORM.upper(), PLAIN, True),
    (f"{FORM}; charset=utf-8", NOT_UTF8, False),
    ("text/plain", PLAIN, True),
    ("text/plain", b"", True),
    ("Text/HTML; charset=UTF-8", PLAIN, True),
    ('text/plain; charset="utf-8"', PLAIN, True),
    ("text/plain;charset=us-ascii", b"ascii", True),
    ("text/plain; charset=iso-8859-1", b"gr\xfc\xdfe", False),
    ("text/plain; charset=iso-8859-1", b"ascii", False),
    ("text/event-stream", b"data: x\n\n", True),
    ("application/json", JSON, True),
    ("application/json", b" 1 ", True),
    ("APPLICATION/JSON; charset=utf-8", JSON, True),
    ("application/ld+json", JSON, True),
    ("image/svg+json", b"[]", True),
    ("application/octet-stream", PLAIN, False),
    ("application/octet-stream", b"", False),
    ("application/xml", b"<a/>", False),
    ("application/jsonl", b"{}", False),
    ("application/cbor", b"\xa0", False),
    ("image/png", NOT_UTF8, False),
    ("x/y", b"x", False),
]


@test
def kinds(broker):
    """The Content-Type decides whether an event arrives as text or binary, and
    its bytes are those that were posted."""
    topic = "kinds"
    for media, payload, _ in KINDS:
        headers = {} if media is None else {"Content-Type": media}
        broker.post(topic, payload, **headers)
    _, events = events_from(broker, topic, len(KINDS), since="earliest")
    for (media, payload, is_text), event in zip(KINDS, events):
        equal(isinstance(event, str), is_text, media)
        found = event.encode() if is_text else event
        equal(found, payload, media)


LENGTHS = [0, 1, 125, 126, 127, 65535, 65536, 65537, EVENT_BYTES]


@cases(zip(LENGTHS, LENGTHS), "An event of {0} bytes arrives byte for byte.")
def lengths(broker, count):
    """As binary and as text, live and from the ring."""
    topic = f"lengths{count}"
    data = random.Random(count).randbytes(count)
    text = "".join(chr(ord("a") + byte % 26) for byte in data)
    wanted = [data, text]

    async def receive():
        async with subscribe(broker, topic) as client:
            media = {"Content-Type": "application/octet-stream"}
            await post(broker, topic, data, **media)
            await post(broker, topic, text.encode())
            return await take(client, 2)

    assert asyncio.run(receive()) == wanted, "live"
    _, events = events_from(broker, topic, 2, since="earliest")
    assert events == wanted, "from the ring"


# --- order, and many ---


def post_many(broker, topic, count):
    """Publishes numbers, a hundred requests at a time."""
    with raw.Connection(broker.port, timeout=60) as peer:
        for start in range(0, count, 100):
            numbers = range(start, min(start + 100, count))
            peer.send(b"".join(raw.post(topic, b"%d" % n) for n in numbers))
            for _ in numbers:
                equal(peer.answer().status, 200)


@test
def order(broker):
    """Ten thousand events arrive in the order in which they were posted."""
    count = 10000

    async def receive():
        async with subscribe(broker, "order") as client:
            sending = asyncio.to_thread(post_many, broker, "order", count)
            sender = asyncio.create_task(sending)
            events = await take(client, count)
            await sender
            return events

    equal(asyncio.run(receive()), [str(n) for n in range(count)])


@test
def many(broker):
    """Three hundred subscribers all get all events, in order."""
    count = 30

    async def receive():
        async with contextlib.AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(subscribe(broker, "many"))
                for _ in range(300)
            ]
            equal(broker.metric("subscriptions"), 300)
            sending = asyncio.to_thread(post_many, broker, "many", count)
            sender = asyncio.create_task(sending)
            events = await asyncio.gather(*[take(c, count) for c in clients])
            await sender
            return events

    for events in asyncio.run(receive()):
        equal(events, [str(n) for n in range(count)])


@test
def apart(broker):
    """A subscriber gets the events of its topic and no others."""

    async def receive():
        async with subscribe(broker, "apart.a") as client:
            for topic in ("apart", "apart.b", "apart.a.c", "Apart.a"):
                await post(broker, topic, b"other")
            await post(broker, "apart.a", b"own")
            return await take(client, 1), await is_silent(client)

    equal(asyncio.run(receive()), (["own"], True))


# --- since ---


def rfc3339(ts, offset_hours=0):
    """A time stamp in milliseconds, as RFC 3339 writes it."""
    zone = datetime.timezone(datetime.timedelta(hours=offset_hours))
    moment = datetime.datetime.fromtimestamp(ts // 1000, zone)
    moment += datetime.timedelta(milliseconds=ts % 1000)
    return moment.isoformat(timespec="milliseconds")


@test
def since(broker):
    """Each form of `since` begins where it says, and Ringtail-Cursor is the
    position before the first event."""
    receipts = []
    for number in range(1, 6):
        receipts.append(broker.post("since", b"%d" % number))
        time.sleep(0.005)
    epoch = receipts[0]["cursor"].split("-")[0]
    forms = {
        "now": 5,
        "earliest": 0,
        "-1": 4,
        "-5": 0,
        "-6": 0,
        "-18446744073709551615": 0,
        "1h": 0,
        "36525d": 0,
        "1ms": 5,
        "1970-01-01T00:00:00Z": 0,
        "9999-12-31T23:59:59Z": 5,
        rfc3339(receipts[2]["ts"]): 2,
        rfc3339(receipts[2]["ts"], 5): 2,
        rfc3339(receipts[2]["ts"] + 1, -11): 3,
        rfc3339(receipts[3]["ts"]).replace("+00:00", "z"): 3,
        f"{epoch}-003": 3,
        **{f"{epoch}-{offset}": offset for offset in range(6)},
    }
    for form, offset in forms.items():
        found = events_from(broker, "since", 5 - offset, since=form)
        wanted = [str(number) for number in range(offset + 1, 6)]
        equal(found, (f"{epoch}-{offset}", wanted), form)
    found, _ = events_from(broker, "since", 0)
    equal(found, f"{epoch}-5", "without since")


REFUSED = [
    ("since", value)
    for value in (
        "",
        "Now",
        "latest",
        "0",
        "-0",
        "-",
        "--1",
        "-1.5",
        "-18446744073709551616",
        "10",
        "10 m",
        "10M",
        "0s",
        "-10m",
        "36526d",
        "7f3a9c21-",
        "7f3a9c2-1",
        "7F3A9C21-1",
        "7f3a9c21-x",
        "7f3a9c21--1",
        "7f3a9c21-18446744073709551616",
        "2026-02-30T00:00:00Z",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "1969-12-31T23:59:59Z",
        "x" * 1000,
        "%",
    )
]
REFUSED += [("gap", ""), ("gap", "Skip"), ("gap", "drop"), ("last", "1")]


@test
def refused(broker):
    """A parameter that is not valid is refused with 400, which names it."""
    for name, value in REFUSED:
        query = urllib.parse.urlencode({name: value})
        with raw.Connection(broker.port) as peer:
            peer.send(raw.upgrade(f"/subscribe/since?{query}"))
            answer = peer.answer()
            equal((answer.status, answer.problem()), (400, "bad-parameter"))
            assert f'"{name}: ' in answer.body.decode(), answer.body


@test
def twice(broker):
    """Of a parameter that stands twice the last one counts."""
    cursor = broker.post("twice", b"x")["cursor"]
    for first, last, wanted in [("now", "-1", "-0"), ("-1", "now", "-1")]:
        path = f"/subscribe/twice?since={first}&since={last}"
        with raw.WebSocket(broker, path) as peer:
            equal(peer.cursor, cursor.replace("-1", wanted))


GONE = ["00000000-0", "00000000-7", "{epoch}-6", "{epoch}-18446744073709551615"]


@test
def unknown_cursor(broker):
    """A cursor that this log never gave out is closed with 4410, and leads to
    the earliest event; with gap=skip that is where it begins."""
    epoch = broker.post("gone", b"1")["cursor"].split("-")[0]

    async def receive(cursor):
        async with subscribe(broker, "gone", since=cursor) as client:
            with contextlib.suppress(websockets.ConnectionClosed):
                await client.recv()
            return client.close_code, client.close_reason

    for form in GONE:
        cursor = form.format(epoch=epoch)
        wanted = (4410, f"epoch-changed; cursor={epoch}-0")
        equal(asyncio.run(receive(cursor)), wanted, cursor)
        found = events_from(broker, "gone", 1, since=cursor, gap="skip")
        equal(found, (f"{epoch}-0", ["1"]), cursor)


@test
def resumed(broker):
    """A subscriber that comes back with its cursor, again and again, loses no
    event and gets none twice."""
    count = 2000

    async def receive():
        sending = asyncio.to_thread(post_many, broker, "resumed", count)
        sender = asyncio.create_task(sending)
        events = []
        cursor = "earliest"
        while len(events) < count:
            async with subscribe(broker, "resumed", since=cursor) as client:
                found = client.response_headers["Ringtail-Cursor"]
                epoch, offset = found.split("-")
                equal(int(offset), len(events), "cursor")
                wanted = min(random.randint(1, 200), count - len(events))
                events += await take(client, wanted)
                cursor = f"{epoch}-{len(events)}"
        await sender
        return events

    equal(asyncio.run(receive()), [str(n) for n in range(count)])


# --- control frames ---


@test
def pings(broker):
    """A ping is answered by a pong with its payload."""

    async def ping():
        async with subscribe(broker, "pings") as client:
            for payload in (b"", b"x", bytes(range(125))):
                await asyncio.wait_for(await client.ping(payload), 5)

    asyncio.run(ping())


@test
def closes(broker):
    """A client that closes is answered with its code."""

    async def close(code, reason):
        client = await subscribe(broker, "closes")
        await client.close(code, reason)
        return client.close_code

    for code, reason in [(1000, ""), (1001, "bye"), (4999, "x" * 123)]:
        equal(asyncio.run(close(code, reason)), code)


SIGNALS = [("SIGTERM", signal.SIGTERM), ("SIGINT", signal.SIGINT)]


@cases(SIGNALS, "On {0} subscribers are closed with 1001 and their cursor.")
def leaving(_, number):
    """And the process ends with 0."""

    async def leave(broker):
        async with subscribe(broker, "leaving") as client:
            cursor = (await post(broker, "leaving", b"x"))["cursor"]
            await take(client, 1)
            broker.tell(number)
            with contextlib.suppress(websockets.ConnectionClosed):
                await client.recv()
            equal(client.close_code, 1001)
            equal(client.close_reason, f"leaving; cursor={cursor}")

    with Broker() as broker:
        asyncio.run(leave(broker))


run(Broker)
