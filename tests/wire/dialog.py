"""A WebSocket of the subprotocol ringtail.v1.json, on raw bytes."""

import json

import raw
from tap import equal

SUBPROTOCOL = "ringtail.v1.json"


class Dialog(raw.WebSocket):
    """Sends operations, and reads objects."""

    lines = (f"Sec-WebSocket-Protocol: {SUBPROTOCOL}",)

    def __init__(self, broker, path="", **options):
        super().__init__(broker, f"/subscribe{path}", **options)
        equal(self.subprotocol, SUBPROTOCOL)
        self.opened = self.item()
        equal(self.opened["op"], "open")

    def item(self):
        """The next object; None for a close frame, which is kept."""
        opcode, payload = self.frame()
        if opcode == raw.PING:
            self.send(raw.frame(raw.PONG, payload))
            return self.item()
        if opcode == raw.CLOSE:
            self.code = int.from_bytes(payload[:2], "big")
            self.reason = payload[2:].decode()
            return None
        equal(opcode, raw.TEXT)
        return json.loads(payload)

    def items(self, count):
        """So many of them."""
        return [self.item() for _ in range(count)]

    def say(self, text):
        """Sends a message, text as it is or an object."""
        if not isinstance(text, (str, bytes)):
            text = json.dumps(text)
        data = text if isinstance(text, bytes) else text.encode()
        self.send(raw.frame(raw.TEXT, data))

    def ask(self, op, **members):
        """Sends an operation, and returns what comes next."""
        self.say({"op": op, **members})
        return self.item()

    def subscribe(self, topic, **members):
        """Subscribes, and reads what is said of it, up to caught_up; the events
        that were replayed."""
        answer = self.ask("sub", topic=topic, **members)
        equal((answer["op"], answer["topic"]), ("ok", topic))
        events = []
        while (item := self.item())["op"] != "caught_up":
            events.append(item)
        equal(item["topic"], topic)
        return events
