"""Loads of which each run has the broker execute the same, and their peers."""

import contextlib
import dataclasses
import itertools

import raw
from instructions_profile import Profile, broker
from processes import RunFailed

TOPIC = "bench.load"
PAYLOAD_BYTES = 128
# Beyond what a ring holds: from then on each event costs another its place.
WARMUP_ROUNDS = 160
WARMUP_BATCH = 64


@dataclasses.dataclass
class Load:
    """A script: so many rounds, in each of which a publisher sends a batch in
    one piece, and then all has to arrive before the next."""

    what: str
    subscribers: int
    batch: int
    rounds: int
    has_new_heads: bool = False  # no two in a row are the same

    @property
    def events(self):
        """How many are published."""
        return self.rounds * self.batch

    @property
    def count(self):
        """Of what the figure is for one of: deliveries, or events."""
        return self.events * max(self.subscribers, 1)

    def payload(self, number):
        """The payload of an event."""
        shorter = number % 2 if self.has_new_heads else 0
        return b"x" * (PAYLOAD_BYTES - shorter)


LOADS = {
    "delivery": Load("delivery, 1,000 subscribers, one event", 1000, 1, 128),
    "saturated": Load("delivery, 100 subscribers, 64 events", 100, 64, 64),
    "produce": Load("POST, one at a time", 0, 1, 2048),
    "produce-64": Load("POST, 64 in flight", 0, 64, 64),
    "produce-new": Load("POST, 64 in flight, new heads", 0, 64, 64, True),
}


class Peers:
    """Who talks to the broker: a publisher, and subscribers."""

    def __init__(self, stack, server):
        self.stack = stack
        self.server = server
        self.subscribers = []
        self.publisher = stack.enter_context(raw.Connection(server.port))

    def subscribe(self, count):
        """Adds subscribers."""
        for _ in range(count):
            peer = raw.WebSocket(self.server, f"/subscribe/{TOPIC}")
            self.subscribers.append(self.stack.enter_context(peer))

    def publish(self, payloads):
        """A batch, until all of it has been answered and has arrived."""
        requests = [
            raw.post(TOPIC, payload, "Content-Type: text/plain")
            for payload in payloads
        ]
        frames = b"".join(
            raw.frame(raw.TEXT, payload, key=None) for payload in payloads
        )
        self.publisher.send(b"".join(requests))
        for _ in payloads:
            status = self.publisher.answer().status
            if status != 200:
                raise RunFailed(f"a POST was refused: {status}")
        for peer in self.subscribers:
            if peer.take(len(frames)) != frames:
                raise RunFailed("an event did not arrive as it was sent")


def play(load, peers, rounds):
    """Some rounds of a load."""
    numbers = itertools.count()
    for _ in range(rounds):
        batch = itertools.islice(numbers, load.batch)
        peers.publish([load.payload(number) for number in batch])


def count(build, name):
    """What a load has the broker execute."""
    load = LOADS[name]
    out = build / f"bench/instructions/{name}.out"
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(broker(build, out))
        peers = Peers(stack, server)
        play(Load("", 0, WARMUP_BATCH, 0), peers, WARMUP_ROUNDS)
        peers.subscribe(load.subscribers)
        play(load, peers, 2)
        server.mark()
        play(load, peers, load.rounds)
        server.mark()
        server.keep_profile()
    return Profile(out)
