"""Fires inputs at a broker, hundreds of connections at a time.

An input is sent in several ways, each on a connection of its own: whole, byte
by byte, split in two, and with more behind it. All connections of a volley take
one step at a time. After each step a fence, a request on another connection, is
answered: a broker with one loop has then read what was sent before, in a read
of its own. So nothing here waits for time to pass, but for answers that are
missing, and the pieces do arrive as pieces. A canary follows before the next
input is sent, so that what harms it is this one.
"""

import itertools
import re
import socket
import struct
import time

import raw
from broker import Broker
from corpus.tape import Tape
from tap import equal

TOPIC = "corpus"
SETTLE_S = 10

# A long input is split near its ends and at so many places between.
NEAR = 300
NEAR_FRAMES = 64
BETWEEN = 40
# Its bytes come one by one near its ends, and between in such pieces.
PIECE = 61

FENCE = raw.get("/livez")
PING = raw.frame(raw.PING, b"probe")
HTTP_PROBE = FENCE, "200"
WS_PROBE = PING, "pong probe"
SMUGGLED = raw.post("smuggled", b"smuggled")
RESET = struct.pack("ii", 1, 0)  # for SO_LINGER

FLAGS = ["--event-bytes", 4096, "--ring-bytes", "64MiB"]
FLAGS += ["--heartbeat", "unlimited", "--idle-timeout", "1h"]
FLAGS += ["--head-timeout", "10m", "--body-timeout", "10m"]


def cuts(count, near):
    """Where an input of so many bytes is split in two."""
    if count <= 2 * near:
        return range(1, count)
    step = max(1, (count - 2 * near) // BETWEEN)
    between = range(near, count - near, step)
    return [*range(1, near), *between, *range(count - near, count)]


def drops(data):
    """An input in its bytes; between the ends of a long one in pieces."""
    places = range(len(data) + 1)
    if len(data) > 4 * NEAR:
        ends = [range(NEAR), range(len(data) - NEAR, len(data) + 1)]
        between = range(NEAR, len(data) - NEAR, PIECE)
        places = [*ends[0], *between, *ends[1]]
    return (data[a:b] for a, b in itertools.pairwise(places))


def ways(row):
    """Pairs of a way's name and the pieces in which the input is sent."""
    yield "whole", [row.data]
    if len(row.data) > 1:
        yield "byte by byte", drops(row.data)
    near = NEAR_FRAMES if row.prologue else NEAR
    for at in cuts(len(row.data), near):
        yield f"split at {at}", [row.data[:at], row.data[at:]]
    if row.end == "closed" and not row.sends_fin:
        behind = PING if row.prologue else SMUGGLED
        yield "with more behind", [row.data + behind]


class Shot:
    """An input on its way: a connection, and what came back on it."""

    def __init__(self, port, row, way, pieces):
        self.row = row
        self.way = way
        prologue = [row.prologue] if row.prologue else []
        fin = [None] if row.sends_fin else []
        self.pieces = itertools.chain(prologue, pieces, fin)
        self.received = b""
        self.receipts = 0
        self.to_head = row.data.lstrip(b"\r\n").startswith(b"HEAD ")
        self.is_upgraded = False  # before what was received began
        self.is_websocket = False  # after it
        self.end = "waiting"
        self.found = ""
        self.wanted = re.sub("open$", "waiting", row.expected)
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.socket.setblocking(False)

    def step(self):
        """Sends the next piece; returns whether there was one."""
        for piece in self.pieces:
            if piece is None:
                self.socket.shutdown(socket.SHUT_WR)
            else:
                self.send(piece)
            return True
        return False

    def send(self, data):
        """Sends all of it, and reads meanwhile."""
        until = time.monotonic() + SETTLE_S
        while data and self.end != "reset":
            assert time.monotonic() < until, f"not taken: {data!r:.200}"
            try:
                data = data[self.socket.send(data) :]
            except BlockingIOError:
                self.receive()
            except (BrokenPipeError, ConnectionResetError):
                self.end = "reset"

    def receive(self):
        """Takes what has come."""
        try:
            while data := self.socket.recv(1 << 16):
                self.received += data
            self.end = "closed"
        except BlockingIOError:
            pass
        except ConnectionResetError:
            self.end = "reset"

    def is_expected_open(self):
        """Whether it should be open, and may be."""
        return self.row.end == "open" and self.found == self.wanted

    def begin_probe(self):
        """Asks whether the connection is open, and forgets what was before."""
        self.received = b""
        self.to_head = False
        self.is_upgraded = self.is_websocket
        probe, answer = WS_PROBE if self.is_upgraded else HTTP_PROBE
        self.wanted = f"{answer}, waiting"
        self.send(probe)


class Volley:
    """A broker under fire. Two subscribers stay connected all the time: one to
    the topic of the inputs, one to that of the canaries."""

    def __init__(self):
        self.broker = Broker(*FLAGS)
        self.payloads = []  # published by the inputs, in order
        self.receipts = 0  # of inputs and canaries
        self.rows = 0
        self.fired = 0  # connections

    def __enter__(self):
        self.broker.__enter__()
        self.fence = raw.Connection(self.broker.port)
        self.watcher = raw.WebSocket(self.broker, f"/subscribe/{TOPIC}")
        self.canaries = raw.WebSocket(self.broker, "/subscribe/canary")
        return self

    def __exit__(self, *error):
        print(f"# {self.rows} inputs on {self.fired} connections")
        self.broker.__exit__(*error)

    def check(self, row):
        """Fails unless an input is answered as expected, in each way, and the
        canary that follows is served."""
        self.rows += 1
        wrong = self.fire(row)
        self.send_canary()
        wrong += self.surplus()
        assert not wrong, f"{row}\n" + "\n".join(wrong[:9])

    def fire(self, row):
        """Fires an input; the ways in which it went wrong."""
        shots = [Shot(self.broker.port, row, *way) for way in ways(row)]
        self.fired += len(shots)
        self.advance(shots)
        self.judge(shots)
        for shot in shots:
            shot.socket.close()
        wrong = [shot for shot in shots if shot.found != shot.wanted]
        return [f"{shot.way}: {shot.found}" for shot in wrong]

    def surplus(self):
        """What was appended without a receipt since the input before."""
        produced = self.broker.metric("events_produced_total")
        surplus, self.receipts = produced - self.receipts, produced
        return [f"{surplus} events without a receipt"] if surplus else []

    # --- steps ---

    def await_fence(self):
        """Returns when all that was sent has been read, and answered."""
        self.fence.send(FENCE)
        equal(self.fence.answer().status, 200, "the fence")

    def advance(self, shots):
        """Sends all the inputs, in steps."""
        self.await_fence()
        while shots := [shot for shot in shots if shot.step()]:
            self.await_fence()

    def settle(self, shots):
        """Reads until all is there that should come."""
        until = time.monotonic() + SETTLE_S
        while shots and time.monotonic() < until:
            self.await_fence()
            for shot in shots:
                shot.receive()
                self.read(shot)
            shots = [shot for shot in shots if shot.found != shot.wanted]

    def send_canary(self):
        """Publishes an event on a fresh connection, and receives it."""
        payload = b"%d" % self.rows
        with raw.Connection(self.broker.port) as canary:
            canary.send(raw.post("canary", payload))
            equal(canary.answer().status, 200, "the canary")
        self.receipts += 1
        equal(self.canaries.events(1), [payload], "the canary's event")

    # --- verdicts ---

    def judge(self, shots):
        """Finds out what came, and whether what should be open is."""
        self.settle(shots)
        self.receipts += sum(shot.receipts for shot in shots)
        self.probe([shot for shot in shots if shot.is_expected_open()])

    def read(self, shot):
        """Finds out what has come."""
        tape = Tape(shot.received, shot.is_upgraded, shot.to_head)
        try:
            words = tape.words(self.payload_of)
        except (raw.Ended, AssertionError) as error:
            words = [f"{type(error).__name__}: {error}"]
        if shot.row.prologue and not shot.is_upgraded:
            words = words[1:]
        has_said = tape.says_close or tape.is_websocket or shot.row.sends_fin
        if shot.end == "closed" and words and not has_said:
            words.append("unsaid")
        shot.receipts = tape.receipts
        shot.is_websocket = tape.is_websocket
        shot.found = ", ".join([*words, shot.end])

    def payload_of(self, answer):
        """What the watcher got where the receipt says it is."""
        topic = TOPIC if answer.status == 204 else answer.topic()
        if topic != TOPIC:
            return f"to {topic}"
        offset = int(answer.headers["ringtail-cursor"].split("-")[1])
        self.payloads += self.watcher.events(offset - len(self.payloads))
        return self.payloads[offset - 1].decode("latin-1")

    def probe(self, shots):
        """Asks of connections whether they are open."""
        for shot in shots:
            shot.begin_probe()
        self.settle(shots)
