"""Sequences of frames, bad, borderline and good, each with its answer."""

import struct

import raw
from corpus.row import Row
from raw import BINARY, CLOSE, MASK, PING, PONG, TEXT, close_frame, frame

HANDSHAKE = raw.upgrade("/subscribe/quiet")
EVENT_BYTES = 4096
CONTINUATION = 0

BROKEN = "close 1002 protocol-error, closed"
DATA = "close 1003 unexpected-data, closed"
NO_TEXT = "close 1007 bad-utf8, closed"
TOO_BIG = "close 1009 too-big, closed"

def header(first, length, form, payload=b"x"):
    """The header of a frame that declares a length, and a byte of it."""
    field = raw.length_field(length, 0x80, form)
    return bytes([first]) + field + MASK + payload

def begun(opcode, payload=b""):
    """A frame that is not the last of its message."""
    return frame(opcode, payload, 0)

def bare(opcode, payload=b"", form=None):
    """A frame without a mask."""
    return frame(opcode, payload, key=None, form=form)

def pings(count, payload=b""):
    """Pings that are told apart by their payloads."""
    return b"".join(frame(PING, payload + b"%d" % i) for i in range(count))

MASKING = "RFC 6455, section 5.1"
HEADER = "RFC 6455, section 5.2"
MASKS = "RFC 6455, section 5.3"
FRAGMENTS = "RFC 6455, section 5.4"
CONTROL = "RFC 6455, section 5.5"
CLOSING = "RFC 6455, section 5.5.1"
PINGS = "RFC 6455, section 5.5.2"
PONGS = "RFC 6455, section 5.5.3"
LIMITS = "RFC 6455, section 10.4"
NOTHING_ELSE = "RFC 6455, section 7.4.1: a subscription takes no messages"

# What it is, the bytes, what to expect, and why.
BY_HAND = [
    ("A ping", frame(PING), "pong , open", PINGS),
    ("A ping of a byte", frame(PING, b"x"), "pong x, open", PINGS),
    ("A ping of 125 bytes", frame(PING, b"x" * 125),
     f"pong {'x' * 125}, open", CONTROL),
    ("A ping of 126 bytes", frame(PING, b"x" * 126), BROKEN, CONTROL),
    ("A ping of 127 bytes", frame(PING, b"x" * 127), BROKEN, CONTROL),
    ("A ping of 65535 bytes", header(0x89, 65535, 16), BROKEN, CONTROL),
    ("A ping of 65536 bytes", header(0x89, 65536, 64), BROKEN, CONTROL),
    ("A ping of NUL", frame(PING, b"\0"), "pong \0, open", PINGS),
    ("A ping that is no text", frame(PING, b"\xff\xfe"),
     "pong \xff\xfe, open", PINGS),
    ("Two pings", frame(PING, b"a") + frame(PING, b"b"),
     "pong b, open", PONGS),
    ("A pong", frame(PONG), "open", PONGS),
    ("A pong, and then a ping", frame(PONG, b"a") + frame(PING, b"b"),
     "pong b, open", PONGS),
    ("A ping, and then a pong", frame(PING, b"a") + frame(PONG, b"a"),
     "pong a, open", PONGS),
    ("A pong of 125 bytes", frame(PONG, b"x" * 125), "open", CONTROL),
    ("A pong of 126 bytes", frame(PONG, b"x" * 126), BROKEN, CONTROL),
    ("A ping without a mask", bare(PING), BROKEN, MASKING),
    ("A ping with a payload without a mask", bare(PING, b"x"),
     BROKEN, MASKING),
    ("A pong without a mask", bare(PONG), BROKEN, MASKING),
    ("A close without a mask", bare(CLOSE), BROKEN, MASKING),
    ("A close with a code without a mask", bare(CLOSE, b"\x03\xe8"),
     BROKEN, MASKING),
    ("Text without a mask", bare(TEXT, b"x"), BROKEN, MASKING),
    ("Empty text without a mask", bare(TEXT), BROKEN, MASKING),
    ("Binary data without a mask", bare(BINARY, b"x"), BROKEN, MASKING),
    ("A continuation without a mask", bare(CONTINUATION), BROKEN, MASKING),
    ("Long text without a mask", bare(TEXT, b"x" * 200), BROKEN, MASKING),
    ("A good ping, and one without a mask",
     frame(PING, b"x") + bare(PING), BROKEN, MASKING),
    ("A good pong, and one without a mask",
     frame(PONG, b"x") + bare(PONG), BROKEN, MASKING),
    ("A mask of zeros", frame(PING, b"abc", key=bytes(4)),
     "pong abc, open", MASKS),
    ("A mask of ones", frame(PING, b"abc", key=b"\xff" * 4),
     "pong abc, open", MASKS),
    ("A mask that changes",
     frame(PING, b"abc", key=b"abcd") + frame(PING, b"def", key=b"efgh"),
     "pong def, open", MASKS),
    ("A mask longer than the payload", frame(PING, b"ab", key=b"wxyz"),
     "pong ab, open", MASKS),
    ("A ping that is not final", begun(PING), BROKEN, CONTROL),
    ("A ping with a payload that is not final", begun(PING, b"x"),
     BROKEN, CONTROL),
    ("A pong that is not final", begun(PONG), BROKEN, CONTROL),
    ("A close that is not final", begun(CLOSE), BROKEN, CONTROL),
    ("A close with a code that is not final", begun(CLOSE, b"\x03\xe8"),
     BROKEN, CONTROL),
    ("A ping in two fragments", begun(PING, b"a") + frame(0, b"b"),
     BROKEN, CONTROL),
    ("A ping with its length in 16 bits", frame(PING, b"x", form=16),
     BROKEN, HEADER),
    ("A ping with its length in 64 bits", frame(PING, b"x", form=64),
     BROKEN, HEADER),
    ("An empty ping with its length in 16 bits", frame(PING, form=16),
     BROKEN, HEADER),
    ("A ping of 125 bytes with its length in 16 bits",
     frame(PING, b"x" * 125, form=16), BROKEN, HEADER),
    ("A pong with its length in 64 bits", frame(PONG, form=64),
     BROKEN, HEADER),
    ("A close with its length in 16 bits", frame(CLOSE, form=16),
     BROKEN, HEADER),
    ("Text with its length in 16 bits for no need",
     frame(TEXT, b"x", form=16), BROKEN, HEADER),
    ("Text of 125 bytes with its length in 16 bits",
     frame(TEXT, b"x" * 125, form=16), BROKEN, HEADER),
    ("Text with its length in 64 bits for no need",
     frame(TEXT, b"x", form=64), BROKEN, HEADER),
    ("Text of 126 bytes with its length in 64 bits",
     frame(TEXT, b"x" * 126, form=64), BROKEN, HEADER),
    ("Text of 65535 bytes with its length in 64 bits",
     header(0x81, 65535, 64), BROKEN, HEADER),
    ("Empty binary data with its length in 64 bits",
     frame(BINARY, form=64), BROKEN, HEADER),
    ("A length of 2^63", header(0x82, 1 << 63, 64), BROKEN, HEADER),
    ("A length of 2^63 for text", header(0x81, 1 << 63, 64), BROKEN, HEADER),
    ("A length of 2^63 for a ping", header(0x89, 1 << 63, 64),
     BROKEN, HEADER),
    ("A length of 2^64 - 1", header(0x82, (1 << 64) - 1, 64),
     BROKEN, HEADER),
    ("A length of 2^64 - 1 for a close", header(0x88, (1 << 64) - 1, 64),
     BROKEN, HEADER),
    ("A length of 2^63 - 1", header(0x82, (1 << 63) - 1, 64),
     TOO_BIG, LIMITS),
    ("A length of 2^63 - 1 for text that begins",
     header(0x01, (1 << 63) - 1, 64), TOO_BIG, LIMITS),
    ("A length of 2^32", header(0x82, 1 << 32, 64), TOO_BIG, LIMITS),
    ("A length of 2^32 + 1, which is 1 in 32 bits",
     header(0x81, (1 << 32) + 1, 64), TOO_BIG, LIMITS),
    ("A length of 2^31", header(0x82, 1 << 31, 64), TOO_BIG, LIMITS),
    ("A length of 16 MiB", header(0x82, 1 << 24, 64), TOO_BIG, LIMITS),
    ("A length of 65536", header(0x82, 65536, 64), TOO_BIG, LIMITS),
    ("A length of 65535", header(0x82, 65535, 16), TOO_BIG, LIMITS),
    ("A length one beyond an event's", header(0x82, EVENT_BYTES + 1, 16),
     TOO_BIG, LIMITS),
    ("Text one byte longer than an event",
     frame(TEXT, b"x" * (EVENT_BYTES + 1)), TOO_BIG, LIMITS),
    ("Text as long as an event", frame(TEXT, b"x" * EVENT_BYTES),
     DATA, NOTHING_ELSE),
    ("Text", frame(TEXT, b"hello"), DATA, NOTHING_ELSE),
    ("Empty text", frame(TEXT), DATA, NOTHING_ELSE),
    ("Text of 125 bytes", frame(TEXT, b"x" * 125), DATA, NOTHING_ELSE),
    ("Text of 126 bytes", frame(TEXT, b"x" * 126), DATA, NOTHING_ELSE),
    ("Text of 127 bytes", frame(TEXT, b"x" * 127), DATA, NOTHING_ELSE),
    ("Text that is not UTF-8", frame(TEXT, b"\xff"), DATA, NOTHING_ELSE),
    ("Text that asks for more", frame(TEXT, b'{"op":"sub"}'),
     DATA, NOTHING_ELSE),
    ("Binary data", frame(BINARY, b"\0\1"), DATA, NOTHING_ELSE),
    ("Empty binary data", frame(BINARY), DATA, NOTHING_ELSE),
    ("Text that is cut short", frame(TEXT, b"hello")[:7],
     DATA, NOTHING_ELSE),
    ("A header alone, which wslay keeps to itself", header(0x81, 5, 7, b""),
     "waiting", HEADER),
    ("A large header alone", header(0x82, 1 << 32, 64, b""),
     "waiting", HEADER),
    ("Two texts", frame(TEXT, b"a") + frame(TEXT, b"b"), DATA, NOTHING_ELSE),
    ("Text behind a pong", frame(PONG, b"a") + frame(TEXT, b"b"),
     DATA, NOTHING_ELSE),
    ("Text in two fragments", begun(TEXT, b"a") + frame(0, b"b"),
     DATA, FRAGMENTS),
    ("Text in three fragments",
     begun(TEXT, b"a") + begun(0, b"b") + frame(0, b"c"), DATA, FRAGMENTS),
    ("Text in empty fragments", begun(TEXT) + begun(0) + frame(0),
     DATA, FRAGMENTS),
    ("A continuation of nothing", frame(0, b"x"), BROKEN, FRAGMENTS),
    ("A continuation of nothing that goes on", begun(0, b"x"),
     BROKEN, FRAGMENTS),
    ("An empty continuation of nothing", frame(0), BROKEN, FRAGMENTS),
    ("A continuation of nothing behind a ping",
     frame(PING, b"p") + frame(0, b"x"), BROKEN, FRAGMENTS),
    ("A continuation of nothing longer than an event",
     header(0x80, EVENT_BYTES + 1, 16), BROKEN, FRAGMENTS),
    ("Text that begins", begun(TEXT, b"a"), DATA, FRAGMENTS),
    ("Text that begins with nothing", begun(TEXT), DATA, FRAGMENTS),
    ("Text with a ping between its fragments",
     begun(TEXT, b"a") + frame(PING, b"p") + frame(0, b"b"),
     DATA, FRAGMENTS),
    ("Text within text", begun(TEXT, b"a") + frame(TEXT, b"b"),
     DATA, FRAGMENTS),
    ("Binary data within text", begun(TEXT, b"a") + frame(BINARY, b"b"),
     DATA, FRAGMENTS),
    ("Text within binary data", begun(BINARY, b"a") + begun(TEXT, b"b"),
     DATA, FRAGMENTS),
    ("Text closed between its fragments",
     begun(TEXT, b"a") + close_frame(1000), DATA, FRAGMENTS),
    ("A character in two fragments",
     begun(TEXT, b"\xe2") + frame(0, b"\x82\xac"), DATA, FRAGMENTS),
    ("A flood of fragments of a byte", begun(TEXT, b"x") +
     begun(0, b"x") * 2000, DATA, LIMITS),
    ("A flood of empty fragments", begun(TEXT) + begun(0) * 2000,
     DATA, LIMITS),
    ("A flood of empty texts", frame(TEXT) * 2000, DATA, LIMITS),
    ("A flood of pings", pings(3000), "pong 2999, open", LIMITS),
    ("A flood of long pings", pings(1000, b"x" * 120),
     f"pong {'x' * 120}999, open", LIMITS),
    ("A flood of empty pings", frame(PING) * 3000, "pong , open", LIMITS),
    ("A flood of pongs", frame(PONG, b"x") * 3000, "open", LIMITS),
    ("A flood of empty pongs", frame(PONG) * 3000, "open", LIMITS),
    ("A flood of pings, and one that is broken", pings(500) + bare(PING),
     BROKEN, LIMITS),
    ("A flood of pings, and a close", pings(500) + close_frame(1000),
     "close 1000, closed", LIMITS),
    ("A flood of closes", close_frame(1000) * 500, "close 1000, closed",
     CLOSING),
    ("A flood of zeros", bytes(5000), BROKEN, MASKING),
    ("A flood of ones", b"\xff" * 5000, BROKEN, HEADER),

    ("A byte", b"\x89", "waiting", HEADER),
    ("Two bytes", b"\x89\x81", "waiting", HEADER),
    ("A length that is cut short", b"\x81\xfe\x01", "waiting", HEADER),
    ("A long length that is cut short", b"\x82\xff" + bytes(7),
     "waiting", HEADER),
    ("A mask that is cut short", b"\x89\x81abc", "waiting", MASKS),
    ("A payload that is missing", b"\x89\x81abcd", "waiting", MASKS),
    ("A ping, and half another", frame(PING, b"a") +
     frame(PING, b"b")[:-1], "pong a, waiting", PINGS),
    ("A close without a code", close_frame(), "close, closed", CLOSING),
    ("A close with a code", close_frame(1000), "close 1000, closed",
     CLOSING),
    ("A close with a reason", close_frame(1000, b"bye"),
     "close 1000, closed", CLOSING),
    ("A close with 123 bytes of reason", close_frame(1000, b"x" * 123),
     "close 1000, closed", CLOSING),
    ("A close with 124 bytes of reason", close_frame(1000, b"x" * 124),
     BROKEN, CONTROL),
    ("A close of one byte", frame(CLOSE, b"\x03"), BROKEN, CLOSING),
    ("A close of one byte that is zero", frame(CLOSE, b"\0"),
     BROKEN, CLOSING),
    ("A close of one byte, behind a ping that would add another",
     frame(PING, b"\x03\xe8") + frame(CLOSE, b"\x03"), BROKEN, CLOSING),
    ("A close, and a ping", close_frame(1000) + frame(PING, b"x"),
     "close 1000, closed", CLOSING),
    ("A close, and text", close_frame(1000) + frame(TEXT, b"x"),
     "close 1000, closed", CLOSING),
    ("A close, and a broken frame", close_frame(1000) + bare(3, b"x"),
     "close 1000, closed", CLOSING),
    ("A close, and another", close_frame(1000) + close_frame(1001),
     "close 1000, closed", CLOSING),
    ("A ping, and a close", frame(PING, b"x") + close_frame(1001),
     "close 1001, closed", PINGS),
    ("A close, and a request", close_frame(1000) + raw.get("/livez"),
     "close 1000, closed", CLOSING),
    ("A close that is cut short", close_frame(1000)[:-1],
     "waiting", CLOSING),
    ("A close with a reserved bit", frame(CLOSE, b"", 0xC0), BROKEN, HEADER),
    ("Text with a reserved bit, as if compressed",
     frame(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\0", 0xC0), BROKEN,
     "RFC 7692, section 6: not negotiated"),
    ("A request", raw.get("/livez"), BROKEN, HEADER),
    ("An event that is posted", raw.post("corpus", b"x"), BROKEN, HEADER),
    ("A handshake", raw.upgrade("/subscribe/quiet"), BROKEN, HEADER),
    ("An empty line", b"\r\n", BROKEN, MASKING),
]

# Whether they are UTF-8 (RFC 3629, section 4): the text of close frames.
GOOD_TEXTS = """00 09 0a 0d 7f c280 dfbf e0a080 e18080 ecbfbf ed9fbf ee8080
    efbfbd efbfbe efbfbf efbbbf f0908080 f0bfbfbf f1808080 f3bfbfbf f48fbfbf
    cebae1bdb9cf83cebcceb5 e282ac f09f998b""".split()
BAD_TEXTS = """80 bf 8080 808080 c0 c1 c080 c0ae c1bf c2 c241 c2c2 c280bf df
    e0 e08080 e09fbf e0a0 e0a041 e28241 e282 ed ed80 eda080 edafbf edb080
    edbfbf eda080edb080 ef efbf ee80 f0 f080 f08080 f0808080 f08fbfbf f09080
    f0908041 f1 f18080 f4 f48f f48fbf f4908080 f4bfbfbf f5808080 f6808080
    f7bfbfbf f8 f888808080 fbbfbfbfbf fc fc8480808080 fdbfbfbfbfbf fe ff fffe
    feff 41ff ff41 4180 e28228a1 cebae1bdb9cf83cebcceb5eda080656469""".split()
TEXT_TO_CUT = "aé€🙋z".encode()

# The ends of the ranges of RFC 6455, section 7.4, and all that have a meaning.
CODES = [0, 1, 255, 256, 999, *range(1000, 1017), 1099, 1100, 1999, 2000, 2999]
CODES += [3000, 3001, 3999, 4000, 4001, 4408, 4410, 4999]
CODES += [5000, 5001, 9999, 32768, 65534, 65535]

def is_code(code):
    """Whether a peer may send it: sections 7.4.1 and 7.4.2, and what has been
    registered since."""
    return code in range(3000, 5000) or (
        code in range(1000, 1015) and code not in (1004, 1005, 1006)
    )

def code_rows():
    """Close frames of all these codes, with a reason and without."""
    for code in CODES:
        expected = f"close {code}, closed" if is_code(code) else BROKEN
        why = "RFC 6455, section 7.4"
        yield f"Close code {code}", close_frame(code), expected, why
        data = close_frame(code, b"bye")
        yield f"Close code {code}, with a reason", data, expected, why

def is_text(data):
    """Whether Python takes it for UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True

def reason_rows():
    """Close frames with texts of all kinds, and one cut at each point."""
    texts = [bytes.fromhex(text) for text in GOOD_TEXTS + BAD_TEXTS]
    verdicts = [True] * len(GOOD_TEXTS) + [False] * len(BAD_TEXTS)
    cut = [TEXT_TO_CUT[:at] for at in range(1, len(TEXT_TO_CUT))]
    cut += [TEXT_TO_CUT[at:] for at in range(1, len(TEXT_TO_CUT))]
    for text, is_good in zip(texts + cut, verdicts + [is_text(t) for t in cut]):
        expected = "close 1000, closed" if is_good else NO_TEXT
        name = f"Close reason {text.hex(' ')}"
        yield name, close_frame(1000, text), expected, CLOSING

def bit_rows():
    """Reserved bits and opcodes, in all that may be made of them."""
    for first in range(256):
        opcode, bits = first & 0x0F, first & 0x70
        if bits or opcode in (*range(3, 8), *range(11, 16)):
            name = f"The first byte {first:#04x}"
            yield name, struct.pack("!BB", first, 0x80) + MASK, BROKEN, HEADER

def length_rows():
    """Pings of each length that a payload may have, nearly."""
    for count in (*range(2, 9), 31, 32, 63, 64, 123, 124):
        payload = bytes(range(65, 65 + count % 58)) * 6
        payload = payload[:count].ljust(count, b".")
        expected = f"pong {payload.decode()}, open"
        yield f"A ping of {count} bytes", frame(PING, payload), expected, PINGS

def rows():
    """All of them."""
    families = [code_rows(), reason_rows(), bit_rows(), length_rows()]
    generated = [row for family in families for row in family]
    return [Row(*row, prologue=HANDSHAKE) for row in BY_HAND + generated]
