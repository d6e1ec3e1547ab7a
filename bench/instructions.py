#!/usr/bin/python3
"""Counts the instructions that the broker executes for an event.

A broker under callgrind, and a script of what its peers do, each step when the
one before is done: so the same is executed in every run, on whatever machine
and however busy it is. What was counted is held against what is stated in
bench/instructions.expected. bench/README.md says what the figures mean.
"""

import argparse
import ctypes
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
EXPECTED = HERE / "instructions.expected"
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(ROOT / "tests/wire")]

from instructions_load import LOADS, count
from processes import RunFailed

EXAMPLES = """\
examples:
  script/instructions                  all loads, in some ten seconds
  script/instructions --only produce   one (repeatable)
  script/instructions --list           their names
  script/instructions --build DIR      of another build, which is there

where the instructions of a load go, when it has been run:
  callgrind_annotate --inclusive=yes build-bench/bench/instructions/LOAD.out
"""

# What makes the same source another program, or the libraries others.
GCC = re.compile(rb"GCC: \([^)]*\) (\d+\.\d+)")


class Expected:
    """What is stated: figures, by how much they may be exceeded, and with what
    they were counted."""

    def __init__(self):
        lines = EXPECTED.read_text(encoding="ascii").splitlines()
        pairs = [line.split(": ") for line in lines if not line.startswith("#")]
        self.values = dict(pairs)
        self.tools = self.values["counted with"]
        self.margin = float(self.values["margin"].rstrip(" %")) / 100

    def figure(self, name):
        """That of a load."""
        return float(self.values[name])


class Counted:
    """What a load had the broker execute, and what was expected."""

    def __init__(self, build, name, expected):
        profile = count(build, name)
        self.name = name
        self.load = LOADS[name]
        self.path = os.path.relpath(profile.path, ROOT)
        self.figure = profile.total / self.load.count
        self.parts = {
            place: instructions / self.load.count
            for place, instructions in profile.instructions.most_common()
        }
        self.allocations = profile.allocations / self.load.events
        self.stated = expected.figure(name)
        self.margin = expected.margin

    @property
    def change(self):
        """From what is stated, as a part of it."""
        return self.figure / self.stated - 1

    def complaint(self):
        """What is wrong and what can be done, if anything is."""
        if self.change > self.margin:
            return TOO_MANY.format(self)
        if self.allocations > 0:
            return ALLOCATED.format(self)
        return ""

    def sentence(self):
        """For a reader of test results."""
        return (
            f"{self.load.what}: {self.figure:,.1f} instructions,"
            f" {self.change:+.1%} from what is stated"
        )

    def summary(self):
        """For the file of results."""
        return {
            "what": self.load.what,
            "instructions": self.figure,
            "stated": self.stated,
            "parts": self.parts,
            "allocations_per_event": self.allocations,
        }


WHERE = """\
  where they are: callgrind_annotate --inclusive=yes {0.path}
  what it was before: the same, and script/instructions, on the last commit
"""

TOO_MANY = (
    """\
{0.name}: {0.figure:,.1f} instructions, {0.change:.1%} more than the
{0.stated:,.1f} in bench/instructions.expected; {0.margin:.0%} are allowed.
Make it cheaper, or change the figure there and say in the commit what it buys.
"""
    + WHERE
)

ALLOCATED = (
    """\
{0.name}: {0.allocations:.4f} heap allocations for an event, where all memory is
to be used again.
"""
    + WHERE.replace("they are", "malloc is called")
)

FORMAT = "{:<12} {:<40} {:>9} {:>8} {:>8} {:>7} {:>7} {:>6} {:>8}"
HEADINGS = (
    *("load", "for each", "counted", "stated", "change"),
    *("broker", "libuv", "libc", "allocate"),
)


def part(counted, words):
    """The instructions in a program or a library."""
    found = (n for name, n in counted.parts.items() if name.startswith(words))
    return f"{sum(found):,.1f}"


def row(counted):
    """A line of the table."""
    return FORMAT.format(
        counted.name,
        counted.load.what,
        f"{counted.figure:,.1f}",
        f"{counted.stated:,.1f}",
        f"{counted.change:+.1%}",
        part(counted, "ringtail"),
        part(counted, "libuv"),
        part(counted, ("libc", "ld-")),
        f"{counted.allocations:.3f}",
    )


def tools(build):
    """What the broker was made with and runs with, as far as it matters."""
    libuv = ctypes.CDLL("libuv.so.1")
    libuv.uv_version_string.restype = ctypes.c_char_p
    program = (build / "clients/cli/ringtail").read_bytes()
    gcc = GCC.search(program)
    return ", ".join(
        [
            f"gcc {gcc.group(1).decode() if gcc else 'none'}",
            f"libuv {libuv.uv_version_string().decode()}",
            os.confstr("CS_GNU_LIBC_VERSION"),
            platform.machine(),
        ]
    )


def save(build, results, made_with):
    """Writes everything to a file."""
    path = build / "bench/instructions.json"
    loads = {counted.name: counted.summary() for counted in results}
    everything = {"counted_with": made_with, "loads": loads}
    path.write_text(json.dumps(everything, indent=1) + "\n")


def show(build, names, expected, made_with):
    """Prints the table as it grows, then what is wrong."""
    print(FORMAT.format(*HEADINGS), flush=True)
    results = []
    for name in names:
        results.append(Counted(build, name, expected))
        print(row(results[-1]), flush=True)
    save(build, results, made_with)
    if made_with != expected.tools:
        print(f"\nThe figures are for {expected.tools}; this is {made_with}.")
        return 0
    complaints = [counted.complaint() for counted in results]
    print("".join(f"\n{words}" for words in complaints if words), end="")
    return 1 if any(complaints) else 0


def tap(build, names, expected, made_with):
    """The same for the test suite."""
    if made_with != expected.tools:
        print(f"1..0 # SKIP not {expected.tools}, but {made_with}")
        return 0
    print(f"1..{len(names)}")
    status = 0
    for number, name in enumerate(names, 1):
        counted = Counted(build, name, expected)
        complaint = counted.complaint()
        verdict = "not ok" if complaint else "ok"
        print(f"{verdict} {number} - {counted.sentence()}")
        print("".join(f"# {line}\n" for line in complaint.splitlines()), end="")
        status = 1 if complaint else status
    return status


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="script/instructions",
        description="Counts the instructions that the broker executes.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    build = ROOT / "build-bench"
    add("--only", action="append", choices=LOADS, metavar="LOAD", help="one")
    add("--list", action="store_true", help="the names of the loads")
    add("--tap", action="store_true", help="results as the tests have them")
    add("--build", type=pathlib.Path, default=build, help="(build-bench)")
    return parser.parse_args()


def main():
    """Returns the exit status: 0 when nothing takes more than is stated."""
    options = parse()
    if options.list:
        print("\n".join(LOADS))
        return 0
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not there: script/bootstrap --test")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    build = options.build.resolve()
    report = tap if options.tap else show
    try:
        names = options.only or list(LOADS)
        return report(build, names, Expected(), tools(build))
    except RunFailed as failure:
        sys.exit(f"script/instructions: {failure}")


if __name__ == "__main__":
    sys.exit(main())
