"""What the runners show while they measure, and where they leave it."""

import json
import os
import sys
import time


def progress(words):
    """Shows what is going on, on a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{words}")
        sys.stderr.flush()


def duration(seconds):
    """A time to wait, as long as one remembers it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


class Countdown:
    """How long it will take: what is left, at the pace of what is done."""

    def __init__(self, expected_s):
        self.left_s = dict(expected_s)
        self.expected_s = sum(expected_s.values())
        self.begun = time.monotonic()

    def done(self, name):
        """Takes a part off what is left."""
        self.left_s.pop(name, None)

    def show(self, words):
        """Shows what is going on, and how long to go."""
        left_s = sum(self.left_s.values())
        done_s = self.expected_s - left_s
        passed_s = time.monotonic() - self.begun
        pace = passed_s / done_s if done_s > 0 else 1
        progress(f"{words}; {duration(left_s * pace)} to go")


def save(path, everything):
    """Writes all that was measured to a file, and says where."""
    path.parent.mkdir(exist_ok=True)
    text = json.dumps(everything, indent=1, default=str)
    path.write_text(text + "\n")
    print(f"\nEverything measured: {os.path.relpath(path)}")


def run(program, main, expected):
    """Runs a main function as a program: its status, or why it ended."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        progress("")
        sys.exit(130)
    except expected as failure:
        sys.exit(f"{program}: {failure}")
