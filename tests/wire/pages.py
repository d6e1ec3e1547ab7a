"""Pages of a topic's events, for the tests."""

import json

from tap import equal

PROBLEM = "urn:ringtail:problem:"


def page(broker, topic, query="", **headers):
    """A page of a topic; the answer."""
    path = f"/topics/{topic}/events{query}"
    return broker.request("GET", path, None, headers)


def items(answer):
    """What is in a page that is JSON."""
    equal(answer.status, 200)
    equal(answer.headers["Content-Type"], "application/json")
    return answer.json()


def data(answer):
    """The payloads in a page."""
    return [item["data"] for item in items(answer) if item["op"] == "event"]


def next_query(answer):
    """The query of the link to the next page."""
    link = answer.headers["Link"]
    assert link.endswith('>; rel="next"'), link
    return link[link.index("?") : link.index(">")]


def expect_problem(answer, status, slug, about=""):
    """A problem of this kind, whose detail begins with what it is about."""
    equal((answer.status, answer.json()["type"]), (status, PROBLEM + slug))
    detail = answer.json().get("detail", "")
    assert detail.startswith(about), detail


def fill(broker, topic, count, size=10):
    """Publishes so many events; the cursor of the last one."""
    for number in range(1, count + 1):
        text = str(number).ljust(size)
        cursor = broker.post(topic, text.encode())["cursor"]
    return cursor
