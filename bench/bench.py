"""Runs what rows and shapes ask for, and keeps every report."""

import contextlib
import os
import pathlib
import tempfile

import loads
from disks import forget, log_figures, wait_for_disk
from processes import processors, run_load, run_program, run_pub, serving
from replays import replaying
from runs import WAIT_MAX, Beside, Lines, Program, Replay, waited
from servers import Server, found_peers
from system_calls import tracing

ANSWER_BYTES = 260  # of the floor, when no broker shows the length of its own
RUN_TIMEOUT_S = 30
REPLAYS = 5  # of a log, of which the fastest counts


class Bench:
    """The servers, and what was measured of them."""

    def __init__(self, options):
        self.options = options
        self.build = pathlib.Path(options.build)
        self.load = self.build / "bench/load"
        self.samples = []
        self.disturbed = 0
        self.disk = self.build / "bench"  # where folders of runs are
        self.servers = {"ringtail": self.broker(), "floor": self.floor()}
        self.servers["ringtail-data"] = self.broker("--data", "{folder}/data")
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

    def broker(self, *more):
        """The server under test."""
        if self.options.self:
            return self.floor()
        words = [self.program(), "serve", "--listen", "127.0.0.1:{port}"]
        return Server("ringtail", [*words, *more])

    def answer_bytes(self):
        """How long the broker's answer to a POST is."""
        arguments = ["--events", 1000, "--warmup", 0]
        with self.serving("ringtail") as (port, pid):
            report = run_load(self.load, port, pid, arguments, 30)
        return round(report["answer_bytes"] / report["events"])

    def serving(self, name, environment=None, processor=0):
        """A fresh server."""
        server = self.servers[name]
        return serving(server, self.disk, environment, processor)

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
            report = self.measure_program(run)
        elif isinstance(run, Replay):
            report = self.measure_replay(run)
        elif isinstance(run, Beside):
            report = self.measure_beside(run)
        elif isinstance(run, Lines):
            report = self.measure_lines(run)
        else:
            report = self.measure_server(run)
        self.disturbed += waited(report) > WAIT_MAX
        self.samples.append({"row": name, "server": run.server, **report})
        return report

    def measure_program(self, run):
        """One run of a program, which may have a folder."""
        with tempfile.TemporaryDirectory(dir=self.disk) as folder:
            words = [str(word).format(folder=folder) for word in run.words]
            allowed = set(processors())
            if run.processor is not None:
                allowed = {processors()[run.processor]}
            return run_program(self.build / "bench", words, allowed)

    def measure_replay(self, run):
        """Fills a log, has it replayed, and reads it, in turns; the fastest of
        each."""
        replays, reads = [], []
        with self.serving_filled() as (port, pid, folder):
            self.read_files(run, folder)
            for _ in range(REPLAYS):
                words = loads.replay(run.readers)
                replays.append(
                    run_load(self.load, port, pid, words, RUN_TIMEOUT_S)
                )
                reads.append(self.read_files(run, folder))
        replay = min(replays, key=lambda report: report["seconds"])
        return {**replay, **min(reads, key=lambda read: read["read_seconds"])}

    def measure_beside(self, run):
        """Live events, on a broker whose log is replayed meanwhile or not."""
        with self.serving_filled() as (port, pid, _):
            if not run.is_replayed:
                return self.drive(run, port, pid)
            with replaying(self.load, port, pid) as replays:
                report = self.drive(run, port, pid)
        return {**report, "replays": len(replays)}

    @contextlib.contextmanager
    def serving_filled(self):
        """A broker that has much on disk; its port, its process id, and where
        that is."""
        with tempfile.TemporaryDirectory(dir=self.disk) as folder:
            server = self.broker("--data", folder)
            unpaced = {"LD_PRELOAD": str(self.build / "bench/unpaced.so")}
            with serving(server, self.disk, unpaced) as (port, pid):
                run_load(self.load, port, pid, loads.FILL, RUN_TIMEOUT_S)
                wait_for_disk(port)
                yield port, pid, folder

    def read_files(self, run, folder):
        """Reads a log's files, as they are before and after the replay: the
        system has them in memory, or has forgotten them."""
        words = ["disk_floor", "read", folder]
        if not run.is_warm:
            forget(folder)
        allowed = {processors()[0]}  # as the server
        report = run_program(self.build / "bench", words, allowed)
        if not run.is_warm:
            forget(folder)
        return {f"read_{name}": value for name, value in report.items()}

    def measure_lines(self, run):
        """One run of the command line against a fresh broker."""
        with self.serving(run.server) as (port, _):
            return run_pub(self.program(), port, run.count)

    def measure_server(self, run):
        """One run against a fresh server."""
        if run.count:
            return self.measure_counted(run)
        with self.serving(run.server, processor=run.processor) as (port, pid):
            if run.beside:
                with run.beside(port):
                    return self.drive(run, port, pid)
            if run.log:
                report = self.drive(run, port, pid)
                return {**report, **log_figures(port)}
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
            return run_load(
                self.load, port, pid, arguments, timeout_s, 1 - run.processor
            )

    def measure_counted(self, run):
        """One run whose server says what it takes from the heap."""
        count = self.build / f"bench/allocations.{os.getpid()}"
        counted = {
            "LD_PRELOAD": str(self.build / "bench/count_allocations.so"),
            "COUNT_ALLOCATIONS": str(count),
        }
        try:
            with self.serving(run.server, counted) as (port, pid):
                return self.drive(run, port, pid, ["--count", count])
        finally:
            count.unlink(missing_ok=True)
