"""Messages in the subprotocol, bad, borderline and good, each with its answer:
`ok` or `error`, its id, and of an error the slug and what is wrong."""

import raw
from corpus.row import Row
from raw import BINARY, PING, TEXT, close_frame, frame

PROTOCOL_LINE = "Sec-WebSocket-Protocol: ringtail.v1.json"
HANDSHAKE = raw.upgrade("/subscribe", PROTOCOL_LINE)
EVENT_BYTES = 4096
MESSAGE_BYTES = EVENT_BYTES + 1024
FRAMES_MAX = 1024

NONE = "error - bad-request, open"
DATA = "close 1003 unexpected-data nowhere, closed"
NO_TEXT = "close 1007 bad-utf8 nowhere, closed"
TOO_BIG = "close 1009 too-big nowhere, closed"
BROKEN = "close 1002 protocol-error nowhere, closed"

JSON = "RFC 8259, section 2"
MEMBERS = "RFC 8259, section 4"
DEPTH = "RFC 8259, section 9"
TEXTS = "RFC 6455, section 5.6"
FRAGMENTS = "RFC 6455, section 5.4"
LIMITS = "RFC 6455, section 10.4"
OPERATIONS = "PROTOCOL.md, Operations"


def padded(count):
    """A ping of so many bytes."""
    return '{"op":"ping"}'.ljust(count)


def published(data, more=""):
    """An event, with its payload as JSON."""
    return f'{{"op":"pub","id":1,"topic":"operations","data":{data}{more}}}'


def nested(depth):
    """An event whose message is so deep."""
    return published("[" * (depth - 1) + "]" * (depth - 1))


def in_fragments(count):
    """A ping in so many frames."""
    text = padded(count).encode()
    parts = [text[i : i + 1] for i in range(1, count - 1)]
    between = b"".join(frame(0, part, 0) for part in parts)
    return frame(TEXT, text[:1], 0) + between + frame(0, text[count - 1 :])


# What it is, the text, what to expect, and why.
SAID = [
    ("Nothing", "", NONE, JSON),
    ("A blank", " ", NONE, JSON),
    ("Half an object", '{"op":"ping"', NONE, JSON),
    ("An object and a brace", '{"op":"ping"}}', NONE, JSON),
    ("Two objects", '{"op":"ping"}{"op":"ping"}', NONE, JSON),
    ("Two lines", '{"op":"ping"}\n{"op":"ping"}', NONE, JSON),
    ("Blanks around", ' \t\r\n{ "op" : "ping" } \n', "ok -, open", JSON),
    ("A byte order mark", '\ufeff{"op":"ping"}', NONE,
     "RFC 8259, section 8.1"),
    ("A comma too many", '{"op":"ping",}', NONE, MEMBERS),
    ("A comment", '{"op":"ping"/**/}', NONE, JSON),
    ("Single quotes", "{'op':'ping'}", NONE, JSON),
    ("No quotes", "{op:ping}", NONE, MEMBERS),
    ("A line end in a string", '{"op":"pi\nng"}', NONE,
     "RFC 8259, section 7"),
    ("NUL in a string", '{"op":"ping\0"}', NONE, "RFC 8259, section 7"),
    ("NUL behind it", '{"op":"ping"}\0', NONE, JSON),
    ("NaN", '{"op":"ping","id":NaN}', NONE, "RFC 8259, section 6"),
    ("An array", '["op","ping"]', NONE, OPERATIONS),
    ("A string", '"ping"', NONE, OPERATIONS),
    ("A number", "1", NONE, OPERATIONS),
    ("null", "null", NONE, OPERATIONS),
    ("As deep as may be", nested(128), "ok 1, open", DEPTH),
    ("One deeper", nested(129), NONE, DEPTH),
    ("A thousand deep", nested(1000), NONE, DEPTH),
    ("Brackets alone", "[" * MESSAGE_BYTES, NONE, DEPTH),
    ("Braces alone", '{"a":' * 1000, NONE, DEPTH),

    ("No op", "{}", "error - bad-request op, open", OPERATIONS),
    ("An empty op", '{"op":""}', "error - bad-request op, open", OPERATIONS),
    ("A number as op", '{"op":1}', "error - bad-request op, open", OPERATIONS),
    ("An unknown op", '{"op":"fly","id":1}',
     "error 1 bad-request fly, open", OPERATIONS),
    ("An op in capitals", '{"op":"PING"}',
     "error - bad-request PING, open", OPERATIONS),
    ("An op and a blank", '{"op":"ping "}',
     "error - bad-request ping , open", OPERATIONS),
    ("An op and NUL", '{"op":"ping\\u0000"}',
     "error - bad-request ping\0, open", OPERATIONS),
    ("An op in escapes", '{"op":"\\u0070ing"}', "ok -, open", OPERATIONS),
    ("A long op", f'{{"op":"{"x" * 4000}"}}',
     f"error - bad-request {'x' * 100}..., open", OPERATIONS),
    ("Two ops", '{"op":"ping","op":"ping"}',
     "error - bad-request op, open", MEMBERS),
    ("Two ids", '{"id":1,"op":"ping","id":2}',
     "error 1 bad-parameter id, open", MEMBERS),
    ("Two topics", '{"op":"sub","topic":"a","topic":"b"}',
     "error - bad-parameter topic, open", MEMBERS),
    ("Two payloads", published("1", ',"data":2'),
     "error 1 bad-parameter data, open", MEMBERS),
    ("An unknown member", '{"op":"ping","id":1,"x":{}}',
     "error 1 bad-parameter x, open", OPERATIONS),
    ("A member in escapes", '{"op":"ping","\\u0069d":1}',
     "error - bad-parameter \\u0069d, open", OPERATIONS),
    ("__proto__", '{"op":"ping","__proto__":{}}',
     "error - bad-parameter __proto__, open", OPERATIONS),

    ("An id of 64 digits", f'{{"op":"ping","id":{"9" * 64}}}',
     f"ok {'9' * 64}, open", OPERATIONS),
    ("An id of 65 digits", f'{{"op":"ping","id":{"9" * 65}}}',
     "error - bad-parameter id, open", OPERATIONS),
    ("An id of 4000 digits", f'{{"op":"ping","id":{"9" * 4000}}}',
     "error - bad-parameter id, open", OPERATIONS),
    ("An id beyond all numbers", '{"op":"ping","id":1e999}',
     "ok 1e999, open", OPERATIONS),
    ("Minus zero as id", '{"op":"ping","id":-0.0}', "ok -0.0, open",
     OPERATIONS),
    ("An id of 64 letters", f'{{"op":"ping","id":"{"x" * 64}"}}',
     f"ok {'x' * 64}, open", OPERATIONS),
    ("An id of 65 letters", f'{{"op":"ping","id":"{"x" * 65}"}}',
     "error - bad-parameter id, open", OPERATIONS),
    ("null as id", '{"op":"ping","id":null}',
     "error - bad-parameter id, open", OPERATIONS),
    ("An object as id", '{"op":"ping","id":{"op":"ping"}}',
     "error - bad-parameter id, open", OPERATIONS),

    ("A topic that is none", '{"op":"sub","id":1,"topic":"a..b"}',
     "error 1 bad-topic topic, open", OPERATIONS),
    ("A number as topic", '{"op":"sub","id":1,"topic":7}',
     "error 1 bad-parameter topic, open", OPERATIONS),
    ("No topics", '{"op":"sub","id":1,"topics":[]}',
     "error 1 bad-parameter topics, open", OPERATIONS),
    ("An empty one of two", '{"op":"sub","id":1,"topics":["a",""]}',
     "error 1 bad-topic topics, open", OPERATIONS),
    ("A cursor that is none", '{"op":"sub","id":1,"topic":"a","since":"x"}',
     "error 1 bad-parameter since, open", OPERATIONS),
    ("An unsub of nothing", '{"op":"unsub","id":1,"topic":"quiet"}',
     "error 1 not-found topic, open", OPERATIONS),
    ("A sub", '{"op":"sub","id":1,"topic":"quiet"}',
     "ok 1, caught_up, open", OPERATIONS),
    ("A sub to several", '{"op":"sub","id":1,"topics":["quiet","b.*"]}',
     "ok 1, caught_up, open", OPERATIONS),
    ("A pub", published('{"a":1}'), "ok 1, open", OPERATIONS),
    ("A pub of null", published("null"), "ok 1, open", OPERATIONS),
    ("A pub of half a surrogate", published('"\\ud800"'),
     "error 1 bad-parameter data, open", "RFC 8259, section 8.2"),
    ("A pub of base64 that is none", '{"op":"pub","topic":"a",'
     '"data_base64":"A"}', "error - bad-parameter data_base64, open",
     OPERATIONS),
    ("A pub of a long event", published('"' + "x" * EVENT_BYTES + '"'),
     "ok 1, open", LIMITS),
    ("A pub of a longer event", published('"' + "x" * EVENT_BYTES + 'y"'),
     "error 1 payload-too-large data, open", LIMITS),
    ("A message as long as may be", padded(MESSAGE_BYTES), "ok -, open",
     LIMITS),
    ("A longer message", padded(MESSAGE_BYTES + 1), TOO_BIG, LIMITS),
]

GOOD = frame(TEXT, b'{"op":"ping","id":1}')
UNKNOWN = frame(TEXT, b'{"op":"fly","id":2}')

# The same of frames.
SENT = [
    ("A binary message", frame(BINARY, b'{"op":"ping"}'), DATA, TEXTS),
    ("An empty binary message", frame(BINARY), DATA, TEXTS),
    ("An operation, and a binary message", GOOD + frame(BINARY),
     f"ok 1, {DATA}", TEXTS),
    ("A message that is no UTF-8", frame(TEXT, b'{"op":"\xff"}'),
     NO_TEXT, TEXTS),
    ("A surrogate in UTF-8", frame(TEXT, b'{"op":"\xed\xa0\x80"}'),
     NO_TEXT, TEXTS),
    ("An overlong slash", frame(TEXT, b'{"op":"\xc0\xaf"}'), NO_TEXT, TEXTS),
    ("A wrong operation, and a good one", UNKNOWN + GOOD,
     "error 2 bad-request fly, ok 1, open", OPERATIONS),
    ("Many wrong operations", UNKNOWN * 300,
     "error 2 bad-request fly, " * 300 + "open", LIMITS),
    ("An operation in fragments", in_fragments(20), "ok -, open", FRAGMENTS),
    ("In as many as may be", in_fragments(FRAMES_MAX), "ok -, open", FRAGMENTS),
    ("In one more", in_fragments(FRAMES_MAX + 1), TOO_BIG, FRAGMENTS),
    ("A ping between fragments", frame(TEXT, b'{"op":', 0) +
     frame(PING, b"x") + frame(0, b'"ping"}'), "pong x, ok -, open", FRAGMENTS),
    ("A message within a message", frame(TEXT, b"{", 0) + GOOD,
     BROKEN, FRAGMENTS),
    ("A continuation of nothing", frame(0, b'{"op":"ping"}'),
     BROKEN, FRAGMENTS),
    ("An operation, and a close", GOOD + close_frame(1000),
     "ok 1, close 1000, closed", OPERATIONS),
    ("A message without a mask", frame(TEXT, b'{"op":"ping"}', key=None),
     BROKEN, "RFC 6455, section 5.1"),
]


def rows():
    """All of them."""
    said = [(n, frame(TEXT, t.encode()), *rest) for n, t, *rest in SAID]
    return [Row(*row, prologue=HANDSHAKE) for row in said + SENT]
