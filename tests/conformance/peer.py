"""The protocol object that a case of the public WebSocket suite works with.

The cases were written for Python 2: to them payloads are strings, a character
for each byte.
"""

import asyncio
import collections
import os
import struct

from autobahn.websocket.protocol import WebSocketProtocol

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def bytes_of(payload):
    """The bytes that a case means."""
    if isinstance(payload, (bytes, bytearray)):
        return bytes(payload)
    return (payload or "").encode("latin-1")


def masked(payload, key):
    """A payload under a mask; as numbers, for it may have many bytes."""
    count = len(payload)
    mask = (key * (count // 4 + 1))[:count]
    pair = int.from_bytes(payload, "big"), int.from_bytes(mask, "big")
    return (pair[0] ^ pair[1]).to_bytes(count, "big")


def header(opcode, count, is_final=True, reserved=0):
    """A frame's header, up to its key."""
    first = (0x80 if is_final else 0) | (reserved & 7) << 4 | opcode
    if count < 126:
        return struct.pack("!BB", first, 0x80 | count)
    if count < 65536:
        return struct.pack("!BBH", first, 0x80 | 126, count)
    return struct.pack("!BBQ", first, 0x80 | 127, count)


class Received:
    """Frames, as they come."""

    def __init__(self):
        self.data = b""

    def length(self):
        """Of the first frame's header and payload, if they are known."""
        if len(self.data) < 2:
            return None
        count = self.data[1] & 0x7F
        extended = {126: (2, "!H"), 127: (8, "!Q")}.get(count)
        if extended is None:
            return 2, count
        size, form = extended
        if len(self.data) < 2 + size:
            return None
        return 2 + size, struct.unpack_from(form, self.data, 2)[0]

    def take(self):
        """The first frame's first byte and its payload, when it is whole."""
        known = self.length()
        if known is None or len(self.data) < sum(known):
            return None
        frame, self.data = self.data[: sum(known)], self.data[sum(known) :]
        return frame[0], frame[known[0] :]


class Peer:
    """A client's end; the names are those that the cases use."""

    CLOSE_STATUS_CODE_NORMAL = 1000
    CLOSE_STATUS_CODE_PROTOCOL_ERROR = 1002
    CLOSE_STATUS_CODE_INVALID_PAYLOAD = 1007
    STATE_OPEN = WebSocketProtocol.STATE_OPEN
    STATE_CLOSED = WebSocketProtocol.STATE_CLOSED

    class factory:
        """What plays the client."""

        isServer = False

    def __init__(self, writer):
        self.writer = writer
        self.loop = asyncio.get_running_loop()
        self.queue = asyncio.Queue()
        self.received = Received()
        self.message = []
        self.is_binary = False
        self.opcode = self.key = self.at = None  # of a frame in pieces
        self.case = None
        self.state = self.STATE_OPEN
        self.connectionWasOpen = True
        self.closedByMe = self.droppedByMe = self.failedByMe = False
        self.wasClean = False
        self.remoteCloseCode = self.remoteCloseReason = None
        self.localCloseCode = self.localCloseReason = None
        self.autoFragmentSize = 0
        self.createWirelog = False
        self.trafficStats = None
        self.txFrameStats = collections.Counter()

    # --- sending ---

    async def pump(self):
        """Sends what is queued, in pieces where a case wants them."""
        while True:
            data, size = await self.queue.get()
            size = size or max(1, len(data))
            for at in range(0, len(data), size):
                self.writer.write(data[at : at + size])
                await asyncio.sleep(0)
            await self.writer.drain()

    def put(self, data, size=None):
        """Queues bytes."""
        if not self.writer.is_closing():
            self.queue.put_nowait((data, size))

    def sendFrame(
        self,
        opcode,
        payload="",
        fin=True,
        rsv=0,
        mask=None,
        payload_len=None,
        chopsize=None,
        sync=False,
    ):
        """A frame; a payload may be repeated up to a length."""
        data = bytes_of(payload)
        if payload_len is not None and data:
            data = (data * (payload_len // len(data) + 1))[:payload_len]
        self.txFrameStats[opcode] += 1
        key = os.urandom(4)
        head = header(opcode, len(data), fin, rsv)
        self.put(head + key + masked(data, key), chopsize)

    def sendMessage(self, payload, isBinary=False, fragmentSize=None, **_):
        """A message, in fragments if it is said how large they are."""
        data = bytes_of(payload)
        size = fragmentSize or self.autoFragmentSize or max(1, len(data))
        opcode = BINARY if isBinary else TEXT
        for at in range(0, max(1, len(data)), size):
            is_last = at + size >= len(data)
            self.sendFrame(opcode, data[at : at + size], is_last)
            opcode = CONTINUATION

    def sendClose(self, code=None, reason=None):
        """A close frame, unless there was one."""
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code, reason)

    def sendCloseFrame(
        self, code=None, reasonUtf8=None, reason=None, isReply=False
    ):
        """A close frame."""
        text = reasonUtf8 or reason
        self.state = WebSocketProtocol.STATE_CLOSING
        self.closedByMe = self.closedByMe or not isReply
        self.localCloseCode, self.localCloseReason = code, text
        has_code = code is not None
        data = struct.pack("!H", code) + bytes_of(text) if has_code else b""
        self.sendFrame(CLOSE, data)

    def beginMessage(self, isBinary=False, **_):
        """A message whose frames a case makes."""
        self.opcode = BINARY if isBinary else TEXT

    def beginMessageFrame(self, length):
        """A frame whose payload comes in pieces."""
        self.key, self.at = os.urandom(4), 0
        self.put(header(self.opcode, length, False) + self.key)
        self.opcode = CONTINUATION

    def sendMessageFrameData(self, payload, sync=False):
        """A piece of it."""
        data = bytes_of(payload)
        turn = self.at % 4
        self.put(masked(data, self.key[turn:] + self.key[:turn]))
        self.at += len(data)

    def endMessage(self):
        """An empty frame ends the message."""
        self.sendFrame(CONTINUATION)

    # --- time ---

    def continueLater(self, delay, function, tag=None):
        """Unless it is over by then."""
        is_over = lambda: self.state == self.STATE_CLOSED
        self.loop.call_later(delay, lambda: is_over() or function())

    def closeAfter(self, delay):
        """Says goodbye, unless somebody has."""
        self.loop.call_later(delay, self.sendClose)

    def killAfter(self, delay):
        """Gives up, unless it is over by then."""
        self.continueLater(delay, self.kill)

    def kill(self):
        """It is the server that should have hung up."""
        self.droppedByMe = self.failedByMe = True
        self.writer.transport.abort()

    def enableWirelog(self, enable):
        """There is none."""

    # --- receiving ---

    def take(self, data):
        """Tells the case what has come."""
        self.received.data += data
        while frame := self.received.take():
            first, payload = frame
            assert first & 0x70 == 0, f"reserved bits: {first:#x}"
            self.take_frame(first & 0x0F, payload, bool(first & 0x80))

    def take_frame(self, opcode, payload, is_final):
        """One frame."""
        if opcode == PING:
            self.case.onPing(payload.decode("latin-1"))
            self.sendFrame(PONG, payload)
        elif opcode == PONG:
            self.case.onPong(payload.decode("latin-1"))
        elif opcode == CLOSE:
            self.take_close(payload)
        else:
            self.take_fragment(opcode, payload, is_final)

    def take_fragment(self, opcode, payload, is_final):
        """A message, or a part of it."""
        if opcode != CONTINUATION:
            self.is_binary = opcode == BINARY
            self.message = []
        self.message.append(payload)
        if is_final:
            text = b"".join(self.message).decode("latin-1")
            self.case.onMessage(text, self.is_binary)

    def take_close(self, payload):
        """The end, in good order."""
        if payload:
            self.remoteCloseCode = int.from_bytes(payload[:2], "big")
            self.remoteCloseReason = payload[2:].decode()
        self.wasClean = True
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(self.remoteCloseCode, isReply=True)
        reason = self.remoteCloseReason
        self.case.onClose(True, self.remoteCloseCode, reason)
