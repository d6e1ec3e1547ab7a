"""What publishers and subscribers were told, from the first life of a broker to
its last."""

import collections
import threading
import time

from marked import name_of

FAILURES_MAX = 20


def parse_cursor(cursor):
    """The epoch and the offset of a topic's cursor."""
    epoch, offset = cursor.split("-")
    return epoch, int(offset)


class Batch:
    """Events of one request, which are all done or none of them. Its places
    are the topic, epoch and offset of each, once there is a receipt."""

    def __init__(self, events, life):
        self.events = events
        self.made_at = time.monotonic()
        self.life = life  # in which it was answered
        self.places = None
        self.is_on_disk = False


class Account:
    """Filled by many threads. A place is a topic, an epoch and an offset."""

    def __init__(self):
        self.lock = threading.Lock()
        self.failures = []
        self.places = collections.defaultdict(dict)
        self.batches = collections.defaultdict(list)  # of each publisher
        self.purged_at = {}  # when a topic's last purge was over

    def fail(self, text):
        """Something is not as it must be."""
        with self.lock:
            if len(self.failures) < FAILURES_MAX:
                self.failures.append(text)

    def witness(self, topic, epoch, offset, event):
        """Somebody was told that this event is there: so is everybody."""
        with self.lock:
            known = self.places[topic, epoch].setdefault(offset, event)
        if known != event:
            self.fail(
                f"{topic} {epoch}-{offset} is {name_of(event)},"
                f" and was {name_of(known)}"
            )
