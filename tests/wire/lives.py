"""A broker that is killed and started again, and who has to do with it
meanwhile."""

import contextlib
import threading
import time
import traceback

import raw
from broker import COMPLAINTS, Broker

WAIT_S = 30
KILL_S = 10


class Life(Broker):
    """One of its lives, which ends by SIGKILL."""

    def __init__(self, number, *flags):
        super().__init__(*flags)
        self.number = number
        self.is_killed = threading.Event()

    def kill(self):
        """Ends it at once. Who is cut off by that can know that it was."""
        self.is_killed.set()
        if self.process is not None:
            self.process.kill()

    def begin(self, kill_after_s=None):
        """Starts it, and kills it so much later, be it ready or not; whether it
        was."""
        timer = None
        if kill_after_s is not None:
            timer = threading.Timer(kill_after_s, self.kill)
            timer.start()
        try:
            self.__enter__()
            return True
        except AssertionError:
            if not self.is_killed.is_set():
                raise
            return False
        finally:
            if timer is not None and self.is_killed.is_set():
                timer.join()

    def expect_no_complaint(self):
        """Nothing that it said, up to its death, is one."""
        _, rest = self.process.communicate(timeout=KILL_S)
        said = "".join(self.said) + rest.decode()
        assert not any(word in said for word in COMPLAINTS), said

    @contextlib.contextmanager
    def cut_off(self):
        """For what only a kill may break off."""
        try:
            yield
        except (raw.Ended, ConnectionError) as error:
            if not self.is_killed.wait(1):
                raise AssertionError("cut off by a living broker") from error


class Lives:
    """All of them, one after the other, for threads that outlive each."""

    def __init__(self, account):
        self.account = account
        self.condition = threading.Condition()
        self.current = None
        self.threads = []
        self.is_last = False
        self.is_over = False

    def add(self, function):
        """A thread that goes on through all lives, and may fail."""

        def run():
            try:
                function()
            except Exception:  # whatever it is, it is told in the end
                self.account.fail(traceback.format_exc(limit=-4))

        thread = threading.Thread(target=run, daemon=True)
        self.threads.append(thread)
        thread.start()
        return thread

    def show(self, life):
        """A life has begun in which one can do something."""
        with self.condition:
            self.current = life
            self.condition.notify_all()

    def end(self):
        """There are no more."""
        with self.condition:
            self.is_over = True
            self.condition.notify_all()

    def each(self):
        """Each life that is still going on when one looks for the next."""
        number = 0
        while (life := self.after(number)) is not None:
            number = life.number
            yield life

    def after(self, number):
        """The next life behind that one; None if there is none."""

        def is_known():
            return self.is_over or (self.current or NONE).number > number

        with self.condition:
            assert self.condition.wait_for(is_known, WAIT_S), "no next life"
            return None if self.is_over else self.current


class NONE:
    """Before the first life."""

    number = 0


def pause(random, at_most_s):
    """Waits a while."""
    time.sleep(random.random() * at_most_s)
