#!/usr/bin/python3
"""`ringtail pub`: one event or one a line, and what became of each."""

import json
import os
import pty
import random
import re
import signal
import socket
import tempfile
import threading
import time

from broker import Broker
from cli import Command, Mortal, Proxy, run_cli, seed_of_today
from tap import cases, equal, run, test

BINARY = bytes(range(256)) + b"\n\n"
SUMMARY = re.compile(
    r"ringtail: (\d+) events confirmed, (\d+) bytes, in \d+\.\d{3} s:"
    r" \d+ events/s, \d+\.\d MB/s; (\d+) refused, (\d+) unknown,"
    r" (\d+) not sent\n$"
)


def events(broker, topic, count):
    """The last events of a topic, as JSON objects."""
    words = ["sub", topic, "--since", f"-{count}", "-n", count, "--json"]
    result = run_cli(broker, *words)
    equal(result.code, 0, result.err)
    return [json.loads(line) for line in result.lines()]


def payloads(broker, topic, count):
    """The last payloads of a topic that are text."""
    return [event["data"] for event in events(broker, topic, count)]


def summary(result):
    """Confirmed, bytes, refused, unknown and unsent, as summed up."""
    found = SUMMARY.search(result.err)
    assert found, result.err
    return tuple(map(int, found.groups()))


# --- one event ---


def file_with(data):
    """A file with some content, which is gone when it is closed."""
    file = tempfile.NamedTemporaryFile()
    file.write(data)
    file.flush()
    return file


TEXTS = [
    ("A text is published as it is", ["hello, wörld"], b"", "hello, wörld"),
    ("A text may be empty", [""], b"", ""),
    ("A text may begin with a dash behind --", ["--", "-x"], b"", "-x"),
    ("- is all of standard input", ["-"], b"a\nb\n", "a\nb\n"),
    ("--file - is so, too", ["--file", "-"], b"a\nb", "a\nb"),
    ("Standard input may be empty", ["-"], b"", ""),
]


@cases(TEXTS, "{0}; its cursor is printed.")
def one(broker, words, data, wanted):
    """Alone."""
    result = run_cli(broker, "pub", "one", *words, data=data)
    equal((result.code, result.err), (0, ""))
    (event,) = events(broker, "one", 1)
    equal((event["data"], event["cursor"]), (wanted, result.lines()[0]))


@test
def files(broker):
    """@FILE and --file FILE publish what is in a file; --json prints a
    receipt."""
    with file_with(BINARY) as file:
        for words in ([f"@{file.name}"], ["--file", file.name]):
            result = run_cli(broker, "pub", "files", *words, "--json")
            equal((result.code, result.err), (0, ""))
            (event,) = events(broker, "files", 1)
            equal(event["data_base64"][:8], "AAECAwQF")
            wanted = {"topic": "files", "cursor": event["cursor"]}
            equal(json.loads(result.out), wanted)
    result = run_cli(broker, "pub", "files", "@/nowhere")
    equal(result.code, 1)
    wanted = "ringtail: cannot read /nowhere: no such file or directory\n"
    equal(result.err, wanted)


@test
def content_type(broker):
    """--content-type says what it is: JSON that is none is refused, exit code
    4, with the broker's words."""
    words = ["pub", "types", "{", "--content-type", "application/json"]
    result = run_cli(broker, *words)
    equal((result.code, result.out), (4, b""))
    assert "400: Content-Type: the payload is not JSON" in result.err
    words = ["pub", "types", "x", "-t", "application/octet-stream"]
    equal(run_cli(broker, *words).code, 0)
    (event,) = events(broker, "types", 1)
    equal(event["data_base64"], "eA==")
    equal(run_cli(broker, "pub", "types", "x", "-t", "a\nb").code, 2)


@test
def too_large(broker):
    """An event that is too large for the broker is refused: exit code 4."""
    result = run_cli(broker, "pub", "large", "-", data=b"x" * 262145)
    equal(result.code, 4)
    assert "413" in result.err, result.err
    equal(run_cli(broker, "pub", "large", "-", data=b"x" * 262144).code, 0)


@test
def nobody(_):
    """Without a broker it ends at once: exit code 3, and what to do."""
    for words in (["x"], ["-"], []):
        result = run_cli(None, "pub", "news", *words, data=b"a\nb\n")
        equal((result.code, result.out), (3, b""))
        assert "start a broker with `ringtail serve`" in result.err


# --- lines ---


LINES = [
    ("Each line is an event", b"a\nb\nc\n", ["a", "b", "c"]),
    ("A last line without newline is one", b"a\nb", ["a", "b"]),
    ("Empty lines are events of no bytes", b"\n\nx\n", ["", "", "x"]),
    ("A carriage return is a byte like others", b"a\r\n", ["a\r"]),
]


@cases(LINES, "{0}; they are summed up on standard error.")
def lines(broker, data, wanted):
    """From standard input, when there is no text."""
    for words in ([], ["--lines"]):
        result = run_cli(broker, "pub", "lines", *words, data=data)
        equal((result.code, result.out), (0, b""))
        count, size, *rest = summary(result)
        equal((count, size), (len(wanted), len("".join(wanted))))
        equal(rest, [0, 0, 0])
        equal(payloads(broker, "lines", len(wanted)), wanted)


@test
def no_lines(broker):
    """No input is no event, and no error."""
    result = run_cli(broker, "pub", "none", data=b"")
    equal((result.code, summary(result)), (0, (0, 0, 0, 0, 0)))
    result = run_cli(broker, "pub", "none", "--quiet", data=b"x\n")
    equal((result.code, result.out, result.err), (0, b"", ""))


@test
def summary_as_json(broker):
    """--json prints the summary as an object."""
    result = run_cli(broker, "pub", "sum", "--json", "-q", data=b"ab\nc\n")
    equal((result.code, result.err), (0, ""))
    found = json.loads(result.out)
    assert found.pop("seconds") > 0 and found.pop("events_per_second") > 0
    wanted = dict(confirmed=2, refused=0, unknown=0, unsent=0, bytes=3)
    equal(found, wanted)


@test
def many(_):
    """A great many lines arrive whole and in order, from a file and from a
    pipe."""
    data = b"".join(b"%d %s\n" % (n, b"x" * (n % 99)) for n in range(100000))
    with Broker("--ring-bytes", "64MiB") as broker, file_with(data) as file:
        for topic, source in (("pipe", {"data": data}), ("file", None)):
            with Command(broker, "sub", topic, "-n", 100000) as command:
                broker.await_metric("subscriptions", 1)
                reader = Reader(command)
                result = pub_from(broker, topic, file, source)
                equal((result.code, summary(result)[0]), (0, 100000))
                assert reader.result() == data


def pub_from(broker, topic, file, source):
    """Publishes lines from a pipe, or from a file."""
    if source:
        return run_cli(broker, "pub", topic, **source)
    file.seek(0)
    with Command(broker, "pub", topic, stdin=file) as command:
        return command.end()


class Reader:
    """Reads all that a command prints, beside the test."""

    def __init__(self, command):
        self.command = command
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        """Until its end."""
        self.out = self.command.end().out

    def result(self):
        """What it printed."""
        self.thread.join()
        return self.out


@test
def random_pieces(broker):
    """However the input comes in pieces, the lines are the same."""
    seed = seed_of_today()
    chance = random.Random(seed)
    for _ in range(5):
        sizes = [chance.choice([0, 1, 9, 300, 30000]) for _ in range(20)]
        wanted = [chance.choice("abc") * size for size in sizes] + ["end"]
        data = "\n".join(wanted).encode()
        with Command(broker, "pub", "pieces") as command:
            while data:
                size = chance.choice([1, 10, 1000, 65536])
                command.write(data[:size])
                data = data[size:]
                time.sleep(0.001)
            command.process.stdin.close()
            command.process.stdin = None
            equal(command.end().code, 0)
        found = payloads(broker, "pieces", len(wanted))
        assert found == wanted, f"SEED={seed}"


@test
def as_they_come(broker):
    """A line is published when it comes, not at the end of the input."""
    with Command(broker, "pub", "slow") as command:
        for word in ("one", "two"):
            before = broker.metric("events_produced_total")
            command.write(f"{word}\nrest".encode())
            broker.await_metric("events_produced_total", before + 1)
            command.write(b"\n")
            broker.await_metric("events_produced_total", before + 2)
        command.process.stdin.close()
        command.process.stdin = None
        equal(summary(command.end())[0], 4)


@test
def large_lines(broker):
    """A line that is too large is refused, by the broker or before, and never
    cut in two; its neighbours arrive. The first error is told with its line:
    exit code 4."""
    for size in (300000, 9000000, 17000000):
        data = b"a\n" + b"x" * size + b"\nb\n" + b"y" * size
        result = run_cli(broker, "pub", "line", data=data)
        equal((result.code, result.out), (4, b""))
        equal(summary(result)[2:], (2, 0, 0), result.err)
        assert "ringtail: line 2: " in result.err, result.err
        equal(payloads(broker, "line", 2), ["a", "b"])


@test
def bad_json_lines(broker):
    """Of lines that are refused the first is told, and all are counted."""
    data = b'1\n{\n"x"\n}\n'
    words = ["pub", "bad", "-t", "application/json", "--json"]
    result = run_cli(broker, *words, data=data)
    equal((result.code, summary(result)), (4, (2, 4, 2, 0, 0)))
    found = json.loads(result.out)
    equal((found["refused"], found["error"][:8]), (2, "line 2: "))


# --- connections that break ---


class Deaf:
    """Takes a connection, reads until a byte comes, and hangs up: nobody knows
    what it has understood. Then it does not listen any more."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.hear, daemon=True).start()
        return self

    def __exit__(self, *reason):
        self.listener.close()

    def hear(self):
        """One peer."""
        peer, _ = self.listener.accept()
        self.listener.close()
        peer.recv(65536)
        peer.close()


@test
def unknown(_):
    """An event whose answer was lost may have arrived or not: it is not sent
    again, and the exit code is 5."""
    for words, data in ((["x"], b""), ([], b"x\n")):
        with Deaf() as deaf:
            result = run_cli(deaf, "pub", "news", *words, data=data)
        equal((result.code, result.out), (5, b""), result.err)
        assert "the event may have arrived" in result.err, result.err
    equal(summary(result)[2:], (0, 1, 0))


@test
def restarted(_):
    """When the broker is killed and started again it goes on, and counts each
    line once, as confirmed or unknown."""
    with Mortal() as broker:
        port = broker.port
        with Command(broker, "pub", "crash") as command:
            command.write(b"before\n")
            broker.await_metric("events_produced_total", 1)
            broker.kill()
            command.write(b"after\n" * 3)
            with Broker(listen=f"127.0.0.1:{port}") as again:
                again.await_metric("events_produced_total", 3)
                command.process.stdin.close()
                command.process.stdin = None
                result = command.end()
        equal(sum(summary(result)) - summary(result)[1], 4)
        assert summary(result)[0] >= 3, result.err


@test
def random_cuts(broker):
    """Wherever the connection is cut, no event arrives twice or out of order,
    and all that are confirmed have arrived."""
    seed = seed_of_today()
    data = b"".join(b"%d\n" % n for n in range(20000))
    (start,) = run_cli(broker, "pub", "cuts", "first").lines()
    with Proxy(broker, seed, 10, 300000) as proxy:
        result = run_cli(None, "pub", "cuts", data=data, url=proxy.url)
    confirmed, _, refused, lost, unsent = summary(result)
    equal((refused, unsent), (0, 0), f"SEED={seed}")
    equal(confirmed + lost, 20000, f"SEED={seed}")
    equal(result.code, 5 if lost else 0, f"SEED={seed}")
    (last,) = run_cli(broker, "pub", "cuts", "last").lines()
    arrived = int(last[9:]) - int(start[9:]) - 1
    assert confirmed <= arrived <= confirmed + lost, f"SEED={seed}"
    found = [int(word) for word in payloads(broker, "cuts", arrived + 1)[:-1]]
    equal(found, sorted(set(found)), f"SEED={seed}")


@test
def idle(_):
    """A connection that the broker closed because there was nothing to publish
    is made again when there is, without a word."""
    with Broker("--idle-timeout", "1s") as broker:
        with Command(broker, "pub", "idle") as command:
            for count in (1, 2):
                command.write(b"x\n")
                broker.await_metric("events_produced_total", count)
                time.sleep(4)
            command.process.stdin.close()
            command.process.stdin = None
            result = command.end()
    equal((result.code, summary(result)), (0, (2, 2, 0, 0, 0)))
    equal(SUMMARY.sub("", result.err), "")


@test
def gives_up(_):
    """When the broker does not come back it gives up: exit code 3, and what
    was not sent is counted."""
    with Mortal() as broker, Command(broker, "pub", "away") as command:
        command.write(b"x\n")
        broker.await_metric("events_produced_total", 1)
        broker.kill()
        time.sleep(0.5)
        command.write(b"y\nz\n")
        result = command.end()
    equal((result.code, summary(result)), (3, (1, 1, 0, 0, 2)))
    assert "giving up: no answer from " in result.err, result.err


# --- signals and terminals ---


@test
def interrupted(broker):
    """A signal ends the input; what was published is summed up: exit code
    130."""
    for number in (signal.SIGINT, signal.SIGTERM):
        with Command(broker, "pub", "signal") as command:
            before = broker.metric("events_produced_total")
            command.write(b"one\ntwo\nthr")
            broker.await_metric("events_produced_total", before + 2)
            command.tell(number)
            command.process.wait(20)
            result = command.end()
        equal((result.code, summary(result)[0]), (130, 2))


@test
def progress(broker):
    """On a terminal it shows how far it is, on one line."""
    main, end = pty.openpty()
    with Command(broker, "pub", "progress", stderr=end) as command:
        os.close(end)
        command.write(b"a\nb\n")
        said = b""
        while b"events/s" not in said:
            said += os.read(main, 1024)
        command.process.stdin.close()
        command.process.stdin = None
        equal(command.process.wait(20), 0)
        while b"not sent" not in said:
            said += os.read(main, 1024)
    os.close(main)
    line = rb"\r\x1b\[K[0-2] events, \d+ events/s, \d+\.\d MB/s"
    pattern = rb"(" + line + rb")+\r\x1b\[Kring"
    assert re.match(pattern, said), said


run(Broker)
