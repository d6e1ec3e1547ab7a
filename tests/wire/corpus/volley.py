"""Fires inputs at a broker, hundreds of connections at a time.

Every input is sent in several ways, each on a connection of its own: whole,
byte by byte, split in two, and with more behind it. All connections of a volley
take one step at a time. After each step a fence, a request on another
connection, is answered: a broker with one loop has then read what was sent
before, in a read of its own. So nothing here waits for time to pass, but for
answers that are missing, and the pieces do arrive as pieces.
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
SHOTS_MAX = 500
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


def shots_of(rows):
    """All ways of all these rows."""
    return [(row, *way) for row in rows for way in ways(row)]


def groups_of(rows):
    """The rows in groups that are fired at once."""
    group, count = [], 0
    for row in rows:
        more = len(shots_of([row]))
        if group and count + more > SHOTS_MAX:
            yield group
            group, count = [], 0
        group.append(row)
        count += more
    yield group


class Volley:
    """A broker under fire. Two subscribers stay connected all the time: one to
    the topic of the inputs, one to that of the canaries."""

    def __init__(self, rows):
        self.broker = Broker(*FLAGS)
        self.groups = list(groups_of(rows))
        self.verdicts = {}  # by row: the ways in which it went wrong
        self.payloads = []  # published by the inputs, in order
        self.receipts = 0  # of inputs and canaries
        self.fired = 0  # connections

    def __enter__(self):
        self.broker.__enter__()
        self.fence = raw.Connection(self.broker.port)
        self.watcher = raw.WebSocket(self.broker, f"/subscribe/{TOPIC}")
        self.canaries = raw.WebSocket(self.broker, "/subscribe/canary")
        return self

    def __exit__(self, *error):
        print(f"# {len(self.verdicts)} inputs on {self.fired} connections")
        self.broker.__exit__(*error)

    def check(self, row):
        """Fails unless an input is answered as expected, in each way."""
        if row not in self.verdicts:
            group = next(group for group in self.groups if row in group)
            self.verdicts.update({row: [] for row in group})
            self.fire(group)
        wrong = self.verdicts[row]
        assert not wrong, f"{row}\n" + "\n".join(wrong[:9])

    def fire(self, rows):
        """Fires inputs, and then a canary for each of them."""
        before = self.broker.metric("events_produced_total") - self.receipts
        shots = [Shot(self.broker.port, *shot) for shot in shots_of(rows)]
        self.fired += len(shots)
        self.advance(shots)
        self.judge(shots)
        for shot in shots:
            shot.socket.close()
        self.send_canaries(len(rows))
        after = self.broker.metric("events_produced_total") - self.receipts
        equal(after, before, "events without a receipt")

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

    def send_canaries(self, count):
        """Publishes so many events, each on a fresh connection."""
        payloads = [b"%d" % number for number in range(count)]
        for payload in payloads:
            with raw.Connection(self.broker.port) as canary:
                canary.send(raw.post("canary", payload))
                equal(canary.answer().status, 200, "a canary")
        self.receipts += count
        equal(self.canaries.events(count), payloads, "the canaries")

    # --- verdicts ---

    def judge(self, shots):
        """Compares what came with what should have come."""
        self.settle(shots)
        self.receipts += sum(shot.receipts for shot in shots)
        self.probe([shot for shot in shots if shot.is_expected_open()])
        for shot in shots:
            if shot.found != shot.wanted:
                self.verdicts[shot.row].append(f"{shot.way}: {shot.found}")

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
