#!/usr/bin/python3
"""What a strict HTTP/1.1 suite sends to see it refused: each rule of RFC 9112
and 9110 that can be seen from outside. Where a server may be lenient or strict,
it is strict.
"""

import raw
from conformance.echo import Echo
from conformance.http import FIVE, HELLO, chunked, fields, request, sized
from tap import cases, equal, run

LIMIT = 16 * 1024 * 1024
UNKNOWN = ["FOOBAR", "get", "Post", "GETS", "G", "PLAY", "PRI", "!#$%&'*+-.^_`"]

def line(text):
    """A request with that request line."""
    return f"{text}\r\nHost: a\r\n\r\n".encode("latin-1")


def length(value):
    """A POST of 5 bytes with that Content-Length."""
    return request("POST", f"Content-Length: {value}", body=HELLO)


def coding(value, *lines, **more):
    """A POST in chunks with that Transfer-Encoding."""
    text = f"Transfer-Encoding: {value}"
    return request("POST", text, *lines, body=FIVE, **more)


def body(coded):
    """A POST with that for chunks."""
    return chunked("POST", coded)


def trailer(text):
    """A POST in chunks with that between the last and the end."""
    return body(b"5\r\nhello\r\n0\r\n" + text + b"\r\n")


CONTROLS = [chr(code) for code in (*range(9), 11, 12, *range(14, 32), 127)]
SEPARATORS = '"(),/:;<=>?@[\\]{} \t\x7f\x80\xff'

REFUSED = [
    *[(f"The unknown method {m}", request(m), 501) for m in UNKNOWN],
    *[
        (f"The method G{c!a}T", line(f"G{c}T / HTTP/1.1"), 400)
        for c in '"(),/:;<=>?@[\\]{}\t\x00\x01\x7f\xe9'
    ],
    ("A method of 100 KB", request("A" * 100000), 400),
    ("CONNECT", line("CONNECT a:443 HTTP/1.1"), 400),
    *[
        (f"The version {v!a}", line(f"GET / {v}"), 400)
        for v in (
            "HTTP/1",
            "HTTP/01.01",
            "HTTP/1.10",
            "HTTP/ 1.1",
            "HTTP /1.1",
            "http/1.1",
            "Http/1.1",
            "HTTP/1.1 ",
            "HTTP/1.1\t",
            "HTTP/1,1",
            "HTTP1.1",
            "HTTPS/1.1",
            "1.1",
            "",
        )
    ],
    *[
        (f"The version {v}", line(f"GET / HTTP/{v}"), 505)
        for v in ("0.9", "1.2", "2.0", "3.0", "9.9")
    ],
    ("The preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("HTTP/0.9", b"GET /\r\n\r\n", 400),
    ("No target", line("GET HTTP/1.1"), 400),
    ("Two blanks before the target", line("GET  / HTTP/1.1"), 400),
    ("Two blanks before the version", line("GET /  HTTP/1.1"), 400),
    ("Tabs for blanks", line("GET\t/\tHTTP/1.1"), 400),
    ("A blank in the target", line("GET /a b HTTP/1.1"), 400),
    ("A blank before the method", line(" GET / HTTP/1.1"), 400),
    ("A target without a slash", line("GET a HTTP/1.1"), 400),
    ("NUL in the target", line("GET /\0 HTTP/1.1"), 400),
    ("A target beyond ASCII", line("GET /\xc3\xa9 HTTP/1.1"), 400),
    ("A target of 100 KB", request("GET", target="/" + "a" * 100000), 414),
    ("A target of 9000 bytes", request("GET", target="/" + "a" * 9000), 414),
    ("Blanks for a request line", b"   \r\n\r\n", 400),
    ("Two empty lines before", b"\r\n\r\n" + request("GET"), 400),
    ("A bare LF before", b"\n" + request("GET"), 400),
    ("A bare CR before", b"\r" + request("GET"), 400),
    ("A TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ("LF after the request line", b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    ("CR after the request line", b"GET / HTTP/1.1\rHost: a\r\n\r\n", 400),
    ("LF after a field", fields("Host: a\nX: b"), 400),
    ("LF for the empty line", fields("Host: a")[:-2] + b"\n", 400),
    ("LF everywhere", b"GET / HTTP/1.1\nHost: a\n\n", 400),
    ("CR in a value", fields("Host: a", "X: b\rc"), 400),
    ("CR CR LF", fields("Host: a", "X: b\r"), 400),
    ("CR before the empty line", fields("Host: a", "\rX: b"), 400),
    ("A line with a blank alone", fields(" ", "Host: a"), 400),
    ("A folded first field", fields(" Host: a"), 400),
    ("A folded field", fields("Host: a", "X: b", " c"), 400),
    ("A field folded by a tab", fields("Host: a", "X: b", "\tc"), 400),
    ("A field without a colon", fields("Host: a", "X"), 400),
    ("A field without a name", fields("Host: a", ": b"), 400),
    *[
        (f"A name with {c!a}", fields("Host: a", f"X{c}Y: b"), 400)
        for c in SEPARATORS.replace(":", "")
    ],
    ("A blank before a colon", fields("Host: a", "X : b"), 400),
    ("A tab before a colon", fields("Host: a", "X\t: b"), 400),
    *[
        (f"A value with {c!a}", fields("Host: a", f"X: b{c}c"), 400)
        for c in CONTROLS
    ],
    ("A value of 100 KB", fields("Host: a", "X: " + "b" * 100000), 431),
    ("A name of 100 KB", fields("Host: a", "X" * 100000 + ": b"), 431),
    ("10,000 fields", fields("Host: a", *["X: b"] * 10000), 431),
    ("101 fields", fields("Host: a", *["X: b"] * 100), 431),
    ("No Host", fields("X: a"), 400),
    ("No Host, an absolute target", b"GET http://a/ HTTP/1.1\r\n\r\n", 400),
    ("Two Hosts", fields("Host: a", "Host: b"), 400),
    ("Two Hosts alike", fields("Host: a", "host: a"), 400),
    *[
        (f"The Host {h!a}", fields(f"Host: {h}"), 400)
        for h in (
            "",
            " ",
            "a b",
            "a, b",
            "a/b",
            "/",
            "u@a",
            "http://a",
            "a?b",
            "a#b",
            ":80",
            "a:b",
            "a:80:80",
            "a:-1",
            "[::1",
            "::1",
            "[]",
            "[::1]a",
            "a%",
            "a%zz",
            "a\\b",
            "<a>",
            '"a"',
            "\xe9",
        )
    ],
    *[
        (f"The length {v!a}", length(v), 400)
        for v in (
            "",
            "+5",
            "-5",
            "-0",
            "0x5",
            "0o5",
            "05",
            "00",
            "5 5",
            "5, 5",
            "5,5",
            "5, 6",
            ",5",
            "5,",
            "5;",
            "5.0",
            "5e0",
            "5_0",
            "'5'",
            '"5"',
            "five",
            "5\0",
            "\x0b5",
            "\xa05",
            "99999999999999999999",
            str(1 << 64),
        )
    ],
    ("Two lengths", length("5\r\nContent-Length: 6"), 400),
    ("Two lengths alike", length("5\r\nContent-Length: 5"), 400),
    ("A blank before a length's colon", length("5\r\nContent-Length : 6"), 400),
    ("A folded length", length("5\r\n 6"), 400),
    ("A length after a fold", length("\r\n 5"), 400),
    *[
        (f"The coding {v!a}", coding(v), 400)
        for v in (
            "",
            ",",
            "identity",
            "gzip",
            "gzip, chunked",
            "chunked, gzip",
            "chunked, chunked",
            "chunked, identity",
            "chunked,",
            ",chunked",
            "xchunked",
            "chunkedx",
            "chunked;a=b",
            "chunked x",
            '"chunked"',
            "\x0bchunked",
            "\x0cchunked",
            "chunked\0",
            "chunked\x0b",
            "chun ked",
            "chunked\xa0",
        )
    ],
    ("Two codings", coding("chunked", "Transfer-Encoding: chunked"), 400),
    (
        "A blank before a coding's colon",
        request("POST", "Transfer-Encoding : chunked", body=FIVE),
        400,
    ),
    ("A folded coding", coding("\r\n chunked"), 400),
    ("A coding and a length", coding("chunked", "Content-Length: 5"), 400),
    ("A length and a coding", length("5\r\nTransfer-Encoding: chunked"), 400),
    ("A coding on HTTP/1.0", coding("chunked", version="1.0"), 400),
    *[
        (f"The chunk {c!a}", body(c.encode("latin-1")), 400)
        for c in (
            "\r\nhello\r\n0\r\n\r\n",
            "x\r\nhello\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "-5\r\nhello\r\n0\r\n\r\n",
            "+5\r\nhello\r\n0\r\n\r\n",
            "5_\r\nhello\r\n0\r\n\r\n",
            " 5\r\nhello\r\n0\r\n\r\n",
            "5 \r\nhello\r\n0\r\n\r\n",
            "5\t\r\nhello\r\n0\r\n\r\n",
            "5\0\r\nhello\r\n0\r\n\r\n",
            "5\nhello\r\n0\r\n\r\n",
            "5\rhello\r\n0\r\n\r\n",
            "5\r\rhello\r\n0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhello\r0\r\n\r\n",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhelloXX\r\n0\r\n\r\n",
            "4\r\nhello\r\n0\r\n\r\n",
            "5\r\nhello\r\n0\n\r\n",
            "5\r\nhello\r\n0\r\n\n",
            "5\r\nhello\r\n0\r\r\n",
            "5;\r\nhello\r\n0\r\n\r\n",
            "5;;\r\nhello\r\n0\r\n\r\n",
            "5;a b\r\nhello\r\n0\r\n\r\n",
            '5;a="b\r\nhello\r\n0\r\n\r\n',
            "5;a\0\r\nhello\r\n0\r\n\r\n",
            "5;a\x01=b\r\nhello\r\n0\r\n\r\n",
            "5;a\nhello\r\n0\r\n\r\n",
            "5;a\rb\r\nhello\r\n0\r\n\r\n",
            "10000000000000005\r\nhello\r\n0\r\n\r\n",
            "fffffffffffffffff\r\n",
        )
    ],
    ("An extension of 64 KB", body(b"5;" + b"a" * 65536), 400),
    *[
        (f"The trailer {t!a}", trailer(t.encode("latin-1")), 400)
        for t in (
            "X\r\n",
            ": a\r\n",
            "X : a\r\n",
            " X: a\r\n",
            "X: a\n",
            "X: a\r\n b\r\n",
            "X: a\0\r\n",
            "X: a\rb\r\n",
            "X(: a\r\n",
            "Content-Length: 5\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Host: a\r\n",
            "Authorization: a\r\n",
            "Content-Type: text/plain\r\n",
            "Connection: close\r\n",
        )
    ],
    ("Another expectation", request("GET", "Expect: 200-ok"), 417),
    ("Two types", sized("POST", HELLO, *["Content-Type: a/b"] * 2), 400),
    ("A length beyond the limit", length(LIMIT + 1), 413),
    ("A length of 2^63", length(1 << 63), 413),
]


@cases(REFUSED, "{0} is refused with {2}.")
def refused(server, data, status):
    """A request that is smuggled behind is not looked at."""
    behind = sized("POST", b"smuggled")
    for size in (len(data) + len(behind), 1 + len(data) // 500):
        with raw.Connection(server.port) as peer:
            peer.drip(data + behind, size, 0)
            answer = peer.answer()
            equal(answer.status, status, "status")
            assert answer.closes, answer.headers
            answer.problem()
            peer.expect_end()


run(Echo)
