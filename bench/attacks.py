#!/usr/bin/python3
"""Attacks a broker in many ways and prints what it cost.

A broker of its own for each attack, on loopback; a program that is hostile to
it; and a canary, connected before the attack begins, that publishes a hundred
events a second and times their delivery. The method is explained in
bench/README.md.
"""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from attack_kinds import ATTACKS, RETURN_S
from attack_watch import Watch, sum_of
from processes import (
    RunFailed,
    alone,
    checked,
    free_port,
    processors,
    start,
    stop,
    wait_until_listening,
)
from terminal import progress, run, save

EXAMPLES = """\
examples:
  script/attack                    all of them, some twelve minutes
  script/attack --quick            a tenth of the size, in two
  script/attack --only pings       one (repeatable)
  script/attack --list             their names
"""

MIB = 1024 * 1024
LATENCY_MS = 50
PEER_BYTES = 64 * 1024
ALL_BYTES = 1024 * MIB
RETURN_PART = 0.1
SETTLE_S = 1
CANARY_NICE, ATTACKER_NICE = -10, 10

# What the ring of the canary's topic takes, which fills with its events.
CANARY_BYTES = 1 * MIB
# What two rings hold at most: those of the canary and of who churns.
RINGS_BYTES = 3 * MIB

HEADINGS = ("attack", "measure", "measured", "at most")


@dataclasses.dataclass
class Line:
    """One figure of the table, and what it may be at most."""

    measure: str
    value: float
    limit: float
    shown: str = "{:,.0f}"

    def met(self):
        """Whether the bound is kept."""
        return self.value <= self.limit


# --- running ---


def prefer(pid, nice):
    """Gives a process its nice value, where we may. The canary waits for the
    broker, not for the attacker to leave it a processor."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, nice)
        pathlib.Path(f"/proc/{pid}/autogroup").write_text(str(nice))


class Bench:
    """Runs attacks, and keeps what was measured."""

    def __init__(self, options):
        self.options = options
        self.build = pathlib.Path(options.build)
        self.server = options.server or self.build / "clients/cli/ringtail"

    def command(self, attack, port):
        """How the broker is started."""
        words = [self.server, "serve", "--listen", f"127.0.0.1:{port}"]
        words += [*attack.flags, *attack.limit_flags()]
        if not attack.descriptors:
            return words
        return ["prlimit", f"--nofile={attack.descriptors}", *words]

    @contextlib.contextmanager
    def serving(self, attack):
        """Runs a broker for a while; what watches it."""
        port = free_port()
        with tempfile.TemporaryFile() as output:
            command = self.command(attack, port)
            process = start(command, {processors()[0]}, output)
            try:
                wait_until_listening(process, port, output)
                yield Watch(process.pid, port)
            finally:
                stop(process)
            if process.returncode != 0:
                raise RunFailed(f"the broker ended: {said_by(output)}")

    def program(self, name, *words):
        """Starts one of ours beside the broker."""
        command = [self.build / "bench" / name, *words]
        return start(command, {processors()[1]}, subprocess.PIPE)

    def run(self, name, attack):
        """One attack: its report."""
        with self.serving(attack) as watch:
            canary = self.program("attack_canary", watch.port)
            try:
                time.sleep(SETTLE_S)
                report = self.measure(name, attack, watch, canary)
            finally:
                stop(canary)
                canary.stdout.close()
        return report

    def measure(self, name, attack, watch, canary):
        """What was before, is during, and remains after the attack."""
        before = watch.look()
        charged = watch.metrics()["ringtail_memory_bytes"]
        attacker = self.program(
            "attack", "--port", watch.port, *attack.arguments()
        )
        prefer(canary.pid, CANARY_NICE)
        prefer(attacker.pid, ATTACKER_NICE)
        try:
            peak = self.watch_attack(name, attack, watch, attacker)
            report = finished(attacker, attack.seconds)
        finally:
            stop(attacker)
            attacker.stdout.close()
        canary.terminate()
        song = finished(canary, RETURN_S)
        returned = self.await_return(name, attack, watch, before)
        return {
            "attack": report,
            "canary": song,
            "charged": charged,
            "before": before,
            "peak": peak,
            "after": returned,
            "metrics": watch.metrics(),
        }

    def watch_attack(self, name, attack, watch, attacker):
        """The most of everything while the attacker is at work."""
        peak = watch.look()
        begun = time.monotonic()
        while attacker.poll() is None:
            passed = time.monotonic() - begun
            if passed > attack.seconds + RETURN_S:
                raise RunFailed("the attacker does not end")
            progress(f"{name}: {passed:.0f} of {attack.seconds} s")
            seen = watch.look()
            peak = {key: max(peak[key], seen[key]) for key in seen}
            time.sleep(0.5)
        return peak

    def await_return(self, name, attack, watch, before):
        """What is left when it is as before, or after the longest wait."""
        begun = time.monotonic()
        while True:
            seen = watch.look()
            passed = time.monotonic() - begun
            seen["seconds"] = passed
            progress(f"{name}: {passed:.0f} s after")
            is_back = has_returned(before, seen, self.options.no_memory)
            if is_back or passed > attack.return_s:
                return seen
            time.sleep(0.5)


def said_by(output):
    """What a broker said, its last words at least."""
    output.seek(0)
    return output.read().decode(errors="replace").strip()[-4000:]


def finished(process, timeout_s):
    """What a program of ours reported."""
    try:
        output, _ = process.communicate(timeout=timeout_s + RETURN_S)
    except subprocess.TimeoutExpired:
        raise RunFailed("no report in time") from None
    return checked(output, process.returncode)


def memory_max(before):
    """What memory may be when the attackers are gone."""
    return before["private_bytes"] * (1 + RETURN_PART) + CANARY_BYTES


def descriptors_max(before):
    """How many there may be then: the canary's two are gone as well."""
    return before["descriptors"] - 2


def has_returned(before, seen, no_memory):
    """Whether memory and descriptors are as before."""
    is_small = seen["private_bytes"] <= memory_max(before)
    return (
        seen["descriptors"] <= descriptors_max(before)
        and (is_small or no_memory)
    )


# --- the table ---


def memory_lines(attack, report):
    """What the attack cost, and what is left of it."""
    before, peak, after = (report[key] for key in ("before", "peak", "after"))
    grown = peak["private_bytes"] - before["private_bytes"]
    left = after["private_bytes"] / 1024
    lines = [Line("bytes a peer", grown / attack.peers, PEER_BYTES)]
    return ([] if attack.is_budgeted else lines) + [
        Line("MiB, broker", peak["private_bytes"] / MIB, ALL_BYTES / MIB),
        Line("MiB, with kernel", peak["all_bytes"] / MIB, ALL_BYTES / MIB),
        Line("KiB after", left, memory_max(before) / 1024),
    ]


def lines_of(attack, report, options):
    """What is required, and what was measured."""
    song = report["canary"]
    before, after = report["before"], report["after"]
    lines = [
        Line(
            f"canary {part}, ms",
            song[f"probe_{part}_us"] / 1000,
            options.latency if part == "p99" else float("inf"),
            "{:.1f}",
        )
        for part in ("p50", "p99", "max")
    ]
    lines += [
        Line(f"{what}, too few", max(0, wanted - count(report, what)), 0)
        for what, wanted in attack.wanted()
    ]
    if attack.kind == "churn":
        charged = report["metrics"]["ringtail_memory_bytes"]
        allowed = report["charged"] + RINGS_BYTES
        lines.append(Line("miscounted", discrepancy(report), 0))
        lines.append(Line("KiB charged", charged / 1024, allowed / 1024))
    if not options.no_memory:
        lines += memory_lines(attack, report)
    allowed = descriptors_max(before)
    lines.append(Line("descriptors after", after["descriptors"], allowed))
    return lines


def count(report, what):
    """How much of an attack there was: of what the attacker counts, or of what
    the broker had more of than before."""
    if what in report["attack"]:
        return report["attack"][what]
    return report["peak"][what] - report["before"][what]


def discrepancy(report):
    """How far the broker's figures are from each other and from ours, once
    all are gone but the connection that asks."""
    metrics, attack = report["metrics"], report["attack"]
    song = report["canary"]["probe_events"]
    upgraded = metrics['ringtail_http_responses_total{class="1xx"}']
    apart = [
        sum_of(metrics, "connections") - 1,
        sum_of(metrics, "subscriptions"),
        upgraded - sum_of(metrics, "connections_closed_total"),
        sum_of(metrics, "events_produced_total") - attack["requests"] - song,
    ]
    return sum(map(abs, apart))


def print_line(name, line):
    """One line of the table."""
    shown = line.shown.format
    verdict = "met" if line.met() else "MISSED"
    words = (name, line.measure, shown(line.value), shown(line.limit), verdict)
    print("{:<14} {:<20} {:>12} {:>12}  {}".format(*words), flush=True)


def run_attack(bench, name):
    """One attack, and its part of the table; the results."""
    attack = ATTACKS[name]
    attack = attack.smaller() if bench.options.quick else attack
    try:
        report = bench.run(name, attack)
    except RunFailed as failure:
        progress("")
        print(f"{name:<14} FAILED: {failure}", flush=True)
        return {"attack": name, "met": False, "error": str(failure)}
    progress("")
    lines = lines_of(attack, report, bench.options)
    for line in lines:
        print_line(name, line)
    return {
        "attack": name,
        "met": all(line.met() for line in lines),
        "lines": [dataclasses.asdict(line) for line in lines],
        "report": report,
    }


def measured(options, results):
    """Everything, for a file."""
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "options": vars(options),
        "attacks": results,
    }


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="script/attack",
        description="Attacks a broker, and measures what that costs.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    names = {"choices": ATTACKS, "metavar": "NAME"}
    add("--quick", action="store_true", help="a tenth of the size")
    add("--only", action="append", help="one attack", **names)
    add("--list", action="store_true", help="the names of the attacks")
    add("--no-memory", action="store_true", help="for a sanitized broker")
    latency = {"type": float, "default": LATENCY_MS, "metavar": "MS"}
    add("--latency", help="what the canary bears (%(default)s)", **latency)
    add("--server", help="the broker's program (that of the build)")
    build = ROOT / "build-bench"
    add("--build", default=build, help="the build's directory (build-bench)")
    return parser.parse_args()


def main():
    """Returns the exit status: 0 when every bound is kept."""
    options = parse()
    if options.list:
        for name, attack in ATTACKS.items():
            print(f"{name:<14} {attack.what}")
        return 0
    bench = Bench(options)
    # A quick look has no figures that others could disturb.
    with contextlib.nullcontext() if options.quick else alone(progress):
        print("{:<14} {:<20} {:>12} {:>12}".format(*HEADINGS), flush=True)
        results = [run_attack(bench, n) for n in options.only or ATTACKS]
    save(bench.build / "bench/attacks.json", measured(options, results))
    return 0 if all(result["met"] for result in results) else 1


if __name__ == "__main__":
    run("script/attack", main, (RunFailed, OSError))
