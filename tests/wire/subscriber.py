"""Publishing and subscribing with Debian's python3-websockets."""

import asyncio
import contextlib
import urllib.parse

import websockets

import raw
from tap import equal

QUIET_S = 0.1


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


def post_many(broker, topic, count):
    """Publishes numbers, a hundred requests at a time."""
    with raw.Connection(broker.port, timeout=60) as peer:
        for start in range(0, count, 100):
            numbers = range(start, min(start + 100, count))
            peer.send(b"".join(raw.post(topic, b"%d" % n) for n in numbers))
            for _ in numbers:
                equal(peer.answer().status, 200)
