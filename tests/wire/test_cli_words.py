#!/usr/bin/python3
"""The words of the command line: what is understood, what help and shells say
of them, where the broker is found, and what exit codes mean."""

import json
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time

from broker import Broker, environment, program
from cli import run_cli, surroundings, url_of
from tap import Skip, cases, equal, run, test

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/COMMAND_LINE.md"
COMMANDS = ["serve", "pub", "sub", "ping"]
COMMANDS += ["log", "version", "completion", "help"]

# Command, and its options with their values and defaults.
OPTIONS = {
    "pub": """
        --file FILE, -f | --lines, -l | --content-type TYPE, -t
        --url URL = http://127.0.0.1:3030 | --json | --quiet, -q | --help, -h
        """,
    "sub": """
        --since WHERE, -s = now | --exit-after N, -n
        --format raw|json = raw | --url URL = http://127.0.0.1:3030
        --json | --quiet, -q | --help, -h
        """,
    "ping": """
        --count N, -c = 1 | --url URL = http://127.0.0.1:3030 | --json
        --help, -h
        """,
    "log": "--json | --quiet, -q | --help, -h",
    "version": "--json | --help, -h",
    "completion": "--help, -h",
    "help": "--help, -h",
}


def help_of(command):
    """What --help prints."""
    result = run_cli(None, command, "--help")
    equal((result.code, result.err), (0, ""))
    return result.out.decode()


# --- help ---


@cases([(name, name) for name in OPTIONS], "{0} --help has every option.")
def helps(_, command):
    """With its value and its default, an example, and lines that fit."""
    text = help_of(command)
    shown = []
    for part in re.findall(r"^  --.*\n(?:    .*\n)*", text, re.M):
        option = re.match(r"  (\S+(?: \S+)*)(?=  )", part).group(1)
        default = re.search(r"\(default (\S+)\)\n$", part)
        shown.append(option + (f" = {default.group(1)}" if default else ""))
    wanted = re.split(r" \| |\n", OPTIONS[command].strip())
    equal(shown, [option.strip() for option in wanted])
    assert max(map(len, text.splitlines())) <= 80
    assert "\nExamples:\n  " in text and "Usage: ringtail " in text, text
    equal(run_cli(None, "help", command).out.decode(), text)
    equal(run_cli(None, command, "-h").out.decode(), text)


@test
def lists_commands(_):
    """help lists the commands; of serve it says what serve --help says."""
    for words in (["help"], ["--help"], ["-h"]):
        result = run_cli(None, *words)
        equal((result.code, result.err), (0, ""))
        found = re.findall(r"^  ([a-z]+)  ", result.out.decode(), re.M)
        equal(found, COMMANDS)
    equal(run_cli(None, "help", "serve").out.decode(), help_of("serve"))


@test
def document(_):
    """The document has every command, option and exit code."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"| `ringtail {name}" in text, name
    for option in re.findall(r"--[a-z-]+", " ".join(OPTIONS.values())):
        assert option in text, option
    codes = re.findall(r"^  (\d+) +(.*)$", help_of("version"), re.M)
    equal(re.findall(r"^\| (\d+) \| (.*) \|$", text, re.M), codes)


@test
def versions(_):
    """version prints the version, with --json an object."""
    found = json.loads(run_cli(None, "version", "--json").out)
    text = run_cli(None, "version").out.decode()
    equal(text, f"ringtail {found['version']}\n")
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["libuv"]), found


# --- what is not understood ---

# Words, and what is said of them.
WRONG = {
    "bogus": "bogus: there is no such command",
    "pub": "TOPIC [TEXT]: it is missing (try ringtail pub --help)",
    "sub": "TOPIC: it is missing",
    "sub a b": "b: one argument too many",
    "pub a b c": "c: one argument too many",
    "ping x": "x: one argument too many",
    "sub a --bogus": "--bogus: there is no such option",
    "sub a --form json": "--form: there is no such option",
    "sub a --exit-afterwards 1": "there is no such option",
    "sub a -x": "-x: there is no such option",
    "sub a -qn 1": "-qn: there is no such option",
    "sub a --since": "--since: a value is missing",
    "sub a -n": "-n: a value is missing",
    "sub a --json=1": "--json=1: it takes no value",
    "sub a --format xml": "--format xml: raw|json",
    "sub a --format ra": "--format ra: raw|json",
    "sub a --format=": "--format : raw|json",
    "sub a -n 0": "--exit-after 0: it takes a number, more than 0",
    "sub a -n -1": "more than 0",
    "sub a -n 1x": "more than 0",
    "sub a -n 18446744073709551616": "more than 0",
    "ping -c 0": "--count 0: it takes a number, more than 0",
    "pub a b --lines": "one of TEXT, --file and --lines",
    "pub a b --file c": "one of TEXT, --file and --lines",
    "pub a..b c": "a..b: not a topic",
    "sub a..b": "a..b: not a topic",
    "ping --url https://localhost": "https://localhost: https and wss need TLS",
    "ping --url :": ":: not a broker's URL",
    "sub a --url http://": "http://: not a broker's URL",
    "pub a b --url unix:": "unix:: not a broker's URL",
    "sub a --since " + 200 * "x": f"{200 * 'x'}: that is not a value",
    "completion fish": "fish: bash or zsh",
    "log": "verify|repair DIR: it is missing",
    "log verify": "verify|repair DIR: it is missing",
    "log mend .": "mend: verify or repair",
    "help bogus": "bogus: there is no such command",
}


@test
def wrong(_):
    """What is not understood is named: exit code 2, and nothing is done."""
    for line, hint in WRONG.items():
        result = run_cli(None, *line.split())
        equal((result.code, result.out), (2, b""), line)
        assert "ringtail: " in result.err and hint in result.err, result.err


@test
def forms(broker):
    """--name=value is --name value, and options may stand anywhere."""
    for line in (
        "--since=earliest forms -n 1",
        "-n 1 --since earliest forms",
        "forms --since earliest --exit-after=1",
        "-s earliest -n 1 -- forms",
    ):
        broker.post("forms", b"x")
        result = run_cli(broker, "sub", *line.split())
        equal((result.code, result.out), (0, b"x\n"), line)


# --- what cannot be written or read ---


def in_shell(broker, line, data=b""):
    """Runs a line of sh, with `$ringtail` for the program."""
    return subprocess.run(
        ["sh", "-c", line],
        input=data,
        capture_output=True,
        timeout=60,
        env={**surroundings(url_of(broker)), "ringtail": program()},
        check=False,
    )


OUTPUTS = ["version", "help", "ping", "ping --json", "pub full x"]
OUTPUTS += ["pub full --json", "completion zsh", "sub full --since=-1 -n 1"]


@cases([(line, line) for line in OUTPUTS], "{0} into a full disk is an error.")
def full(broker, line):
    """Exit code 1, for somebody believes in what was printed."""
    broker.post("full", b"x")
    result = in_shell(broker, f"$ringtail {line} >/dev/full", b"x\n")
    equal(result.returncode, 1)
    assert b"ringtail: cannot write: " in result.stderr, result.stderr


@test
def closed(broker):
    """What it is started without, nothing else takes the place of."""
    broker.post("closed", b"x")
    for line, wanted in (
        ("pub closed x >&-", b"ringtail: cannot write: bad file"),
        ("sub closed --since=-1 -n 1 >&-", b"ringtail: cannot write: bad file"),
        ("pub closed <&-", b"ringtail: cannot read: bad file"),
        ("pub closed - <&-", b"ringtail: cannot read -: bad file"),
    ):
        result = in_shell(broker, f"$ringtail {line}")
        equal(result.returncode, 1, line)
        assert result.stderr.startswith(wanted), result.stderr
    result = in_shell(broker, "$ringtail pub closed y 2>&-")
    equal((result.returncode, result.stdout[8:9]), (0, b"-"))


# --- where the broker is ---


@test
def urls(_):
    """It is found by --url, else by RINGTAIL_URL, in every form that a URL has;
    by way of a UNIX socket too."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"unix:{folder}/socket"
        with Broker("--listen", path) as broker:
            place = f"127.0.0.1:{broker.port}"
            for url in (
                f"http://{place}",
                f"HTTP://{place}/",
                place,
                path,
                path.replace("unix", "Unix"),
            ):
                pings(url, url=url)
                pings(url, "--url", url)
                cursor = run_cli(None, "pub", "url", "x", url=url).out
                words = ["sub", "url", "--since", "-1", "-n", "1", "--json"]
                event = json.loads(run_cli(None, *words, url=url).out)
                equal(event["cursor"].encode() + b"\n", cursor)
            pings(f"localhost:{broker.port}", url=f"localhost:{broker.port}")


def pings(shown, *words, url=None):
    """A ping that is answered."""
    result = run_cli(None, "ping", *words, url=url)
    equal((result.code, result.err), (0, ""))
    pattern = rf"{re.escape(shown)} answered 200 in \d+\.\d{{3}} ms\n"
    assert re.fullmatch(pattern, result.out.decode()), result.out


@test
def ping(broker):
    """ping --count asks once a second; --json prints objects."""
    start = time.monotonic()
    result = run_cli(broker, "ping", "-c", "2", "--json")
    assert time.monotonic() - start >= 1
    found = [json.loads(line) for line in result.lines()]
    equal([answer["status"] for answer in found], [200, 200])
    assert all(answer["ms"] > 0 for answer in found), found
    assert all(str(broker.port) in answer["url"] for answer in found), found


@test
def ping_nobody(_):
    """ping says what to do when nobody is there: exit code 3."""
    with tempfile.TemporaryDirectory() as folder:
        for url in ("127.0.0.1:1", f"unix:{folder}/none"):
            result = run_cli(None, "ping", url=url)
            equal((result.code, result.out), (3, b""))
            assert f"cannot connect to {url}: " in result.err, result.err
            assert "start a broker with `ringtail serve`" in result.err
    result = run_cli(None, "ping", url="no-such-host.invalid:80")
    equal(result.code, 3)


# --- shells ---


def completion(shell):
    """What is to be sourced."""
    result = run_cli(None, "completion", shell)
    equal((result.code, result.err), (0, ""))
    return result.out.decode()


def bash_words(*words):
    """What bash would offer for the last of the words."""
    quoted = " ".join(f"'{word}'" for word in ("ringtail", *words))
    script = f"""
        {completion("bash")}
        compopt() {{ :; }}
        COMP_WORDS=({quoted}); COMP_CWORD={len(words)}
        _ringtail; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    out = subprocess.check_output(["bash", "-euc", script], text=True)
    return out.split()


@test
def bash_completes(_):
    """bash completes commands, every option of each, and their values."""
    equal(bash_words(""), COMMANDS)
    equal(bash_words("p"), ["pub", "ping"])
    for command in COMMANDS:
        options = re.findall(r"^  (--[a-z-]+)", help_of(command), re.M)
        equal(sorted(bash_words(command, "--")), sorted(options))
    equal(bash_words("sub", "news", "--format", ""), ["raw", "json"])
    equal(bash_words("sub", "news", "--format", "j"), ["json"])
    equal(bash_words("sub", "--format", "="), ["raw", "json"])
    equal(bash_words("sub", "--format", "=", "j"), ["json"])
    equal(bash_words("sub", "--url", ""), [])
    equal(bash_words("sub", "--url", "=", "h"), [])
    equal(bash_words("help", "pi"), ["ping"])
    equal(bash_words("completion", ""), ["bash", "zsh", "--help"])
    equal(bash_words("log", "v"), ["verify"])


@test
def zsh_names(_):
    """The script for zsh names every option of every command."""
    cases_of = re.split(r"^    (\w+)\)$", completion("zsh"), flags=re.M)[1:]
    found = dict(zip(cases_of[::2], cases_of[1::2]))
    equal(list(found), COMMANDS)
    for command, text in found.items():
        options = re.findall(r"^  (--[a-z-]+)", help_of(command), re.M)
        named = re.findall(r"^ +'(--[a-z-]+)", text, re.M)
        equal(sorted(named), sorted(options))


class Terminal:
    """A shell on a terminal, with the program in its path."""

    def __init__(self, *words):
        self.main, end = pty.openpty()
        folder = os.path.dirname(program())
        path = f"{folder}:{os.environ['PATH']}"
        self.shell = subprocess.Popen(
            words,
            stdin=end,
            stdout=end,
            stderr=end,
            start_new_session=True,
            env={**environment(), "PATH": path, "TERM": "dumb", "PS1": "$ "},
        )
        os.close(end)

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.shell.kill()
        self.shell.wait()
        os.close(self.main)

    def ask(self, text, wanted):
        """Types something and waits for what should come."""
        os.write(self.main, text.encode())
        end = time.monotonic() + 20
        said = ""
        while wanted not in said:
            left = end - time.monotonic()
            ready = select.select([self.main], [], [], max(left, 0))[0]
            assert ready, f"{text!r}: no {wanted!r} in {said!r}"
            said += os.read(self.main, 4096).decode(errors="replace")


SHELLS = [
    ("bash", ["bash", "--norc", "-i"], "true"),
    ("zsh", ["zsh", "-f", "-i"], "autoload -Uz compinit; compinit -u -D"),
]


@cases(SHELLS, "A tab in {0} completes a word.")
def tab(_, words, prepare):
    """In a real one."""
    if shutil.which(words[0]) is None:
        raise Skip(f"there is no {words[0]}")
    with Terminal(*words) as terminal:
        source = f"source <(ringtail completion {words[0]})"
        terminal.ask(f"{prepare}; {source}; echo rea''dy\n", "\nready")
        terminal.ask("ringtail pu\t", "ringtail pub ")
        terminal.ask("news --conte\t", "--content-type")
        terminal.ask("\x15ringtail sub news --format js\t", "json")
        terminal.ask("\x15ringtail sub news --format=js\t", "=json")
        terminal.ask("\x15ringtail help vers\t", "version")


run(Broker)
