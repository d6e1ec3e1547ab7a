"""Runs the broker that the tests talk to."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time

START_S = 20
STOP_S = 20

# How it complains: the sanitizers, and the broker's own checks.
COMPLAINTS = ("Sanitizer", "runtime error:", "check failed")


def program():
    """The absolute path of the program under test."""
    return os.path.abspath(sys.argv[1])


def environment():
    """Sanitizers say all they know and end the process at once."""
    return {
        "ASAN_OPTIONS": "halt_on_error=1:detect_leaks=1"
        ":detect_stack_use_after_return=1:strict_string_checks=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
        **os.environ,
    }


class Answer:
    """What came back of a request."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        """The body, taken for JSON."""
        return json.loads(self.body)


class Broker:
    """A broker process on a port of its own: `with Broker(flags...) as b`.

    It ends by SIGTERM, with exit code 0 and nothing to complain of.
    """

    def __init__(
        self, *flags, listen="127.0.0.1:0", wrapper=(), pass_fds=()
    ):
        command = [*wrapper, program(), "serve", "--listen", listen, *flags]
        self.command = [str(word) for word in command]
        self.pass_fds = pass_fds
        self.process = None
        self.is_told = False
        self.said = []
        self.port = 0

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment(),
            pass_fds=self.pass_fds,
        )
        while not self.said or ": ready" not in self.said[-1]:
            line = self.process.stderr.readline().decode()
            assert line, f"it did not start: {''.join(self.said)}"
            self.said.append(line)
            for port in re.findall(r"listening on http://.*:(\d+)$", line):
                self.port = int(port)
        return self

    def __exit__(self, kind, error, trace):
        code, said = self.stop()
        if error is not None:
            sys.stdout.write("".join(f"# {line}\n" for line in said))
            return
        text = "\n".join(said)
        assert not any(word in text for word in COMPLAINTS), text
        assert code == 0, f"exit code {code}: {text}"

    def tell(self, number=signal.SIGTERM):
        """Sends the signal to end, unless it was told before."""
        if not self.is_told:
            self.is_told = True
            self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM):
        """Ends the process; its exit code and what it said in the end."""
        self.tell(number)
        try:
            _, rest = self.process.communicate(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, rest = self.process.communicate()
            return "none: it had to be killed", rest.decode().splitlines()
        return self.process.returncode, rest.decode().splitlines()

    # --- what a client does ---

    def url(self, path, scheme="http"):
        """The URL of a path."""
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def request(self, method, path, body=None, headers=None):
        """One request on a connection of its own."""
        peer = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            peer.request(method, path, body=body, headers=headers or {})
            answer = peer.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            peer.close()

    def post(self, topic, payload, **headers):
        """Publishes an event; the receipt."""
        answer = self.request("POST", f"/produce/{topic}", payload, headers)
        assert answer.status == 200, (answer.status, answer.body)
        return answer.json()

    def metrics(self):
        """All of /metrics; asks again while there is no room to ask in."""
        answer = self.request("GET", "/metrics")
        while answer.status == 503:
            time.sleep(0.05)
            answer = self.request("GET", "/metrics")
        return answer.body.decode()

    def metric(self, name):
        """A figure of /metrics; `name` with its label, if it has one."""
        text = self.metrics()
        for line in text.splitlines():
            if line.startswith(f"ringtail_{name} "):
                return int(line.split()[1])
        raise AssertionError(f"there is no metric {name}")

    def await_metric(self, name, at_least, timeout_s=15):
        """Waits until a figure has grown."""
        until(lambda: self.metric(name) >= at_least, name, timeout_s)


def until(condition, what, timeout_s=15):
    """Waits for a condition; fails when it does not come."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"not within {timeout_s} s: {what}"
        time.sleep(0.02)
