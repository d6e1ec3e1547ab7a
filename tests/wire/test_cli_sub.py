#!/usr/bin/python3
"""`ringtail sub`: every event once, in order, whatever happens to the
connection; and a word about each that is lost."""

import json
import os
import re
import signal
import subprocess
import time

from broker import Broker, until
from cli import Command, Mortal, Proxy, run_cli, seed_of_today
from tap import cases, equal, run, test

BINARY = bytes(range(256))


def fill(broker, topic, *payloads):
    """Publishes events; their cursors."""
    return [broker.post(topic, payload)["cursor"] for payload in payloads]


def awaits(broker, topic, payload=b"here"):
    """A subscriber that prints what comes from now on."""
    before = broker.metric("subscriptions")
    command = Command(broker, "sub", topic)
    broker.await_metric("subscriptions", before + 1)
    return command


@test
def raw(broker):
    """It prints each payload and a newline, byte for byte."""
    fill(broker, "raw", b"one", b"", b"two\nlines", BINARY)
    result = run_cli(broker, "sub", "raw", "--since", "earliest", "-n", 4)
    equal(result.out, b"one\n\ntwo\nlines\n" + BINARY + b"\n")
    equal((result.code, result.err), (0, ""))


@test
def as_json(broker):
    """With --format json or --json it prints an object a line: text as a
    string, other bytes in base 64."""
    text = 'quote " backslash \\ newline \n tab \t nul \0 ä \u2028 \U0001f600'
    payloads = [text.encode(), b"", BINARY, b"\xff", b"\xfe1"]
    cursors = fill(broker, "json", *payloads)
    for form in (["--format", "json"], ["--json"]):
        words = ["sub", "json", "--since=earliest", "-n", "5", *form]
        result = run_cli(broker, *words)
        equal((result.code, result.err), (0, ""))
        found = [json.loads(line) for line in result.lines()]
        equal([event["cursor"] for event in found], cursors)
        equal({(e["op"], e["topic"]) for e in found}, {("event", "json")})
        equal([event.get("data") for event in found][:2], [text, ""])
        encoded = [event.get("data_base64") for event in found][2:]
        equal([len(word) % 4 for word in encoded], [0, 0, 0])
        equal(encoded[1:], ["/w==", "/jE="])


@test
def begins(broker):
    """--since says where it begins; without it, with the next event."""
    cursors = fill(broker, "since", b"a", b"b", b"c")
    for since, wanted in (
        ("earliest", "abc"),
        (cursors[0], "bc"),
        ("-1", "c"),
        ("1h", "abc"),
        ("2020-01-01T00:00:00Z", "abc"),
    ):
        words = ["sub", "since", "--since", since, "-n", len(wanted)]
        result = run_cli(broker, *words)
        equal("".join(result.lines()), wanted, since)
    with awaits(broker, "since") as command:
        fill(broker, "since", b"d")
        equal(command.line(), b"d")


@test
def late_lines(broker):
    """An event is printed when it comes, not when there are many."""
    with awaits(broker, "late") as command:
        for number in range(5):
            fill(broker, "late", b"%d" % number)
            equal(command.line(), b"%d" % number)


SIGNALS = [("SIGINT", signal.SIGINT), ("SIGTERM", signal.SIGTERM)]


@cases(SIGNALS, "{0} ends it with exit code 0.")
def signals(broker, number):
    """Silently."""
    with awaits(broker, "signals") as command:
        command.tell(number)
        result = command.end()
        equal((result.code, result.out, result.err), (0, b"", ""))


@test
def says_goodbye(broker):
    """The broker sees it go, and does not count a connection that broke."""
    closed = 'connections_closed_total{reason="closed-by-peer"}'
    lost = 'connections_closed_total{reason="connection-lost"}'
    fill(broker, "goodbye", b"x")
    before = broker.metric(closed), broker.metric(lost)
    run_cli(broker, "sub", "goodbye", "--since=earliest", "-n", 1)
    with awaits(broker, "goodbye") as command:
        command.tell()
        equal(command.end().code, 0)
    broker.await_metric(closed, before[0] + 2)
    equal(broker.metric(lost), before[1])


@test
def closed_output(broker):
    """It ends quietly when nobody reads its output, event or none."""
    fill(broker, "closed", b"x")
    with awaits(broker, "closed") as command:
        command.process.stdout.close()
        command.process.stdout = None
        result = command.end()
        equal((result.code, result.err), (0, ""))
    shell = f"{run_words(broker)} sub closed --since earliest | head -n 1"
    equal(subprocess.check_output(["bash", "-c", shell], timeout=30), b"x\n")


def run_words(broker):
    """The program, for a shell."""
    with Command(broker, "version") as command:
        command.end()
        return f"RINGTAIL_URL={broker.url('')} {command.process.args[0]}"


@test
def to_a_file(broker):
    """Its output may be a file, or a device that takes everything."""
    fill(broker, "file", b"x" * 1000)
    for path in (f"/tmp/ringtail-{os.getpid()}", "/dev/null"):
        with open(path, "w+b") as file:
            words = ["sub", "file", "--since", "earliest", "-n", "1"]
            with Command(broker, *words, stdout=file) as command:
                equal(command.end().code, 0)
            file.seek(0)
            wanted = b"" if path == "/dev/null" else b"x" * 1000 + b"\n"
            equal(file.read(), wanted)
    os.remove(f"/tmp/ringtail-{os.getpid()}")


@test
def full_disk(broker):
    """That its output cannot be written is an error."""
    fill(broker, "full", b"x")
    with open("/dev/full", "wb") as file:
        words = ["sub", "full", "--since", "earliest", "-n", "1"]
        with Command(broker, *words, stdout=file) as command:
            result = command.end()
    equal(result.code, 1)
    assert "no space left" in result.err, result.err


@test
def slow_reader(_):
    """While nobody reads its output it takes no more from the broker; a signal
    ends it even then."""
    payload = b"x" * 65536
    with Broker("--ring-bytes", "64MiB") as broker:
        fill(broker, "slow", *[payload] * 500)
        words = ["sub", "slow", "--since", "earliest"]
        with Command(broker, *words) as command:
            broker.await_metric("subscriptions", 1)
            time.sleep(1)
            delivered = broker.metric("events_delivered_total")
            assert delivered < 400, delivered
            command.tell(signal.SIGTERM)
            equal(command.process.wait(20), 0)


@test
def stalled(_):
    """A reader that was so slow that the broker closed the subscription still
    gets every event once."""
    data = b"".join(b"%d\n" % n for n in range(400000))
    flags = ["--stall-timeout", "1s", "--ring-bytes", "64MiB"]
    with Broker(*flags) as broker:
        equal(run_cli(broker, "pub", "stalled", data=data).code, 0)
        words = ["sub", "stalled", "--since=earliest", "-n", "400000"]
        with Command(broker, *words) as command:
            lost = 'connections_closed_total{reason="slow-consumer"}'
            broker.await_metric(lost, 1)
            result = command.end()
    equal(result.code, 0, result.err)
    assert result.out == data and "connected again" in result.err, result.err


@test
def large(_):
    """An event may be as large as the broker takes it."""
    payload = os.urandom(20000000)
    flags = ["--event-bytes", "32MiB", "--ring-bytes", "64MiB"]
    with Broker(*flags) as broker:
        equal(run_cli(broker, "pub", "large", "-", data=payload).code, 0)
        result = run_cli(broker, "sub", "large", "--since=-1", "-n", "1")
    assert result.out == payload + b"\n", len(result.out)


# --- connections that break ---


@test
def comes_back(broker):
    """It says that the connection broke and that it is back, and goes on with
    the next event; --quiet says nothing."""
    for words in ([], ["--quiet"]):
        with Proxy(broker) as proxy:
            first = ["sub", "back", "--exit-after", "2", *words]
            with Command(broker, *first, url=proxy.url) as command:
                broker.await_metric("subscriptions", 1)
                fill(broker, "back", b"one")
                equal(command.line(), b"one")
                proxy.is_refusing = True
                proxy.cut()
                until(lambda: broker.metric("subscriptions") == 0, "the cut")
                (cursor,) = fill(broker, "back", b"two")
                proxy.is_refusing = False
                result = command.end()
                equal((result.code, result.out), (0, b"two\n"))
                before = f"{cursor[:9]}{int(cursor[9:]) - 1}"
                wanted = (
                    r"ringtail: lost the connection: .*; connecting again\n"
                    rf"ringtail: connected again, going on after {before}\n"
                )
                wanted = "" if words else wanted
                assert re.fullmatch(wanted, result.err), result.err


@test
def random_cuts(broker):
    """However often and wherever the connection is cut, each event is printed
    once and in order."""
    seed = seed_of_today()
    payloads = [b"%d %s" % (n, b"x" * (n % 300)) for n in range(3000)]
    for topic, bytes_max in (("cuts.a", 2000), ("cuts.b", 100000)):
        (start,) = fill(broker, topic, b"first")
        with Proxy(broker, seed, 0, bytes_max) as proxy:
            words = ["sub", topic, "--since", start, "-n", len(payloads) + 1]
            with Command(broker, *words, url=proxy.url) as command:
                broker.await_metric("subscriptions", 1)
                fill(broker, topic, b"opened")
                equal(command.line(), b"opened")
                proxy.cuts = 12
                proxy.cut()
                data = b"\n".join(payloads) + b"\n"
                equal(run_cli(broker, "pub", topic, data=data).code, 0)
                result = command.end()
        equal(result.code, 0, f"SEED={seed} {result.err}")
        assert result.out == data, f"SEED={seed} {result.err}"
        assert "connected again" in result.err, f"SEED={seed}"
        assert "gap" not in result.err, f"SEED={seed} {result.err}"


@test
def restarted(_):
    """A broker that was killed and started again has lost its events: that is
    a gap, announced, and after it events come as before. Exit code 5."""
    with Mortal() as broker:
        port = broker.port
        (cursor,) = fill(broker, "crash", b"old")
        words = ["sub", "crash", "--since=earliest", "-n", "2", "--json"]
        with Command(broker, *words) as command:
            equal(json.loads(command.line())["data"], "old")
            broker.kill()
            command.hear("connecting again")
            with Broker(listen=f"127.0.0.1:{port}") as again:
                command.hear("gap (epoch-changed)")
                (now,) = fill(again, "crash", b"new")
                result = command.end()
    gap, event = [json.loads(line) for line in result.lines()]
    equal((gap["op"], gap["after"], gap["topic"]), ("gap", cursor, "crash"))
    equal((gap["reason"], "missed" in gap), ("epoch-changed", False))
    equal((event["data"], event["cursor"]), ("new", now))
    equal(gap["next"], f"{now[:8]}-0")
    equal(result.code, 5)


@test
def evicted(_):
    """Events that were dropped from the ring are counted, on standard error
    and in JSON: exit code 5."""
    with Broker("--ring-events", "8") as broker:
        cursors = fill(broker, "evicted", *[b"%d" % n for n in range(100)])
        words = ["sub", "evicted", "--since", cursors[9], "-n", "3"]
        result = run_cli(broker, *words, "--json")
        gap, event = [json.loads(line) for line in result.lines()][:2]
        equal((gap["op"], gap["after"]), ("gap", cursors[9]))
        equal(gap["reason"], "cursor-evicted")
        equal(int(event["data"]), 10 + gap["missed"])
        equal(gap["next"], cursors[int(event["data"]) - 1])
        found = f"gap (cursor-evicted): {gap['missed']} events are lost"
        assert found in result.err, result.err
        equal(result.code, 5)
        result = run_cli(broker, *words, "--quiet")
        equal((result.code, result.err), (5, ""))
        equal(result.lines()[0], event["data"])


@test
def refused(broker):
    """What the broker refuses ends it: exit code 4, with the broker's words."""
    result = run_cli(broker, "sub", "news", "--since", "yesterday")
    equal((result.code, result.out), (4, b""))
    assert "since: it is now, earliest" in result.err, result.err


@test
def nobody(_):
    """Without a broker it ends at once, and says what to do: exit code 3."""
    result = run_cli(None, "sub", "news")
    equal((result.code, result.out), (3, b""))
    wanted = (
        "ringtail: cannot connect to http://127.0.0.1:1: connection refused:"
        " start a broker with `ringtail serve` or give --url\n"
    )
    equal(result.err, wanted)


run(Broker)
