"""Runs a headless Chromium."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile

from tap import Skip

CHROMIUM = "/usr/bin/chromium"
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync
    --disable-dev-shm-usage""".split()


def stop(process):
    """Ends the browser and all its children."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def chromium(url, *flags):
    """A browser that shows a page, in a process group of its own; the folder
    of its own that it has."""
    if not os.path.exists(CHROMIUM):
        raise Skip("chromium is not installed")
    folder = tempfile.mkdtemp()
    process = subprocess.Popen(
        [CHROMIUM, *FLAGS, *flags, f"--user-data-dir={folder}", url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield folder
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)
