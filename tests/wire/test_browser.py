#!/usr/bin/python3
"""Events end to end with a browser's own WebSocket: a page in a headless
Chromium subscribes and reports what it sees."""

import base64
import contextlib
import json
import pathlib
import random
import urllib.parse

from broker import Broker
from chromium import chromium
from page import page_server
from tap import equal, run, test

PAGE = pathlib.Path(__file__).with_name("browser.html")
TIMEOUT_S = 40


@contextlib.contextmanager
def subscribed(broker, path, closes_after=0, **parameters):
    """A page that subscribes; gives a function that returns what happens."""
    with page_server(PAGE) as server:
        query = {"url": broker.url(path, "ws"), "closesAfter": closes_after}
        query |= parameters
        query = urllib.parse.urlencode(query)
        with chromium(f"http://127.0.0.1:{server.server_port}/?{query}"):
            yield lambda: server.reports.get(timeout=TIMEOUT_S)


def event(payload, is_text):
    """What the page reports of an event."""
    return {"data": base64.b64encode(payload).decode(), "isText": is_text}


@test
def receives(broker):
    """A page receives text and binary, from the ring and live, byte for byte,
    and its close is clean."""
    binary = {"Content-Type": "application/octet-stream"}
    text = "grüße, \u0000 \U0001f407 {}".encode()
    data = random.Random(1).randbytes(70000)
    events = [(text, {}), (data, binary), (b"", {}), (b"", binary)]
    broker.post("browser", b"before")
    with subscribed(broker, "/subscribe/browser?since=-1", 5) as report:
        equal("open" in report(), True)
        equal(report(), event(b"before", True))
        for payload, headers in events:
            broker.post("browser", payload, **headers)
        for payload, headers in events:
            equal(report(), event(payload, not headers))
        equal(report(), {"code": 4000, "reason": "", "wasClean": True})


@test
def told(broker):
    """A page that offers the subprotocol is told what is wrong, in a notice and
    by the close frame."""
    path = "/subscribe/refused?since=soon"
    with subscribed(broker, path, protocol="ringtail.v1.json") as report:
        equal("open" in report(), True)
        notice = json.loads(base64.b64decode(report()["data"]))
        equal(notice["op"], "error")
        equal(notice["problem"]["detail"][:7], "since: ")
        reason = "bad-parameter; parameter=since"
        equal(report(), {"code": 4400, "reason": reason, "wasClean": True})


@test
def evicted(broker):
    """A page whose cursor is gone is told so, with where to go on."""
    cursor = broker.post("gone", b"1")["cursor"].replace("-1", "-0")
    with subscribed(broker, "/subscribe/gone?since=00000000-9") as report:
        equal("open" in report(), True)
        reason = f"epoch-changed; cursor={cursor}"
        equal(report(), {"code": 4410, "reason": reason, "wasClean": True})


@test
def leaving(_):
    """A page is told when the broker stops."""
    with Broker() as broker:
        cursor = broker.post("leaving", b"1")["cursor"]
        with subscribed(broker, "/subscribe/leaving") as report:
            equal("open" in report(), True)
            broker.tell()
            reason = f"leaving; cursor={cursor}"
            equal(report(), {"code": 1001, "reason": reason, "wasClean": True})


@test
def refused(broker):
    """A page that is refused sees an error and 1006, no more."""
    with subscribed(broker, "/subscribe/a..b") as report:
        equal("error" in report(), True)
        equal(report()["code"], 1006)


run(Broker)
