#!/usr/bin/python3
"""WebSocket from below: handshakes and frames that break RFC 6455, each of them
whole and byte by byte."""

import contextlib
import struct
import threading

import raw
from broker import Broker, until
from raw import BINARY, CLOSE, PING, PONG, TEXT, close_frame, frame
from tap import cases, equal, run, test

EVENT_BYTES = 4096


def header(first, length, form, key=raw.MASK):
    """The header of a frame that declares a length and has no payload."""
    return bytes([first]) + raw.length_field(length, 0x80, form) + key


# What it is, the bytes, and the close code.
BROKEN = [
    ("A frame that is not masked", frame(PING, b"x", key=None), 1002),
    ("A close frame that is not masked", frame(CLOSE, key=None), 1002),
    ("The first reserved bit", frame(PING, b"", 0xC0), 1002),
    ("The second reserved bit", frame(PING, b"", 0xA0), 1002),
    ("The third reserved bit", frame(PING, b"", 0x90), 1002),
    ("A reserved bit on text", frame(TEXT, b"x", 0xC0), 1002),
    *[
        (f"The reserved opcode {opcode}", frame(opcode, b"x"), 1002)
        for opcode in (*range(3, 8), *range(11, 16))
    ],
    ("A ping that is not final", frame(PING, b"x", 0), 1002),
    ("A close frame that is not final", frame(CLOSE, b"", 0), 1002),
    ("A ping of 126 bytes", frame(PING, b"x" * 126), 1002),
    ("A pong of 126 bytes", frame(PONG, b"x" * 126), 1002),
    ("A close frame of 126 bytes", close_frame(1000, b"x" * 124), 1002),
    ("A ping that declares 65536 bytes", header(0x89, 65536, 64), 1002),
    ("A ping with its length in 16 bits", frame(PING, b"x", form=16), 1002),
    ("Text with a length too wide, 16 bits", frame(TEXT, b"x", form=16), 1002),
    ("Text with a length too wide, 64 bits", frame(TEXT, b"x", form=64), 1002),
    ("A length of 2^63", header(0x81, 1 << 63, 64), 1002),
    ("A length of 2^64 - 1", header(0x82, (1 << 64) - 1, 64), 1002),
    ("Text", frame(TEXT, b"hello"), 1003),
    ("Binary data", frame(BINARY, b"\0\1"), 1003),
    ("Empty text", frame(TEXT), 1003),
    ("Text of as much as an event", frame(TEXT, b"x" * EVENT_BYTES), 1003),
    ("The beginning of a fragmented text", frame(TEXT, b"x", 0), 1003),
    ("A continuation of nothing", frame(0, b"x"), 1002),
    ("Text of more than an event", frame(TEXT, b"x" * (EVENT_BYTES + 1)), 1009),
    ("A length of 2^63 - 1", header(0x82, (1 << 63) - 1, 64) + b"x", 1009),
    ("A close frame of 1 byte", frame(CLOSE, b"\x03"), 1002),
    ("Bad UTF-8 in a close frame", close_frame(1000, b"\xff"), 1007),
    ("UTF-8 cut short in a close frame", close_frame(1000, b"\xe2\x82"), 1007),
    ("A surrogate in a close frame", close_frame(1000, b"\xed\xa0\x80"), 1007),
    *[
        (f"Close code {code}", close_frame(code), 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    ],
]

SLUGS = {
    1002: "protocol-error",
    1003: "unexpected-data",
    1007: "bad-utf8",
    1009: "too-big",
}


@cases(BROKEN, "{0} is closed with {2}.")
def broken(broker, data, code):
    """With the cursor to go on from, and then with FIN."""
    for send in (raw.Connection.send, raw.Connection.drip):
        with raw.WebSocket(broker, "/subscribe/broken") as peer:
            send(peer, data)
            _, found, reason = peer.until_close()
            equal(found, code, "code")
            slug, values = raw.reason_values(reason)
            equal(slug, SLUGS[code], "slug")
            equal(values, {"cursor": peer.cursor}, "values")
            peer.expect_end()


CLOSES = [
    ("without a code", close_frame(), b""),
    *[
        (f"with {code}", close_frame(code, b"bye"), struct.pack("!H", code))
        for code in (1000, 1001, 1003, 1007, 1011, 1012, 1014, 3000, 4999)
    ],
    ("with 123 bytes of reason", close_frame(1000, b"x" * 123), b"\x03\xe8"),
]


@cases(CLOSES, "A close {0} is answered with the same code.")
def close_echo(broker, data, payload):
    """Then the connection ends, and the subscription did before."""
    before = broker.metric('connections_closed_total{reason="closed-by-peer"}')
    for send in (raw.Connection.send, raw.Connection.drip):
        with raw.WebSocket(broker, "/subscribe/closes") as peer:
            send(peer, data)
            equal(peer.frame(), (CLOSE, payload))
            peer.expect_end()
    after = broker.metric('connections_closed_total{reason="closed-by-peer"}')
    equal(after, before + 2, "counted")


@test
def after_close(broker):
    """What follows a close frame is not looked at."""
    with raw.WebSocket(broker, "/subscribe/after") as peer:
        peer.send(close_frame(1000) + frame(PING, b"x") + frame(3, b"x"))
        equal(peer.frame(), (CLOSE, b"\x03\xe8"))
        peer.expect_end()


# --- pings ---


@test
def pings(broker):
    """A ping is answered by a pong with its payload, whatever the length."""
    with raw.WebSocket(broker, "/subscribe/pings") as peer:
        for count in (0, 1, 7, 124, 125):
            payload = bytes(range(count))
            peer.send(frame(PING, payload))
            equal(peer.frame(), (PONG, payload))
            peer.drip(frame(PING, payload))
            equal(peer.frame(), (PONG, payload))


@test
def pongs(broker):
    """A pong that nobody asked for is ignored."""
    with raw.WebSocket(broker, "/subscribe/pongs") as peer:
        peer.send(frame(PONG, b"unasked") * 100 + frame(PING, b"x"))
        equal(peer.frame(), (PONG, b"x"))
        assert peer.is_silent()


@test
def every_mask(broker):
    """Any mask is taken off, at any split of the frame."""
    data = frame(PING, b"hello, world", key=b"\0\xff\x80\x7f")
    with raw.WebSocket(broker, "/subscribe/masks") as peer:
        for at in range(1, len(data)):
            peer.send(data[:at])
            assert peer.is_silent(0.001)
            peer.send(data[at:])
            equal(peer.frame(), (PONG, b"hello, world"))


@test
def ping_flood(broker):
    """Of a flood of pings some are answered, the last one among them."""
    count = 100000
    flood = b"".join(frame(PING, b"%d" % i) for i in range(count))
    with raw.WebSocket(broker, "/subscribe/flood") as peer:
        sender = threading.Thread(target=peer.send, args=(flood,))
        sender.start()
        answered = []
        while not answered or answered[-1] < count - 1:
            opcode, payload = peer.frame()
            equal(opcode, PONG)
            answered.append(int(payload))
        sender.join()
        equal(answered, sorted(set(answered)), "pongs")
        assert len(answered) < count / 10, len(answered)


@test
def deaf_ping_flood(broker):
    """Pongs that are not read are not heaped up."""
    ping = frame(PING, b"x" * 125)
    with raw.WebSocket(broker, "/subscribe/flood", receive_bytes=4096) as peer:
        peer.socket.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            for _ in range(200000):
                peer.send(ping)
        memory = broker.metric("memory_bytes")
        assert memory < 1 << 20, f"{memory} bytes"


# --- handshakes ---

PATH = "/subscribe/handshake"
VERSIONS = ["8", "12", "14", "013", "13, 8"]
KEYS = [
    "x",
    "dGhlIHNhbXBsZSBub25jZQ",
    "dGhlIHNhbXBsZSBub25jZQ=A",
    "dGhlIHNhbXBsZSBub25jZ===",
    "dGhlIHNhbXBsZSBub25j ZQ=",
    "dGhlIHNhbXBsZSBub25jZWUxMjM=",
    "dGhl!HNhbXBsZSBub25jZQ==",
]


def without(name, status):
    """A row: the handshake without a header field."""
    return f"Without {name}", raw.upgrade(PATH, without=name), status


def having(line, status):
    """A row: the handshake with a header field of another value."""
    return f"With {line}", raw.upgrade(PATH, line), status


def changed(what, old, new, status):
    """A row: the handshake with one thing replaced by another."""
    return what, raw.upgrade(PATH).replace(old, new), status


TWO_KEYS = [f"Sec-WebSocket-Key: {raw.KEY}"] * 2
BODY = raw.upgrade(PATH, "Content-Length: 5") + b"hello"

HANDSHAKES = [
    without("Upgrade", 426),
    without("Connection", 426),
    having("Upgrade: h2c", 426),
    having("Connection: keep-alive", 426),
    without("Sec-WebSocket-Version", 426),
    *[having(f"Sec-WebSocket-Version: {v}", 426) for v in VERSIONS],
    changed("On HTTP/1.0", b"HTTP/1.1", b"HTTP/1.0", 426),
    without("Sec-WebSocket-Key", 400),
    *[having(f"Sec-WebSocket-Key: {key}", 400) for key in KEYS],
    ("With two keys", raw.upgrade(PATH, *TWO_KEYS), 400),
    having("Sec-WebSocket-Protocol: ringtail.v2.json", 400),
    ("With a body", BODY, 400),
    changed("By POST", b"GET", b"POST", 405),
    changed("To a bad topic", b"handshake", b"a..b", 400),
    changed("To a pattern", b"handshake", b"a.*", 400),
    changed("To no topic", b"handshake", b"", 404),
]


@cases(HANDSHAKES, "A handshake is refused with {2}: {0}.")
def handshake(broker, data, status):
    """A 426 says what would be right."""
    for send in (raw.Connection.send, raw.Connection.drip):
        with raw.Connection(broker.port) as peer:
            send(peer, data)
            answer = peer.answer()
            equal(answer.status, status)
            answer.problem()
            if status == 426:
                equal(answer.headers["sec-websocket-version"], "13")
                equal(answer.headers["upgrade"], "websocket")
                assert "upgrade" in answer.headers["connection"].lower()


ACCEPTED = [
    "Connection: keep-alive, Upgrade",
    "Connection: upgrade",
    "Upgrade: WebSocket",
    "Sec-WebSocket-Extensions: permessage-deflate",
    "Origin: https://example.org",
]


@cases([(line, line) for line in ACCEPTED], "A handshake may have {0}.")
def accepted(broker, line):
    """The answer has not a word of what is not there."""
    with raw.Connection(broker.port) as peer:
        peer.drip(raw.upgrade(PATH, line))
        answer = peer.answer()
        equal(answer.status, 101)
        assert "sec-websocket-extensions" not in answer.headers
        assert "sec-websocket-protocol" not in answer.headers


@test
def same_segment(broker):
    """Frames right behind the handshake are taken."""
    also = frame(PING, b"early") + close_frame(1000)[:3]
    with raw.WebSocket(broker, "/subscribe/early", also=also) as peer:
        equal(peer.frame(), (PONG, b"early"))
        peer.send(close_frame(1000)[3:])
        equal(peer.frame(), (CLOSE, b"\x03\xe8"))
        peer.expect_end()


@test
def broken_same_segment(broker):
    """Broken frames right behind the handshake are refused."""
    with raw.WebSocket(broker, "/subscribe/early", also=b"\xff" * 100) as peer:
        _, code, _ = peer.until_close()
        equal(code, 1002)
        peer.expect_end()


@test
def pipelined_handshake(broker):
    """A handshake behind other requests is answered after them."""
    with raw.Connection(broker.port) as peer:
        peer.send(
            raw.post("behind", b"1")
            + raw.post("behind", b"2")
            + raw.upgrade("/subscribe/behind?since=-1")
            + frame(PING, b"x")
        )
        equal([peer.answer().status for _ in range(3)], [200, 200, 101])
        found = peer.take(3), peer.take(3)
        equal(sorted(found), [b"\x81\x012", b"\x8a\x01x"])


LOST = 'connections_closed_total{reason="connection-lost"}'


@test
def hung_up(broker):
    """A peer that hangs up without a close frame is counted as gone."""
    subscriptions = broker.metric("subscriptions")
    before = broker.metric(LOST)
    peers = [raw.WebSocket(broker, "/subscribe/gone") for _ in range(20)]
    equal(broker.metric("subscriptions"), subscriptions + 20)
    for peer in peers:
        peer.socket.close()
    until(lambda: broker.metric("subscriptions") == subscriptions, "gone")
    equal(broker.metric(LOST), before + 20)


run(lambda: Broker("--event-bytes", EVENT_BYTES))
