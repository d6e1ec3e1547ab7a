"""Publishers that go on through all lives of a broker, and repeat what was not
answered if it has a key."""

import json

import raw
from account import Batch, parse_cursor
from lives import pause
from marked import NUMBERS, payload

NDJSON = "Content-Type: application/x-ndjson"
JSON = "Content-Type: application/json"
FLOOD_EACH = 8


class Request:
    """One request and its events."""

    def __init__(self, path, topics, data, ack, batch, *lines):
        self.topics = topics  # of its events, in the order of its receipts
        self.ack = ack
        self.batch = batch
        self.has_key = any(line.startswith("Idempotency") for line in lines)
        length = f"Content-Length: {len(data)}"
        head = raw.request("POST", f"{path}?ack={ack}", length, *lines)
        self.data = head + data


class Publisher:
    """Its subclasses say what it sends."""

    depth = 1  # requests on the way
    pause_s = 0.004

    def __init__(self, number, lives, account, random):
        self.number = number
        self.lives = lives
        self.account = account
        self.random = random
        self.count = 0
        self.life = None
        self.owed = []  # requests without an answer

    def run(self):
        """Publishes as long as there are lives, but in the last."""
        for life in self.lives.each():
            with life.cut_off():
                self.live(life)
            if self.lives.is_last:
                return

    def live(self, life):
        """Publishes until the broker is killed, or the end is near: then all
        has been answered."""
        self.life = life.number
        self.owed = [request for request in self.owed if request.has_key]
        with raw.Connection(life.port, timeout=30) as peer:
            if self.owed:
                self.exchange(peer)
            while not self.lives.is_last:
                self.owed = self.requests()
                self.exchange(peer)
                pause(self.random, self.pause_s)

    def exchange(self, peer):
        """Sends all that is owed in one piece, and reads what comes back."""
        peer.send(b"".join(request.data for request in self.owed))
        while self.owed:
            self.note(self.owed[0], peer.answer())
            self.owed.pop(0)

    def requests(self):
        """The next ones, so many."""
        return [self.request() for _ in range(self.depth)]

    def request(self):
        """The next one."""
        raise NotImplementedError

    # --- requests ---

    def events(self, count):
        """The next events, so many, and their batch."""
        first = self.number * NUMBERS + self.count
        self.count += count
        events = list(range(first, first + count))
        batch = Batch(events, self.life)
        self.account.batches[self.number].append(batch)
        return events, batch

    def payload(self, event):
        """Mostly short, and sometimes rather long."""
        is_long = self.random.random() < 0.02
        return payload(event, self.random.randrange(12000 if is_long else 400))

    def key(self):
        """A line with a key that nobody else uses."""
        return f"Idempotency-Key: {self.number}.{self.count}"

    def single(self, topic, ack, *lines):
        """A request with one event."""
        (event,), batch = self.events(1)
        path = f"/produce/{topic}"
        data = self.payload(event)
        return Request(path, [topic], data, ack, batch, JSON, *lines)

    # --- answers ---

    def note(self, request, answer):
        """What one says. A topic that is closed takes nothing."""
        if answer.status == 409:
            assert answer.problem() == "topic-closed", answer.body
            return
        assert answer.status == 200, (answer.status, answer.body)
        receipt = json.loads(answer.body)
        receipts = receipt.get("receipts", [receipt])
        places = [place for each in receipts for place in places_of(each)]
        assert [topic for topic, _, _ in places] == request.topics, receipts
        assert {each["ack"] for each in receipts} == {request.ack}, receipts
        request.batch.places = places
        request.batch.is_on_disk = request.ack == "disk"
        request.batch.life = self.life
        for event, place in zip(request.batch.events, places):
            self.account.witness(*place, event)


def places_of(receipt):
    """The places of a receipt's events."""
    epoch, last = parse_cursor(receipt["cursor"])
    assert receipt.get("last", last) == last, receipt
    first = receipt.get("first", last)
    return [(receipt["topic"], epoch, n) for n in range(first, last + 1)]


class OneAtATime(Publisher):
    """Waits for each event to be on disk."""

    def __init__(self, topics, *options):
        super().__init__(*options)
        self.topics = topics

    def request(self):
        return self.single(self.random.choice(self.topics), "disk", self.key())


class Pipelined(OneAtATime):
    """Has many requests on the way, some for the disk and some not."""

    depth = 32
    acks = ()

    def requests(self):
        self.acks = self.random.choice((("disk", "memory"), ("memory",)))
        return super().requests()

    def request(self):
        topic = self.random.choice(self.topics)
        ack = self.random.choice(self.acks)
        keys = [self.key()] if self.random.random() < 0.5 else []
        return self.single(topic, ack, *keys)


class InBatches(OneAtATime):
    """Batches of events, up to many."""

    depth = 2

    def request(self):
        count = self.random.choice((1, 2, 10, 50, 300))
        topic = self.random.choice(self.topics)
        events, batch = self.events(count)
        data = b"".join(self.payload(event) + b"\n" for event in events)
        return Request(
            f"/produce/{topic}",
            [topic] * count,
            data,
            self.random.choice(("disk", "disk", "memory")),
            batch,
            NDJSON,
            self.key(),
        )


class InFloods(InBatches):
    """In some lives so much at once that a kill may come while it is being
    written; in the others next to nothing."""

    depth = 1
    pause_s = 0.02

    def payload(self, event):
        is_flood = self.life % FLOOD_EACH == 0
        return payload(event, 12000 if is_flood else 100)


class ToSeveral(OneAtATime):
    """Batches for several topics together."""

    def request(self):
        events, batch = self.events(len(self.topics) * 3)
        topics = [topic for topic in self.topics for _ in range(3)]
        line = '{"topic":"%s","data":%s}\n'
        data = "".join(
            line % (topic, self.payload(event).decode())
            for topic, event in zip(topics, events)
        ).encode()
        return Request(
            "/produce", topics, data, "disk", batch, NDJSON, self.key()
        )
