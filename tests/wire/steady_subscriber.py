"""Subscribers that go on through all lives of a broker: each comes back with
the cursor that it has, and takes nothing for granted."""

import array
import collections
import time

import dialog
import raw
import stream
from account import parse_cursor
from data import JUMP
from lives import pause
from marked import event_of

# How long a topic that is closed is left alone.
CLOSED_S = 0.05

# Who reads slowly does so in some lives, and in the others catches up.
SLOW_EACH = 3


class Subscriber:
    """Of one topic. Its subclasses say in which form."""

    def __init__(self, topic, lives, account, random, **options):
        self.topic = topic
        self.lives = lives
        self.account = account
        self.random = random
        self.query = options.pop("query", "")
        self.pause_s = options.pop("pause_s", 0)
        self.options = options
        self.epoch = None
        self.offset = 0  # of the last event, or that of a gap
        self.gaps = 0
        # Of each topic and epoch, the offset before the first event, and those
        # of the events that came.
        self.began = {}
        self.had = collections.defaultdict(lambda: array.array("Q"))

    @property
    def replayed_topics(self):
        """Topics of which it is given everything that is on disk."""
        return [self.topic]

    def has(self, ends):
        """Whether it has come to the end of its topics."""
        return self.cursor == ends[self.topic]

    @property
    def name(self):
        """Who it is, for whoever reads of it."""
        return f"{type(self).__name__} of {self.topic}{self.query}"

    @property
    def cursor(self):
        """Where it has come to."""
        return f"{self.epoch}-{self.offset}"

    def run(self):
        """Reads as long as there are lives."""
        for life in self.lives.each():
            with life.cut_off():
                while not self.lives.is_over:
                    self.follow(life)

    def follow(self, life):
        """Reads on one connection until that ends."""
        since = "earliest" if self.epoch is None else self.cursor
        is_slow = self.pause_s > 0 and life.number % SLOW_EACH == 0
        with self.connect(life, since) as peer:
            while self.read(peer) is not None:
                if is_slow and not self.lives.is_last:
                    pause(self.random, self.pause_s)
        time.sleep(CLOSED_S)

    def connect(self, life, since):
        """A connection."""
        raise NotImplementedError

    def read(self, peer):
        """Takes note of what comes next; None at the end."""
        raise NotImplementedError

    # --- what comes ---

    def begin(self, cursor):
        """Where the broker says that a subscription begins: where it was asked
        to, but for the first one."""
        if self.epoch is None:
            self.epoch, self.offset = parse_cursor(cursor)
            self.began[self.topic, self.epoch] = self.offset
        assert cursor == self.cursor, (self.name, cursor, self.cursor)

    def take(self, epoch, offset, text):
        """An event: the next one."""
        assert (epoch, offset) == (self.epoch, self.offset + 1), (
            f"{self.name}: at {self.cursor} came {epoch}-{offset}"
        )
        self.account.witness(self.topic, epoch, offset, event_of(text))
        self.had[self.topic, epoch].append(offset)
        self.offset = offset

    def skip(self, after, to, missed):
        """A gap is told, from behind one cursor up to another one, and how many
        events were in it if that is known."""
        assert after == self.cursor, (self.name, after, self.cursor)
        epoch, offset = parse_cursor(to)
        self.gaps += 1
        if epoch != self.epoch:
            assert missed is None, (self.name, after, to, missed)
            self.began[self.topic, epoch] = offset
        else:
            assert offset > self.offset, (self.name, after, to)
            assert missed in (None, offset - self.offset), (after, to, missed)
        self.epoch, self.offset = epoch, offset

    def skip_as_told(self, gap):
        """A gap that an object tells, which names the event behind it."""
        epoch, offset = parse_cursor(gap["next"])
        self.skip(gap["after"], f"{epoch}-{offset - 1}", gap.get("missed"))

    def take_notice(self, item):
        """What objects tell but events. None at the end of a topic."""
        if item["op"] == "gap":
            self.skip_as_told(item)
        elif item["op"] in ("caught_up", "closed"):
            assert item["cursor"] == self.cursor, (self.name, item, self.cursor)
        else:
            assert item["op"] in ("open", "drain"), item
        return None if item["op"] == "closed" else item

    def take_object(self, item):
        """What a form tells in which all are objects."""
        if item is None or item["op"] != "event":
            return item and self.take_notice(item)
        assert item["topic"] == self.topic, item
        self.take(*parse_cursor(item["cursor"]), item["data"])
        return item


class Raw(Subscriber):
    """Payloads alone, which have to be counted."""

    def connect(self, life, since):
        path = f"/subscribe/{self.topic}?since={since}{self.query}"
        peer = raw.WebSocket(life, path, timeout=60, **self.options)
        if self.epoch is None:
            self.begin(peer.cursor)
        return peer

    def read(self, peer):
        opcode, payload = peer.frame()
        if opcode == raw.TEXT:
            self.take(self.epoch, self.offset + 1, payload.decode())
            return opcode
        if opcode == raw.PING:
            peer.send(raw.frame(raw.PONG, payload))
            return opcode
        assert opcode == raw.CLOSE, (opcode, payload)
        self.end(int.from_bytes(payload[:2], "big"), payload[2:].decode())
        return None

    def end(self, code, reason):
        """A gap, or the topic is closed, or the broker leaves."""
        _, values = raw.reason_values(reason)
        if code == 4410:
            missed = values.get("missed")
            missed = missed if missed is None else int(missed)
            self.skip(self.cursor, values["cursor"], missed)
        else:
            assert code in (1000, 1001), (self.name, code, reason)
            assert values["cursor"] == self.cursor, (self.name, reason)


class Objects(Subscriber):
    """A WebSocket of the subprotocol."""

    def connect(self, life, since):
        path = f"/{self.topic}?since={since}{self.query}"
        peer = dialog.Dialog(life, path, timeout=60, **self.options)
        if self.epoch is None:
            self.begin(peer.opened["cursor"])
        return peer

    def read(self, peer):
        return self.take_object(peer.item())


class Lines(Subscriber):
    """Lines of JSON."""

    def connect(self, life, since):
        path = f"{self.topic}?since={since}{self.query}"
        peer = stream.Lines(life, path, timeout=60, **self.options)
        if self.epoch is None:
            self.begin(peer.cursor)
        return peer

    def read(self, peer):
        return self.take_object(peer.item())


class Browser(Subscriber):
    """Server-sent events, as a browser comes back to them."""

    def connect(self, life, since):
        path = f"{self.topic}?since=earliest{self.query}"
        lines = () if self.epoch is None else (f"Last-Event-ID: {since}",)
        peer = stream.Events(life, path, *lines, timeout=60, **self.options)
        if self.epoch is None:
            self.begin(peer.cursor)
        return peer

    def read(self, peer):
        item = peer.item()
        if item is None:
            return None
        if "event" in item:
            return self.take_notice(stream.json.loads(item["data"]))
        self.take(*parse_cursor(item["id"]), item["data"])
        return item


class Several(Lines):
    """Lines of several topics, which resume with one number for all. Of what an
    end has cost it is told at once, of all topics; then it is given what is
    left, and goes on behind the offsets that were jumped over."""

    def __init__(self, topics, *others, **options):
        super().__init__(",".join(topics), *others, **options)
        self.topics = topics
        self.began = collections.defaultdict(int)  # with all there is
        self.places = {}  # where it is in each topic, as far as that is known
        self.is_told = False  # on this connection, that some are gone

    @property
    def replayed_topics(self):
        return self.topics

    def has(self, ends):
        places = self.places.items()
        return all(place == parse_cursor(ends[t]) for t, place in places)

    def begin(self, cursor):
        self.epoch, self.offset = parse_cursor(cursor)

    def take_object(self, item):
        if item is None:
            return None
        if item["op"] == "event":
            self.take_event(item["topic"], parse_cursor(item["cursor"]), item)
        elif item["op"] == "gap":
            self.take_gap(item)
        else:
            assert item["op"] in ("open", "caught_up", "drain"), item
            self.is_told = self.is_told and item["op"] != "open"
        if "resume" in item:
            self.begin(item["resume"])
        return item

    def take_event(self, topic, place, item):
        """It is the next one of its topic, if there was no gap."""
        epoch, offset = place
        known = self.places.get(topic, (epoch, offset - 1))
        is_jump = self.is_told and offset - known[1] > JUMP
        is_next = known == (epoch, offset - 1)
        assert is_next or (is_jump and known[0] == epoch), (known, item)
        self.account.witness(topic, epoch, offset, event_of(item["data"]))
        self.had[topic, epoch].append(offset)
        self.places[topic] = place

    def take_gap(self, item):
        """Of one topic, or of any that it may be."""
        self.gaps += 1
        if "topic" in item:
            epoch, offset = parse_cursor(item["next"])
            self.places[item["topic"]] = (epoch, offset - 1)
        else:
            self.places = {}
            self.is_told = True
