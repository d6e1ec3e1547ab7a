"""Brokers with a log on disk."""

import subprocess
import tempfile

from broker import Broker, environment, program, until
from tap import equal

# Rings that have little of what is on disk.
SMALL = ("--ring-bytes", "64KiB", "--event-bytes", "16KiB")

# How far offsets go on after an end that was none.
JUMP = 1 << 24


def folder():
    """A directory for the log, which is gone at the end."""
    return tempfile.TemporaryDirectory(prefix="ringtail-data-")


def broker_on(data, *flags):
    """A broker whose log is there."""
    return Broker("--data", data, *flags)


def refusal(*words, wrapper=()):
    """What the program says that does not start."""
    result = subprocess.run(
        [*wrapper, program(), "serve", "--listen", "127.0.0.1:0", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=20,
        env=environment(),
        text=True,
        check=False,
    )
    assert result.returncode in (1, 2), (result.returncode, result.stderr)
    return result.stderr


def state(broker, topic):
    """What GET /topics/{topic} says."""
    answer = broker.request("GET", f"/topics/{topic}")
    equal(answer.status, 200, topic)
    return answer.json()


def on_disk(broker):
    """Waits until all that was published is on disk."""
    until(lambda: broker.metric("log_waiting_bytes") == 0, "the log")


class Killed(Broker):
    """One that ends at once, without a last batch."""

    def __exit__(self, kind, error, trace):
        self.process.kill()
        self.process.communicate()
