#!/usr/bin/python3
"""What HTTP/1.1 suites ask of a server that echoes: what must come back, how
long a connection lasts, when a body is asked for. With `--all` among the words,
bodies of all sizes.
"""

import sys
import threading
import time

import raw
from conformance.echo import Echo
from conformance.http import (
    FIVE,
    HELLO,
    chunked,
    expect_echo,
    fields,
    in_chunks,
    request,
    sized,
)
from tap import cases, equal, run, test

IS_WHOLE = "--all" in sys.argv
LINGER_S = 3  # longer than the server waits for a peer to go
MIB = 1024 * 1024
LIMIT = 16 * MIB
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]
METHODS += ["REPORT", "MKCOL", "M-SEARCH", "PURGE", "LINK"]

# --- what is sent back ---

BYTES = bytes(range(256))

# What it is, the request, the body.
ECHOED = [
    *[(f"{m} without a body", request(m), b"") for m in METHODS[:5]],
    *[(f"{m} with a length", sized(m, HELLO), HELLO) for m in METHODS],
    *[(f"{m} in chunks", chunked(m, FIVE), HELLO) for m in METHODS],
    ("A length of 0", request("POST", "Content-Length: 0"), b""),
    ("All bytes", sized("POST", BYTES), BYTES),
    ("Blanks around a length", sized("POST", HELLO, "X:  \t a \t "), HELLO),
    (
        "A tab before a length",
        request("POST", "Content-Length:\t5 ", body=HELLO),
        HELLO,
    ),
    (
        "No blank before a length",
        request("POST", "Content-Length:5", body=HELLO),
        HELLO,
    ),
    (
        "A length in another case",
        request("POST", "CONTENT-LENGTH: 5", body=HELLO),
        HELLO,
    ),
    (
        "chunked in another case",
        request("POST", "transfer-encoding: ChunkeD", body=FIVE),
        HELLO,
    ),
    ("No chunk but the last", chunked("POST", b"0\r\n\r\n"), b""),
    ("Two last zeros", chunked("POST", b"5\r\nhello\r\n00\r\n\r\n"), HELLO),
    (
        "Two chunks",
        chunked("POST", b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
        b"hello world",
    ),
    (
        "Sizes of either case",
        chunked("POST", b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
        b"0123456789" * 2,
    ),
    (
        "Leading zeros of a chunk's size",
        chunked("POST", b"0005\r\nhello\r\n0\r\n\r\n"),
        HELLO,
    ),
    (
        "Extensions",
        chunked("POST", b'5;a;b="c;d";e=f\r\nhello\r\n0;x=y\r\n\r\n'),
        HELLO,
    ),
    (
        "Trailers",
        chunked("POST", b"5\r\nhello\r\n0\r\nX-Sum: a\r\nY:\r\n\r\n", "TE: b"),
        HELLO,
    ),
    ("Chunks of all bytes", chunked("POST", in_chunks(BYTES, 7)), BYTES),
    (
        "A chunk that looks like a request",
        chunked("POST", in_chunks(request("GET"), 1000)),
        request("GET"),
    ),
    ("Range is for other methods", sized("POST", HELLO, "Range: x"), HELLO),
    (
        "An unknown Upgrade",
        request("GET", "Upgrade: x", "Connection: Upgrade"),
        b"",
    ),
    ("Upgrade alone", request("GET", "Upgrade: websocket"), b""),
    ("An underscore", sized("POST", HELLO, "Content_Length: 99"), HELLO),
    ("Another underscore", sized("POST", HELLO, "Transfer_Encoding: x"), HELLO),
    ("An empty line before", b"\r\n" + request("GET"), b""),
    ("A query", request("GET", target="/?a=b&c"), b""),
    ("An absolute target", request("GET", target="http://a/"), b""),
    ("An absolute target alone", request("GET", target="HTTP://A:80"), b""),
    ("A Host with a port", fields("Host: a:80"), b""),
    ("A Host that is an address", fields("Host: [::1]:80"), b""),
    ("An empty value", request("GET", "X:", "Y: "), b""),
    ("A value beyond ASCII", request("GET", "X: \xe9\xff"), b""),
    ("A long query", request("GET", target="/?" + "a" * 8000), b""),
]


@cases(ECHOED, "{0}: the body comes back.")
def echoed(server, data, body):
    """Whole and byte by byte, and the connection goes on."""
    with raw.Connection(server.port) as peer:
        peer.send(data)
        expect_echo(peer, body)
        peer.drip(data, 1 + len(data) // 500)
        expect_echo(peer, body)
        peer.send(request("GET"))
        assert not expect_echo(peer, b"").closes


HEADS = [
    ("alone", request("HEAD"), b""),
    ("with a body", sized("HEAD", HELLO), HELLO),
    ("with chunks", chunked("HEAD", FIVE), HELLO),
]


@cases(HEADS, "HEAD {0} is answered as GET would be, without the body.")
def head(server, data, body):
    """RFC 9110, section 9.3.2; the answer to the next request follows."""
    with raw.Connection(server.port) as peer:
        peer.send(data + sized("POST", b"next"))
        expect_echo(peer, body, to_head=True)
        expect_echo(peer, b"next")


@cases([("/", "/"), ("*", "*")], "OPTIONS {0} says what is allowed.")
def options(server, target):
    """With 204, which has no length (RFC 9110, sections 8.6 and 9.3.7)."""
    with raw.Connection(server.port) as peer:
        peer.send(request("OPTIONS", target=target) + request("GET"))
        answer = peer.answer()
        equal(answer.status, 204)
        assert "POST" in answer.headers["allow"].split(", ")
        expect_echo(peer, b"")


ANSWERED = [
    ("TRACE", request("TRACE"), 405),
    ("TRACE with a body", sized("TRACE", HELLO), 405),
    ("GET *", request("GET", target="*"), 400),
    ("A fragment", request("GET", target="/#a"), 400),
    ("Another scheme", request("GET", target="https://a/"), 400),
    ("User information", request("GET", target="http://u@a/"), 400),
    ("No host in a target", request("GET", target="http:///"), 400),
    ("Another target", request("GET", target="/a"), 404),
    ("Another target, with a body", sized("PUT", HELLO, target="/a"), 404),
    ("8000 bytes of target", request("GET", target="/" + "a" * 7999), 404),
]


@cases(ANSWERED, "{0} is answered with {2}.")
def answered(server, data, status):
    """Its end is known, so the connection goes on."""
    with raw.Connection(server.port) as peer:
        peer.send(data + request("GET"))
        answer = peer.answer()
        equal(answer.status, status, "status")
        answer.problem()
        assert ("allow" in answer.headers) == (status == 405)
        expect_echo(peer, b"")


# --- how long a connection lasts ---

CLOSING = [
    ("Connection: close", request("GET", "Connection: close")),
    ("Connection: CLOSE", request("GET", "connection:CLOSE")),
    ("a list", request("GET", "Connection: keep-alive,\tclose ,x")),
    ("two lines", request("GET", "Connection: x", "Connection: close")),
    ("HTTP/1.0", request("GET", version="1.0")),
    ("HTTP/1.0 without a Host", b"GET / HTTP/1.0\r\n\r\n"),
    (
        "HTTP/1.0 that keeps and closes",
        request("GET", "Connection: keep-alive, close", version="1.0"),
    ),
    (
        "HTTP/1.0 with another Connection",
        request("GET", "Proxy-Connection: keep-alive", version="1.0"),
    ),
]


@cases(CLOSING, "The connection ends after {0}.")
def closing(server, data):
    """It says so, and does not look at what follows."""
    with raw.Connection(server.port) as peer:
        peer.send(data + request("GET"))
        assert expect_echo(peer, b"").closes
        peer.expect_end()


@test
def keeps_http10(server):
    """HTTP/1.0 with keep-alive goes on, and is told so."""
    data = sized("POST", HELLO, "Connection: Keep-Alive", version="1.0")
    with raw.Connection(server.port) as peer:
        for _ in range(3):
            peer.send(data)
            answer = expect_echo(peer, HELLO)
            equal(answer.headers["connection"], "keep-alive")


@test
def one_by_one(server):
    """1,000 requests are answered on a connection, which is not announced."""
    with raw.Connection(server.port) as peer:
        for number in range(1000):
            body = b"%d" % number
            peer.send(sized(METHODS[number % len(METHODS)], body))
            assert "connection" not in expect_echo(peer, body).headers


def mixed(number):
    """A request of some kind, its body, and whether it is a HEAD."""
    body = b"%d" % number * (number % 50)
    method = [*METHODS, "HEAD"][number % (len(METHODS) + 1)]
    if number % 3 == 0:
        data = chunked(method, in_chunks(body, 1 + number % 11))
    else:
        data = sized(method, body or b"0")
        body = body or b"0"
    return data, body, method == "HEAD"


@test
def pipelined(server):
    """1,000 requests sent at once are answered in order."""
    rows = [mixed(number) for number in range(1, 1001)]
    rows = [row for row in rows if row[1] or not row[0].startswith(b"OPTIONS")]
    data = b"".join(row[0] for row in rows)
    for size in (len(data), 1000, 7):
        with raw.Connection(server.port) as peer:
            sender = threading.Thread(target=peer.drip, args=(data, size, 0))
            sender.start()
            for _, body, to_head in rows:
                expect_echo(peer, body, to_head)
            sender.join()


WHOLE = sized("POST", HELLO, "X: a")
BEGUN = [1, 4, 5, 6, 10, 14, 15, 16, 20, 24, 25, 26, 27, 40]
BEGUN += [len(WHOLE) - 7, len(WHOLE) - 6, len(WHOLE) - 5, len(WHOLE) - 1]


@cases([(count, count) for count in BEGUN], "{0} bytes are no request yet.")
def begun(server, count):
    """Nothing is said about them; the rest makes them one."""
    with raw.Connection(server.port) as peer:
        peer.send(WHOLE[:count])
        assert peer.is_silent(0.05)
        peer.send(WHOLE[count:])
        expect_echo(peer, HELLO)


CUT = [
    ("A head", request("GET")[:-2]),
    ("A body", sized("POST", HELLO)[:-1]),
    ("A chunk", chunked("POST", FIVE)[:-8]),
    ("A last chunk", chunked("POST", FIVE)[:-2]),
]


@cases(CUT, "{0} that is cut short is not taken for whole.")
def cut_short(server, data):
    """RFC 9112, section 8."""
    with raw.Connection(server.port) as peer:
        peer.send(data)
        peer.finish()
        peer.expect_end()


# --- 100-continue ---

EXPECT = "Expect: 100-continue"


@test
def continues(server):
    """A body that is held back is asked for, whatever its framing."""
    with raw.Connection(server.port) as peer:
        for data in (sized("PUT", HELLO, EXPECT), chunked("PUT", FIVE, EXPECT)):
            head = data[: data.index(b"\r\n\r\n") + 4]
            peer.send(head)
            equal(peer.answer().status, 100)
            assert peer.is_silent(0.05)
            peer.send(data[len(head) :])
            expect_echo(peer, HELLO)


CONTINUED = [
    ("no body", request("GET", EXPECT), b""),
    ("the body there", sized("PUT", HELLO, EXPECT), HELLO),
    ("other letters", sized("PUT", HELLO, "Expect: 100-Continue"), HELLO),
    (
        "HTTP/1.0",
        sized("PUT", HELLO, EXPECT, "Connection: keep-alive", version="1.0"),
        HELLO,
    ),
]


@cases(CONTINUED, "There is nothing to wait for with {0}.")
def continued(server, data, body):
    """RFC 9110, section 10.1.1: then there need be no 100."""
    with raw.Connection(server.port) as peer:
        peer.send(data)
        expect_echo(peer, body)


@test
def continue_http10(server):
    """HTTP/1.0 is never sent a 100, though it waits."""
    data = sized("PUT", HELLO, EXPECT, version="1.0")
    with raw.Connection(server.port) as peer:
        peer.send(data[:-5])
        assert peer.is_silent()
        peer.send(HELLO)
        expect_echo(peer, HELLO)


REFUSED_FIRST = [
    ("Content-Length: 16777217", "/", 413),
    ("Content-Length: 5", "/a", 404),
]


@cases(REFUSED_FIRST, "{0} to {1} is refused before it is sent.")
def refused_first(server, target, status):
    """The final answer comes instead of the 100, and is the last one."""
    line = f"Content-Length: {LIMIT + 1 if status == 413 else 5}"
    with raw.Connection(server.port) as peer:
        peer.send(request("PUT", line, EXPECT, target=target))
        answer = peer.answer()
        equal(answer.status, status)
        assert answer.closes
        peer.expect_end()


# --- sizes ---

SIZES = [65535, 65536, MIB, LIMIT] if not IS_WHOLE else [
    *(1 << power for power in range(25)),
    *((1 << power) - 1 for power in range(2, 25)),
]


@cases([(size, size) for size in SIZES], "{0} bytes come back.")
def large(server, size):
    """By their length, and in chunks of sorts."""
    body = BYTES * (size // 256) + BYTES[: size % 256]
    with raw.Connection(server.port, timeout=30) as peer:
        peer.send(sized("POST", body))
        expect_echo(peer, body)
        for piece in (MIB + 1, 4093):
            peer.send(chunked("POST", in_chunks(body, piece)))
            expect_echo(peer, body)


@test
def too_large(server):
    """Chunks beyond 16 MiB are refused with 413."""
    body = bytes(LIMIT + 1)
    with raw.Connection(server.port, timeout=30) as peer:
        peer.drip(chunked("POST", in_chunks(body, MIB)), MIB, 0)
        answer = peer.answer()
        equal(answer.status, 413)
        assert answer.closes
        peer.expect_end()


@test
def slow_reader(server):
    """The last answer reaches a peer that is slow to read it."""
    body = BYTES * 4 * 4096
    with raw.Connection(server.port, 4096, timeout=30) as peer:
        peer.send(sized("POST", body, "Connection: close"))
        time.sleep(LINGER_S)
        expect_echo(peer, body)
        peer.expect_end()


# --- upgrades ---

UPGRADES = [
    ("POST", raw.upgrade("/").replace(b"GET", b"POST"), 200),
    ("HTTP/1.0", raw.upgrade("/").replace(b"/1.1", b"/1.0"), 200),
    ("no Connection", raw.upgrade("/", without="Connection"), 200),
    ("no version", raw.upgrade("/", without="Sec-WebSocket-Version"), 426),
    ("version 99", raw.upgrade("/", "Sec-WebSocket-Version: 99"), 426),
    ("no key", raw.upgrade("/", without="Sec-WebSocket-Key"), 400),
    ("a short key", raw.upgrade("/", "Sec-WebSocket-Key: eA=="), 400),
    ("a body", raw.upgrade("/", "Content-Length: 5") + HELLO, 400),
    ("another target", raw.upgrade("/a"), 404),
]


@cases(UPGRADES, "{0} makes no WebSocket, but {2}.")
def no_upgrade(server, data, status):
    """A 426 says what would (RFC 6455, section 4.4)."""
    with raw.Connection(server.port) as peer:
        peer.send(data)
        answer = peer.answer()
        equal(answer.status, status)
        if status == 426:
            equal(answer.headers["upgrade"], "websocket")
            equal(answer.headers["sec-websocket-version"], "13")


sys.argv = [word for word in sys.argv if word != "--all"]
run(Echo)
