#!/usr/bin/python3
"""Server-sent events end to end with a browser's own EventSource, in a headless
Chromium, and with the one that Node programs use, npm's."""

import contextlib
import json
import pathlib
import subprocess
import threading
import urllib.parse

from broker import Broker
from chromium import chromium
from page import page_server
from relay import Relay
from tap import cases, equal, run

FOLDER = pathlib.Path(__file__).parent
TIMEOUT_S = 40
TYPES = [
    *(f"ringtail.{name}" for name in ("open", "gap", "caught_up", "drain")),
    "order/created",
]
CONNECTING, CLOSED = 0, 2

# The page comes from another port than the events, and the broker allows that
# to nobody yet.
ANY_ORIGIN = "--disable-web-security"


@contextlib.contextmanager
def in_chromium(url):
    """A page that subscribes; gives a function that returns what happens."""
    with page_server(FOLDER / "event_source.html") as server:
        query = [("url", url), *(("type", name) for name in TYPES)]
        query = urllib.parse.urlencode(query)
        page = f"http://127.0.0.1:{server.server_port}/?{query}"
        with chromium(page, ANY_ORIGIN):
            yield lambda: server.reports.get(timeout=TIMEOUT_S)


@contextlib.contextmanager
def in_node(url):
    """The same of a node process."""
    process = subprocess.Popen(
        ["node", FOLDER / "event_source.mjs", url, *TYPES],
        stdout=subprocess.PIPE,
    )
    watchdog = threading.Timer(TIMEOUT_S, process.kill)
    watchdog.start()

    def hear():
        line = process.stdout.readline()
        assert line, "node ended; was script/bootstrap --test run?"
        return json.loads(line)

    try:
        yield hear
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


CLIENTS = [("Chromium", in_chromium), ("npm's eventsource", in_node)]


def begin(hear, cursor):
    """Fails unless a subscription begins there, with nothing to replay."""
    equal(hear(), {"open": True})
    opened = hear()
    equal((opened["type"], opened["id"]), ("ringtail.open", cursor))
    equal(hear()["type"], "ringtail.caught_up")


@cases(CLIENTS, "{0} gets events as they were published, with types and ids.")
def receives(broker, client):
    """Text in lines, JSON, binary in the envelope."""
    topic = f"events-{client.__name__}"
    cursor = broker.post(topic, "before")["cursor"]
    epoch = cursor.split("-")[0]
    json_type = {"Content-Type": "application/json"}
    binary = {"Content-Type": "application/octet-stream"}
    with client(broker.url(f"/subscribe/{topic}")) as hear:
        begin(hear, cursor)
        text = "grüße, \U0001f407\n\n  two\n"
        broker.post(topic, text.encode())
        wanted = {"type": "message", "data": text, "id": f"{epoch}-2"}
        equal(hear(), wanted)
        typed = {"Ringtail-Type": "order/created", **json_type}
        broker.post(topic, '{"a":\n1}', **typed)
        wanted = {"type": "order/created", "data": '{"a":\n1}'}
        equal(hear(), {**wanted, "id": f"{epoch}-3"})
        broker.post(topic, b"\xff", **binary)
        envelope = json.loads(hear()["data"])
        equal(envelope["data_base64"], "/w==")
        broker.post(topic, "a\r\nevent: x\rid: y")
        wanted = {"type": "message", "data": "a\nevent: x\nid: y"}
        equal(hear(), {**wanted, "id": f"{epoch}-5"})


@cases(CLIENTS, "{0} comes back by itself, and misses and repeats nothing.")
def comes_back(broker, client):
    """With Last-Event-ID, after its connection was cut."""
    topic = f"back-{client.__name__}"
    cursor = broker.post(topic, "0")["cursor"]
    with Relay(broker.port) as relay:
        url = f"http://127.0.0.1:{relay.port}/subscribe/{topic}"
        with client(url) as hear:
            begin(hear, cursor)
            for number in range(1, 4):
                broker.post(topic, f"{number}")
                equal(hear()["data"], f"{number}")
            relay.cut()
            equal(hear(), {"error": CONNECTING})
            for number in range(4, 7):
                broker.post(topic, f"{number}")
            equal(hear(), {"open": True})
            equal(hear()["type"], "ringtail.open")
            equal([hear()["data"] for _ in range(3)], ["4", "5", "6"])
            equal(hear()["type"], "ringtail.caught_up")
            broker.post(topic, "7")
            equal(hear()["data"], "7")


@cases(CLIENTS, "{0} is told of a gap when the broker has lost the log, once.")
def restarts(_, client):
    """It is told of the end before, and goes on with what there is."""
    with Broker() as broker:
        cursor = broker.post("restarts", "1")["cursor"]
        port = broker.port
        with client(broker.url("/subscribe/restarts")) as hear:
            begin(hear, cursor)
            broker.stop()
            equal(hear()["type"], "ringtail.drain")
            equal(hear(), {"error": CONNECTING})
            with Broker(listen=f"127.0.0.1:{port}") as other:
                epoch = other.post("restarts", "2")["cursor"].split("-")[0]
                while (heard := hear()) == {"error": CONNECTING}:
                    pass
                equal(heard, {"open": True})
                equal(hear()["type"], "ringtail.open")
                gap = hear()
                equal((gap["type"], gap["id"]), ("ringtail.gap", f"{epoch}-0"))
                equal(json.loads(gap["data"])["after"], cursor)
                equal(hear()["data"], "2")
                equal(hear()["type"], "ringtail.caught_up")


@cases(CLIENTS, "{0} whose last id leads nowhere is told of a gap.")
def lost(broker, client):
    """After a refusal it would not come back."""
    topic = f"lost-{client.__name__}"
    cursor = broker.post(topic, "left")["cursor"]
    url = broker.url(f"/subscribe/{topic}?lastEventId=nonsense")
    with client(url) as hear:
        equal(hear(), {"open": True})
        equal(hear()["type"], "ringtail.open")
        gap = json.loads(hear()["data"])
        equal((gap["reason"], gap["next"]), ("epoch_changed", cursor))
        equal(hear()["data"], "left")


@cases(CLIENTS, "{0} that asks for nonsense is refused, for good.")
def refused(broker, client):
    """It does not come back."""
    with client(broker.url("/subscribe/refused?since=soon")) as hear:
        equal(hear(), {"error": CLOSED})


run(Broker)
