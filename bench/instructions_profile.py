"""Runs the broker under callgrind, and reads the profiles that it writes."""

import collections
import contextlib
import os
import re
import signal
import subprocess
import time

from processes import RunFailed, processors, start, stop

ALLOCATORS = {
    *("malloc", "calloc", "realloc", "reallocarray", "memalign"),
    *("aligned_alloc", "posix_memalign"),
}
SETTLE_S = 0.1
MARK = "instructions_mark"
COST_MAX = 2**63  # from here on a number was below zero

# The C library has copying and comparing for many processors. All are to run
# the same, whatever they are.
PLAIN_PROCESSOR = "glibc.cpu.hwcaps=" + ",".join(
    f"-{feature}"
    for feature in (
        *("AVX512VL", "AVX512BW", "AVX2", "AVX", "BMI2", "RTM", "ERMS", "FSRM"),
        *("SSE4_2", "SSE4_1", "SSSE3", "AVX_Fast_Unaligned_Load"),
    )
)


class Profile:
    """What was executed between two marks: instructions by the program or
    library that they are in, and how often memory was allocated."""

    def __init__(self, path):
        self.path = path
        self.instructions = collections.Counter()
        self.allocations = 0
        self.names = {}
        self.place = ""
        self.called = ""
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                self.read(line, lines)

    @property
    def total(self):
        """Instructions of all programs and libraries."""
        return sum(self.instructions.values())

    def name(self, kind, text):
        """A name, which is written out where it stands first."""
        number, _, name = text.partition(" ")
        return self.names.setdefault((kind, number), name)

    def read(self, line, more):
        """A line, with the next one where both are one."""
        if line[0] in "0123456789+-*":
            self.instructions[self.place] += int(line.split()[1])
            return
        key, _, value = line.rstrip("\n").partition("=")
        if key in ("ob", "cob"):
            name = os.path.basename(self.name("object", value))
            self.place = name if key == "ob" else self.place
        elif key in ("fn", "cfn"):
            self.called = self.name("function", value)
        elif key == "calls":
            next(more)  # what the callee took, which it says itself
            if re.sub("'.*", "", self.called) in ALLOCATORS:
                self.allocations += int(value.split()[0])


def readable(lines):
    """The lines of a profile that callgrind_annotate understands: a call that
    it begins or ends in has a cost below zero, and its sum is of all."""
    for line in lines:
        if line.startswith("calls="):
            cost = next(lines)
            if int(cost.split()[1]) < COST_MAX:
                yield line + cost
        elif not line.startswith("summary: "):
            yield line


class Broker:
    """A broker under callgrind, on a port of its own."""

    def __init__(self, process, out):
        self.process = process
        self.out = out
        self.port = int(self.says(r"listening on http://.*:(\d+)$").group(1))
        self.says("ready")

    def says(self, pattern):
        """Waits for a line that matches; the match."""
        said = []
        for line in self.process.stdout:
            match = re.search(pattern, line.rstrip())
            if match:
                return match
            said.append(line)
        raise RunFailed(f"it does not say {pattern}: {''.join(said)}")

    def mark(self):
        """Ends a profile. All that the broker had to do has come of it; after
        a moment it waits, and is not marked inside of the last call."""
        time.sleep(SETTLE_S)
        self.process.send_signal(signal.SIGUSR1)
        self.says("instructions: marked")

    def keep_profile(self):
        """Stops it. Of all profiles, the one between the marks remains."""
        stop(self.process)
        with open(f"{self.out}.2", encoding="utf-8") as lines:
            self.out.write_text("".join(readable(lines)), encoding="utf-8")
        for number in (1, 2):
            os.remove(f"{self.out}.{number}")


@contextlib.contextmanager
def broker(build, out):
    """Runs a broker; what callgrind says and writes is beside `out`."""
    command = [
        *("valgrind", "--tool=callgrind", f"--dump-before={MARK}"),
        *(f"--callgrind-out-file={out}", f"--log-file={out}.log"),
        *(build / "clients/cli/ringtail", "serve", "--listen", "127.0.0.1:0"),
        *("--heartbeat", "unlimited"),  # no pings in between
    ]
    environment = {
        "LD_PRELOAD": str(build / "bench/instructions_mark.so"),
        "GLIBC_TUNABLES": PLAIN_PROCESSOR,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    process = start(command, set(processors()), subprocess.PIPE, environment)
    try:
        yield Broker(process, out)
    finally:
        stop(process)
        process.stdout.close()
