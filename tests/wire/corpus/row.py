"""What the corpus is made of: inputs, each with its expected answer.

An answer is written as the words of `volley.py`, with commas between: statuses
with the slug of their problem, frames, and at the end what becomes of the
connection:

    open       it goes on, and the next request or ping on it is answered
    closed     the broker sends FIN, and looks at nothing that follows; with
               `unsaid` before it the last answer had no Connection: close
    waiting    not a byte comes: the input is the beginning of something

In the files of this folder a section is a title with the place in an RFC that
is the reason, a template, and rows: what to expect, what to put in the place of
`@`, and a name, perhaps with a reason of its own.

    == Host: RFC 9112, section 3.2
    > GET /livez HTTP/1.1
    > Host: @
    >
    >
    200, open                | localhost  | a name
    400 bad-request, closed  | a b        | a blank

Lines of a template are joined by CRLF. Backslashes are as in Python, {x*9} is
nine times x, and {FIN} at the end is the end of what the peer sends.
"""

import pathlib
import re

FOLDER = pathlib.Path(__file__).parent
FIN = "{FIN}"
REPEATED = re.compile(r"\{([^{}]+)\*(\d+)\}")
SEPARATOR = re.compile(r" *\| *")


class Row:
    """An input: a name, the bytes, what to expect, and why."""

    def __init__(self, name, data, expected, reason, prologue=b""):
        self.name = name
        self.data = data
        self.expected = expected
        self.reason = reason
        self.prologue = prologue  # sent before, in one piece, and answered
        self.sends_fin = False

    @property
    def end(self):
        """What is to become of the connection."""
        return self.expected.rsplit(", ", 1)[-1]

    def __repr__(self):
        return f"{self.name} ({self.reason}): {self.expected}: {self.data!r}"


def unescaped(text):
    """The text that a field of a file stands for."""
    text = REPEATED.sub(lambda match: match[1] * int(match[2]), text)
    return text.encode("latin-1").decode("unicode_escape")


def http_row(name, text, expected, reason):
    """A row from text that may end with a FIN."""
    row = Row(name, b"", expected, reason)
    row.sends_fin = text.endswith(FIN)
    row.data = text.removesuffix(FIN).encode("latin-1")
    return row


def section_rows(block):
    """The rows of a section."""
    heading, *lines = block.splitlines()
    title, reason = heading.split(": ", 1)
    template = [line[2:] for line in lines if line.startswith(">")]
    template = unescaped("\r\n".join(template))
    assert template.count("@") == 1, heading
    for line in lines:
        if not line.startswith((">", "#")) and line:
            expected, text, name, *why = SEPARATOR.split(line.strip())
            yield http_row(
                f"{title}: {name}",
                template.replace("@", unescaped(text)),
                unescaped(expected),
                why[0] if why else reason,
            )


def read_rows(name):
    """The rows of a file in this folder."""
    text = (FOLDER / name).read_text()
    _, *blocks = re.split(r"(?m)^== ", text)
    return [row for block in blocks for row in section_rows(block)]
