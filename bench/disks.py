"""What is asked of a disk beside the load: the broker's own figures of its log,
what of a log the system has in memory, and where all that is."""

import contextlib
import os
import pathlib
import re
import subprocess
import time
import urllib.request

WAIT_S = 20
METRICS = (
    "log_batches_total",
    "log_write_microseconds_total",
    "log_waiting_bytes",
    "events_produced_total",
)


def log_figures(port):
    """What the broker says of its log, by name."""
    url = f"http://127.0.0.1:{port}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    return {
        name: int(re.search(rf"(?m)^ringtail_{name} (\d+)$", text)[1])
        for name in METRICS
    }


def wait_for_disk(port):
    """Returns when all events are on the disk."""
    deadline = time.monotonic() + WAIT_S
    while log_figures(port)["log_waiting_bytes"] > 0:
        assert time.monotonic() < deadline, "the disk is too slow"
        time.sleep(0.02)


def forget(folder):
    """Has the system drop what it has in memory of the files, which the next
    to read gets from the disk."""
    for path in pathlib.Path(folder).iterdir():
        with path.open("rb") as file:
            os.fdatasync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def file_system(path):
    """The kind of file system that a place is on."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        words = ["df", "--output=fstype", str(path)]
        said = subprocess.check_output(words, text=True, timeout=10)
        return said.split()[-1]
    return "?"
