#!/usr/bin/python3
"""A log on a file system of its own: one for reading only, one that is full."""

import subprocess

from broker import Broker, environment, program, until
from data import broker_on, folder, refusal
from tap import Skip, equal, run, test

# A name space of its own, in which something is mounted on the directory.
MOUNTED = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
READ_ONLY = (
    *MOUNTED,
    'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"',
)
SMALL_DISK = (
    *MOUNTED,
    'mount -t tmpfs -o size=300m none "$0" && exec "$@"',
)

COPIED = (
    *MOUNTED,
    'mount -t tmpfs -o size=100m none /mnt && cp -r "$0" /mnt/log && exec "$@"',
)

# The disk has four files beside this; and two more when two of them are gone.
RESERVE = ("--data-reserve", "16MiB")

WORKING = 'log_state{state="working"}'

LINES = b'"%s"\n' % (b"x" * 200000) * 20
KIND = {"Content-Type": "application/x-ndjson"}


def need(wrapper, data):
    """Skips the test where that may not be mounted."""
    try:
        subprocess.run([*wrapper, data, "true"], check=True, timeout=20)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Skip("nothing may be mounted here") from error


@test
def read_only():
    """A file system that is for reading only takes no log, and is read."""
    with folder() as data:
        with broker_on(data) as broker:
            broker.post("news?ack=disk", b"one")
        need(READ_ONLY, data)
        said = refusal("--data", data, wrapper=(*READ_ONLY, data))
        assert "mount it for writing or choose another --data" in said, said
        verify = [*READ_ONLY, data, program(), "log", "verify", data]
        said = subprocess.check_output(verify, timeout=20, env=environment())
        assert said.endswith(b": sound\n"), said


def fill(broker):
    """Publishes until that is refused; the refusal."""
    answer = broker.request("POST", "/produce/bulk", LINES, KIND)
    while answer.status == 200:
        answer = broker.request("POST", "/produce/bulk", LINES, KIND)
    return answer


@test
def full():
    """A log that fills its disk refuses events, but no reader, and no purge,
    which makes room; then it takes events again."""
    with folder() as data:
        need(SMALL_DISK, data)
        wrapper = (*SMALL_DISK, data)
        with Broker("--data", data, *RESERVE, wrapper=wrapper) as broker:
            answer = fill(broker)
            equal(answer.status, 507)
            equal(answer.headers["Retry-After"], "1")
            equal(answer.json()["type"], "urn:ringtail:problem:storage-full")
            equal(broker.metric(WORKING), 0)
            equal(broker.request("GET", "/readyz").body, b"storage-full\n")
            oldest = broker.request("GET", "/topics/bulk/events?limit=1")
            assert b"x" * 200000 in oldest.body, oldest.body[:200]
            equal(broker.request("DELETE", "/topics/bulk").status, 204)
            until(lambda: broker.metric(WORKING) == 1, "room")
            equal(broker.post("bulk", b"x")["offset"], 1)


@test
def repaired():
    """A repair that finds no room says what it takes, and leaves the log as it
    is."""
    with folder() as data:
        with broker_on(data) as broker:
            broker.post("news", b"one" * 1000)
        need(COPIED, data)
        with open(f"{data}/{1:020}.rtl", "r+b") as file:
            place = file.read(1 << 16).index(b"oneone")
            file.seek(place)
            file.write(b"two")
        both = '"$0" log repair /mnt/log || exec "$0" log verify /mnt/log'
        result = subprocess.run(
            [*COPIED, data, "sh", "-c", both, program()],
            capture_output=True,
            timeout=20,
            env=environment(),
            check=False,
        )
        assert b"no space left on device: what is" in result.stderr, result
        assert b"1 topics damaged" in result.stdout, result
        equal(result.returncode, 6)


run()
