"""Events that say which one they are, so that nobody needs to be asked what
was in one that arrives."""

import hashlib

# Each publisher has so many numbers for its events.
NUMBERS = 1 << 32


def digest(text):
    """By which a single wrong byte is noticed."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def payload(event, size):
    """The JSON string that is this event's payload, of about that size."""
    filler = f"{event % 7919:x}." * (size // 5)
    text = f"{event} {filler}"
    return f'"{text} {digest(text)}"'.encode()


def event_of(text):
    """Which event it is that has this payload, with its quotes or without, for
    who publishes to several topics sends no quotes along."""
    text = text.strip('"')
    rest, _, found = text.rpartition(" ")
    assert found == digest(rest), f"not as it was published: {text!r:.200}"
    return int(rest.split(" ")[0])


def name_of(event):
    """An event for somebody who reads of it."""
    return f"{event // NUMBERS}/{event % NUMBERS}"
