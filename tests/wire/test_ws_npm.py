#!/usr/bin/python3
"""Events end to end with the client that most Node programs use, npm's ws."""

import base64
import json
import pathlib
import random
import subprocess
import threading

from broker import Broker
from tap import equal, run, test

SCRIPT = pathlib.Path(__file__).with_name("ws_client.mjs")
TIMEOUT_S = 30


class Client:
    """A node process that subscribes; ws_client.mjs says what it prints."""

    def __init__(self, broker, path):
        self.process = subprocess.Popen(
            ["node", SCRIPT, broker.url(path, "ws")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.watchdog = threading.Timer(TIMEOUT_S, self.process.kill)
        self.watchdog.start()
        self.headers = {}

    def __enter__(self):
        self.headers = self.hear()["headers"]
        return self

    def __exit__(self, *reason):
        self.watchdog.cancel()
        self.process.kill()
        self.process.communicate()

    def hear(self):
        """What happens next."""
        line = self.process.stdout.readline()
        assert line, "node ended; was script/bootstrap --test run?"
        return json.loads(line)

    def call(self, *words):
        """Calls a method of the client."""
        self.process.stdin.write(json.dumps(words).encode() + b"\n")
        self.process.stdin.flush()

    def event(self):
        """The next event: its bytes, and whether they are binary."""
        heard = self.hear()
        return base64.b64decode(heard["data"]), heard["isBinary"]


@test
def events(broker):
    """Text and binary events of many lengths arrive as they were posted."""
    binary = {"Content-Type": "application/octet-stream"}
    with Client(broker, "/subscribe/node") as client:
        for count in (0, 1, 125, 126, 65535, 65536, 256 * 1024):
            data = random.Random(count).randbytes(count)
            text = b"\xc3\xa9" * (count // 2) + b"x" * (count % 2)
            broker.post("node", data, **binary)
            broker.post("node", text)
            assert client.event() == (data, True), count
            assert client.event() == (text, False), count


@test
def order(broker):
    """A thousand events from the ring arrive in order."""
    for number in range(1000):
        broker.post("order", b"%d" % number)
    with Client(broker, "/subscribe/order?since=earliest") as client:
        found = [client.event() for _ in range(1000)]
    equal(found, [(b"%d" % number, False) for number in range(1000)])


@test
def pings(broker):
    """A ping is answered by a pong with its payload."""
    with Client(broker, "/subscribe/pings") as client:
        client.call("ping", "are you there?")
        equal(client.hear(), {"pong": encoded(b"are you there?")})


def encoded(data):
    """As ws_client.mjs prints bytes."""
    return base64.b64encode(data).decode()


@test
def closes(broker):
    """A close is answered with its code."""
    for code in (1000, 1001, 3000, 4999):
        with Client(broker, "/subscribe/closes") as client:
            client.call("close", code, "bye")
            equal(client.hear()["code"], code)


@test
def sends(broker):
    """A client that sends a message is closed with 1003 and its cursor."""
    with Client(broker, "/subscribe/sends") as client:
        cursor = client.headers["ringtail-cursor"]
        client.call("send", "hello")
        reason = f"unexpected-data; cursor={cursor}"
        equal(client.hear(), {"code": 1003, "reason": reason})


@test
def resumes(_):
    """A client that is closed with 1001 goes on where it was."""
    path = "/subscribe/resumes"
    with Broker() as broker:
        with Client(broker, path) as client:
            cursor = broker.post("resumes", b"1")["cursor"]
            equal(client.event(), (b"1", False))
            client.call("close", 1000)
            equal(client.hear()["code"], 1000)
        broker.post("resumes", b"2")
        broker.post("resumes", b"3")
        with Client(broker, f"{path}?since={cursor}") as client:
            equal(client.headers["ringtail-cursor"], cursor)
            equal([client.event()[0] for _ in range(2)], [b"2", b"3"])
            broker.tell()
            reason = "leaving; cursor=" + cursor.replace("-1", "-3")
            equal(client.hear(), {"code": 1001, "reason": reason})


@test
def refused(broker):
    """A handshake that is refused fails with the status."""
    client = Client(broker, "/subscribe/a..b")
    equal(client.hear(), {"error": "Unexpected server response: 400"})
    client.__exit__()


@test
def gap(broker):
    """A cursor of another log is closed with 4410, and leads on."""
    broker.post("gap", b"1")
    with Client(broker, "/subscribe/gap?since=00000000-1") as client:
        closed = client.hear()
        equal(closed["code"], 4410)
        slug, cursor = closed["reason"].split("; cursor=")
        equal(slug, "epoch-changed")
    with Client(broker, f"/subscribe/gap?since={cursor}") as client:
        equal(client.event(), (b"1", False))


run(Broker)
