"""Who has to do with a broker that is killed again and again: publishers and
subscribers of all kinds, and whoever runs it."""

import math
import time

import raw
import steady_publisher as publisher
import steady_subscriber as subscriber
from lives import pause

# A ring that has next to nothing; most that is asked for is on disk.
TINY = b'{"ring_events":20}'

SLOW = {"receive_bytes": 4096, "pause_s": 0.004}

PUBLISHERS = (
    (publisher.OneAtATime, ("orders", "purged")),
    (publisher.Pipelined, ("orders", "tiny", "closing")),
    (publisher.InBatches, ("bulk", "tiny")),
    (publisher.ToSeveral, ("orders", "bulk", "tiny")),
    (publisher.InFloods, ("flood",)),
)

SUBSCRIBERS = (
    (subscriber.Raw, "orders", {}),
    (subscriber.Raw, "tiny", SLOW),
    (subscriber.Raw, "purged", {}),
    (subscriber.Objects, "bulk", SLOW),
    (subscriber.Objects, "closing", {}),
    (subscriber.Lines, "tiny", {}),
    (subscriber.Lines, "purged", {}),
    (subscriber.Browser, "orders", SLOW),
    (subscriber.Raw, "flood", {}),
    (subscriber.Raw, "bulk", {"query": "&visible=disk"}),
    (subscriber.Lines, "orders", {"query": "&visible=disk"}),
    (subscriber.Several, ("orders", "bulk"), {}),
)

TOPICS = ("orders", "tiny", "bulk", "flood", "purged", "closing")


def publishers(lives, account, source):
    """Each in its own way."""
    return [
        kind(topics, number, lives, account, source(f"publisher {number}"))
        for number, (kind, topics) in enumerate(PUBLISHERS)
    ]


def subscribers(lives, account, source):
    """One in each form at least, and some who read less than comes."""
    return [
        kind(topic, lives, account, source(f"subscriber {n}"), **options)
        for n, (kind, topic, options) in enumerate(SUBSCRIBERS)
    ]


class Operator:
    """Purges a topic, and closes and opens another one."""

    def __init__(self, lives, account, source):
        self.lives = lives
        self.account = account
        self.random = source("operator")

    def run(self):
        """Does so as long as there are lives."""
        for life in self.lives.each():
            with life.cut_off(), raw.Connection(life.port) as peer:
                self.configure(peer)
                while not self.lives.is_last:
                    pause(self.random, 0.1)
                    self.act(peer)
                self.configure(peer)
            if self.lives.is_last:
                return

    def configure(self, peer):
        """A ring that has next to nothing, and a topic that is open."""
        self.ask(peer, "PUT", "tiny", TINY)
        self.ask(peer, "PUT", "closing", b'{"closed":false}')

    def act(self, peer):
        """One thing or another."""
        if self.random.random() < 0.2:
            self.account.purged_at["purged"] = math.inf
            try:
                self.ask(peer, "DELETE", "purged")
            finally:
                self.account.purged_at["purged"] = time.monotonic()
        else:
            self.ask(peer, "POST", "closing/close")
            pause(self.random, 0.1)
            self.ask(peer, "PUT", "closing", b'{"closed":false}')

    @staticmethod
    def ask(peer, method, path, body=b""):
        """A request, which is done unless there is no such topic."""
        length = f"Content-Length: {len(body)}"
        peer.send(raw.request(method, f"/topics/{path}", length) + body)
        status = peer.answer().status
        assert status in (200, 201, 204, 404), (method, path, status)
