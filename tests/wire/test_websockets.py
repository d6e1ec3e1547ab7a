#!/usr/bin/python3
"""The whole way of an event, with the client of Debian's python3-websockets:
what is posted arrives, in order, as it was sent."""

import asyncio
import contextlib
import random
import signal

import websockets

from broker import Broker
from subscriber import events_from, is_silent, post, post_many, subscribe, take
from tap import cases, equal, run, test

EVENT_BYTES = 256 * 1024

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
