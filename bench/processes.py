"""Starts and stops the programs of a measurement.

A server has one processor for itself and the load generator another. Whatever
is started here is stopped here, by its own process id, also when the runner is
interrupted; should the runner be killed, the kernel ends its children.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1
START_S = 10
STOP_S = 10
PROGRAM_TIMEOUT_S = 120
LIBC = ctypes.CDLL(None)


LOCK = "/tmp/ringtail-bench.lock"


@contextlib.contextmanager
def alone(tell):
    """One measurement at a time on a machine: waits for another to end."""
    with open(LOCK, "a", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another measurement to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class RunFailed(Exception):
    """A server did not start, or a run lost, reordered or missed something."""


def processors():
    """Two processors, for the server and for the load, or the only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[1 % len(allowed)]


def keep_priority():
    """Makes our nice value count. Processes of a new session share the
    processor with other sessions as a group, whose own value is 0."""
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(OSError):
        pathlib.Path("/proc/self/autogroup").write_text(str(nice))


def start(command, allowed, output, environment=None):
    """Starts a command on some processors, with as many descriptors as it
    may."""

    def prepare():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.sched_setaffinity(0, allowed)
        keep_priority()
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    return subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        preexec_fn=prepare,
        start_new_session=True,
        env={**os.environ, **(environment or {})},
        text=True,
    )


def stop(process):
    """Asks a process to end, and insists when it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port():
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_listening(process, port, output):
    """Returns when the port accepts a connection."""
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.02)
    output.seek(0)
    words = output.read().decode(errors="replace").strip()
    raise RunFailed(f"the server did not start: {words or 'it is silent'}")


@contextlib.contextmanager
def serving(server, where, environment=None, processor=0):
    """Runs a server for a while, with a folder of its own below a place, on one
    of the two processors; gives its port and its process id."""
    port = free_port()
    with (
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryDirectory(dir=where) as folder,
    ):
        command = server.command(port, folder)
        process = start(command, {processors()[processor]}, output, environment)
        try:
            wait_until_listening(process, port, output)
            yield port, process.pid
        finally:
            stop(process)


def run_load(program, port, pid, arguments, timeout_s, processor=1):
    """Runs the load generator; returns what it reported."""
    command = [program, "--port", port, "--pid", pid, *arguments]
    process = start(command, {processors()[processor]}, subprocess.PIPE)
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise RunFailed(f"no result after {timeout_s:.0f} s") from None
    finally:
        stop(process)
        process.stdout.close()
    return checked(output, process.returncode)


def run_program(folder, words, allowed):
    """Runs a program that measures by itself; returns what it reported."""
    command = [folder / words[0], *words[1:]]
    process = start(command, allowed, subprocess.PIPE)
    try:
        output, _ = process.communicate(timeout=PROGRAM_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise RunFailed(f"no result after {PROGRAM_TIMEOUT_S} s") from None
    finally:
        stop(process)
        process.stdout.close()
    if process.returncode != 0:
        raise RunFailed(f"status {process.returncode}: {output.strip()}")
    return json.loads(output)


def run_pub(program, port, count):
    """Publishes so many lines with `ringtail pub`; what it said, and the
    processor time that it took."""
    command = [program, "pub", "bench", "--json", "--url", f"127.0.0.1:{port}"]
    with tempfile.TemporaryFile("w+") as lines:
        lines.writelines(f"{number}\n" for number in range(count))
        lines.seek(0)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = subprocess.run(
            [str(word) for word in command],
            stdin=lines,
            capture_output=True,
            timeout=PROGRAM_TIMEOUT_S,
            preexec_fn=lambda: os.sched_setaffinity(0, {processors()[1]}),
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if result.returncode != 0:
        raise RunFailed(f"status {result.returncode}: {result.stderr[:200]}")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**json.loads(result.stdout), "cpu_ns": cpu_s * 1e9}


def checked(output, status):
    """The report, if it is one of a run in which nothing went wrong."""
    try:
        report = json.loads(output)
    except json.JSONDecodeError:
        first_line = output.strip().split("\n")[0]
        raise RunFailed(f"status {status}: {first_line}") from None
    if not report["ok"]:
        raise RunFailed(report["error"])
    return report
