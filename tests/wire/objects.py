"""Subscriptions to several topics, in each form that can have them."""

import json

from dialog import Dialog
from stream import Events, Lines
from tap import equal


class Objects:
    """A subscription whose items are the envelope's objects."""

    def __init__(self, form, broker, path, **options):
        path = f"/{path}" if form is Dialog else path
        self.peer = form(broker, path, **options)
        self.opened = self.peer.opened if form is Dialog else self.item()
        equal(self.opened["op"], "open")

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.peer.__exit__(*reason)

    def item(self):
        """The next object. What a browser would come back with is the cursor
        that the object says."""
        item = self.peer.item()
        if item is not None and "op" not in item:
            data = json.loads(item["data"])
            wanted = data.get("resume", data.get("cursor"))
            equal(item["id"], wanted)
            return data
        return item

    def until_caught_up(self):
        """The objects up to where live events begin."""
        found = []
        while (item := self.item())["op"] != "caught_up":
            found.append(item)
        assert item["cursor"].startswith("*"), item
        assert "topic" not in item, item
        return found

    def events(self, count):
        """So many events; anything else is an error."""
        found = [self.item() for _ in range(count)]
        assert all(item["op"] == "event" for item in found), found
        return found


FORMS = [
    ("lines of JSON", Lines),
    ("server-sent events", Events),
    ("WebSockets", Dialog),
]
