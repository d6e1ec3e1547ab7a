"""Streams of events over HTTP, read strictly: chunks, lines, and server-sent
events as the HTML standard says."""

import json
import re

import raw

SIZE_LINE = re.compile(rb"([0-9a-f]+)\r\n")

# What every stream says of itself.
HEADERS = {
    "transfer-encoding": "chunked",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",
    "incremental": "?1",
    "vary": "Accept",
    "connection": "close",
}


class Stream(raw.Connection):
    """A GET that is answered with a stream."""

    media = ""
    accept = ""

    def __init__(self, broker, path, *lines, receive_bytes=None, timeout=30):
        super().__init__(broker.port, receive_bytes, timeout)
        lines = (*lines, f"Accept: {self.accept}")
        self.send(raw.get(f"/subscribe/{path}", *lines))
        answer = self.answer()
        assert answer.status == 200, (answer.status, answer.headers)
        assert HEADERS.items() <= answer.headers.items(), answer.headers
        assert answer.headers["content-type"] == self.media, answer.headers
        self.cursor = answer.headers["ringtail-cursor"]
        self.text = b""  # of chunks that were read

    def chunk(self):
        """The next chunk; None for the last one, behind which nothing is."""
        while not (match := SIZE_LINE.match(self.received)):
            assert len(self.received) < 20, self.received
            self.receive()
        assert not match[1].startswith(b"0") or match[1] == b"0", match[1]
        self.take(match.end())
        count = int(match[1], 16)
        data = self.take(count + 2)
        assert data.endswith(b"\r\n"), data
        if count == 0:
            self.expect_end()
            return None
        return data[:-2]

    def until(self, end):
        """The text up to `end`, or None at the end of the stream."""
        while end not in self.text:
            chunk = self.chunk()
            if chunk is None:
                assert self.text == b"", self.text
                return None
            self.text += chunk
        found, self.text = self.text.split(end, 1)
        return found

    def item(self):
        """What comes next, other than signs of life; None at the end."""
        raise NotImplementedError

    def items(self, count):
        """So many of them."""
        return [self.item() for _ in range(count)]

    def rest(self):
        """All up to the end."""
        return list(iter(self.item, None))


class Lines(Stream):
    """Lines of JSON: its items are objects."""

    media = "application/x-ndjson"
    accept = "*/*"

    def __init__(self, *parameters, **options):
        super().__init__(*parameters, **options)
        self.signs = 0  # of life, so far

    def item(self):
        while (line := self.until(b"\n")) == b"":
            self.signs += 1
        return line if line is None else json.loads(line)

    def payloads(self, count):
        """The data of the next events; other notices are an error."""
        found = self.items(count)
        assert all(item["op"] == "event" for item in found), found
        return [item["data"] for item in found]


class Events(Stream):
    """Server-sent events: its items are dictionaries of their fields. The bytes
    between two blank lines are an event, or a comment alone."""

    media = "text/event-stream"
    accept = "text/event-stream"

    def __init__(self, *parameters, **options):
        super().__init__(*parameters, **options)
        self.signs = 0

    def item(self):
        while (block := self.until(b"\n\n")) == b":":
            self.signs += 1
        return block if block is None else parse_event(block)


def parse_event(block):
    """The fields of an event, its data joined as a client joins it. A line that
    ends in CR would be two lines to a client: there must be none."""
    assert b"\r" not in block and b"\0" not in block, block
    event = {}
    for line in block.decode().split("\n"):
        name, _, value = line.partition(": ")
        assert name in ("id", "event", "retry", "data"), line
        if name == "data" and "data" in event:
            value = f"{event['data']}\n{value}"
        else:
            assert name not in event, block
        event[name] = value
    return event
