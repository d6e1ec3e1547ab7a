"""What a broker has sent, in a few words."""

import json

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
            found.append(self.frame_words(*self.frame()))
        return settled(found)

    def frame_words(self, opcode, payload):
        """What kind of frame, and what is in it."""
        if opcode == raw.TEXT and payload.startswith(b'{"op":'):
            notice = json.loads(payload, parse_int=str, parse_float=str)
            self.receipts += "offset" in notice
            return notice_words(notice)
        if opcode == raw.CLOSE:
            return close_words(payload)
        return f"{FRAMES[opcode]} {payload.decode('latin-1')}"


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


def notice_words(notice):
    """What is answered to an operation, and of an error the slug and what the
    detail begins with; or what else is said, which is none for an opening."""
    op = notice["op"]
    if op == "error":
        slug = notice["problem"]["type"].split(":")[-1]
        about, colon, _ = notice["problem"]["detail"].partition(": ")
        words = [op, notice.get("id", "-"), slug, *([about] if colon else [])]
        return " ".join(words)
    return f"ok {notice.get('id', '-')}" if op == "ok" else op


def close_words(payload):
    """The code, and the slug of a reason, with a word for one that does not
    say where to go on."""
    if not payload:
        return "close"
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 2:
        return f"close {code}"
    slug, values = raw.reason_values(payload[2:].decode("ascii"))
    return f"close {code} {slug}{'' if 'cursor' in values else ' nowhere'}"


def settled(words):
    """Words without those that depend on how the input was cut: a 100 before
    an answer (RFC 9110, section 10.1.1), a pong before another or before a
    close (RFC 6455, sections 5.5.2 and 5.5.3). What opens a dialog is left out
    as well."""
    kept = []
    words = [word for word in words if word != "open"]
    for word, then in zip(words, [*words[1:], ""]):
        is_early = word == "100" and then
        is_late = word[:4] == "pong" and then.startswith(("pong", "close"))
        if not is_early and not is_late:
            kept.append(word)
    return kept
