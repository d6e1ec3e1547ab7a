"""Valid and invalid UTF-8, by Markus Kuhn's test: sections 6.5 to 6.23 of the
public WebSocket suite, in its order."""

GREEK = "κόσμε".encode()


def prefixes(text):
    """All beginnings of a text."""
    return [text[:count] for count in range(1, len(text) + 1)]


def hexadecimal(text):
    """The byte strings that a row of hexadecimal words stands for."""
    return [bytes.fromhex(word) for word in text.split()]


def lonely():
    """First bytes of sequences, each with a blank behind instead."""
    ranges = [(0xC0, 0xDF), (0xE0, 0xEF), (0xF0, 0xF7), (0xF8, 0xFB)]
    for first, end in [*ranges, (0xFC, 0xFD)]:
        yield b"".join(bytes([byte, 0x20]) for byte in range(first, end))


def noncharacters():
    """The last two code points of each plane, but for those of the first."""
    for plane in range(1, 17):
        for low in (0xFFFE, 0xFFFF):
            yield chr(plane << 16 | low).encode()


CUT = "c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf"
OVERLONG = [
    "c0af e080af f08080af f8808080af fc80808080af",
    "c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf",
    "c080 e08080 f0808080 f880808080 fc8080808080",
]
STRAY = "80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf"
HIGH = "eda080 edadbf edae80 edafbf"
PAIRS = [
    high + low
    for high in ("eda080", "edadbf", "edae80", "edafbf")
    for low in ("edb080", "edbfbf")
]

# From 6.5 on, each a subsection: its title and its texts.
SEQUENCES = [
    (
        "Valid text",
        [f"hello{c}world".encode() for c in "$¢€\U00024b62"] + [GREEK],
    ),
    ("A valid text cut anywhere", prefixes(GREEK)),
    (
        "The first sequence of a length",
        hexadecimal("00 c280 e0a080 f0908080"),
    ),
    ("Of five bytes and six", hexadecimal("f888808080 fc8480808080")),
    ("The last sequence of a length", hexadecimal("7f dfbf efbfbf f48fbfbf")),
    (
        "The last one beyond Unicode",
        hexadecimal("f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf"),
    ),
    (
        "Other boundaries",
        hexadecimal("ed9fbf ee8080 efbfbd f48fbfbf f4908080"),
    ),
    (
        "Stray continuations",
        [*hexadecimal(STRAY), bytes(range(0x80, 0xBF))],
    ),
    ("Lonely first bytes", list(lonely())),
    ("Sequences without their last byte", hexadecimal(CUT)),
    ("All of these in a row", hexadecimal(CUT.replace(" ", ""))),
    ("Impossible bytes", hexadecimal("fe ff fefeffff")),
    ("Overlong ASCII", hexadecimal(OVERLONG[0])),
    ("As overlong as can be", hexadecimal(OVERLONG[1])),
    ("Overlong NUL", hexadecimal(OVERLONG[2])),
    (
        "Single surrogates",
        hexadecimal(f"{HIGH} edb080 edbe80 edbfbf"),
    ),
    ("Pairs of surrogates", hexadecimal(" ".join(PAIRS))),
    (
        "Noncharacters",
        hexadecimal("efbfbe efbfbf") + list(noncharacters()),
    ),
    (
        "Specials",
        hexadecimal("efbfb9 efbfba efbfbb efbfbc efbfbd efbfbe efbfbf"),
    ),
]


def is_valid(text):
    """Whether it is UTF-8; Python is strict about that."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def cases():
    """The number of each case, its title, and its text."""
    for section, (title, texts) in enumerate(SEQUENCES, 5):
        for number, text in enumerate(texts, 1):
            yield f"6.{section}.{number}", title, text
