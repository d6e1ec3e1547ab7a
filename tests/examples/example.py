"""Runs an example, and what the tests of clients have for talking to it."""

import os
import pathlib
import queue
import re
import signal
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "wire"))

from broker import Broker, environment  # noqa: E402

TIMEOUT_S = 60
WRAPPER = os.environ.get("EXAMPLES_WRAPPER", "").split()


class Example(Broker):
    """An example on a port of its own: `with Example("minimal") as e`.

    It ends by SIGINT, with exit code 0 and nothing to complain of.
    """

    def __init__(self, name, *arguments):
        super().__init__()
        path = os.path.join(sys.argv[1], f"example-{name}")
        words = [*WRAPPER, path, "127.0.0.1:0", *arguments]
        self.command = [str(word) for word in words]
        self.lines = queue.Queue()

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
        )
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        words = r"listening on http://.*:(\d+)"
        self.port = int(self.says(words).group(1))
        return self

    def read(self):
        """Puts all that it says into a queue; None is the end."""
        for line in self.process.stdout:
            self.lines.put(line.decode().rstrip())
        self.lines.put(None)

    def says(self, pattern):
        """Waits for a line that matches; the match."""
        while True:
            line = self.lines.get(timeout=TIMEOUT_S)
            assert line is not None, f"it has not said {pattern}: {self.said}"
            self.said.append(line)
            match = re.search(pattern, line)
            if match:
                return match

    def stop(self, number=signal.SIGINT):
        """Ends the process; its exit code and all that it has said."""
        self.tell(number)
        try:
            self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        while not self.lines.empty():
            self.said.append(self.lines.get() or "")
        return self.process.returncode, self.said

    def ended(self):
        """Ends it in good order; all that it has said."""
        self.__exit__(None, None, None)
        return "\n".join(self.said)
