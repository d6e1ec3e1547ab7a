"""Sockets without manners: bytes as they are, answers read strictly."""

import base64
import hashlib
import json
import re
import select
import socket
import struct
import time

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) [A-Za-z ]+")
FIELD_LINE = re.compile(rb"([A-Za-z0-9-]+): ([!-~](?:[ -~]*[!-~])?)")
DATE = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # of RFC 6455, section 1.3
MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MASK = b"\x12\x34\x56\x78"


class Ended(Exception):
    """The peer has closed the connection."""


class HttpAnswer:
    """One answer, checked for what holds of all of them."""

    def __init__(self, head):
        lines = head.split(b"\r\n")
        status = STATUS_LINE.fullmatch(lines[0])
        assert status, f"a bad status line: {lines[0]!r}"
        self.status = int(status.group(1))
        self.headers = {}
        self.body = b""
        for line in lines[1:]:
            field = FIELD_LINE.fullmatch(line)
            assert field, f"a bad header line: {line!r}"
            name = field.group(1).decode().lower()
            self.note_field(name, field.group(2).decode())
        self.check_head()

    def note_field(self, name, value):
        """Of what the broker sends, only Connection is a list."""
        if name == "connection" and name in self.headers:
            value = f"{self.headers[name]}, {value}"
        else:
            assert name not in self.headers, f"{name} stands twice"
        self.headers[name] = value

    def check_head(self):
        """RFC 9110, sections 6.6.1 and 8.6."""
        if 200 <= self.status < 500:
            assert DATE.fullmatch(self.headers.get("date", "")), self.headers
        has_length = "content-length" in self.headers
        assert not (has_length and self.is_stream), self.headers
        has_body = has_length or self.is_stream
        assert has_body == self.may_have_body(), self.headers

    def may_have_body(self):
        """Whether answers with this status have one."""
        return self.status >= 200 and self.status not in (204, 304)

    @property
    def is_stream(self):
        """Whether its body is in chunks, which are not read here."""
        return self.headers.get("transfer-encoding") == "chunked"

    @property
    def closes(self):
        """Whether it says that it is the last one."""
        return "close" in self.headers.get("connection", "").split(", ")

    def topic(self):
        """The topic that a receipt names."""
        return json.loads(self.body)["topic"]

    def problem(self):
        """The slug of a problem, which is checked."""
        media = self.headers["content-type"]
        assert media == "application/problem+json", media
        problem = json.loads(self.body)
        assert problem["status"] == self.status, problem
        assert problem["title"], problem
        kind, slug = problem["type"].rsplit(":", 1)
        assert kind == "urn:ringtail:problem", problem
        return slug


class Connection:
    """A TCP connection, or one to a UNIX socket if the address is a path."""

    def __init__(self, address, receive_bytes=None, timeout=10):
        is_path = isinstance(address, str)
        family = socket.AF_UNIX if is_path else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_bytes is not None:
            self.socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes
            )
        self.socket.settimeout(timeout)
        self.socket.connect(address if is_path else ("127.0.0.1", address))
        if not is_path:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.socket.close()

    def send(self, data):
        """Sends all, in one piece if the kernel likes."""
        self.socket.sendall(data)

    def drip(self, data, size=1, pause_s=0.0002):
        """Sends in pieces, while the peer takes them."""
        for start in range(0, len(data), size):
            try:
                self.socket.sendall(data[start : start + size])
            except (BrokenPipeError, ConnectionResetError):
                return
            time.sleep(pause_s)

    def finish(self):
        """Says that no more will be sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def receive(self):
        """Adds what comes next to what was received."""
        data = self.socket.recv(1 << 18)
        if not data:
            raise Ended(f"with {self.received!r:.200} before")
        self.received += data

    def take(self, count):
        """The next bytes, so many."""
        while len(self.received) < count:
            self.receive()
        data, self.received = self.received[:count], self.received[count:]
        return data

    def answer(self, to_head=False):
        """The next HTTP answer."""
        while b"\r\n\r\n" not in self.received:
            self.receive()
        head, self.received = self.received.split(b"\r\n\r\n", 1)
        answer = HttpAnswer(head)
        has_length = answer.may_have_body() and not answer.is_stream
        if has_length and not to_head:
            answer.body = self.take(int(answer.headers["content-length"]))
        return answer

    def expect_end(self):
        """Fails unless the peer closes now, without another byte."""
        try:
            self.receive()
        except (Ended, ConnectionResetError):
            pass
        assert not self.received, f"{self.received!r:.200} before the end"

    def is_silent(self, for_s=0.1):
        """Whether nothing comes for a while, nor the end."""
        if self.received:
            return False
        return not select.select([self.socket], [], [], for_s)[0]


def get(path, *lines):
    """A GET request, with more header lines."""
    return request("GET", path, *lines)


def post(topic, payload, *lines):
    """A POST of an event."""
    length = f"Content-Length: {len(payload)}"
    return request("POST", f"/produce/{topic}", length, *lines) + payload


def request(method, path, *lines):
    """The head of a request, with a Host."""
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]
    return "\r\n".join(head).encode()


def upgrade(path, *lines, without=""):
    """A WebSocket handshake with other lines, or more, or one less."""
    fields = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
    }
    given = {line.split(":")[0] for line in lines} | {without}
    kept = [f"{k}: {v}" for k, v in fields.items() if k not in given]
    return get(path, *kept, *lines)


def masked(payload, key):
    """A payload under a mask of four bytes."""
    keys = (key * (len(payload) // 4 + 1))[: len(payload)]
    both = int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")
    return both.to_bytes(len(payload), "big")


def length_field(count, mask_bit, form=None):
    """The length in a frame's header; `form` forces 7, 16 or 64 bits."""
    form = form or (7 if count < 126 else 16 if count < 65536 else 64)
    if form == 7:
        return struct.pack("!B", mask_bit | count)
    if form == 16:
        return struct.pack("!BH", mask_bit | 126, count)
    return struct.pack("!BQ", mask_bit | 127, count)


def frame(opcode, payload=b"", first_bits=0x80, key=MASK, form=None):
    """A client's frame; with no key it is not masked."""
    first = first_bits | opcode
    header = struct.pack("!B", first)
    if key is None:
        return header + length_field(len(payload), 0, form) + payload
    header += length_field(len(payload), 0x80, form) + key
    return header + masked(payload, key)


def close_frame(code=None, reason=b""):
    """A client's close frame."""
    payload = b"" if code is None else struct.pack("!H", code) + reason
    return frame(CLOSE, payload)


class WebSocket(Connection):
    """A connection that has been upgraded."""

    lines = ()  # more header lines

    def __init__(self, broker, path, receive_bytes=None, also=b"", timeout=10):
        super().__init__(broker.port, receive_bytes, timeout)
        self.send(upgrade(path, *self.lines) + also)
        answer = self.answer()
        assert answer.status == 101, (answer.status, answer.headers)
        digest = hashlib.sha1((KEY + MAGIC).encode()).digest()
        accept = base64.b64encode(digest).decode()
        assert answer.headers["sec-websocket-accept"] == accept
        assert answer.headers["upgrade"] == "websocket"
        assert answer.headers["connection"] == "Upgrade"
        self.cursor = answer.headers.get("ringtail-cursor")
        self.subprotocol = answer.headers.get("sec-websocket-protocol")

    def frame(self):
        """The next frame: its opcode and payload. It is checked to be final,
        without reserved bits, not masked, and no longer than need be."""
        first, second = self.take(2)
        assert first & 0xF0 == 0x80, f"first byte {first:#x}"
        assert second < 128, "masked"
        count = second
        if second >= 126:
            width, least = (2, 126) if second == 126 else (8, 65536)
            count = int.from_bytes(self.take(width), "big")
            assert count >= least, f"{count} in {width} bytes"
        return first & 0x0F, self.take(count)

    def events(self, count):
        """The payloads of the next events; pings are answered."""
        payloads = []
        while len(payloads) < count:
            opcode, payload = self.frame()
            if opcode == PING:
                self.send(frame(PONG, payload))
                continue
            assert opcode in (TEXT, BINARY), (opcode, payload)
            payloads.append(payload)
        return payloads

    def until_close(self):
        """The payloads up to the close frame, then its code and reason."""
        payloads = []
        while True:
            opcode, payload = self.frame()
            if opcode == CLOSE:
                code = int.from_bytes(payload[:2], "big")
                return payloads, code, payload[2:].decode()
            if opcode in (TEXT, BINARY):
                payloads.append(payload)


def reason_values(reason):
    """The slug of a close reason, and the values that follow it."""
    slug, *pairs = reason.split("; ")
    return slug, dict(pair.split("=") for pair in pairs)
