#!/usr/bin/python3
"""The documents say what is so: the examples of docs/PROTOCOL.md,
docs/COMMAND_LINE.md and README.md are run, and the tables of the first are
compared with the program.

A block marked `console`, or `console data` for a broker with a log on disk, is
a session: `$ ` and a command, what follows of it behind `> `, then what it
prints, its errors apart. Blank lines do not count, and a line `...` stands for
any lines. Port 3030 stands for the broker's, times and dates for any, and an
epoch for the one that the broker uses in its place, here and in later commands.
A command that goes on after it has printed what it should is ended.
"""

import os
import pathlib
import re
import subprocess
import tempfile
import threading
import time

from broker import Broker, environment, program
from tap import cases, equal, run, test

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROTOCOL = ROOT / "docs/PROTOCOL.md"
COMMAND_LINE = ROOT / "docs/COMMAND_LINE.md"
WAIT_S = 20
SETTLE_S = 0.3

BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.M | re.S)
CURSOR = re.compile(r"\b([0-9a-f]{8})-(\d+)\b")
ESCAPE = re.compile(r"\x1b(?:\[[0-9;]*[A-Za-z]|[78])")
VOLATILE = [
    (re.compile(r'"ts":\d{13}\b'), '"ts":TIME'),
    (re.compile(r"^Date: .* GMT$", re.M), "Date: DATE"),
]


class Session:
    """Runs the commands of a document, one after the other."""

    def __init__(self, broker):
        self.port = str(broker.port)
        self.epochs = {}  # of the document, and what they are in truth

    def environment(self):
        """With the program in the path, and the broker where it is."""
        folder = os.path.dirname(program())
        return {
            **environment(),
            "PATH": f"{folder}:{os.environ['PATH']}",
            "RINGTAIL_URL": f"http://127.0.0.1:{self.port}",
        }

    def translate(self, command):
        """A command, with the broker's port and epochs."""
        command = command.replace("3030", self.port)
        for written, found in self.epochs.items():
            command = command.replace(written, found)
        return command

    def lines(self, text):
        """What counts of a text: its lines without what is volatile."""
        text = ESCAPE.sub("", text).replace("\r", "").replace(self.port, "3030")
        for pattern, name in VOLATILE:
            text = pattern.sub(name, text)
        kept = [line.rstrip() for line in text.splitlines()]
        return [line for line in kept if line not in ("", ">")]

    def match(self, wanted, found):
        """Whether the lines are alike; learns the epochs if they are."""
        epochs = dict(self.epochs)
        if not match_lines(wanted, found, epochs):
            return False
        self.epochs = epochs
        return True

    def run(self, command, output):
        """Runs a command; fails unless it prints what it should."""
        wanted = self.lines(output)
        with Process(self.translate(command), self.environment()) as process:
            end = time.monotonic() + WAIT_S
            while not process.has_ended() and time.monotonic() < end:
                if self.match(wanted, self.lines(process.output())):
                    process.wait(SETTLE_S)
                    break
                time.sleep(0.02)
            found = self.lines(process.output())
        said = "\n".join(found)
        assert self.match(wanted, found), f"{command}\n{said}"


def match_lines(wanted, found, epochs):
    """Whether all lines are alike, where `...` is any number of lines."""
    if not wanted:
        return not found
    if wanted[0] == "...":
        rests = range(len(found) + 1)
        return any(match_lines(wanted[1:], found[n:], epochs) for n in rests)
    if not found or not match_line(wanted[0], found[0], epochs):
        return False
    return match_lines(wanted[1:], found[1:], epochs)


def match_line(wanted, found, epochs):
    """Whether two lines are alike, but for epochs, which are noted."""
    pairs = zip(CURSOR.findall(wanted), CURSOR.findall(found))
    for (written, _), (true, _) in pairs:
        if epochs.setdefault(written, true) != true:
            return False
    for written, true in epochs.items():
        wanted = wanted.replace(written, true)
    return wanted == found


class Process:
    """A shell command whose output can be looked at while it runs."""

    def __init__(self, command, surroundings):
        self.process = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", command],
            env=surroundings,
            stdin=subprocess.PIPE,  # kept open: some end with their input
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        self.data = b""
        self.reader = threading.Thread(target=self.read)

    def __enter__(self):
        self.reader.start()
        return self

    def __exit__(self, *reason):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()

    def read(self):
        """Collects the output to its end."""
        while data := self.process.stdout.read(65536):
            self.data += data

    def output(self):
        """What it has printed so far."""
        return self.data.decode(errors="replace")

    def has_ended(self):
        """Whether there will be no more output."""
        return not self.reader.is_alive()

    def wait(self, timeout_s):
        """Waits for the end, for a while."""
        self.reader.join(timeout_s)


def sessions(text, kind="console"):
    """Pairs of a command and its output, in the order of the document."""
    for marked, block in BLOCK.findall(text):
        if marked == kind:
            for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
                yield split(part)


def split(part):
    """A command, which goes on in lines that begin with `> `, and what it
    prints."""
    lines = part.splitlines(keepends=True)
    count = 1
    while lines[count:] and lines[count].startswith("> "):
        count += 1
    command = lines[0] + "".join(line[2:] for line in lines[1:count])
    return command.rstrip("\n"), "".join(lines[count:])


DOCUMENTS = [
    (path.relative_to(ROOT), path)
    for path in (PROTOCOL, COMMAND_LINE, ROOT / "README.md")
    if path.exists()
]


def run_examples(commands, *flags):
    """All of them, of which there are some, against a broker of their own."""
    commands = list(commands)
    assert commands, "there are none"
    with Broker(*flags) as broker:
        session = Session(broker)
        for command, output in commands:
            session.run(command, output)


@cases(DOCUMENTS, "The examples of {0} do what it says.")
def examples(path):
    """Each document against a broker of its own."""
    run_examples(sessions(path.read_text(encoding="utf-8")))


@test
def examples_on_disk():
    """The examples of docs/PROTOCOL.md for a log on disk do what it says."""
    with tempfile.TemporaryDirectory() as data:
        text = PROTOCOL.read_text(encoding="utf-8")
        run_examples(sessions(text, "console data"), "--data", data)


def rows(heading, text):
    """The rows of the tables in a section, each a list of its cells."""
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = re.findall(r"^\| (.+) \|$", section, re.M)
    return [line.split(" | ") for line in lines]


@test
def limits():
    """The table of limits has all options, with their defaults."""
    words = [program(), "serve", "--help"]
    text = subprocess.check_output(words, text=True, env=environment())
    pattern = r"^  --(\S+) .*\n(?:    .*\n)*?.*\(default (\S+)\)$"
    shown = re.findall(pattern, text, re.M)
    wanted = [(name.replace("-", "_"), value) for name, value in shown]
    found = [
        (name.strip("`"), value)
        for name, value, *_ in rows("Limits", PROTOCOL.read_text())
        if name.startswith("`")
    ]
    equal(found, [row for row in wanted if row[0] != "listen"])


def entries(path, macro):
    """The arguments of an X-macro's entries."""
    text = (ROOT / path).read_text(encoding="utf-8")
    body = re.search(rf"#define {macro}\(X\)(.*?[^\\])\n", text, re.S).group(1)
    body = body.replace("\\\n", " ")
    return re.findall(r'X\((\w+),\s*(\d+),\s*"([^"]+)"', body)


@test
def problems():
    """The table of problems has all of them, in order."""
    wanted = [
        (status, slug)
        for _, status, slug in entries("protocol/problem.h", "RT_PROBLEM_MAP")
    ]
    found = [
        (status, slug.strip("`"))
        for status, slug, *_ in rows("Problems", PROTOCOL.read_text())
        if status.isdigit()
    ]
    equal(found, wanted)


UNSENT = {"closed-by-peer", "refused", "connection-lost"}


@test
def closes():
    """The table of close codes has all that are sent, in order."""
    path = "broker/core/close_reason.h"
    wanted = [
        (code, slug)
        for _, code, slug in entries(path, "RT_CLOSE_MAP")
        if slug not in UNSENT
    ]
    found = [
        (code, slug.strip("`"))
        for code, slug, *_ in rows("Close codes", PROTOCOL.read_text())
        if code.isdigit()
    ]
    equal(found, wanted)


@test
def metrics():
    """The table of metrics has all of them, and no others."""
    with tempfile.TemporaryDirectory() as data:
        with Broker("--data", data) as broker:
            text = broker.request("GET", "/metrics").body.decode()
    wanted = set(re.findall(r"^# TYPE (\S+)", text, re.M))
    named = [cell for cell, *_ in rows("Operate", PROTOCOL.read_text())]
    equal(set(re.findall(r"ringtail_\w+", " ".join(named))), wanted)


run()
