"""Runs what rows and shapes ask for, and keeps every report."""

import os
import pathlib

from processes import run_load, run_program, run_pub, serving
from runs import WAIT_MAX, Lines, Program, waited
from servers import Server, found_peers
from system_calls import tracing

ANSWER_BYTES = 260  # of the floor, when no broker shows the length of its own
RUN_TIMEOUT_S = 30


class Bench:
    """The servers, and what was measured of them."""

    def __init__(self, options):
        self.options = options
        self.build = pathlib.Path(options.build)
        self.load = self.build / "bench/load"
        self.samples = []
        self.disturbed = 0
        self.servers = {"ringtail": self.broker(), "floor": self.floor()}
        if not options.self:
            self.servers["floor"] = self.floor(self.answer_bytes())
        if options.peers:
            self.servers |= found_peers()

    def floor(self, answer_bytes=ANSWER_BYTES):
        """The floor, whose answers are as long as the broker's."""
        words = [self.build / "bench/floor", "{port}", answer_bytes]
        return Server("floor", words)

    def program(self):
        """The broker's program."""
        return self.options.server or self.build / "clients/cli/ringtail"

    def broker(self):
        """The server under test."""
        if self.options.self:
            return self.floor()
        words = [self.program(), "serve", "--listen", "127.0.0.1:{port}"]
        return Server("ringtail", words)

    def answer_bytes(self):
        """How long the broker's answer to a POST is."""
        arguments = ["--events", 1000, "--warmup", 0]
        with serving(self.servers["ringtail"]) as (port, pid):
            report = run_load(self.load, port, pid, arguments, 30)
        return round(report["answer_bytes"] / report["events"])

    def arguments(self, run):
        """What the load generator is told."""
        words = ["--protocol", self.servers[run.server].protocol]
        if run.window:
            words += ["--warmup", self.options.warmup]
            words += ["--seconds", self.options.seconds]
        return words + run.arguments

    def measure(self, name, run):
        """One run for a row or a shape; its report."""
        if isinstance(run, Program):
            report = run_program(self.build / "bench", run.words)
        elif isinstance(run, Lines):
            report = self.measure_lines(run)
        else:
            report = self.measure_server(run)
        self.disturbed += waited(report) > WAIT_MAX
        self.samples.append({"row": name, "server": run.server, **report})
        return report

    def measure_lines(self, run):
        """One run of the command line against a fresh broker."""
        with serving(self.servers[run.server]) as (port, _):
            return run_pub(self.program(), port, run.count)

    def measure_server(self, run):
        """One run against a fresh server."""
        if run.count:
            return self.measure_counted(run)
        with serving(self.servers[run.server]) as (port, pid):
            if run.beside:
                with run.beside(port):
                    return self.drive(run, port, pid)
            if not run.trace:
                return self.drive(run, port, pid)
            with tracing(pid) as trace:
                report = self.drive(run, port, pid)
            return {**report, "system_calls": trace.calls}

    def drive(self, run, port, pid, more=()):
        """The load generator, once."""
        timeout_s = RUN_TIMEOUT_S + 2 * self.options.seconds
        arguments = self.arguments(run) + list(more)
        with self.servers[run.server].awake(pid):
            return run_load(self.load, port, pid, arguments, timeout_s)

    def measure_counted(self, run):
        """One run whose server says what it takes from the heap."""
        count = self.build / f"bench/allocations.{os.getpid()}"
        counted = {
            "LD_PRELOAD": str(self.build / "bench/count_allocations.so"),
            "COUNT_ALLOCATIONS": str(count),
        }
        try:
            with serving(self.servers[run.server], counted) as (port, pid):
                return self.drive(run, port, pid, ["--count", count])
        finally:
            count.unlink(missing_ok=True)
