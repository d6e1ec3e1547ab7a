#!/usr/bin/python3
"""Where a subscription begins, with Debian's python3-websockets: `since` in all
its forms, cursors that are not of this log, and coming back."""

import asyncio
import contextlib
import datetime
import random
import time
import urllib.parse

import websockets

import raw
from broker import Broker
from subscriber import events_from, post_many, subscribe, take
from tap import equal, run, test


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


run(Broker)
