#!/usr/bin/python3
"""Measures the broker against the floor and prints a table.

Every figure is a ratio to a program that does the least a server can, taken in
pairs of runs that alternate, so that it carries over between machines. The
method is explained in bench/README.md.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import platform
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from processes import RunFailed, alone, run_load, run_program, run_pub, serving
from rows import BROKER_ONLY, ROWS, WAIT_MAX, Lines, Program, waited

EXAMPLES = """\
examples:
  script/bench                         the whole table, some ten minutes
  script/bench --quick                 a first impression in two
  script/bench --only fanout-100       one row (repeatable)
  script/bench --self                  the floor against itself: ratios of 1
  script/bench --server ./ringtail     another build of the broker
"""

ANSWER_BYTES = 260  # of the floor, when no broker shows the length of its own


@dataclasses.dataclass
class Server:
    """How to start a server on a port."""

    words: list
    arguments: tuple = ()

    def command(self, port):
        """The command line."""
        words = [str(word).format(port=port) for word in self.words]
        return words + list(self.arguments)


class Bench:
    """Runs what rows ask for, and keeps every report."""

    def __init__(self, options):
        self.options = options
        self.build = pathlib.Path(options.build)
        self.load = self.build / "bench/load"
        self.samples = []
        self.disturbed = 0
        self.servers = {"ringtail": self.broker(), "floor": self.floor()}
        if not options.self:
            self.servers["floor"] = self.floor(self.answer_bytes())

    def floor(self, answer_bytes=ANSWER_BYTES):
        """The floor, whose answers are as long as the broker's."""
        return Server([self.build / "bench/floor", "{port}", answer_bytes])

    def broker(self):
        """The server under test."""
        if self.options.self:
            return self.floor()
        program = self.options.server or self.build / "clients/cli/ringtail"
        return Server([program, "serve", "--listen", "127.0.0.1:{port}"])

    def answer_bytes(self):
        """How long the broker's answer to a POST is."""
        arguments = ["--events", 1000, "--warmup", 0]
        with serving(self.servers["ringtail"]) as (port, pid):
            report = run_load(self.load, port, pid, arguments, 30)
        return round(report["answer_bytes"] / report["events"])

    def arguments(self, run):
        """What the load generator is told."""
        if not run.window:
            return run.arguments
        times = ["--warmup", self.options.warmup]
        return times + ["--seconds", self.options.seconds] + run.arguments

    def measure(self, row, run):
        """One run; its report."""
        if isinstance(run, Program):
            report = run_program(self.build / "bench", run.words)
            self.samples.append({"row": row, **report})
            return report
        if isinstance(run, Lines):
            return self.measure_lines(row, run)
        return self.measure_server(row, run)

    def measure_lines(self, row, run):
        """One run of the command line against a fresh broker."""
        program = self.build / "clients/cli/ringtail"
        with serving(self.servers[run.server]) as (port, _):
            report = run_pub(program, port, run.count)
        self.samples.append({"row": row, **report})
        return report

    def measure_server(self, row, run):
        """One run against a fresh server; its report."""
        count = self.build / f"bench/allocations.{os.getpid()}"
        counted = {
            "LD_PRELOAD": str(self.build / "bench/count_allocations.so"),
            "COUNT_ALLOCATIONS": str(count),
        }
        arguments = self.arguments(run) + (
            ["--count", count] if run.count else []
        )
        timeout_s = 120 + 2 * (self.options.warmup + self.options.seconds)
        try:
            with serving(
                self.servers[run.server], counted if run.count else None
            ) as (port, pid):
                report = run_load(self.load, port, pid, arguments, timeout_s)
        finally:
            count.unlink(missing_ok=True)
        self.note(row, run, report)
        return report

    def note(self, row, run, report):
        """Keeps a report for the file of results."""
        self.disturbed += waited(report) > WAIT_MAX
        self.samples.append({"row": row, "server": run.server, **report})

    def run_row(self, name):
        """All runs of a row; its lines."""
        row = ROWS[name](self.options.pairs)
        number = 0
        try:
            run = next(row)
            while True:
                number += 1
                progress(f"{name}: run {number}, {run.server}")
                run = row.send(self.measure(name, run))
        except StopIteration as result:
            return result.value
        finally:
            progress("")


def progress(words):
    """Shows what is going on, on a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{words}")
        sys.stderr.flush()


HEADINGS = ("row", "measure", "ringtail", "floor", "value", "interval")
FORMAT = "{:<12} {:<33} {:>10} {:>10} {:>7} {:>16} {:>8}  {}"


def print_headings():
    """The head of the table."""
    print(FORMAT.format(*HEADINGS, "at most", "verdict"), flush=True)


def print_line(name, line):
    """One line of the table."""
    shown = line.shown.format
    print(
        FORMAT.format(
            name,
            line.measure,
            line.ringtail,
            line.floor,
            shown(line.value),
            f"{shown(line.low)} to {shown(line.high)}",
            shown(line.limit),
            "met" if line.met() else "MISSED",
        ),
        flush=True,
    )


def chosen(options):
    """The names of the rows to run."""
    skipped = BROKER_ONLY if options.self else []
    return [name for name in options.only or ROWS if name not in skipped]


def run_rows(bench):
    """Prints the table as it grows; returns it for the file of results."""
    results = []
    print_headings()
    for name in chosen(bench.options):
        try:
            lines = bench.run_row(name)
        except RunFailed as failure:
            print(f"{name:<12} FAILED: {failure}", flush=True)
            results.append({"row": name, "met": False, "error": str(failure)})
            continue
        for line in lines:
            print_line(name, line)
            result = {"row": name, "met": line.met()}
            results.append({**result, **dataclasses.asdict(line)})
    return results


def save(bench, results):
    """Writes everything to a file."""
    path = bench.build / "bench/results.json"
    everything = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": platform.platform(),
        "processors": os.cpu_count(),
        "options": vars(bench.options),
        "rows": results,
        "samples": bench.samples,
    }
    path.write_text(json.dumps(everything, indent=1, default=str) + "\n")
    print(f"\nEvery sample: {os.path.relpath(path)}")


def warn(bench):
    """Says what weakens the figures."""
    if bench.disturbed:
        print(
            f"{bench.disturbed} of {len(bench.samples)} runs were disturbed:"
            " the programs waited for their processors more than"
            f" {WAIT_MAX:.0%} of the time."
        )
    if len(os.sched_getaffinity(0)) < 2:
        print("Server and load share one processor: read ratios only.")


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="script/bench",
        description="Measures the broker against the floor.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    build = ROOT / "build-bench"
    add("--pairs", type=int, default=7, help="of runs, per row (%(default)s)")
    add("--seconds", type=float, default=3, help="of a run (%(default)s)")
    add("--warmup", type=float, default=1, help="seconds first (%(default)s)")
    add("--quick", action="store_true", help="3 pairs of 1 s")
    add("--only", action="append", choices=ROWS, metavar="ROW", help="one row")
    add("--list", action="store_true", help="the names of the rows")
    add("--self", action="store_true", help="measure the floor as the broker")
    add("--server", help="the broker's program (that of the build)")
    add("--build", default=build, help="the build's directory (build-bench)")
    options = parser.parse_args()
    if options.quick:
        options.pairs, options.seconds, options.warmup = 3, 1, 0.5
    if options.pairs < 1 or options.seconds <= 0 or options.warmup < 0:
        parser.error("--pairs and --seconds are positive numbers")
    return options


def main():
    """Returns the exit status: 0 when every requirement is met."""
    options = parse()
    if options.list:
        print("\n".join(ROWS))
        return 0
    with alone(progress):
        bench = Bench(options)
        results = run_rows(bench)
    save(bench, results)
    warn(bench)
    return 0 if all(result["met"] for result in results) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        progress("")
        sys.exit(130)
    except (RunFailed, OSError) as failure:
        sys.exit(f"script/bench: {failure}")
