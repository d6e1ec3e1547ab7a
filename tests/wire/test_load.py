#!/usr/bin/python3
"""What measures the broker counts only what has arrived as it was sent."""

import contextlib
import json
import pathlib
import subprocess

from broker import Broker, environment, program
from relay import Relay
from tap import cases, equal, run

LOAD = pathlib.Path(program()).parents[2] / "bench/load"
PROTOCOLS = [(n, n) for n in ("ringtail", "ringtail-json", "ringtail-sse")]
EVENTS = 300
READERS = 3
TIMEOUT_S = 60
NUMBERS = (b"%016d" % 7, b"%016d" % 9)


class Changing(Relay):
    """A relay that has the seventh event pass for another one."""

    @staticmethod
    def copy(source, sink):
        """Copies one direction to its end, but for a number."""
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data.replace(*NUMBERS))


def measure(broker, port, protocol):
    """One run of the load generator; its status and its report."""
    words = [LOAD, "--port", port, "--pid", broker.process.pid]
    words += ["--protocol", protocol, "--subscribers", READERS]
    words += ["--events", EVENTS, "--warmup", 0]
    result = subprocess.run(
        [str(word) for word in words],
        env=environment(),
        stdout=subprocess.PIPE,
        timeout=TIMEOUT_S,
        check=False,
    )
    return result.returncode, json.loads(result.stdout)


@cases(PROTOCOLS, "Each subscriber of {0} is given each event.")
def complete(broker, protocol):
    """And whatever else comes is no event."""
    status, report = measure(broker, broker.port, protocol)
    equal(status, 0, report)
    equal(report["deliveries"], EVENTS * READERS)


@cases(PROTOCOLS, "A subscriber of {0} that is given another fails the run.")
def wrong(broker, protocol):
    """And there are no figures."""
    with Changing(broker.port) as relay:
        status, report = measure(broker, relay.port, protocol)
    equal(status, 1, report)
    equal("got event 9 of publisher 0, not 7" in report["error"], True, report)


run(Broker)
