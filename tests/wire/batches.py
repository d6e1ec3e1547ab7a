"""Batches: how they are published, and what is expected of the answers."""

from tap import equal

NDJSON = "application/x-ndjson"
TYPE = f"Content-Type: {NDJSON}"


def publish(broker, topic, body, **headers):
    """A batch to a topic; the answer."""
    headers = {"Content-Type": NDJSON, **headers}
    return broker.request("POST", f"/produce/{topic}", body, headers)


def publish_lines(broker, path, events, at_once):
    """Lines to a path, so many in a batch; each batch is taken."""
    for begin in range(0, len(events), at_once):
        body = b"".join(events[begin : begin + at_once])
        answer = broker.request("POST", path, body, {"Content-Type": NDJSON})
        equal(answer.status, 200)


def lines(count, size=1):
    """A body of so many events, and the events."""
    events = [b'{"n":%d,"x":"%s"}' % (n, b"x" * size) for n in range(count)]
    return b"".join(event + b"\n" for event in events), events


def expect_refusal(answer, status, slug, index=None):
    """A problem, which says which event it is about."""
    problem = answer.json()
    equal(answer.status, status, problem)
    equal(problem["type"], f"urn:ringtail:problem:{slug}")
    equal(problem.get("index"), index)
    return problem


def expect_range(answer, first, count):
    """The receipt of a batch."""
    equal(answer.status, 200, answer.body)
    receipt = answer.json()
    last = first + count - 1
    found = [receipt[name] for name in ("first", "last", "count")]
    equal(found, [first, last, count])
    equal(receipt["offset"], last)
    equal(receipt["cursor"], answer.headers["ringtail-cursor"])
    assert receipt["cursor"].endswith(f"-{last}"), receipt
    return receipt
