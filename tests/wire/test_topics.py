#!/usr/bin/python3
"""Topics as resources: their state, what is asked of them, and which there
are."""

import json

import raw
from broker import Broker, until
from pages import expect_problem
from tap import cases, equal, run, test


def state(broker, topic):
    """What is said of a topic."""
    answer = broker.request("GET", f"/topics/{topic}")
    equal(answer.status, 200)
    return answer.json()


def put(broker, topic, body):
    """A PUT of a configuration; the answer."""
    headers = {"Content-Type": "application/json"}
    return broker.request("PUT", f"/topics/{topic}", json.dumps(body), headers)


def names(broker, query=""):
    """The topics of a page, and the link to the next one."""
    answer = broker.request("GET", f"/topics{query}")
    equal(answer.status, 200)
    topics = [topic["topic"] for topic in answer.json()["topics"]]
    return topics, answer.headers.get("Link")


# --- reading ---


@test
def known(broker):
    """A topic is described, to the byte."""
    for payload in (b"one", b"two", b"three"):
        cursor = broker.post("known.1", payload)["cursor"]
    epoch = cursor[:8]
    answer = broker.request("GET", "/topics/known.1")
    equal(answer.status, 200)
    equal(answer.headers["Content-Type"], "application/json")
    equal(answer.headers["Ringtail-Cursor"], cursor)
    equal(answer.headers["Cache-Control"], "no-cache")
    wanted = (
        f'{{"topic":"known.1","epoch":"{epoch}","earliest":"{epoch}-1",'
        f'"latest":"{epoch}-3","events":3,"bytes":4096,"subscribers":0,'
        '"closed":false,"configuration":{"ring_bytes":1048576,'
        '"ring_events":"unlimited","max_age":"1h"}}\n'
    )
    equal(answer.body.decode(), wanted)


@test
def head(broker):
    """HEAD is GET without the body."""
    broker.post("head", b"x")
    got = broker.request("GET", "/topics/head")
    headed = broker.request("HEAD", "/topics/head")
    equal(headed.status, 200)
    equal(headed.body, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Ringtail-Cursor"):
        equal(headed.headers[name], got.headers[name], name)


@test
def unknown(broker):
    """What does not exist is not made by asking for it."""
    before = broker.metric("topics")
    for method in ("GET", "DELETE"):
        answer = broker.request(method, "/topics/unknown")
        expect_problem(answer, 404, "topic-not-found", "unknown: ")
    answer = broker.request("POST", "/topics/unknown/close")
    expect_problem(answer, 404, "topic-not-found", "unknown: ")
    equal(broker.request("HEAD", "/topics/unknown").status, 404)
    equal(broker.metric("topics"), before)


@test
def subscribers(broker):
    """Subscribers are counted, and a topic that has but them exists."""
    with raw.WebSocket(broker, "/subscribe/counted"):
        with raw.WebSocket(broker, "/subscribe/counted"):
            found = state(broker, "counted")
            equal((found["subscribers"], found["events"]), (2, 0))
            assert found["latest"].endswith("-0"), found
        until(lambda: state(broker, "counted")["subscribers"] == 1, "it left")


@test
def tags(broker):
    """A state that has not changed is not sent again."""
    broker.post("tags", b"x")
    tag = broker.request("GET", "/topics/tags").headers["ETag"]
    for known_tags in (tag, f'"x", W/{tag}', "*"):
        headers = {"If-None-Match": known_tags}
        answer = broker.request("GET", "/topics/tags", None, headers)
        equal((answer.status, answer.body), (304, b""))
        equal(answer.headers["ETag"], tag)
        equal(answer.headers["Content-Type"], None)
    broker.post("tags", b"y")
    headers = {"If-None-Match": tag}
    answer = broker.request("GET", "/topics/tags", None, headers)
    equal(answer.status, 200)
    assert answer.headers["ETag"] != tag


@test
def encoded(broker):
    """The topic is decoded once, and the longest has room."""
    broker.post("enc.oded", b"x")
    equal(state(broker, "enc%2Eoded")["topic"], "enc.oded")
    longest = ".".join(["t" * 64] * 3 + ["12345"])
    broker.post(longest, b"x")
    equal(state(broker, longest)["topic"], longest)
    for wrong in ("enc%252Eoded", "a..b", "%00", "a%2Fb", "a/b", "$sys", "a*"):
        answer = broker.request("GET", f"/topics/{wrong}")
        expect_problem(answer, 400, "bad-topic")


# --- changing ---


@test
def configured(broker):
    """A topic retains what it is told, and says so."""
    answer = put(
        broker,
        "small",
        {"ring_bytes": "8KiB", "ring_events": 8, "max_age": "90s"},
    )
    equal(answer.status, 201)
    wanted = {"ring_bytes": 8192, "ring_events": 8, "max_age": "90s"}
    equal(answer.json()["configuration"], wanted)
    for _ in range(30):
        broker.post("small", b"x" * 100)
    found = state(broker, "small")
    assert found["events"] <= 8, found
    equal(found["latest"][9:], "30")
    # Again, with what was said; and back to what the broker does.
    answer = put(broker, "small", found["configuration"])
    equal((answer.status, answer.json()["configuration"]), (200, wanted))
    answer = put(broker, "small", {})
    equal(answer.json()["configuration"]["ring_events"], "unlimited")


@test
def larger(broker):
    """A topic may retain more than the others, but not all memory."""
    limit = broker.metric("memory_budget_bytes") // 4
    equal(put(broker, "large", {"ring_bytes": limit}).status, 201)
    answer = put(broker, "large", {"ring_bytes": limit + 1})
    expect_problem(answer, 400, "bad-parameter", "ring_bytes: ")
    equal(answer.json()["limit"], limit)
    answer = put(broker, "large", {"ring_bytes": "unlimited"})
    expect_problem(answer, 400, "bad-parameter", "ring_bytes: ")
    equal(state(broker, "large")["configuration"]["ring_bytes"], limit)
    equal(broker.request("DELETE", "/topics/large").status, 204)


@cases(
    [
        ("a member nobody knows", '{"ring":1}', "ring: "),
        ("zero", '{"ring_bytes":0}', "ring_bytes: "),
        ("less than zero", '{"ring_events":-1}', "ring_events: "),
        ("a unit nobody knows", '{"ring_bytes":"64kb"}', "ring_bytes: "),
        ("an age without a unit", '{"max_age":60}', "max_age: "),
        ("too much", '{"max_age":"999999d"}', "max_age: "),
        ("nothing", '{"max_age":null}', "max_age: "),
        ("not a truth", '{"closed":"yes"}', "closed: "),
        ("one twice", '{"closed":true,"closed":true}', "closed: "),
        ("a line end", '{"a\\r\\nSet-Cookie: b":1}', "a\\r\\nSet-Cookie: b: "),
    ],
    "A PUT of {0} is refused, and named.",
)
def bad_member(broker, body, about):
    """See above."""
    answer = broker.request("PUT", "/topics/bad", body)
    expect_problem(answer, 400, "bad-parameter", about)
    equal(broker.request("GET", "/topics/bad").status, 404)


@test
def bad_bodies(broker):
    """A PUT of what is no JSON object, or in another form, is refused."""
    for body in ("", "{", "[]", "null", '"{}"', b"\xff{}", "{}{}"):
        answer = broker.request("PUT", "/topics/bad", body)
        expect_problem(answer, 400, "bad-payload")
    headers = {"Content-Type": "text/plain"}
    answer = broker.request("PUT", "/topics/bad", "{}", headers)
    expect_problem(answer, 415, "unsupported-media-type", "Content-Type: ")
    answer = broker.request("PUT", "/topics/bad", "{" + " " * 4096)
    expect_problem(answer, 413, "payload-too-large")
    equal(answer.json()["limit"], 4096)
    with raw.Connection(broker.port) as peer:
        peer.send(raw.request("PUT", "/topics/bad"))
        equal(peer.answer().status, 411)
    equal(broker.request("GET", "/topics/bad").status, 404)


@test
def chunked(broker):
    """A PUT may come in chunks, which are counted."""
    head_lines = raw.request(
        "PUT", "/topics/chunks", "Transfer-Encoding: chunked"
    )
    with raw.Connection(broker.port) as peer:
        peer.send(head_lines + b'9\r\n{"ring_ev\r\n')
        assert peer.is_silent()
        peer.send(b'9\r\nents":77}\r\n0\r\n\r\n')
        equal(peer.answer().status, 201)
        peer.send(head_lines + b"2000\r\n" + b" " * 0x2000 + b"\r\n0\r\n\r\n")
        equal(peer.answer().status, 413)
    wanted = state(broker, "chunks")["configuration"]["ring_events"]
    equal(wanted, 77)
    broker.request("DELETE", "/topics/chunks")


@test
def parameters(broker):
    """There are no parameters, so each is wrong."""
    broker.post("parameters", b"x")
    for method, path in [
        ("GET", "/topics/parameters?verbose=1"),
        ("PUT", "/topics/parameters?closed=true"),
        ("DELETE", "/topics/parameters?force"),
        ("POST", "/topics/parameters/close?now"),
    ]:
        answer = broker.request(method, path)
        about = path.split("?")[1].split("=")[0]
        expect_problem(answer, 400, "bad-parameter", f"{about}: ")
    equal(state(broker, "parameters")["closed"], False)


@test
def pipelined(broker):
    """A head that comes again is not taken for another one's."""
    line = "Content-Type: application/json"
    body = b'{"ring_events":5}'
    change = raw.request(
        "PUT", "/topics/piped", line, f"Content-Length: {len(body)}"
    )
    with raw.Connection(broker.port) as peer:
        peer.send((change + body) * 3)
        equal([peer.answer().status for _ in range(3)], [201, 200, 200])
        peer.send(raw.request(
            "POST", "/produce/piped", line, f"Content-Length: {len(body)}"
        ) + body)
        equal(peer.answer().topic(), "piped")
        peer.send(change + body)
        equal(peer.answer().status, 200)
    equal(state(broker, "piped")["events"], 1)
    broker.request("DELETE", "/topics/piped")


# --- closing ---


@test
def closed(broker):
    """A closed topic takes no events; its subscribers read what is there and
    are closed with 1000."""
    with raw.WebSocket(broker, "/subscribe/ending") as reader:
        cursor = broker.post("ending", b"last")["cursor"]
        answer = broker.request("POST", "/topics/ending/close")
        equal((answer.status, answer.json()["closed"]), (200, True))
        payloads, code, reason = reader.until_close()
        equal((payloads, code), ([b"last"], 1000))
        equal(reason, f"topic-closed; cursor={cursor}")
    answer = broker.request("POST", "/produce/ending", b"more")
    expect_problem(answer, 409, "topic-closed", "ending: ")
    with raw.WebSocket(broker, "/subscribe/ending?since=earliest") as reader:
        equal(reader.until_close()[:2], ([b"last"], 1000))
    equal(broker.request("POST", "/topics/ending/close").status, 200)


@test
def closed_by_put(broker):
    """It stays closed until it is opened, whatever else is changed."""
    broker.post("door", b"x")
    equal(put(broker, "door", {"closed": True}).json()["closed"], True)
    equal(put(broker, "door", {"ring_events": 5}).json()["closed"], True)
    equal(broker.request("POST", "/produce/door", b"y").status, 409)
    equal(put(broker, "door", {"closed": False}).json()["closed"], False)
    equal(broker.post("door", b"y")["offset"], 2)


@test
def closed_unborn(broker):
    """A topic may be closed before it exists."""
    equal(put(broker, "never", {"closed": True}).status, 201)
    equal(broker.request("POST", "/produce/never", b"x").status, 409)
    equal(broker.request("DELETE", "/topics/never").status, 204)
    equal(broker.post("never", b"x")["offset"], 1)


# --- purging ---


@test
def purged(broker):
    """A purged topic is gone; published to again it has another epoch."""
    first = broker.post("purged", b"x")["cursor"]
    put(broker, "purged", {"ring_events": 5, "closed": True})
    answer = broker.request("DELETE", "/topics/purged")
    equal((answer.status, answer.body), (204, b""))
    equal(broker.request("GET", "/topics/purged").status, 404)
    second = broker.post("purged", b"y")["cursor"]
    equal(second[9:], "1")
    assert first[:8] != second[:8]
    found = state(broker, "purged")
    equal(found["configuration"]["ring_events"], "unlimited")
    equal(found["closed"], False)


@test
def purged_while_followed(broker):
    """A raw subscriber cannot be told, and is closed; one who skips goes
    on."""
    skips = raw.WebSocket(broker, "/subscribe/cut?gap=skip")
    with raw.WebSocket(broker, "/subscribe/cut") as closes, skips:
        old = broker.post("cut", b"old")["cursor"]
        equal(closes.events(1), [b"old"])
        equal(skips.events(1), [b"old"])
        equal(broker.request("DELETE", "/topics/cut").status, 204)
        _, code, reason = closes.until_close()
        new = broker.post("cut", b"new")["cursor"]
        equal(new[9:], "1")
        equal((code, reason), (4410, f"epoch-changed; cursor={new[:8]}-0"))
        equal(skips.events(1), [b"new"])
    with raw.WebSocket(broker, f"/subscribe/cut?since={old}") as late:
        _, code, reason = late.until_close()
        equal((code, raw.reason_values(reason)[0]), (4410, "epoch-changed"))


# --- which there are ---


@test
def listed(broker):
    """Topics are listed in order, in pages that are linked."""
    wanted = ["l.a", "l.a.b", "l.a.c", "l.ab", "l.b", "l0", "la", "l~"]
    for name in reversed(wanted):
        broker.post(name, b"x")
    every = names(broker, "?limit=500")[0]
    equal(every, sorted(every))
    equal([name for name in every if name in wanted], wanted)
    found, link, pages = [], "</topics?prefix=l.&limit=2>", 0
    while link:
        path = link.split(">")[0][len("</topics"):]
        page, link = names(broker, path)
        found += page
        pages += 1
    equal((found, pages), (wanted[:5], 3))
    equal(names(broker, "?prefix=l.a.")[0], ["l.a.b", "l.a.c"])
    equal(names(broker, "?prefix=l.&after=l.a.c&limit=1")[0], ["l.ab"])
    equal(names(broker, "?prefix=l.a&after=k")[0], wanted[:4])
    equal(names(broker, "?prefix=l.a.b&after=l.a")[0], ["l.a.b"])
    equal(names(broker, "?prefix=l.&after=m"), ([], None))
    equal(names(broker, "?prefix=nobody."), ([], None))


@test
def list_link(broker):
    """A page that is not the last says where the next one is."""
    for name in ("link.a", "link.b", "link.c"):
        broker.post(name, b"x")
    link = names(broker, "?prefix=link.&limit=2")[1]
    wanted = '</topics?prefix=link.&after=link.b&limit=2>; rel="next"'
    equal(link, wanted)
    equal(names(broker, "?prefix=link.&limit=3")[1], None)


@test
def list_state(broker):
    """What is listed is what is said of each; a page has a tag, too."""
    broker.post("whole", b"x")
    answer = broker.request("GET", "/topics?prefix=whole")
    equal(answer.json()["topics"], [state(broker, "whole")])
    headers = {"If-None-Match": answer.headers["ETag"]}
    again = broker.request("GET", "/topics?prefix=whole", None, headers)
    equal((again.status, again.body), (304, b""))


BAD_LISTS = [
    "limit=0",
    "limit=501",
    "limit=x",
    "limit=",
    "limit",
    "limit=1&limit=2",
    "prefix=a*",
    "prefix=%00",
    "prefix=a%2",
    "prefix=" + "p" * 201,
    "prefix=" + "p" * 300,
    "after=",
    "after=a..b",
    "sort=name",
]


@cases(
    [(query[:20], query) for query in BAD_LISTS],
    "No list is made for {0}, which is named.",
)
def bad_list(broker, query):
    """See above."""
    answer = broker.request("GET", f"/topics?{query}")
    about = query.split("=")[0]
    expect_problem(answer, 400, "bad-parameter", f"{about}: ")


# --- who may do what ---


def changes(topic):
    """Requests that change a topic: method, path and body."""
    return [
        ("POST", f"/topics/{topic}/close", None),
        ("PUT", f"/topics/{topic}", '{"closed":true}'),
        ("DELETE", f"/topics/{topic}", None),
    ]


@test
def other_sites(broker):
    """A page of another site cannot have a browser change topics."""
    broker.post("origin", b"x")
    own = f"127.0.0.1:{broker.port}"
    requests = changes("origin")
    others = ["http://evil.example", "null", "", own, "http://", "https://"]
    others += [f"ftp://{own}", f"http://{own}.evil.example", f"http://{own}/"]
    for origin in others:
        for method, path, body in requests:
            answer = broker.request(method, path, body, {"Origin": origin})
            expect_problem(answer, 403, "forbidden", "Origin: ")
    equal(state(broker, "origin")["closed"], False)
    for origin in (f"http://{own}", f"https://{own}"):
        for method, path, body in requests[:2]:
            answer = broker.request(method, path, body, {"Origin": origin})
            equal(answer.status, 200)


@test
def conditions(broker):
    """Nothing is changed under a condition as if there were none."""
    broker.post("conditions", b"x")
    for name in ("If-Match", "If-None-Match"):
        for method, path, body in changes("conditions"):
            answer = broker.request(method, path, body, {name: "*"})
            expect_problem(answer, 400, "bad-parameter", f"{name}: ")
    found = state(broker, "conditions")
    equal((found["events"], found["closed"]), (1, False))


@test
def public(broker):
    """Where there is no administrator topics are read, and no more."""
    with Broker("--insecure", listen="0.0.0.0:0") as other:
        other.post("read", b"x")
        found = state(other, "read")
        assert "subscribers" not in found, found
        for method in ("PUT", "DELETE", "POST"):
            answer = other.request(method, "/topics/read", "{}")
            expect_problem(answer, 405, "method-not-allowed")
            equal(answer.headers["Allow"], "GET, HEAD, OPTIONS")
        equal(other.request("POST", "/topics/read/close").status, 405)
        equal(other.request("GET", "/topics").status, 404)
    answer = broker.request("OPTIONS", "/topics/read")
    equal(answer.headers["Allow"], "GET, HEAD, PUT, DELETE, OPTIONS")
    answer = broker.request("OPTIONS", "/topics/read/close")
    equal(answer.headers["Allow"], "POST, OPTIONS")


run(Broker)
