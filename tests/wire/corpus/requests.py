"""Requests made by rule: one place of a good one takes every value."""

import raw
from corpus.row import Row, read_rows

FILES = ["length", "chunks", "head", "fields", "topic", "upgrade", "produce",
         "topics"]

BAD = "400 bad-request, closed"
UNKNOWN = "501 not-implemented, closed"
VERSION = "505 http-version, closed"
NOT_FOUND = "404 not-found, open"
NOT_ALLOWED = "405 method-not-allowed, open"

# RFC 9110, section 5.6.2.
MARKS = b"!#$%&'*+-.^_`|~"
DIGITS = b"0123456789"
LETTERS = bytes(range(65, 91)) + bytes(range(97, 123))
TOKEN = MARKS + DIGITS + LETTERS

# Of a path, RFC 3986, section 3.3; '?' begins a query, '/' another segment,
# and llhttp takes the visible bytes that no URI has.
PATH = bytes(range(0x21, 0x7F))

# Of a Host, without what brackets, an escape or a port need around them.
NAME = b"-._~!$&'()*+,;=" + DIGITS + LETTERS

TOPIC = b"_=~-" + DIGITS + LETTERS

# The methods of llhttp, but for PRI and CONNECT, that nothing here has. Any
# other is unknown, and its bytes may be another protocol's.
METHODS = """DELETE PUT TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH
    UNLOCK BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE NOTIFY
    SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK UNLINK POST SOURCE
    M-SEARCH""".split()
NO_METHODS = """QUERY FETCH PRI BREW WHEN PROPFINDS POS PUTS HEADER OPTION
    SUBSCRIB M-SEARCHES GET-POST DESCRIBE ANNOUNCE SETUP PLAY PAUSE TEARDOWN
    GET_PARAMETER SET_PARAMETER REDIRECT RECORD FLUSH BASELINE-CONTROL
    EHLO HELO USER QUIT AUTH A Z""".split()


def livez(target=b"/livez", host=b"a", more=b"", method=b"GET"):
    """A request to /livez, or nearly."""
    line = method + b" " + target + b" HTTP/1.1\r\n"
    return line + b"Host: " + host + b"\r\n" + more + b"\r\n"


def every_byte(what, place, good, reason, is_good="200, open", is_bad=BAD):
    """Rows for a place that takes every byte there is."""
    for value in range(256):
        byte = bytes([value])
        expected = is_good if byte in good else is_bad
        yield Row(f"{what} {value:#04x}", place(byte), expected, reason)


def bytes_in_values():
    """A value has visible bytes, blanks, and what is beyond ASCII."""
    good = b"\t" + bytes(range(32, 127)) + bytes(range(128, 256))
    return every_byte(
        "In a value",
        lambda byte: livez(more=b"X: a" + byte + b"b\r\n"),
        [bytes([value]) for value in good],
        "RFC 9110, section 5.5",
    )


def bytes_in_names():
    """A name is a token; a colon ends it."""
    return every_byte(
        "In a name",
        lambda byte: livez(more=b"X" + byte + b"Y: a\r\n"),
        [bytes([value]) for value in TOKEN + b":"],
        "RFC 9110, section 5.1",
    )


def bytes_in_hosts():
    """A host has unreserved bytes and delimiters; a colon begins its port."""
    return every_byte(
        "In a Host",
        lambda byte: livez(host=b"a" + byte + b"1"),
        [bytes([value]) for value in NAME + b":"],
        "RFC 3986, section 3.2.2",
    )


def bytes_in_targets():
    """What may stand in a path leads nowhere, behind a question mark to where
    the path did; a fragment is no part of a request."""
    for row in every_byte(
        "In a target",
        lambda byte: livez(b"/livez" + byte),
        [bytes([value]) for value in PATH],
        "RFC 9112, section 3.2",
        is_good=NOT_FOUND,
    ):
        if row.name.endswith(f"{ord('?'):#04x}"):
            row.expected = "200, open"
        if row.name.endswith(f"{ord('#'):#04x}"):
            row.expected = "400 bad-request, open"
        yield row


def bytes_in_topics():
    """Escaped, each byte is what it is unescaped: good in a topic or not."""
    for value in range(256):
        is_good = value in TOPIC or value == ord(".")
        name = f"a{chr(value)}b"
        expected = f"200 to {name}, open" if is_good else "400 bad-topic, open"
        data = raw.post(f"a%{value:02x}b", b"x")
        yield Row(f"In a topic %{value:02x}", data, expected, "RFC 3986, 2.1")


def bytes_in_methods():
    """A byte of a token behind GET makes another method of it."""
    return every_byte(
        "Behind a method",
        lambda byte: livez(method=b"GET" + byte),
        [bytes([value]) for value in TOKEN],
        "RFC 9110, section 9.1",
        is_good=UNKNOWN,
    )


def first_bytes():
    """No byte before a method is skipped, not even a blank."""
    return every_byte(
        "Before a method",
        lambda byte: livez(method=byte + b"GET"),
        [bytes([value]) for value in TOKEN],
        "RFC 9112, section 2.2",
        is_good=UNKNOWN,
    )


def methods():
    """Methods that are known, and that are not."""
    reason = "RFC 9110, section 9.1"
    for method in METHODS:
        data = livez(method=method.encode())
        yield Row(f"Method {method}", data, NOT_ALLOWED, reason)
    for method in NO_METHODS:
        data = livez(method=method.encode())
        yield Row(f"Method {method}", data, UNKNOWN, reason)


def versions():
    """Versions of one digit and one."""
    for major in range(10):
        for minor in range(10):
            version = f"HTTP/{major}.{minor}"
            data = f"GET /livez {version}\r\nHost: a\r\n\r\n".encode()
            known = {"HTTP/1.1": "200, open", "HTTP/1.0": "200, closed"}
            expected = known.get(version, VERSION)
            yield Row(version, data, expected, "RFC 9110, section 2.5")


def lengths():
    """Bodies of lengths around those at which something changes."""
    for count in (1, 2, 9, 10, 99, 100, 125, 126, 127, 511, 512, 513, 4095):
        data = raw.post("corpus", b"x" * count)
        expected = f"200 {'x' * count}, open"
        yield Row(f"A body of {count} bytes", data, expected, "RFC 9112, 6.2")


def by_hand():
    """The requests of the files."""
    return [row for name in FILES for row in read_rows(f"http_{name}.txt")]


def by_rule():
    """The others."""
    families = [bytes_in_values, bytes_in_names, bytes_in_hosts, first_bytes]
    families += [bytes_in_targets, bytes_in_topics, bytes_in_methods]
    families += [methods, versions, lengths]
    return [row for family in families for row in family()]
