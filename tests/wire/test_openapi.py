#!/usr/bin/python3
"""GET /openapi.json, and whether all that it says of the broker's answers is
so."""

import http.client
import json

import jsonschema
import raw
from broker import Answer, Broker
from openapi import METHODS, Document, routes
from tap import cases, equal, run, test

DOCUMENT = Document()

JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}
MINIMAL = {"Prefer": "return=minimal"}
TYPED = {"Ringtail-Type": "msg"}
SSE = {"Accept": "text/event-stream"}
PLAIN = {"Content-Type": "text/plain"}
FOREIGN = {"Origin": "http://evil.example"}
PACKED = {"Content-Encoding": "gzip"}
KEY = {"Idempotency-Key": "k"}
LINE = "Content-Type: application/x-ndjson"
JSON_OFFER = "Sec-WebSocket-Protocol: ringtail.v1.json"
TWO = b'{"topic":"a","data":1}\n{"topic":"d","data_base64":""}\n'
BIG = b"x" * (300 * 1024)

PRODUCE = "/produce/{topic}"
SEVERAL = "/produce"
SUBSCRIBE = "/subscribe/{topic}"
TOPIC = "/topics/{topic}"
CLOSE = "/topics/{topic}/close"
EVENTS = "/topics/{topic}/events"

# Each is a request, in this order: method, path as it is described, what stands
# for the topic and in the query, body, headers, status.
REQUESTS = [
    ("post", PRODUCE, "a", b"text", {}, 200),
    ("post", PRODUCE, "a", b'{"json":1}', {**JSON, **TYPED}, 200),
    ("post", PRODUCE, "a", b"\xff", {}, 200),
    ("post", PRODUCE, "a", b"1\n2\n", LINES, 200),
    ("post", PRODUCE, "a", b"x", KEY, 200),
    ("post", PRODUCE, "a", b"x", KEY, 200),
    ("post", PRODUCE, "a", b"y", KEY, 422),
    ("post", PRODUCE, "a", b"x", MINIMAL, 204),
    ("post", PRODUCE, "a", b"x", {**MINIMAL, **KEY}, 204),
    ("post", PRODUCE, "a..b", b"x", {}, 400),
    ("post", PRODUCE, "a", b"{", JSON, 400),
    ("post", PRODUCE, "a", b"1\n{\n", LINES, 400),
    ("post", PRODUCE, "a", b"x", {"If-Match": '"00000000-1"'}, 412),
    ("post", PRODUCE, "nobody", b"x", {"If-Match": "*"}, 412),
    ("post", PRODUCE, "a", BIG, {}, 413),
    ("post", PRODUCE, "a", b"x", PACKED, 415),
    ("post", PRODUCE, "a", b"x", {"?": "ack=disk"}, 501),
    ("post", SEVERAL, "", TWO, LINES, 200),
    ("post", SEVERAL, "", TWO, {**LINES, **KEY}, 200),
    ("post", SEVERAL, "", TWO, {**LINES, **KEY}, 200),
    ("post", SEVERAL, "", TWO + b"\n", {**LINES, **KEY}, 422),
    ("post", SEVERAL, "", TWO, {**LINES, **MINIMAL}, 204),
    ("post", SEVERAL, "", b"{}", LINES, 400),
    ("post", SEVERAL, "", TWO, JSON, 415),
    ("post", SEVERAL, "", TWO, {**LINES, "?": "ack=quorum"}, 501),
    ("post", SEVERAL, "", BIG * 20, LINES, 413),
    ("get", TOPIC, "a", None, {}, 200),
    ("head", TOPIC, "a", None, {}, 200),
    ("get", TOPIC, "a", None, {"If-None-Match": "*"}, 304),
    ("get", TOPIC, "nobody", None, {}, 404),
    ("get", TOPIC, "a*", None, {}, 400),
    ("put", TOPIC, "b", b"{}", JSON, 201),
    ("put", TOPIC, "b", b'{"ring_events":5,"max_age":"9s"}', JSON, 200),
    ("put", TOPIC, "b", b'{"ack":"memory"}', JSON, 200),
    ("put", TOPIC, "b", b'{"ack":"disk"}', JSON, 501),
    ("put", TOPIC, "b", b"{}", {**JSON, "?": "ack=memory"}, 200),
    ("put", TOPIC, "b", b"{}", {**JSON, "?": "ack=quorum"}, 501),
    ("put", TOPIC, "b", b'{"ring":5}', JSON, 400),
    ("put", TOPIC, "b", BIG, JSON, 413),
    ("put", TOPIC, "b", b"{}", PLAIN, 415),
    ("get", "/topics", "", None, {}, 200),
    ("head", "/topics", "", None, {}, 200),
    ("get", "/topics", "", None, {"?": "limit=1"}, 200),
    ("get", "/topics", "", None, {"?": "limit=0"}, 400),
    ("get", "/topics", "", None, {"If-None-Match": "*"}, 304),
    ("get", EVENTS, "a", None, {}, 200),
    ("head", EVENTS, "a", None, {}, 200),
    ("get", EVENTS, "a", None, {"?": "limit=1&format=ndjson"}, 200),
    ("get", EVENTS, "a", None, {"?": "after=00000000-7"}, 200),
    ("get", EVENTS, "a", None, {"?": "after=00000000-7&gap=close"}, 410),
    ("get", EVENTS, "a", None, {"?": "after=now&wait=1ms"}, 204),
    ("get", EVENTS, "a", None, {"If-None-Match": "*"}, 304),
    ("get", EVENTS, "nobody", None, {}, 404),
    ("get", EVENTS, "a", None, {"?": "since=now"}, 400),
    ("get", SUBSCRIBE, "a", None, {}, 200),
    ("get", SUBSCRIBE, "a", None, SSE, 200),
    ("get", SUBSCRIBE, "a,d.*,e.>", None, {}, 200),
    ("get", SUBSCRIBE, "a", None, {"?": "since=x"}, 400),
    ("get", SUBSCRIBE, "a", None, {"?": "visible=disk"}, 501),
    ("get", "/subscribe", "", None, {"?": "since=now"}, 400),
    ("post", CLOSE, "b", None, {}, 200),
    ("post", CLOSE, "b", None, {"?": "ack=disk"}, 501),
    ("post", CLOSE, "b", None, {"?": "ack=x"}, 400),
    ("post", CLOSE, "nobody", None, {}, 404),
    ("post", CLOSE, "..", None, {}, 400),
    ("get", EVENTS, "b", None, {}, 200),
    ("get", SUBSCRIBE, "b", None, SSE, 204),
    ("post", PRODUCE, "b", b"x", {}, 409),
    ("post", SEVERAL, "", b'{"topic":"b","data":1}', LINES, 409),
    ("put", TOPIC, "b", b"{}", FOREIGN, 403),
    ("post", CLOSE, "b", None, FOREIGN, 403),
    ("delete", TOPIC, "b", None, FOREIGN, 403),
    ("delete", TOPIC, "b", None, {"?": "ack=disk"}, 501),
    ("delete", TOPIC, "b", None, {}, 204),
    ("delete", TOPIC, "b", None, {}, 404),
    ("delete", TOPIC, "b", None, {"?": "x"}, 400),
    ("get", "/livez", "", None, {}, 200),
    ("get", "/readyz", "", None, {}, 200),
    ("get", "/metrics", "", None, {}, 200),
    ("head", "/metrics", "", None, {}, 200),
    ("get", "/openapi.json", "", None, {}, 200),
    ("get", "/openapi.json", "", None, {"If-None-Match": "*"}, 304),
]

# Described, and not to be had here: without a host that is asked, with memory
# left, while the broker runs; or asked for below.
ELSEWHERE = ("401", "403", "500", "503", "507", "101", "411", "426", "505")


def ask(broker, method, path, topic, body, headers):
    """The answer; of a stream its head."""
    headers = dict(headers)
    query = headers.pop("?", "")
    target = path.replace("{topic}", topic) + (f"?{query}" if query else "")
    peer = http.client.HTTPConnection("127.0.0.1", broker.port, timeout=20)
    peer.request(method.upper(), target, body=body, headers=headers)
    answer = peer.getresponse()
    is_stream = answer.headers["Transfer-Encoding"] == "chunked"
    data = b"" if is_stream else answer.read()
    peer.close()
    return Answer(answer.status, answer.headers, data)


# --- the document ---


@test
def served(broker):
    """What is served is what is in the documents."""
    equal(broker.request("GET", "/openapi.json").json(), DOCUMENT.document)


@test
def sound(_):
    """Each reference leads somewhere, each component is used, each schema is
    one, and each operation has a name of its own."""
    used = set(DOCUMENT.references())
    for reference in used:
        DOCUMENT.resolver.resolve(reference)
    for kind, parts in DOCUMENT.document["components"].items():
        for name in parts:
            assert f"#/components/{kind}/{name}" in used, name
    for name in DOCUMENT.document["components"]["schemas"]:
        jsonschema.Draft202012Validator.check_schema(DOCUMENT.schema(name))
    names = [o["operationId"] for _, _, o in DOCUMENT.operations()]
    equal(len(set(names)), len(names))


@test
def complete(broker):
    """All paths are described, with all their methods."""
    equal(set(DOCUMENT.document["paths"]), set(routes()))
    for path, item in DOCUMENT.document["paths"].items():
        answer = ask(broker, "options", path, "a", None, {})
        allowed = answer.headers["Allow"].lower().split(", ")
        described = [method for method in METHODS if method in item]
        equal(sorted(allowed), sorted([*described, "options"]), path)


# --- the answers ---


@cases(
    [(f"{m.upper()} {p}: {s}", m, p, *rest, s) for m, p, *rest, s in REQUESTS],
    "As described: {0}.",
)
def answered(broker, method, path, topic, body, headers, status):
    """See above."""
    answer = ask(broker, method, path, topic, body, headers)
    equal(answer.status, status, answer.body)
    DOCUMENT.check(path, method, answer)


@test
def raw_requests(broker):
    """As described: a handshake, a bad one, and bodies of no known length."""
    bad = raw.upgrade("/subscribe/a", "Sec-WebSocket-Version: 12")
    old = b"GET /subscribe/a HTTP/1.0\r\n\r\n"
    for data, path, method, status in [
        (raw.upgrade("/subscribe/a"), SUBSCRIBE, "get", 101),
        (raw.upgrade("/subscribe/a", JSON_OFFER), SUBSCRIBE, "get", 101),
        (bad, SUBSCRIBE, "get", 426),
        (raw.upgrade("/subscribe", JSON_OFFER), "/subscribe", "get", 101),
        (bad.replace(b"/a", b""), "/subscribe", "get", 426),
        (old, SUBSCRIBE, "get", 505),
        (raw.request("POST", "/produce/a"), PRODUCE, "post", 411),
        (raw.request("POST", "/produce", LINE), SEVERAL, "post", 411),
        (raw.request("PUT", "/topics/a"), TOPIC, "put", 411),
    ]:
        with raw.Connection(broker.port) as peer:
            peer.send(data)
            found = peer.answer()
            headers = http.client.HTTPMessage()
            for name, value in found.headers.items():
                headers[name] = value
            equal(found.status, status)
            answer = Answer(found.status, headers, found.body)
            DOCUMENT.check(path, method, answer)


@test
def stream_lines(broker):
    """As described: each line of a stream."""
    broker.post("shut", b"x")
    equal(broker.request("POST", "/topics/shut/close").status, 200)
    for target, wanted in [
        ("a?since=earliest", {"open", "event", "caught_up"}),
        ("a?since=00000000-1", {"open", "gap", "event", "caught_up"}),
        ("a,d?since=earliest", {"open", "event"}),
        ("a,d?since=*00000000-1", {"open", "gap", "event"}),
        ("shut?since=earliest", {"open", "event", "closed"}),
        ("a,shut", {"open", "closed"}),
    ]:
        peer = http.client.HTTPConnection("127.0.0.1", broker.port, timeout=20)
        peer.request("GET", f"/subscribe/{target}")
        answer = peer.getresponse()
        found = set()
        while not wanted <= found:
            line = json.loads(answer.readline())
            DOCUMENT.validate(DOCUMENT.schema("Line"), line)
            found.add(line["op"])
        peer.close()


@test
def all_seen(_):
    """All answers that are described have been seen, but those that are not
    to be had here."""
    missing = set(DOCUMENT.described()) - DOCUMENT.seen
    equal([m for m in missing if not m.endswith(ELSEWHERE)], [])


# --- what is asked ---


@test
def parameters(broker):
    """Each parameter takes what is described, and nothing that is not; there
    are no others."""
    for path, method, _ in DOCUMENT.operations():
        if method != "get" or path in ("/livez", "/readyz", "/metrics"):
            continue
        unknown = ask(broker, method, path, "a", None, {"?": "unheard=of"})
        is_free = path == "/openapi.json"
        equal(unknown.status, 200 if is_free else 400, path)
        for parameter in DOCUMENT.parameters(path, method, "query"):
            check_parameter(broker, path, parameter)


def check_parameter(broker, path, parameter):
    """Values that are described, and one that never is."""
    name, schema = parameter["name"], parameter["schema"]
    values = schema.get("enum", []) + schema.get("examples", [])
    values += [schema[key] for key in ("minimum", "maximum") if key in schema]
    for value in values:
        query = {"?": f"{name}={value}"}
        status = ask(broker, "get", path, "a", None, query).status
        allowed = (501,) if value == "disk" else (200, 204)
        assert status in allowed, (path, name, value, status)
    answer = ask(broker, "get", path, "a", None, {"?": f"{name}=%00"})
    equal(answer.status, 400, name)
    assert json.loads(answer.body)["detail"].startswith(f"{name}: ")


@test
def changes(broker):
    """What is described of a change is taken, and what is not is refused."""
    schema = DOCUMENT.schema("Change")
    for body in (
        {},
        {"ring_bytes": 4096, "ring_events": 1, "max_age": "1d"},
        {"ring_bytes": "64KiB", "ring_events": "7", "closed": False},
        {"ring_events": "unlimited", "max_age": "unlimited"},
        {"ring_bytes": 0},
        {"ring_events": "many"},
        {"max_age": 7},
        {"max_age": "7"},
        {"closed": 0},
        {"unheard": "of"},
    ):
        answer = broker.request("PUT", "/topics/c", json.dumps(body), JSON)
        is_valid = jsonschema.Draft202012Validator(schema).is_valid(body)
        equal(answer.status < 300, is_valid, body)


run(Broker)
