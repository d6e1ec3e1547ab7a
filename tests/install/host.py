"""Compiles the host program, and talks to it while it runs."""

import http.client
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(__file__).with_name("host.c")
TIMEOUT_S = 100


def output(*command, **environment):
    """What a command prints; it must succeed."""
    result = subprocess.run(
        [str(word) for word in command],
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env={**os.environ, **environment},
    )
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


def post(port):
    """Publishes an event; the status of the answer."""
    peer = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        peer.request("POST", "/produce/installed", b"hello")
        return peer.getresponse().status
    finally:
        peer.close()


def check(binary, **environment):
    """Runs the host program: it serves, and ends in good order."""
    process = subprocess.Popen(
        [binary],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        version, port = process.stdout.readline().split()
        assert version[0].isdigit(), version
        status = post(int(port))
        process.stdin.close()
        code = process.wait(TIMEOUT_S)
        assert (status, code) == (200, 0), f"status {status}, exit code {code}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def run(fixture, checks):
    """Runs the checks and reports in the Test Anything Protocol."""
    failures = 0
    for number, function in enumerate(checks, 1):
        verdict = "ok"
        try:
            function(fixture)
        except (AssertionError, OSError, ValueError) as error:
            verdict = "not ok"
            failures += 1
            for line in str(error).splitlines():
                print(f"# {line}")
        sentence = " ".join(function.__doc__.split())
        print(f"{verdict} {number} - {sentence}")
    print(f"1..{len(checks)}")
    sys.exit(failures != 0)
