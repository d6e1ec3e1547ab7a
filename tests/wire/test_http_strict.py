#!/usr/bin/python3
"""Requests that could be read in two ways are refused, and what is refused
leaves nothing behind: RFC 9112 without its indulgences."""

import raw
from broker import Broker
from tap import cases, equal, run

EVENT_BYTES = 4096
HEAD_MAX = 16 * 1024
FIELDS_MAX = 100
TARGET_MAX = 8 * 1024

TOPIC = "/produce/strict"
CHUNKED = raw.request("POST", TOPIC, "Transfer-Encoding: chunked")


def fields(*lines, method="GET", path="/livez", end="\r\n"):
    """A request with exactly these header lines."""
    head = [f"{method} {path} HTTP/1.1", *lines, ""]
    return (end.join(head) + end).encode("latin-1")


def with_host(*lines, **request):
    """A request with a Host and these header lines."""
    return fields("Host: a", *lines, **request)


def length(value):
    """A POST of 5 bytes with that Content-Length."""
    line = f"Content-Length: {value}"
    return with_host(line, method="POST", path=TOPIC) + b"hello"


def coding(*values, version="1.1"):
    """A chunked POST with these Transfer-Encodings."""
    lines = [f"Transfer-Encoding: {value}" for value in values]
    head = with_host(*lines, method="POST", path=TOPIC)
    head = head.replace(b"HTTP/1.1", f"HTTP/{version}".encode())
    return head + b"5\r\nhello\r\n0\r\n\r\n"


def line(text):
    """A request with that request line."""
    return f"{text}\r\nHost: a\r\n\r\n".encode("latin-1")


def target(text, method="GET"):
    """A request with that target."""
    return line(f"{method} {text} HTTP/1.1")


def head_of(count):
    """A request whose head has so many bytes."""
    padding = count - len(with_host("X: "))
    return with_host("X: " + "a" * padding)


HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)

# What it is, the bytes, the status.
REFUSED = [
    ("A folded line", with_host("X: a", " b"), 400),
    ("A line folded with a tab", with_host("X: a", "\tb"), 400),
    ("A first header line that is folded", fields(" Host: a"), 400),
    ("An empty header name", with_host(": x"), 400),
    ("A header line without a colon", with_host("X"), 400),
    ("A space before the colon", with_host("X : a"), 400),
    ("A tab before the colon", with_host("X\t: a"), 400),
    ("A space in a header name", with_host("X Y: a"), 400),
    ("A control byte in a header name", with_host("X\x01: a"), 400),
    ("A byte beyond ASCII in a header name", with_host("X\xff: a"), 400),
    ("Bare LF after every line", with_host("X: a", end="\n"), 400),
    ("Bare LF after one line", with_host("X: a\nY: b"), 400),
    ("Bare LF at the end of the head", with_host("X: a")[:-2] + b"\n", 400),
    ("Bare CR in a value", with_host("X: a\rY: b"), 400),
    ("CR CR LF", with_host("X: a\r"), 400),
    ("NUL in a value", with_host("X: a\0b"), 400),
    ("A control byte in a value", with_host("X: a\x01b"), 400),
    ("DEL in a value", with_host("X: a\x7fb"), 400),
    ("NUL in the target", target("/live\0z"), 400),
    ("A control byte in the target", target("/live\x1fz"), 400),
    ("A missing Host", fields("X: a"), 400),
    ("Two Hosts", with_host("Host: a"), 400),
    ("An empty Host", fields("Host:"), 400),
    ("A Host with a space", fields("Host: a b"), 400),
    ("A Host with a path", fields("Host: a/b"), 400),
    ("A Host with user information", fields("Host: a@b"), 400),
    ("A Host that is a list", fields("Host: a, b"), 400),
    ("A Host without a name", fields("Host: :80"), 400),
    ("Transfer-Encoding: identity", coding("identity"), 400),
    ("Transfer-Encoding: gzip, chunked", coding("gzip, chunked"), 400),
    ("Transfer-Encoding: chunked, gzip", coding("chunked, gzip"), 400),
    ("Transfer-Encoding: chunked, chunked", coding("chunked, chunked"), 400),
    ("Transfer-Encoding twice", coding("chunked", "chunked"), 400),
    ("Transfer-Encoding split over lines", coding("gzip", "chunked"), 400),
    ("Transfer-Encoding without a value", coding(""), 400),
    ("Transfer-Encoding: xchunked", coding("xchunked"), 400),
    ("Transfer-Encoding: chunkedx", coding("chunkedx"), 400),
    ("Transfer-Encoding: chunked with a tab", coding("chun\tked"), 400),
    ("Transfer-Encoding: a parameter", coding("chunked;q=1"), 400),
    ("Transfer-Encoding: a comma", coding("chunked,"), 400),
    ("Transfer-Encoding on HTTP/1.0", coding("chunked", version="1.0"), 400),
    (
        "Transfer-Encoding before Content-Length",
        CHUNKED[:-2] + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "Content-Length before Transfer-Encoding",
        length(5)[:-7] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    ("Two Content-Lengths that differ", length("5\r\nContent-Length: 6"), 400),
    ("Two Content-Lengths alike", length("5\r\nContent-Length: 5"), 400),
    ("A Content-Length that is a list", length("5, 5"), 400),
    ("A Content-Length with a plus sign", length("+5"), 400),
    ("A negative Content-Length", length("-5"), 400),
    ("A hexadecimal Content-Length", length("0x5"), 400),
    ("An empty Content-Length", length(""), 400),
    ("A Content-Length with a space inside", length("5 5"), 400),
    ("A Content-Length with a fraction", length("5.0"), 400),
    ("A length with leading zeros", length("0005"), 400),
    ("A Content-Length of 2^64", length(1 << 64), 400),
    ("A Content-Length of 2^64 - 1", length((1 << 64) - 1), 413),
    ("A Content-Length beyond the limit", length(EVENT_BYTES + 1), 413),
    ("HTTP/0.9 with a head", line("GET /livez"), 400),
    ("HTTP/0.9 alone", b"GET /livez\r\n\r\n", 400),
    ("HTTP/2.0", line("GET /livez HTTP/2.0"), 505),
    ("HTTP/9.9", line("GET /livez HTTP/9.9"), 505),
    ("HTTP/1.2", line("GET /livez HTTP/1.2"), 505),
    ("HTTP/1.10", line("GET /livez HTTP/1.10"), 400),
    ("HTTP/1", line("GET /livez HTTP/1"), 400),
    ("http/1.1 in lower case", line("GET /livez http/1.1"), 400),
    ("ICE/1.0", line("SOURCE /livez ICE/1.0"), 400),
    ("RTSP/1.0", line("OPTIONS /livez RTSP/1.0"), 400),
    ("The preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("A TLS hello", HELLO, 400),
    ("Two spaces after the method", line("GET  /livez HTTP/1.1"), 400),
    ("Two spaces before the version", line("GET /livez  HTTP/1.1"), 400),
    ("A space after the version", line("GET /livez HTTP/1.1 "), 400),
    ("A tab after the method", line("GET\t/livez HTTP/1.1"), 400),
    ("A space before the method", line(" GET /livez HTTP/1.1"), 400),
    ("A method in lower case", line("get /livez HTTP/1.1"), 501),
    ("A method that is unknown", line("FETCH /livez HTTP/1.1"), 501),
    ("A method that is no token", line("G(T /livez HTTP/1.1"), 400),
    ("Two empty lines before a request", b"\r\n\r\n" + target("/livez"), 400),
    ("LF before a request", b"\n" + target("/livez"), 400),
    ("CONNECT", target("a:80", method="CONNECT"), 400),
    ("CONNECT with a path", target("/livez", method="CONNECT"), 400),
    ("A target without a slash", target("livez"), 400),
    ("A chunk size 0x5", CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", 400),
    ("A chunk size with a sign", CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n", 400),
    ("A chunk size after a space", CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n", 400),
    ("A chunk size and a space", CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n", 400),
    ("A chunk size and a tab", CHUNKED + b"5\t\r\nhello\r\n0\r\n\r\n", 400),
    ("A chunk size of 17 digits", CHUNKED + b"1" + b"0" * 16 + b"\r\n", 400),
    ("A chunk without a size", CHUNKED + b"\r\nhello\r\n0\r\n\r\n", 400),
    ("A chunk size before LF", CHUNKED + b"5\nhello\r\n0\r\n\r\n", 400),
    ("Chunk data without CRLF", CHUNKED + b"5\r\nhello0\r\n\r\n", 400),
    ("Chunk data before LF", CHUNKED + b"5\r\nhello\n0\r\n\r\n", 400),
    ("A last chunk before LF LF", CHUNKED + b"5\r\nhello\r\n0\n\n", 400),
    ("A last chunk before CRLF LF", CHUNKED + b"0\r\n\n", 400),
    ("A trailer before LF", CHUNKED + b"0\r\nX: a\n\r\n", 400),
    ("A trailer without a name", CHUNKED + b"0\r\n: a\r\n\r\n", 400),
    ("A Host in a trailer", CHUNKED + b"0\r\nHost: a\r\n\r\n", 400),
    ("A chunk beyond the limit", CHUNKED + b"fffff\r\n" + b"a" * 5000, 413),
]

LONG = [
    ("A head that is too long", head_of(HEAD_MAX + 1), 431),
    ("A head without an end", b"GET / " + b"a" * 3 * HEAD_MAX, 431),
    ("A target without an end", b"GET /" + b"a" * 3 * HEAD_MAX, 414),
    ("A method without an end", b"A" * 3 * HEAD_MAX, 400),
    ("Too many header fields", with_host(*["X: a"] * FIELDS_MAX), 431),
    ("A target too long", target("/".ljust(TARGET_MAX + 1, "a")), 414),
    ("A flood of extensions", CHUNKED + b"1;" + b"x" * 40000 + b"\r\n", 400),
    ("A flood of trailers", CHUNKED + b"0\r\n" + b"X: a\r\n" * 8000, 400),
    ("Chunks of one byte", CHUNKED + b"1;abcdefghij\r\nx\r\n" * 5000, 400),
]


def refuse(broker, send, status):
    """The bytes are refused, the connection closes, the next one works."""
    with raw.Connection(broker.port) as peer:
        send(peer)
        answer = peer.answer()
        equal(answer.status, status, "status")
        assert answer.closes, answer.headers
        answer.problem()
        peer.expect_end()
    with raw.Connection(broker.port) as canary:
        canary.send(raw.get("/livez"))
        equal(canary.answer().body, b"ok\n", "the canary")


@cases(REFUSED, "{0} is refused with {2}.")
def refused(broker, data, status):
    """Whole, byte by byte, and with a request smuggled in behind."""
    before = broker.metric("events_produced_total")
    smuggled = raw.post("strict", b"smuggled")
    refuse(broker, lambda peer: peer.send(data), status)
    refuse(broker, lambda peer: peer.drip(data), status)
    refuse(broker, lambda peer: peer.send(data + smuggled), status)
    equal(broker.metric("events_produced_total"), before, "events")


@cases(LONG, "{0} is refused with {2}.")
def refused_for_length(broker, data, status):
    """Whole, and in pieces."""
    refuse(broker, lambda peer: peer.drip(data, len(data), 0), status)
    refuse(broker, lambda peer: peer.drip(data, 97), status)


# What does not fit the resource is refused without ending the connection.
ANSWERED = [
    ("A target in absolute form", target("http://other/livez"), 200),
    ("The target *, but for OPTIONS", target("*"), 400),
    ("OPTIONS *", target("*", method="OPTIONS"), 204),
    ("A target with a fragment", target("/livez#a"), 400),
    ("Another scheme", target("https://a/livez"), 400),
    ("A target with user information", target("http://a@b/livez"), 400),
    ("An empty line before a request", b"\r\n" + target("/livez"), 200),
    ("A value beyond ASCII", with_host("X: \xe9"), 200),
    ("An empty value", with_host("X:"), 200),
    ("Blanks around a value", with_host("X: \t a \t "), 200),
    ("A tab inside a value", with_host("X: a\tb"), 200),
    ("A Host with a port", fields("Host: [::1]:80"), 200),
    ("CHUNKED in capitals", coding("CHUNKED"), 200),
    ("A chunk extension", CHUNKED + b"1;a=b\r\nx\r\n0\r\n\r\n", 200),
    ("Chunk sizes of either case", CHUNKED + b"A\r\n0123456789\r\na\r\n"
     b"0123456789\r\n0\r\n\r\n", 200),
    ("A trailer", CHUNKED + b"1\r\nx\r\n0\r\nX: a\r\n\r\n", 200),
    ("An empty chunked body", CHUNKED + b"0\r\n\r\n", 200),
    ("As many fields as may be", with_host(*["X: a"] * (FIELDS_MAX - 1)), 200),
    ("A head as long as may be", head_of(HEAD_MAX), 200),
    ("A target as long as may be", target("/".ljust(TARGET_MAX, "a")), 404),
    ("PATCH", target("/livez", method="PATCH"), 405),
]


@cases(ANSWERED, "{0} is answered with {2}.")
def answered(broker, data, status):
    """Whole, and in pieces, mostly bytes, on the same connection."""
    with raw.Connection(broker.port) as peer:
        peer.send(data)
        equal(peer.answer().status, status, "whole")
        peer.drip(data, 1 + len(data) // 1000)
        equal(peer.answer().status, status, "in pieces")
        peer.send(raw.get("/livez"))
        equal(peer.answer().status, 200, "what follows")


run(lambda: Broker("--event-bytes", EVENT_BYTES))
