#!/usr/bin/python3
"""The events of a topic in pages."""

import json

from broker import Broker
from curl import Curl
from pages import data, expect_problem, fill, items, next_query, page
from tap import cases, equal, run, test

# --- pages ---


@test
def to_the_byte(broker):
    """A page is the events in their envelope, from the oldest on."""
    kinds = {"Content-Type": "application/json", "Ringtail-Type": "msg"}
    first = broker.post("bytes", b'{"a": 1,\n"b":2.50}', **kinds)
    second = broker.post("bytes", "né".encode())
    third = broker.post("bytes", b"\xff\x00")
    answer = page(broker, "bytes")
    wanted = (
        f'[\n{{"op":"event","topic":"bytes","cursor":"{first["cursor"]}",'
        f'"ts":{first["ts"]},"type":"msg","data":{{"a": 1, "b":2.50}}}},\n'
        f'{{"op":"event","topic":"bytes","cursor":"{second["cursor"]}",'
        f'"ts":{second["ts"]},"data":"né"}},\n'
        f'{{"op":"event","topic":"bytes","cursor":"{third["cursor"]}",'
        f'"ts":{third["ts"]},"data_base64":"/wA="}}\n]\n'
    )
    equal(answer.body.decode(), wanted)
    cursor = third["cursor"]
    equal(answer.headers["Ringtail-Cursor"], cursor)
    equal(answer.headers["Ringtail-Up-To-Date"], "true")
    equal(answer.headers["Cache-Control"], "no-cache")
    equal(answer.headers["Vary"], "Accept, Prefer")
    link = f'</topics/bytes/events?after={cursor}&limit=100>; rel="next"'
    equal(answer.headers["Link"], link)


@test
def lines(broker):
    """The same as lines, for whoever asks for them."""
    fill(broker, "lines", 2)
    array = items(page(broker, "lines"))
    accept = {"Accept": "application/x-ndjson"}
    for answer in (
        page(broker, "lines", "", **accept),
        page(broker, "lines", "?format=ndjson"),
    ):
        equal(answer.headers["Content-Type"], "application/x-ndjson")
        text = answer.body.decode()
        equal([json.loads(line) for line in text.splitlines()], array)
        assert text.endswith("}\n"), text
    accept = {"Accept": "application/x-ndjson"}
    answer = page(broker, "lines", "?format=json", **accept)
    equal(items(answer), array)


@test
def next_pages(broker):
    """Links lead through all events, each once."""
    last = fill(broker, "many", 25)
    query, found, sizes = "?limit=10", [], []
    while True:
        answer = page(broker, "many", query)
        got = data(answer)
        found += got
        sizes.append(len(got))
        query = next_query(answer)
        if answer.headers["Ringtail-Up-To-Date"]:
            break
    equal(sizes, [10, 10, 5])
    equal(found, [str(n).ljust(10) for n in range(1, 26)])
    equal(query, f"?after={last}&limit=10")
    equal(items(page(broker, "many", query)), [])


@cases(
    [
        ("a cursor", "?after={0}-3", ["4", "5"]),
        ("the position before the first", "?after={0}-0&limit=2", ["1", "2"]),
        ("the oldest", "?after=earliest&limit=1", ["1"]),
        ("now", "?after=now", []),
        ("the last two", "?after=-2", ["4", "5"]),
        ("an hour ago", "?after=1h&limit=2", ["1", "2"]),
        ("a time to come", "?after=2126-01-01T00:00:00Z", []),
        ("an encoded cursor", "?after={0}%2D4", ["5"]),
    ],
    "A page begins after {0}.",
)
def begins(broker, query, wanted):
    """See above."""
    topic = "begins"
    if broker.request("GET", f"/topics/{topic}").status == 404:
        fill(broker, topic, 5, 1)
    epoch = broker.request("GET", f"/topics/{topic}").json()["epoch"]
    equal(data(page(broker, topic, query.format(epoch))), wanted)


@test
def bounded(broker):
    """A page has 256 KiB of events and no more, but one whatever it takes."""
    fill(broker, "large", 10, 100000)
    found, query = [], ""
    for wanted in (2, 2, 2):
        answer = page(broker, "large", query)
        equal(len(data(answer)), wanted)
        assert len(answer.body) < 256 * 1024 + 8, len(answer.body)
        found += data(answer)
        query = next_query(answer)
    broker.post("huge", b"\xff" * 256 * 1024)
    broker.post("huge", b"x")
    answer = page(broker, "huge")
    equal(len(items(answer)), 1)
    equal(answer.headers["Ringtail-Up-To-Date"], None)
    equal(data(page(broker, "huge", next_query(answer))), ["x"])


@test
def unknown(broker):
    """A topic that does not exist has no page, and is not made."""
    before = broker.metric("topics")
    expect_problem(page(broker, "nowhere"), 404, "topic-not-found", "nowhere: ")
    expect_problem(page(broker, "no..where"), 400, "bad-topic")
    expect_problem(page(broker, "$sys"), 400, "bad-topic")
    equal(broker.metric("topics"), before)


@test
def name(broker):
    """A topic may be called as what is asked of it."""
    broker.post("events", b"x")
    equal(broker.request("GET", "/topics/events").json()["topic"], "events")
    equal(data(page(broker, "events")), ["x"])


@test
def head(broker):
    """HEAD is GET without the page."""
    fill(broker, "headed", 3)
    got = page(broker, "headed")
    headed = broker.request("HEAD", "/topics/headed/events")
    equal((headed.status, headed.body), (200, b""))
    for field in ("Content-Length", "ETag", "Link", "Ringtail-Cursor"):
        equal(headed.headers[field], got.headers[field], field)


@test
def tags(broker):
    """A page that is the same is not sent again, in its form."""
    fill(broker, "tags", 3)
    tag = page(broker, "tags", "?limit=2").headers["ETag"]
    known = {"If-None-Match": f'"x", W/{tag}'}
    again = page(broker, "tags", "?limit=2", **known)
    equal((again.status, again.body), (304, b""))
    equal(again.headers["ETag"], tag)
    broker.post("tags", b"x")
    equal(page(broker, "tags", "?limit=2", **known).status, 304)
    for other in ("", "?limit=3", "?limit=2&format=ndjson", "?after=-2"):
        equal(page(broker, "tags", other, **known).status, 200, other)
    tag = page(broker, "tags", "?after=now").headers["ETag"]
    known = {"If-None-Match": tag}
    equal(page(broker, "tags", "?after=now", **known).status, 304)


BAD_QUERIES = [
    "after=",
    "after",
    "after=yesterday",
    "after=-0",
    "after=7f3a9c21-",
    "after=*7f3a9c21-1",
    "after=7f3a9c21-18446744073709551616",
    "after=now&after=now",
    "limit=0",
    "limit=-1",
    "limit=1001",
    "limit=1e2",
    "limit=unlimited",
    "limit=%zz",
    "wait=0s",
    "wait=30",
    "wait=61s",
    "wait=unlimited",
    "gap=ignore",
    "format=sse",
    "since=now",
    "a%0d%0aSet-Cookie:b=1",
]


@cases(
    [(query[:20], query) for query in BAD_QUERIES],
    "No page is made for {0}, which is named.",
)
def bad_query(broker, query):
    """See above."""
    about = query.split("=")[0]
    answer = page(broker, "bad", f"?{query}")
    expect_problem(answer, 400, "bad-parameter", f"{about}: ")


# --- gaps ---


@test
def evicted(broker):
    """What is gone is told before what is left, or refused, or skipped."""
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"ring_events": 8})
    broker.request("PUT", "/topics/gone", body, headers)
    fill(broker, "gone", 50)
    found = broker.request("GET", "/topics/gone").json()
    epoch, first = found["earliest"].split("-")
    query = f"?after={epoch}-3"
    told = {
        "op": "gap",
        "topic": "gone",
        "after": f"{epoch}-3",
        "next": f"{epoch}-{first}",
        "missed": int(first) - 4,
        "reason": "evicted",
    }
    got = items(page(broker, "gone", query))
    equal(got[0], told)
    equal(got[1]["cursor"], f"{epoch}-{first}")
    got = items(page(broker, "gone", query + "&gap=skip"))
    equal(got[0]["cursor"], f"{epoch}-{first}")
    answer = page(broker, "gone", query + "&gap=close")
    left = f"{epoch}-{int(first) - 1}"
    expect_problem(answer, 410, "cursor-evicted", f"{left}: ")
    equal(answer.json()["earliest"], f"{epoch}-{first}")
    equal(answer.json()["latest"], f"{epoch}-50")
    answer = page(broker, "gone", f"?after={left}&gap=close")
    equal(answer.status, 200)
    equal(items(answer)[0]["cursor"], f"{epoch}-{first}")


@test
def other_log(broker):
    """A cursor of another log, or of a position to come, is a gap."""
    cursor = fill(broker, "other", 3)
    epoch = cursor[:8]
    other = f"{int(epoch, 16) ^ 1:08x}-2"
    for wrong in (other, f"{epoch}-4"):
        got = items(page(broker, "other", f"?after={wrong}"))
        equal((got[0]["op"], got[0]["reason"]), ("gap", "epoch_changed"))
        assert "missed" not in got[0], got
        equal(len(got), 4)
        answer = page(broker, "other", f"?after={wrong}&gap=close")
        expect_problem(answer, 410, "epoch-changed")
    gaps = broker.metric("subscriber_gaps_total")
    page(broker, "other", f"?after={other}")
    equal(broker.metric("subscriber_gaps_total"), gaps + 1)


# --- the end ---


@test
def closed(broker):
    """The last page of a closed topic says so, and leads nowhere."""
    cursor = fill(broker, "ended", 3)
    broker.request("POST", "/topics/ended/close")
    answer = page(broker, "ended", "?limit=2")
    equal(len(items(answer)), 2)
    answer = page(broker, "ended", next_query(answer))
    last = {"op": "closed", "topic": "ended", "cursor": cursor}
    equal(items(answer)[1:], [last])
    equal(answer.headers["Link"], None)
    # Nothing is waited for.
    answer = page(broker, "ended", f"?after={cursor}&wait=60s")
    equal(items(answer), [last])


@test
def with_curl(broker):
    """As it is said in the documents: curl reads pages."""
    fill(broker, "curl", 2)
    answer = Curl(broker, "/topics/curl/events?limit=1").answer
    equal(answer.status, 200)
    equal(len(json.loads(answer.body)), 1)


run(Broker)
