#!/usr/bin/python3
"""The cases of the public WebSocket suite, sections 1 to 7, 9 and 10, by their
numbers: the same bytes in the same pieces, judged as strictly. What that suite
would call non-strict fails here.

Sections 9.3 to 9.8 are shortened: `--all` among the words runs all of them.
"""

import sys

import raw
from conformance import utf8
from conformance.echo import Echo, Peer
from raw import BINARY, CLOSE, MASK, PING, PONG, TEXT, close_frame, frame
from tap import cases, run

IS_WHOLE = "--all" in sys.argv
CONTINUATION = 0
MORE = 0x00  # first bits: not the last frame of its message
OCTETS = 1  # chops of a byte
FRAMES = 0  # each frame on its own
HELLO = b"Hello, world!"
SILENCE_S = 0.1


def send(peer, frames, chop):
    """Sends frames at once, one by one, or in chops."""
    if chop == FRAMES:
        for each in frames:
            peer.send(each)
    else:
        peer.chopped(b"".join(frames), chop)


def text(payload, *more):
    """A text frame; with more payloads, a message of as many frames."""
    if not more:
        return frame(TEXT, payload)
    pieces = [frame(CONTINUATION, piece, MORE) for piece in more[:-1]]
    return b"".join(
        [frame(TEXT, payload, MORE), *pieces, frame(CONTINUATION, more[-1])]
    )


# --- 1: messages of all lengths ---

LENGTHS = [0, 125, 126, 127, 128, 65535, 65536, 65536]

# A number, what it is, the frames, the chop, the events.
ECHOED = []
for kind, opcode, byte in ((1, TEXT, b"*"), (2, BINARY, b"\xfe")):
    for number, count in enumerate(LENGTHS, 1):
        ECHOED.append(
            (
                f"1.{kind}.{number}",
                f"a message of {count} bytes",
                [frame(opcode, byte * count)],
                997 if number == 8 else None,
                [(opcode, byte * count)],
            )
        )

# --- 2: pings and pongs ---

ODD = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
LONG = b"\xfe" * 125
TEN = [b"payload-%d" % i for i in range(10)]
PINGS = [frame(PING, payload) for payload in TEN]
PONGS = [(PONG, payload) for payload in TEN]

ECHOED += [
    ("2.1", "a ping", [frame(PING)], None, [(PONG, b"")]),
    ("2.2", "with text", [frame(PING, HELLO)], None, [(PONG, HELLO)]),
    ("2.3", "with bytes", [frame(PING, ODD)], None, [(PONG, ODD)]),
    ("2.4", "with 125 bytes", [frame(PING, LONG)], None, [(PONG, LONG)]),
    ("2.6", "in octets", [frame(PING, LONG)], OCTETS, [(PONG, LONG)]),
    ("2.7", "a pong unasked", [frame(PONG)], None, []),
    ("2.8", "with text", [frame(PONG, HELLO)], None, []),
    (
        "2.9",
        "a pong unasked, a ping",
        [frame(PONG, HELLO), frame(PING, b"x")],
        None,
        [(PONG, b"x")],
    ),
    ("2.10", "ten pings", PINGS, FRAMES, PONGS),
    ("2.10a", "ten pings at once", PINGS, None, PONGS),
    ("2.11", "ten pings in octets", PINGS, OCTETS, PONGS),
]

# --- 3 and 4: reserved bits and opcodes ---

# A number, what it is, the frames, the chop, the events, the close code.
FAILED = [
    ("2.5", "a ping of 126", [frame(PING, b"\xfe" * 126)], None, [], 1002)
]


def reserved(bits):
    """First bits of a final frame with reserved ones."""
    return 0x80 | bits << 4


def between(bad):
    """A message, what is bad, and a ping that is not looked at."""
    return [text(HELLO), bad, frame(PING)]


ECHO = [(TEXT, HELLO)]
RSV = [
    frame(TEXT, HELLO, reserved(1)),
    frame(TEXT, HELLO, reserved(2)),
    frame(TEXT, HELLO, reserved(3)),
    frame(TEXT, HELLO, reserved(4)),
    frame(BINARY, ODD, reserved(5)),
    frame(PING, HELLO, reserved(6)),
    frame(CLOSE, b"\x03\xe8", reserved(7)),
]
FAILED += [
    ("3.1", "RSV 1", [RSV[0]], None, [], 1002),
    ("3.2", "RSV 2", between(RSV[1]), None, ECHO, 1002),
    ("3.3", "RSV 3, frames", between(RSV[2]), FRAMES, ECHO, 1002),
    ("3.4", "RSV 4, octets", between(RSV[3]), OCTETS, ECHO, 1002),
    ("3.5", "RSV 5", [RSV[4]], None, [], 1002),
    ("3.6", "RSV 6", [RSV[5]], None, [], 1002),
    ("3.7", "RSV 7", [RSV[6]], None, [], 1002),
]
for kind, first in ((1, 3), (2, 11)):
    for number in range(1, 6):
        opcode = first + number - 1
        bad = frame(opcode, b"" if number in (1, 3) else HELLO)
        FAILED.append(
            (
                f"4.{kind}.{number}",
                f"opcode {opcode}",
                [bad] if number < 3 else between(bad),
                {4: FRAMES, 5: OCTETS}.get(number),
                [] if number < 3 else ECHO,
                1002,
            )
        )

# --- 5: fragments ---

PART = [b"fragment%d" % i for i in range(6)]
WAYS = [None, FRAMES, OCTETS]


def begin(opcode, payload):
    """A frame that is not the last one of its message."""
    return frame(opcode, payload, MORE)


def last(payload):
    """The last frame of a fragmented message."""
    return frame(CONTINUATION, payload)


TWO = [begin(TEXT, PART[1]), last(PART[2])]
BOTH = (TEXT, PART[1] + PART[2])
AMID = [TWO[0], frame(PING, b"ping"), TWO[1]]
STRAY = begin(CONTINUATION, PART[1])

for number, way in enumerate(WAYS):
    ECHOED += [
        (f"5.{3 + number}", "two fragments", TWO, way, [BOTH]),
        (f"5.{6 + number}", "a ping amid", AMID, way, [(PONG, b"ping"), BOTH]),
    ]
    FAILED += [
        (f"5.{n + number}", f"nothing to continue, {what}", bad, way, [], 1002)
        for n, what, bad in (
            (9, "final", [last(b"x"), text(HELLO)]),
            (12, "not final", [begin(CONTINUATION, b"x"), text(HELLO)]),
        )
    ]
FAILED += [
    ("5.1", "a ping in two", [begin(PING, b"a"), last(b"b")], None, [], 1002),
    ("5.2", "a pong in two", [begin(PONG, b"a"), last(b"b")], None, [], 1002),
    (
        "5.15",
        "a message, then nothing to continue",
        [*TWO, begin(CONTINUATION, PART[3]), text(PART[4])],
        None,
        [BOTH],
        1002,
    ),
    ("5.16", "twice, not final", [STRAY, *TWO] * 2, None, [], 1002),
    ("5.17", "twice, final", [last(PART[1]), *TWO] * 2, None, [], 1002),
    ("5.18", "text in text", [TWO[0], text(PART[2])], None, [], 1002),
]

# --- 6: UTF-8 ---

WORDS = "Hello-µ@ßöäüàáâ-UTF-8!!".encode()
CUT_AT = len("Hello-µ@ßöä".encode())
BAD = utf8.GREEK + b"\xed\xa0\x80edited"


def octets(payload):
    """A text message with a frame for each byte."""
    return text(*(payload[i : i + 1] for i in range(len(payload))))


ECHOED += [
    ("6.1.1", "an empty text", [text(b"")], None, [(TEXT, b"")]),
    ("6.1.2", "three times nothing", [text(*[b""] * 3)], None, [(TEXT, b"")]),
    (
        "6.1.3",
        "nothing around a text",
        [text(b"", b"middle", b"")],
        None,
        [(TEXT, b"middle")],
    ),
    ("6.2.1", "a text", [text(WORDS)], None, [(TEXT, WORDS)]),
    (
        "6.2.2",
        "in two",
        [text(WORDS[:CUT_AT], WORDS[CUT_AT:])],
        None,
        [(TEXT, WORDS)],
    ),
    ("6.2.3", "a frame a byte", [octets(WORDS)], None, [(TEXT, WORDS)]),
    (
        "6.2.4",
        "Greek, a frame a byte",
        [octets(utf8.GREEK)],
        None,
        [(TEXT, utf8.GREEK)],
    ),
]
FAILED += [
    ("6.3.1", "bad UTF-8", [text(BAD)], None, [], 1007),
    ("6.3.2", "a frame a byte", [octets(BAD)], None, [], 1007),
]
for number, title, payload in utf8.cases():
    if utf8.is_valid(payload):
        row = (number, title, [text(payload)], None, [(TEXT, payload)])
        ECHOED.append(row)
    else:
        FAILED.append((number, title, [text(payload)], None, [], 1007))

# --- 10: automatic fragments ---

STARS = b"*" * 65536
PIECES = [STARS[i : i + 1300] for i in range(0, len(STARS), 1300)]
ECHOED.append(
    ("10.1.1", "frames of 1300", [text(*PIECES)], None, [(TEXT, STARS)])
)


@cases(ECHOED, "Case {0}: {1}.")
def echoed(server, _, frames, chop, events):
    """The events, then a close in good order."""
    with Peer(server) as peer:
        send(peer, frames, chop)
        peer.expect(events)
        peer.close()


@cases(FAILED, "Case {0}: {1} fails with {5}.")
def failed(server, _, frames, chop, events, code):
    """What came before is answered, what comes behind is not."""
    with Peer(server) as peer:
        send(peer, frames, chop)
        peer.expect(events)
        peer.expect_failed(code)


@cases([("5.19", None), ("5.20", FRAMES)], "Case {0}: pings between parts.")
def pings_between(server, chop):
    """The first is answered long before the message is whole."""
    with Peer(server) as peer:
        first = [begin(TEXT, PART[1]), begin(CONTINUATION, PART[2])]
        send(peer, [*first, frame(PING, b"pongme 1!")], chop)
        peer.expect([(PONG, b"pongme 1!")])
        assert peer.is_silent(SILENCE_S)
        rest = [begin(CONTINUATION, PART[3]), begin(CONTINUATION, PART[4])]
        send(peer, [*rest, frame(PING, b"pongme 2!"), last(PART[5])], chop)
        peer.expect([(PONG, b"pongme 2!"), (TEXT, b"".join(PART[1:]))])
        peer.close()


# --- 6.4: the first bad byte is the last that is looked at ---

BEYOND = b"\xf4\x90\x80\x80"
WHOLE = utf8.GREEK + BEYOND + b"edited"


def in_frames(*parts):
    """A message of these parts, a frame each, and not the end of it."""
    yield begin(TEXT, parts[0])
    for part in parts[1:]:
        yield begin(CONTINUATION, part)


def in_chops(*parts):
    """The same parts of a frame with the whole of the message."""
    sent = b""
    start = bytes([0x80 | TEXT]) + raw.length_field(len(WHOLE), 0x80) + MASK
    for part in parts:
        piece = raw.masked(sent + part, MASK)[len(sent) :]
        yield (b"" if sent else start) + piece
        sent += part


FAIL_FAST = [
    ("6.4.1", in_frames(utf8.GREEK, BEYOND)),
    ("6.4.2", in_frames(utf8.GREEK + BEYOND[:1], BEYOND[1:2])),
    ("6.4.3", in_chops(utf8.GREEK, BEYOND)),
    ("6.4.4", in_chops(utf8.GREEK + BEYOND[:1], BEYOND[1:2])),
]


@cases(FAIL_FAST, "Case {0}: bad UTF-8 fails before the rest is sent.")
def fail_fast(server, parts):
    """With the byte that makes it bad, and not before."""
    with Peer(server) as peer:
        peer.send(next(parts))
        assert peer.is_silent(SILENCE_S)
        peer.send(next(parts))
        peer.expect_failed(1007)


# --- 7: closes ---

NORMAL = close_frame(1000)
QUARTER = (b"BAsd7&jh23" * 26215)[: 256 * 1024]


def closing(number, what, frames, events=(), code=1000):
    """A row of the table below."""
    return number, what, frames, list(events), code


CLOSES = [
    closing("7.1.1", "a message", [text(HELLO), NORMAL], ECHO),
    closing("7.1.2", "two closes", [NORMAL, NORMAL]),
    closing("7.1.3", "a ping behind", [NORMAL, frame(PING)]),
    closing("7.1.4", "text behind", [NORMAL, text(HELLO)]),
    closing("7.1.5", "amid fragments", [TWO[0], NORMAL, TWO[1]]),
    closing(
        "7.1.6",
        "256 KiB before, a ping behind",
        [text(QUARTER), text(HELLO), NORMAL, frame(PING)],
        [(TEXT, QUARTER), *ECHO],
    ),
    closing("7.3.1", "no code", [close_frame()], code=None),
    closing("7.3.3", "a code alone", [NORMAL]),
    closing("7.3.4", "a reason", [close_frame(1000, HELLO)]),
    closing("7.3.5", "123 bytes", [close_frame(1000, b"*" * 123)]),
]
VALID_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011]
VALID_CODES += [3000, 3999, 4000, 4999]
CLOSES += [
    closing(f"7.7.{number}", f"code {code}", [close_frame(code)], code=code)
    for number, code in enumerate(VALID_CODES, 1)
]


@cases(CLOSES, "Case {0}: a close with {1}.")
def closes(server, _, frames, events, code):
    """It is answered with the code, once, after what came before it."""
    for chop in (None, FRAMES):
        with Peer(server) as peer:
            send(peer, frames, chop)
            peer.expect(events)
            peer.expect_close(code)


BAD_CLOSES = [
    ("7.3.2", "1 byte", frame(CLOSE, b"a"), 1002),
    ("7.3.6", "124 bytes", close_frame(1000, b"*" * 124), 1002),
    ("7.5.1", "bad UTF-8", close_frame(1000, BAD), 1007),
    ("7.13.1", "code 5000", close_frame(5000), 1002),
    ("7.13.2", "code 65535", close_frame(65535), 1002),
    *[
        (f"7.9.{number}", f"code {code}", close_frame(code), 1002)
        for number, code in enumerate(
            (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1
        )
    ],
]


@cases(BAD_CLOSES, "Case {0}: a close with {1} fails with {3}.")
def bad_closes(server, _, data, code):
    """Whole, and in octets."""
    for chop in (None, OCTETS):
        with Peer(server) as peer:
            peer.chopped(data, chop)
            peer.expect_failed(code)


# --- 9: limits ---

KIB = 1024
MIB = 1024 * KIB
SIZES = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB]
FRAGMENTS = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB]
CHOPS = [64, 128, 256, 512, KIB, 2 * KIB]
ROUNDS = [0, 16, 64, 256, KIB, 4 * KIB]
FRAGMENTED = 4 * MIB if IS_WHOLE else MIB
CHOPPED = MIB if IS_WHOLE else 128 * KIB
ROUND_COUNT = 1000 if IS_WHOLE else 100


def limits(section, values):
    """Rows for text and for binary messages."""
    for opcode in (TEXT, BINARY):
        for number, value in enumerate(values, 1):
            name = f"9.{section + opcode - TEXT}.{number}"
            yield name, value, opcode


def content(opcode, count):
    """A payload of so many bytes."""
    return (b"*" if opcode == TEXT else b"\xfe") * count


@cases(limits(1, SIZES), "Case {0}: a message of {1} bytes.")
def sizes(server, count, opcode):
    """In one frame, at once."""
    payload = content(opcode, count)
    with Peer(server) as peer:
        peer.send(frame(opcode, payload))
        peer.expect([(opcode, payload)])
        peer.close()


@cases(limits(3, FRAGMENTS), "Case {0}: a message in fragments of {1}.")
def fragments(server, size, opcode):
    """A large message in frames of one size."""
    payload = content(opcode, FRAGMENTED)
    pieces = [payload[i : i + size] for i in range(0, len(payload), size)]
    with Peer(server) as peer:
        data = text(*pieces)
        peer.send(bytes([data[0] - TEXT + opcode]) + data[1:])
        peer.expect([(opcode, payload)])
        peer.close()


@cases(limits(5, CHOPS), "Case {0}: a message in chops of {1}.")
def chops(server, size, opcode):
    """A large frame in small pieces."""
    payload = content(opcode, CHOPPED)
    with Peer(server) as peer:
        peer.chopped(frame(opcode, payload), size)
        peer.expect([(opcode, payload)])
        peer.close()


@cases(limits(7, ROUNDS), "Case {0}: messages of {1} bytes, one by one.")
def rounds(server, count, opcode):
    """Each is sent when the one before has come back."""
    payload = content(opcode, count)
    data = frame(opcode, payload)
    with Peer(server) as peer:
        for _ in range(ROUND_COUNT):
            peer.send(data)
            peer.expect([(opcode, payload)])
        peer.close()


sys.argv = [word for word in sys.argv if word != "--all"]
run(Echo)
