"""Runs the echo server, and talks to it as a conformance suite does."""

import re
import signal
import subprocess

import raw
from broker import COMPLAINTS, environment, program
from tap import equal

STOP_S = 20
CLEAN = 1000


class Echo:
    """An echo server on a port of its own: `with Echo() as server`.

    It ends by SIGTERM, with exit code 0 and nothing to complain of.
    """

    def __init__(self):
        self.process = None
        self.port = 0

    def __enter__(self):
        self.process = subprocess.Popen(
            [program(), "127.0.0.1:0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        line = self.process.stdout.readline().decode()
        found = re.search(r"listening on port (\d+)$", line)
        assert found, f"it did not start: {line!r}"
        self.port = int(found[1])
        return self

    def __exit__(self, kind, error, trace):
        self.process.send_signal(signal.SIGTERM)
        try:
            _, said = self.process.communicate(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        said = said.decode()
        assert not any(word in said for word in COMPLAINTS), said
        equal(self.process.returncode, 0, f"exit code, with {said}")


class Peer(raw.WebSocket):
    """A WebSocket at the echo server's root."""

    def __init__(self, server, receive_bytes=None):
        raw.Connection.__init__(self, server.port, receive_bytes, timeout=30)
        self.send(raw.upgrade("/"))
        answer = self.answer()
        equal(answer.status, 101, "status")
        assert "sec-websocket-extensions" not in answer.headers

    def chopped(self, data, size):
        """Sends in pieces of a size; all in one if there is none."""
        if size is None:
            self.drip(data, max(1, len(data)), 0)
        else:
            self.drip(data, size, 0.0002 if size == 1 else 0)

    def expect(self, events):
        """The next frames are exactly these, in this order."""
        for event in events:
            equal(self.frame(), event, "event")

    def close(self, sent=CLEAN):
        """Ends in good order; the server hangs up first, as it ought to."""
        self.send(raw.close_frame(sent))
        self.expect_close(sent)

    def expect_close(self, code, has_reason=False):
        """Nothing but the server's close frame, and then the end."""
        opcode, payload = self.frame()
        equal(opcode, raw.CLOSE, f"opcode, with {payload!r:.100}")
        found = int.from_bytes(payload[:2], "big") if payload else None
        equal(found, code, "close code")
        equal(len(payload) > 2, has_reason, f"a reason in {payload!r}")
        payload[2:].decode("utf-8")
        self.expect_end()

    def expect_failed(self, code):
        """The server has failed the connection, and says why."""
        self.expect_close(code, has_reason=True)
