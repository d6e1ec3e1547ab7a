"""What a broker has sent, in a few words."""

import raw

FRAMES = {raw.TEXT: "text", raw.BINARY: "binary", raw.PONG: "pong"}


class Tape(raw.WebSocket):
    """What was received, read as an HTTP or a WebSocket peer reads it."""

    def __init__(self, data, is_websocket=False, to_head=False):
        self.received = data
        self.is_websocket = is_websocket
        self.to_head = to_head  # the first answer is one to HEAD
        self.says_close = False
        self.receipts = 0

    def receive(self):
        raise raw.Ended(f"cut short: {self.received!r:.200}")

    def answers(self):
        """The HTTP answers, up to one that switches protocols."""
        while self.received and not self.is_websocket:
            answer = self.answer(self.to_head)
            self.to_head = False
            self.says_close = answer.closes
            self.is_websocket = answer.status == 101
            self.receipts += is_receipt(answer)
            yield answer

    def words(self, payload_of):
        """A word or two for each answer and frame; `payload_of` finds out what
        was published, from the receipt."""
        found = [answer_words(answer, payload_of) for answer in self.answers()]
        while self.received:
            found.append(frame_words(*self.frame()))
        return settled(found)


def is_receipt(answer):
    """Whether an event was published."""
    return answer.status in (200, 204) and "ringtail-cursor" in answer.headers


def answer_words(answer, payload_of):
    """The status, with the slug of a problem or the payload of an event."""
    if answer.status >= 400 and answer.body:
        return f"{answer.status} {answer.problem()}"
    if is_receipt(answer):
        return f"{answer.status} {payload_of(answer)}"
    return str(answer.status)


def frame_words(opcode, payload):
    """What kind of frame, and what is in it."""
    if opcode != raw.CLOSE:
        return f"{FRAMES[opcode]} {payload.decode('latin-1')}"
    if not payload:
        return "close"
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 2:
        return f"close {code}"
    slug, values = raw.reason_values(payload[2:].decode("ascii"))
    assert "cursor" in values, payload
    return f"close {code} {slug}"


def settled(words):
    """Words without those that depend on how the input was cut: a 100 before
    an answer (RFC 9110, section 10.1.1), a pong before another or before a
    close (RFC 6455, sections 5.5.2 and 5.5.3)."""
    kept = []
    for word, then in zip(words, [*words[1:], ""]):
        is_early = word == "100" and then
        is_late = word[:4] == "pong" and then.startswith(("pong", "close"))
        if not is_early and not is_late:
            kept.append(word)
    return kept
