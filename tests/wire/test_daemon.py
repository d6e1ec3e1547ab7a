#!/usr/bin/python3
"""The program: its options, what it says when it cannot start, its listeners
and its signals."""

import os
import re
import signal
import socket
import subprocess
import tempfile
import time

import raw
from broker import Broker, environment, program, until
from tap import Skip, cases, equal, run, test

STARTED_S = 20

# Option, form of its value, default: part of the interface.
OPTIONS = """
    --listen ADDRESS[:PORT] 127.0.0.1:3030
    --ring-bytes SIZE 1MiB
    --ring-events N unlimited
    --max-age TIME 1h
    --event-bytes SIZE 256KiB
    --memory SIZE 1GiB
    --connections N unlimited
    --stall-timeout TIME 30s
    --heartbeat TIME 25s
    --pong-timeout TIME 10s
    --head-timeout TIME 10s
    --body-timeout TIME 30s
    --idle-timeout TIME 60s
    --insecure - -
    --idempotency-time TIME 5m
    --idempotency-keys N 10000
    --idempotency-bytes SIZE 8MiB
    --batch-bytes SIZE 4MiB
    --data DIR none
    --data-bytes SIZE 10GiB
    --data-events N unlimited
    --data-age TIME unlimited
    --data-reserve SIZE 256MiB
    --ack LEVEL auto
    --help - -
"""
LIMITS = re.findall(r"(--\S+) (?:SIZE|N|TIME) ", OPTIONS)


def start(*words, wrapper=()):
    """Runs the program to its end; its exit code and what it said."""
    result = subprocess.run(
        [*wrapper, program(), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=STARTED_S,
        env=environment(),
        text=True,
        check=False,
    )
    return result.returncode, result.stdout, result.stderr


def complaint(code, *words, wrapper=()):
    """The one line that it says when it does not start."""
    found, out, err = start("serve", *words, wrapper=wrapper)
    equal((found, out), (code, ""), err)
    assert re.fullmatch(r"ringtail: [^\n]+\n", err), err
    return err


# --- words on the command line ---


@test
def shows_help():
    """--help says how to use it, with every option and its default."""
    code, out, err = start("serve", "--help")
    equal((code, err), (0, ""))
    assert max(map(len, out.splitlines())) <= 80
    shown = []
    for text in re.findall(r"^  --.*\n(?:    .*\n)*", out, re.M):
        name, form = re.match(r"  (--\S+) ([^ ]+)?", text).groups()
        default = re.search(r"\(default (\S+)\)\n$", text)
        default = default.group(1) if default else "-"
        shown.append(f"{name} {form or '-'} {default}")
    equal(shown, [line.strip() for line in OPTIONS.strip().splitlines()])


@test
def has_commands():
    """Without a command, or with one that is unknown, it says what there is."""
    for words in ([], ["bogus"], ["--serve"]):
        code, out, err = start(*words)
        equal((code, out), (2, ""))
        assert "serve" in err and "Usage" in err, err
    code, out, err = start("help")
    equal((code, err), (0, ""))
    assert "serve" in out and "Usage" in out, out
    for word in ("version", "--version"):
        code, out, err = start(word)
        equal((code, err), (0, ""))
        assert re.fullmatch(r"ringtail \d+\.\d+\.\d+\n", out), out


SIZE = "a size such as 64KiB"
TIME = "a time such as 250ms"
COUNT = "it takes a number"
HELP = "try ringtail serve --help"

# The argument, and what must be in the complaint beside it.
WRONG = {
    "--bogus": f"there is no option of that name ({HELP})",
    "--bogus=1": f"there is no option of that name ({HELP})",
    "news": f"not an option ({HELP})",
    "-x": f"not an option ({HELP})",
    "--": f"there is no option of that name ({HELP})",
    "--" + "x" * 100: HELP,
    "--ring-bytes": f"a value is missing ({HELP})",
    "--listen": f"a value is missing ({HELP})",
    "--ring-bytes=64KB": SIZE,
    "--ring-bytes=-1": SIZE,
    "--ring-bytes=1.5MiB": SIZE,
    "--ring-bytes=1 MiB": SIZE,
    "--ring-bytes=": SIZE,
    "--max-age=10": TIME,
    "--max-age=1w": TIME,
    "--connections=many": COUNT,
    "--connections=18446744073709551616": COUNT,
    "--insecure=yes": "it takes 0 or 1",
    "--ack=quorum": "it takes auto, memory or disk",
    "--data=": "it takes the name of a directory",
    **{f"{limit}=0": "more than 0, or unlimited" for limit in LIMITS},
}


@test
def wrong():
    """An argument that is not understood is named, with what would be right:
    exit code 2."""
    for word, hint in WRONG.items():
        said = complaint(2, word)
        subject = re.split("=", word)[0][:40]
        assert f"ringtail: {subject}" in said and hint in said, said


# --- reasons not to start ---

ADDRESSES = ["", "nonsense", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x"]
ADDRESSES += ["127.0.0.256:80", "example.org:80", ":80", "[::1", "[::1]80"]
ADDRESSES += ["::1", "unix:", "unix:/" + "x" * 200, "fd:", "fd:x", "fd:-1"]


@test
def bad_address():
    """What is no address is named, with the forms that are: exit code 1."""
    for address in ADDRESSES:
        said = complaint(1, "--listen", address)
        assert f"cannot listen on {address}: " in said, said
        forms = "use ADDRESS:PORT, [ADDRESS]:PORT, unix:PATH or fd:N"
        assert forms in said, said


@test
def in_use():
    """A port in use is an error that says so."""
    with Broker() as broker:
        address = f"127.0.0.1:{broker.port}"
        said = complaint(1, "--listen", address)
        assert f"cannot listen on {address}: " in said, said
        assert "stop it or choose another --listen" in said, said


@test
def no_permission():
    """A place without permission is an error that says so."""
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        words = ["--listen", f"unix:{folder}/ringtail.sock"]
        wrapper = nobody if os.getuid() == 0 else []
        said = complaint(1, *words, wrapper=wrapper)
    assert "permission denied" in said, said
    assert "choose another --listen" in said, said


@test
def not_ours():
    """An address of another machine is an error that says so."""
    said = complaint(1, "--insecure", "--listen", "192.0.2.1:80")
    assert "this machine does not have that address" in said, said


@test
def insecure():
    """Beyond this machine it listens only with --insecure."""
    for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:80"):
        said = complaint(1, "--listen", address)
        assert "allow that with --insecure" in said, said


@test
def large_events():
    """Events larger than their ring are an error that names both options."""
    said = complaint(1, "--event-bytes", "2MiB")
    assert "--event-bytes" in said and "--ring-bytes" in said, said
    said = complaint(1, "--ring-bytes", "128KiB")
    assert "--event-bytes" in said and "--ring-bytes" in said, said


@test
def no_memory():
    """A memory budget in which nothing fits is an error that names it."""
    said = complaint(1, "--memory", "1KiB")
    assert "memory" in said and "--memory" in said, said


@test
def few_descriptors():
    """Too few file descriptors are an error that says how to get more."""
    few = ["prlimit", "--nofile=32:32"]
    said = complaint(1, wrapper=few)
    assert "ulimit -n" in said and "--connections" in said, said
    some = ["prlimit", "--nofile=1000:1000"]
    said = complaint(1, "--connections", "1000", wrapper=some)
    assert "ulimit -n" in said and "--connections" in said, said
    with Broker(wrapper=some) as broker:
        found = re.search(r"ready, for (\d+) connections", broker.said[-1])
        assert 900 <= int(found.group(1)) < 1000, broker.said


# --- listeners ---


@test
def two_listeners():
    """It serves every --listen, and says where."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["--listen", "localhost:0", "--listen", f"unix:{folder}/a"]
        with Broker(*words) as broker:
            ports = [listening(line) for line in broker.said[:2]]
            equal(broker.said[2], f"ringtail: listening on unix:{folder}/a\n")
            for address in (*ports, f"{folder}/a"):
                with raw.Connection(address) as peer:
                    peer.send(raw.get("/livez"))
                    equal(peer.answer().status, 200)


@test
def inherited():
    """It serves sockets that it inherits, listening or only bound."""
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as inet, socket.socket(socket.AF_UNIX) as unix:
            inet.bind(("127.0.0.1", 0))
            inet.listen()
            unix.bind(f"{folder}/a")
            fds = (inet.fileno(), unix.fileno())
            address = f"fd:{fds[0]}"
            words = ["--listen", f"fd:{fds[1]}"]
            with Broker(*words, listen=address, pass_fds=fds) as broker:
                for line, fd in zip(broker.said, fds):
                    equal(line, f"ringtail: listening on fd:{fd}\n")
                for place in (inet.getsockname()[1], f"{folder}/a"):
                    with raw.Connection(place) as peer:
                        peer.send(raw.get("/metrics"))
                        equal(peer.answer().status, 200)


@test
def inherited_from_elsewhere():
    """A socket that other machines reach, or that is none, is not served."""
    with socket.socket() as inet:
        inet.bind(("0.0.0.0", 0))
        fd = inet.fileno()
        with Broker("--insecure", listen=f"fd:{fd}", pass_fds=[fd]) as broker:
            broker.port = inet.getsockname()[1]
            equal(broker.request("GET", "/metrics").status, 404)
            equal(broker.request("GET", "/livez").status, 200)
    assert "not a stream socket" in complaint(1, "--listen", "fd:0")
    assert "not a stream socket" in complaint(1, "--listen", "fd:999")


def listening(line):
    """The port that a line says it listens on."""
    found = re.fullmatch(r"ringtail: listening on http://(.+):(\d+)\n", line)
    assert found.group(1) in ("127.0.0.1", "localhost"), line
    return int(found.group(2))


@test
def ipv6():
    """An IPv6 address is written in brackets."""
    try:
        with Broker(listen="[::1]:0") as broker:
            assert "listening on http://[::1]:" in broker.said[0], broker.said
    except AssertionError as error:
        if "address not available" in str(error):
            raise Skip("this machine has no IPv6") from None
        raise


@test
def public_only():
    """A listener beyond this machine has no metrics, all else it has."""
    with Broker("--insecure", listen="0.0.0.0:0") as broker:
        equal(broker.request("GET", "/metrics").status, 404)
        equal(broker.request("GET", "/livez").status, 200)
        equal(broker.request("GET", "/readyz").status, 200)
        broker.post("public", b"x")
    with Broker("--insecure") as broker:
        equal(broker.request("GET", "/metrics").status, 200)


@test
def default_address():
    """Without --listen it is 127.0.0.1:3030, which may be in use."""
    words = [program(), "serve"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    line = process.stderr.readline()
    process.terminate()
    process.communicate()
    assert "127.0.0.1:3030" in line, line


# --- signals ---

SIGNALS = [("SIGTERM", signal.SIGTERM), ("SIGINT", signal.SIGINT)]


@cases(SIGNALS, "{0} ends it, with exit code 0 and without a word.")
def ends(number):
    """With idle connections, too."""
    with Broker() as broker, raw.Connection(broker.port) as idle:
        idle.send(raw.get("/livez"))
        equal(idle.answer().status, 200)
        equal(broker.stop(number), (0, []))
        idle.expect_end()


@test
def drains():
    """A request that has begun is finished, and no new one is begun."""
    head = raw.request("POST", "/produce/drain", "Content-Length: 5")
    with Broker() as broker, raw.Connection(broker.port) as peer:
        peer.send(head + b"he")
        until(lambda: broker.metric("connections") == 2, "the head")
        broker.tell()
        until(lambda: is_closed(broker.port), "no listener")
        peer.send(b"llo")
        answer = peer.answer()
        equal((answer.status, answer.closes), (200, True))
        peer.expect_end()


@test
def subscribes_no_more():
    """A handshake that a stop overtakes is refused."""
    handshake = raw.upgrade("/subscribe/drain")
    with Broker() as broker, raw.Connection(broker.port) as peer:
        peer.send(handshake[:-2])
        until(lambda: broker.metric("connections") == 2, "the head")
        broker.tell()
        until(lambda: is_closed(broker.port), "no listener")
        peer.send(handshake[-2:])
        answer = peer.answer()
        equal((answer.status, answer.closes), (503, True))
        equal(answer.problem(), "draining")
        peer.expect_end()


def is_closed(port):
    """Whether nobody listens."""
    try:
        raw.Connection(port).socket.close()
        return False
    except ConnectionError:
        return True


@test
def does_not_wait_for_ever():
    """A request that is not finished does not keep it from ending, nor does a
    subscriber that does not answer."""
    with Broker("--head-timeout", "unlimited") as broker:
        with raw.Connection(broker.port) as peer:
            with raw.WebSocket(broker, "/subscribe/drain"):
                peer.send(b"POST /produce/drain HTTP/1.1\r\nHo")
                time.sleep(0.1)
                equal(broker.stop()[0], 0)


run()
