"""Counts the system calls of a running server, with strace."""

import contextlib
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from processes import RunFailed

ATTACH_S = 10


class Trace:
    """What was counted, once it is over."""

    def __init__(self):
        self.calls = 0


def descendants(pid):
    """A process and all that it has started."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += descendants(int(child))
    return found


def is_traced(pid):
    """Whether somebody watches all threads of the process."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return all(
        not re.search(r"TracerPid:\s+0\n", (task / "status").read_text())
        for task in tasks
    )


def wait_until_traced(tracer, pids):
    """Returns when nothing escapes any more."""
    deadline = time.monotonic() + ATTACH_S
    while not all(map(is_traced, pids)):
        if tracer.poll() is not None or time.monotonic() > deadline:
            raise RunFailed("strace may not look at it")
        time.sleep(0.02)


def total(summary):
    """The number of calls in the last line of strace's table."""
    found = re.search(r"(?m)^\s*100\.00\s+\S+\s+\S+\s+(\d+).*total$", summary)
    if found is None:
        raise RunFailed("strace counted nothing")
    return int(found[1])


@contextlib.contextmanager
def tracing(pid):
    """Counts for a while."""
    if shutil.which("strace") is None:
        raise RunFailed("there is no strace")
    pids = descendants(pid)
    trace = Trace()
    with tempfile.NamedTemporaryFile("r") as output:
        command = ["strace", "-c", "-f", "-o", output.name]
        command += [word for one in pids for word in ("-p", str(one))]
        tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            wait_until_traced(tracer, pids)
            yield trace
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait()
        trace.calls = total(output.read())
