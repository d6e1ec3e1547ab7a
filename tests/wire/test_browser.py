#!/usr/bin/python3
"""Events end to end with a browser's own WebSocket: a page in a headless
Chromium subscribes and reports what it sees."""

import base64
import contextlib
import http.server
import json
import pathlib
import queue
import random
import threading
import urllib.parse

from broker import Broker
from chromium import chromium
from tap import equal, run, test

PAGE = pathlib.Path(__file__).with_name("browser.html")
TIMEOUT_S = 40


class PageHandler(http.server.BaseHTTPRequestHandler):
    """Serves the page, and takes its reports into the server's queue."""

    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", media="text/plain"):
        """A whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        """The page, whatever its query."""
        if self.path.startswith("/?"):
            self.answer(200, PAGE.read_bytes(), "text/html; charset=utf-8")
        else:
            self.answer(404)

    def do_POST(self):
        """A report."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.reports.put(json.loads(body))
        self.answer(200)

    def log_message(self, *_):
        """Nobody wants to know."""


class PageServer(http.server.ThreadingHTTPServer):
    """Where the page comes from, and where its reports go."""

    daemon_threads = True

    def __init__(self, *parameters):
        super().__init__(*parameters)
        self.reports = queue.Queue()

    def handle_error(self, *_):
        """A browser that is killed leaves broken connections."""


@contextlib.contextmanager
def page_server():
    """A server of the page on a port of its own."""
    server = PageServer(("127.0.0.1", 0), PageHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def subscribed(broker, path, closes_after=0):
    """A page that subscribes; gives a function that returns what happens."""
    with page_server() as server:
        query = {"url": broker.url(path, "ws"), "closesAfter": closes_after}
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
