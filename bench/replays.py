"""Replays beside what is measured: one after the other."""

import contextlib
import threading

import loads
from processes import RunFailed, run_load

TIMEOUT_S = 30


class Replays:
    """A subscriber that comes for all there is, again and again."""

    def __init__(self, load, port, pid):
        self.arguments = (load, port, pid, loads.replay(1), TIMEOUT_S)
        self.reports = []
        self.failure = None
        self.is_over = False

    def run(self):
        """All of them; one that fails is the last."""
        try:
            while not self.is_over:
                self.reports.append(run_load(*self.arguments))
        except (RunFailed, OSError) as failure:
            self.failure = failure


@contextlib.contextmanager
def replaying(load, port, pid):
    """Replays for a while; gives their reports, once they have ended."""
    replays = Replays(load, port, pid)
    thread = threading.Thread(target=replays.run)
    thread.start()
    try:
        yield replays.reports
    finally:
        replays.is_over = True
        thread.join()
    if replays.failure:
        raise replays.failure
