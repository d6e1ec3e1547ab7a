#!/usr/bin/python3
"""curl's ways of sending a body, of connecting, and what an operator asks."""

import os
import re
import signal
import stat
import tempfile

import raw
from broker import Broker
from curl import Curl, last_event
from tap import cases, equal, run, test

EVENT_BYTES = 256 * 1024
LARGE = os.urandom(EVENT_BYTES)
STDIN = ["--data-binary", "@-"]
CHUNKED = ["-X", "POST", "-H", "Transfer-Encoding: chunked", "-T", "-"]

# --- bodies ---

UPLOADS = [
    ("whole", STDIN),
    ("after 100 Continue", [*STDIN, "-H", "Expect: 100-continue"]),
    ("in chunks", CHUNKED),
    ("in chunks after 100 Continue", [*CHUNKED, "-H", "Expect: 100-continue"]),
    ("on HTTP/1.0", [*STDIN, "--http1.0"]),
]


@cases(UPLOADS, "256 KiB are taken {0}.")
def upload(broker, arguments):
    """And delivered as they are."""
    curl = Curl(broker, "/produce/upload", *arguments, data=LARGE)
    equal(curl.answer.status, 200)
    if "Expect: 100-continue" in arguments:
        equal([answer.status for answer in curl.answers], [100, 200])
    assert last_event(broker, "upload") == (raw.BINARY, LARGE)


@cases(UPLOADS, "A byte more is refused {0}.")
def upload_too_large(broker, arguments):
    """With 413, and nothing is kept."""
    before = broker.metric("events_produced_total")
    data = LARGE + b"x"
    curl = Curl(broker, "/produce/upload", *arguments, data=data)
    equal(curl.answer.status, 413)
    equal(curl.answer.problem(), "payload-too-large")
    equal(broker.metric("events_produced_total"), before)


@test
def upload_huge(broker):
    """A hundred MiB are refused without being taken."""
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(100 << 20)
        words = ["--data-binary", f"@{file.name}", "-H", "Expect:"]
        equal(Curl(broker, "/produce/huge", *words).answer.status, 413)
        words = ["-X", "POST", "-T", file.name]
        equal(Curl(broker, "/produce/huge", *words).answer.status, 413)
    assert broker.metric("memory_bytes") < 4 << 20


BODIES = [
    ("-d", ["-d", "a=1&b=2"], (raw.TEXT, b"a=1&b=2")),
    ("-d with JSON", ["-d", '{"a":1}'], (raw.TEXT, b'{"a":1}')),
    ("--json", ["--json", '{"a":1}'], (raw.TEXT, b'{"a":1}')),
    ("-d with nothing", ["-d", ""], (raw.TEXT, b"")),
    ("--data-binary", ["--data-binary", "a\nb\r\n"], (raw.TEXT, b"a\nb\r\n")),
    ("-H Content-Type:", ["-H", "Content-Type:", "-d", "x"], (raw.TEXT, b"x")),
]


@cases(BODIES, "curl {0} publishes what it says.")
def bodies(broker, arguments, event):
    """As text."""
    equal(Curl(broker, "/produce/bodies", *arguments).answer.status, 200)
    equal(last_event(broker, "bodies"), event)


@test
def many_urls(broker):
    """curl uses one connection for many requests."""
    before = broker.metric("connections_opened_total")
    words = []
    for _ in range(19):
        words += ["-d", "x", broker.url("/produce/urls")]
    curl = Curl(broker, "/produce/urls", *words)
    equal([answer.status for answer in curl.answers], [200] * 20)
    equal(broker.metric("connections_opened_total"), before + 2)


# --- ways to connect ---


@test
def http10(broker):
    """HTTP/1.0 is answered in HTTP/1.1 and ends, unless it asks to be kept."""
    words = ["--http1.0", broker.url("/livez")]
    curl = Curl(broker, "/livez", *words)
    kept = {answer.headers.get("connection") for answer in curl.answers}
    equal(kept, {"close"})
    curl = Curl(broker, "/livez", *words, "-H", "Connection: keep-alive")
    kept = {answer.headers.get("connection") for answer in curl.answers}
    equal(kept, {"keep-alive"})


@test
def unix_socket(_):
    """A UNIX socket serves all that a port does, and is gone in the end."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "ringtail.sock")
        with Broker("--listen", f"unix:{path}") as broker:
            assert stat.S_ISSOCK(os.stat(path).st_mode)
            words = ["--unix-socket", path]
            curl = Curl(broker, "/produce/unix", *words, "-d", "hello")
            equal(curl.answer.status, 200)
            equal(last_event(broker, "unix"), (raw.TEXT, b"hello"))
            equal(Curl(broker, "/metrics", *words).answer.status, 200)
            unix_subscriber(path)
        assert not os.path.exists(path)


def unix_subscriber(path):
    """Subscribes through the socket file."""
    with raw.Connection(path) as peer:
        peer.send(raw.upgrade("/subscribe/unix?since=-1"))
        equal(peer.answer().status, 101)
        equal(peer.take(7), b"\x81\x05hello")


@test
def stale_socket(_):
    """A socket file that a killed broker left behind is replaced; one that is
    in use is not."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "ringtail.sock")
        words = ["--unix-socket", path]
        broker = Broker("--listen", f"unix:{path}").__enter__()
        broker.stop(signal.SIGKILL)
        assert os.path.exists(path)
        with Broker("--listen", f"unix:{path}") as broker:
            equal(Curl(broker, "/livez", *words).answer.status, 200)
            try:
                Broker("--listen", f"unix:{path}").__enter__()
                raise RuntimeError("a second broker started")
            except AssertionError as error:
                assert "stop it or choose another" in str(error), error
            equal(Curl(broker, "/livez", *words).answer.status, 200)


# --- health and metrics ---


@test
def health(broker):
    """/livez and /readyz say ok, to HEAD too, which has no body."""
    for path in ("/livez", "/readyz"):
        answer = Curl(broker, path).answer
        equal((answer.status, answer.body), (200, b"ok\n"))
        equal(answer.headers["content-type"], "text/plain; charset=utf-8")
        equal(answer.headers["cache-control"], "no-store")
        head = Curl(broker, path, "-I").answer
        head.headers["date"] = answer.headers["date"]
        equal(head.headers, answer.headers)
        equal(head.body, b"")


METRIC = re.compile(r'(ringtail_[a-z0-9_]+)(\{[a-z]+="[^"]*"\})? (\d+)')


@test
def metrics(broker):
    """/metrics is what Prometheus reads, each metric with help and type."""
    answer = Curl(broker, "/metrics").answer
    equal(answer.headers["content-type"], "text/plain; version=0.0.4")
    lines = answer.body.decode().splitlines()
    helped = [line.split()[2] for line in lines if line.startswith("# HELP")]
    typed = [line.split()[2:] for line in lines if line.startswith("# TYPE")]
    values = [line for line in lines if not line.startswith("#")]
    names = [METRIC.fullmatch(line).group(1) for line in values]
    equal(helped, list(dict.fromkeys(names)), "helped")
    equal([name for name, _ in typed], helped, "typed")
    for name, kind in typed:
        wanted = "counter" if name.endswith("_total") else "gauge"
        equal(kind, wanted, name)
    assert answer.body.endswith(b"\n")


@test
def figures(broker):
    """The metrics count what happens."""
    names = ["events_produced_total", "bytes_produced_total", "topics"]
    names += ['http_responses_total{class="4xx"}', "events_delivered_total"]
    before = {name: broker.metric(name) for name in names}
    with raw.WebSocket(broker, "/subscribe/figures") as peer:
        equal(broker.metric("subscriptions"), 1)
        for _ in range(3):
            broker.post("figures", b"hello")
        peer.events(3)
    broker.request("GET", "/nowhere")
    grown = {name: broker.metric(name) - before[name] for name in names}
    equal(list(grown.values()), [3, 15, 1, 1, 3], list(grown))


run(lambda: Broker("--event-bytes", EVENT_BYTES))
