#!/usr/bin/python3
"""Measures the broker against the floor and its peers, and prints tables.

Every figure is a ratio to a program that does the least a server can, or to
another broker, taken in runs that alternate, so that it carries over between
machines. The method is explained in bench/README.md.
"""

import argparse
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from bench import Bench
from processes import RunFailed, alone
from results import Results
from rows import BROKER_ONLY, ROWS, instructions
from runs import WAIT_MAX
from servers import PEERS
from shapes import SHAPES
from sides import print_shape, required_lines, run_shape
from terminal import Countdown, progress, run, save

EXAMPLES = """\
examples:
  script/bench                         the requirements, some seven minutes
  script/bench --quick                 a first impression in two
  script/bench --install-peers         other brokers, from Debian
  script/bench --peers                 and all side by side, some 25
  script/bench --report                docs/BENCHMARKS.md, of the last figures
  script/bench --only fanout-100       one row (repeatable)
  script/bench --peers --only churn    one shape
  script/bench --self                  the floor against itself: ratios of 1
  script/bench --server ./ringtail     another build of the broker
"""

START_S = 0.4  # of a run: to start, to connect, to end
HEADINGS = ("row", "measure", "ringtail", "beside", "value", "interval")
FORMAT = "{:<15} {:<33} {:>10} {:>10} {:>7} {:>16} {:>8}  {}"


def print_headings():
    """The head of the table of requirements."""
    print(FORMAT.format(*HEADINGS, "at most", "verdict"), flush=True)


def print_line(name, line):
    """One line of it."""
    shown = line.shown.format
    print(
        FORMAT.format(
            name,
            line.measure,
            line.ringtail,
            line.beside,
            shown(line.value),
            f"{shown(line.low)} to {shown(line.high)}",
            shown(line.limit),
            "met" if line.met() else "MISSED",
        ),
        flush=True,
    )


def run_row(bench, name, show):
    """All runs of a row; its lines."""
    row = ROWS[name](bench.options.pairs)
    number = 0
    try:
        wanted = next(row)
        while True:
            number += 1
            show(f"{name}: run {number}, {wanted.server}")
            wanted = row.send(bench.measure(name, wanted))
    except StopIteration as result:
        return result.value
    finally:
        progress("")


def chosen(options, names):
    """Those of the names that are to run."""
    skipped = BROKER_ONLY if options.self else []
    return [
        name
        for name in names
        if name not in skipped and name in (options.only or names)
    ]


def run_rows(bench, countdown, results):
    """Prints the table as it grows; whether all requirements are met."""
    is_met = True
    print_headings()
    for name in chosen(bench.options, ROWS):
        before = len(bench.samples)
        try:
            lines = run_row(bench, name, countdown.show)
        except RunFailed as failure:
            print(f"{name:<15} FAILED: {failure}", flush=True)
            results.add("rows", name, {"error": str(failure)})
            is_met = False
            continue
        finally:
            countdown.done(("row", name))
        is_met = print_lines(name, lines) and is_met
        samples = bench.samples[before:]
        results.add("rows", name, {"lines": lines, "samples": samples})
    return is_met


def print_lines(name, lines):
    """Some lines of the table; whether what they require is met."""
    for line in lines:
        print_line(name, line)
    return all(line.met() for line in lines)


def tell_instructions(bench):
    """The part of the table that is counted elsewhere; whether it is met."""
    lines = instructions(bench.build / "bench/instructions.json")
    return bool(bench.options.only) or print_lines("instructions", lines)


def report(options):
    """Writes what is known for others to read."""
    # It draws with a library that measuring does not need.
    from report import write_report

    results = Results(options)
    counted = pathlib.Path(options.build) / "bench/instructions.json"
    results.add("rows", "instructions", {"lines": instructions(counted)})
    return write_report(results.kept, ROOT)


def run_shapes(bench, countdown, results):
    """Prints the servers side by side; whether all requirements are met."""
    required = []
    for name in chosen(bench.options, SHAPES):
        rounds = run_shape(bench, name, countdown.show)
        progress("")
        countdown.done(("shape", name))
        print_shape(name, rounds)
        lines = list(required_lines(name, rounds))
        required += [(name, line) for line in lines]
        results.add("shapes", name, {"rounds": rounds, "lines": lines})
    if required:
        print()
        print_headings()
    return all([print_lines(name, [line]) for name, line in required])


def expected_s(bench):
    """How long each part will take, about."""
    options = bench.options
    one_s = options.seconds + options.warmup + START_S
    rows = {
        ("row", name): 2 * options.pairs * one_s
        for name in chosen(options, ROWS)
    }
    shapes = {
        ("shape", name): min(SHAPES[name].rounds, options.rounds)
        * len(SHAPES[name].servers(list(bench.servers)))
        * one_s
        for name in chosen(options, SHAPES)
    }
    return rows | (shapes if options.peers else {})


def warn(bench):
    """Says what weakens the figures, and who was not here."""
    if bench.disturbed:
        print(
            f"{bench.disturbed} of {len(bench.samples)} runs were disturbed:"
            " the programs waited for their processors more than"
            f" {WAIT_MAX:.0%} of the time."
        )
    if len(os.sched_getaffinity(0)) < 2:
        print("Server and load share one processor: read ratios only.")
    absent = [p.title for n, p in PEERS.items() if n not in bench.servers]
    if bench.options.peers and absent:
        print("Not installed:", ", ".join(absent) + ".")
        print("script/bench --install-peers gets them from Debian.")


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="script/bench",
        description="Measures the broker against the floor and its peers.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    build = ROOT / "build-bench"
    names = {"choices": ROWS | SHAPES, "metavar": "NAME"}
    add("--peers", action="store_true", help="and other brokers, side by side")
    add("--quick", action="store_true", help="3 pairs and 1 round, of 0.5 s")
    add("--only", action="append", help="one row or shape", **names)
    add("--list", action="store_true", help="the names of both")
    add("--install-peers", action="store_true", help="from Debian")
    add("--report", action="store_true", help="write docs/BENCHMARKS.md")
    add("--pairs", type=int, default=7, help="of runs, per row (%(default)s)")
    add("--rounds", type=int, default=3, help="of a shape (%(default)s)")
    add("--seconds", type=float, default=1, help="of a run (%(default)s)")
    add("--warmup", type=float, default=0.3, help="before (%(default)s)")
    add("--self", action="store_true", help="measure the floor as the broker")
    add("--server", help="the broker's program (that of the build)")
    add("--build", default=build, help="the build's directory (build-bench)")
    options = parser.parse_args()
    if options.quick:
        options.pairs, options.rounds = 3, 1
        options.seconds, options.warmup = 0.5, 0.2
    if min(options.pairs, options.rounds) < 1 or options.seconds <= 0:
        parser.error("--pairs, --rounds and --seconds are positive numbers")
    return options


def print_names():
    """What --only can be told."""
    for name in ROWS:
        print(name)
    for name, shape in SHAPES.items():
        print(f"{name:<17} --peers: {shape.what}")


def main():
    """Returns the exit status: 0 when every requirement is met."""
    options = parse()
    if options.list:
        return print_names()
    if options.install_peers:
        return subprocess.call([HERE / "peers/install.sh"])
    if options.report:
        return report(options)
    with alone(progress):
        bench = Bench(options)
        results = Results(options)
        countdown = Countdown(expected_s(bench))
        is_met = run_rows(bench, countdown, results)
        is_met = tell_instructions(bench) and is_met
        if options.peers:
            is_met = run_shapes(bench, countdown, results) and is_met
    save(results.path, results.everything(bench))
    warn(bench)
    return 0 if is_met else 1


if __name__ == "__main__":
    run("script/bench", main, (RunFailed, OSError))
