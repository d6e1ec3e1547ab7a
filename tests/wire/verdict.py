"""What must be true of an account when all lives are over, and what is on disk
is known."""

from marked import name_of


class Log:
    """What is on disk: each topic's epoch, and its events by their offsets."""

    def __init__(self):
        self.epochs = {}
        self.events = {}
        self.places = {}  # of each event, the topic and the offset
        self.twice = []

    def add(self, topic, epoch, events):
        """A topic, with all that it has."""
        self.epochs[topic] = epoch
        self.events[topic] = events
        for offset, event in events.items():
            if event in self.places:
                self.twice.append(name_of(event))
            self.places[event] = (topic, offset)

    def has(self, event, topic, epoch, offset):
        """Whether the event is in its place."""
        is_there = self.places.get(event) == (topic, offset)
        return is_there and self.epochs[topic] == epoch


class Verdict:
    """Each of its methods finds what is wrong, and is to find nothing."""

    def __init__(self, account, log):
        self.account = account
        self.log = log

    def lost(self):
        """Events that were acknowledged with the disk and are not in the log
        where their receipts say, unless a purge may have come later."""
        for batch in self.all_batches():
            if batch.is_on_disk:
                for event, place in zip(batch.events, batch.places):
                    is_kept = self.log.has(event, *place)
                    if not is_kept and not self.may_be_purged(batch, place):
                        yield f"{name_of(event)}, which was at {place}"

    def torn(self):
        """Batches of which there is a part, or others are between."""
        for batch in self.all_batches():
            kept = self.kept_of(batch)
            if 0 < len(kept) and not self.is_purged(kept):
                is_whole = len(kept) == len(batch.events)
                if not is_whole or not is_together(kept):
                    yield f"{name_of(batch.events[0])}: {kept[:5]}"

    def overtaken(self):
        """Events that a kill has lost though a later one of the same publisher
        was kept, or that are not in the order in which they were sent."""
        for batches in self.account.batches.values():
            yield from self.overtaken_of(batches)

    def overtaken_of(self, batches):
        """Those of one publisher."""
        lost_in, last = None, {}
        for batch in batches:
            if batch.places is None or self.is_purged(batch.places):
                continue
            kept = self.kept_of(batch)
            if not kept:
                lost_in = batch.life
            elif lost_in == batch.life:
                yield f"{name_of(batch.events[0])}, before which one is lost"
            for topic, offset in kept:
                if offset <= last.get(topic, 0):
                    yield f"{name_of(batch.events[0])} at {offset}"
                last[topic] = offset

    def skipped(self, subscribers):
        """Events of the log that are behind where a subscriber began, and that
        it did not get, though it was given all that there is."""
        for each in subscribers:
            for topic in each.replayed_topics:
                epoch = self.log.epochs[topic]
                had = set(each.had[topic, epoch])
                began = each.began[topic, epoch]
                for offset in self.log.events[topic]:
                    if began < offset and offset not in had:
                        yield f"{each.name}: {offset}"

    def early(self, subscribers):
        """Events that a subscriber got and the log has not."""
        for each in subscribers:
            for (topic, epoch), offsets in each.had.items():
                events = self.log.events[topic]
                if epoch == self.log.epochs[topic]:
                    yield from (
                        f"{each.name}: {offset}"
                        for offset in offsets
                        if offset not in events
                    )

    def forgotten(self):
        """Batches of which only the receipt is left."""
        for batch in self.all_batches():
            if batch.places is not None and not self.is_purged(batch.places):
                if not self.kept_of(batch):
                    yield batch.events

    # --- what these are made of ---

    def all_batches(self):
        """Those of all publishers."""
        for batches in self.account.batches.values():
            yield from batches

    def kept_of(self, batch):
        """Where those of its events are that the log has."""
        places = self.log.places
        return [places[event] for event in batch.events if event in places]

    def may_be_purged(self, batch, place):
        """Whether a purge was not over when it was first sent."""
        return batch.made_at < self.account.purged_at.get(place[0], 0)

    def is_purged(self, places):
        """Whether some are of a topic that ever was purged."""
        return any(place[0] in self.account.purged_at for place in places)


def is_together(places):
    """Whether the events of each topic are next to one another."""
    offsets = {}
    for topic, offset in places:
        if offset != offsets.get(topic, offset - 1) + 1:
            return False
        offsets[topic] = offset
    return True
