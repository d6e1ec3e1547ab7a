#!/usr/bin/python3
"""The examples, as their users see them: each is started, talked to, and told
to end, which it does in good order. In valgrind it leaks nothing either."""

import json
import os
import pathlib
import re
import socket

from example import Example
import raw
from browser import browsing
from curl import Curl
from subscriber import events_from
from tap import cases, equal, run, test

PAGE = pathlib.Path(os.environ["EXAMPLES_SOURCE"], "chat.html")


@test
def minimal():
    """The minimal program is a broker."""
    with Example("minimal") as example:
        answer = Curl(example, "/produce/news", "-d", "hello").answer
        equal(answer.status, 200)
        equal(events_from(example, "news", 1, since="earliest")[1], ["hello"])


@test
def shared_loop():
    """A host's timer publishes, and its TCP server answers beside."""
    with Example("shared_loop") as example:
        events = events_from(example, "ticks", 1, since="earliest")[1]
        equal(events, ["tick"])
        port = re.search(r"host: .*:(\d+)", "\n".join(example.said)).group(1)
        with socket.create_connection(("127.0.0.1", int(port)), 20) as peer:
            said = peer.makefile().read()
        assert re.fullmatch(r"[1-9]\d* ticks\n", said), said


@test
def publish_from_thread():
    """A thread publishes all its events, waiting whenever the mailbox is
    full."""
    with Example("publish_from_thread", 20000) as example:
        example.says("published up to [0-9a-f]{8}-20000$")
        equal(events_from(example, "work", 1, since="-1")[1], ["done"])
        assert re.search("waited [1-9][0-9]* times", example.ended())


@test
def stopped_thread():
    """A thread that is still publishing does not keep the host from ending."""
    with Example("publish_from_thread", 10**12) as example:
        with raw.WebSocket(example, "/subscribe/work") as peer:
            equal(peer.frame()[1], b"done")


@test
def filters():
    """A subscriber in the process republishes what is too high."""
    with Example("filter") as example:
        for payload in (b"20", b"31.5", b"cold", b"30", b"", b"1e3", b"9" * 60):
            example.post("temperature", payload)
        with raw.WebSocket(example, "/subscribe/alarm?since=earliest") as peer:
            equal(peer.events(2), [b"31.5", b"1e3"])


@test
def filter_gap():
    """It announces what it has missed while it paused."""
    gap = re.compile(rb"[1-9]\d* lost: cursor-evicted")
    with Example("filter") as example, raw.Connection(example.port) as peer:
        peer.send(raw.post("temperature", b"31") * 2000)
        for _ in range(2000):
            equal(peer.answer().status, 200)
        with raw.WebSocket(example, "/subscribe/alarm?since=earliest") as peer:
            while not gap.fullmatch(peer.frame()[1]):
                pass


@test
def accounting():
    """A host's allocator refuses what is too much, and gets all back."""
    payload = b"x" * 100000
    with Example("accounting", 4 << 20) as example:
        equal(example.request("POST", "/produce/small", b"x").status, 200)
        paths = [f"/produce/topic-{n}" for n in range(100)]
        answers = (example.request("POST", path, payload) for path in paths)
        statuses = [answer.status for answer in answers]
        equal(set(statuses), {200, 507})
        equal(example.request("GET", "/readyz").status, 200)
        equal(example.request("POST", "/produce/small", b"x").status, 200)
        said = example.ended()
    peak = int(re.search(r"at most (\d+) bytes", said).group(1))
    assert 3 << 20 < peak <= 4 << 20, peak
    assert re.search(r"left 0 bytes, refused [1-9]\d* times", said), said


@cases(
    [
        ("no token", "news", None, 401),
        ("another topic's token", "news", "Bearer blue", 403),
        ("a token for no topic", "weather", "Bearer red", 403),
        ("the token", "news", "Bearer red", 200),
    ],
    "A peer with {0} gets {3}, as a producer at once, as a subscriber later.",
)
def authorizer(topic, token, status):
    fields = {} if token is None else {"Authorization": token}
    lines = [f"{name}: {value}" for name, value in fields.items()]
    with Example("authorizer") as example:
        answer = example.request("POST", f"/produce/{topic}", b"x", fields)
        equal(answer.status, status)
        equal("WWW-Authenticate" in answer.headers, status == 401)
        with raw.Connection(example.port) as peer:
            peer.send(raw.upgrade(f"/subscribe/{topic}", *lines))
            answer = peer.answer()
        equal(answer.status, 101 if status == 200 else status)


@test
def authorizer_leaves():
    """A host that is told to end while it is asked still answers."""
    with Example("authorizer") as example, raw.Connection(example.port) as peer:
        peer.send(raw.upgrade("/subscribe/news"))
        equal(example.request("GET", "/readyz").status, 200)


def chat_events(example):
    """The events of the lobby: kinds and texts."""
    with raw.WebSocket(example, "/subscribe/room.lobby?since=-50") as peer:
        events = [json.loads(event) for event in peer.events(3)]
    return [(event["kind"], event["text"]) for event in events]


@test
def chat():
    """Whoever opens the page is announced, sees what others say, is heard, and
    is missed."""
    other = {"kind": "text", "who": "other", "text": "<b>hello</b>"}
    say = 'document.querySelector("input").value = "good day";'
    say += 'document.querySelector("form").requestSubmit()'
    with Example("chat", 0, PAGE) as example:
        url = example.says("chat: (.*)").group(1)
        example.post("room.lobby", json.dumps(other).encode())
        with browsing(url) as page:
            page.shows("other: <b>hello</b>")
            page.shows("is here")
            page.run(say)
            page.shows(": good day")
            page.run('location = "about:blank"')
            example.says('"kind":"leave"')
        wanted = [("text", other["text"]), ("join", ""), ("text", "good day")]
        equal(chat_events(example), wanted)


run()
