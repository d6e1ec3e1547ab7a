"""A person at a browser: a headless Chromium that shows a page, and scripts
that look at it and type into it, over the DevTools protocol."""

import asyncio
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import websockets

from broker import until
from tap import Skip

CHROMIUM = "/usr/bin/chromium"
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync
    --disable-dev-shm-usage --remote-debugging-port=0""".split()
TIMEOUT_S = 60


class Page:
    """The page that the browser shows."""

    def __init__(self, port):
        peer = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        peer.request("GET", "/json/list")
        targets = json.loads(peer.getresponse().read())
        peer.close()
        (target,) = [t for t in targets if t["type"] == "page"]
        self.url = target["webSocketDebuggerUrl"]

    async def ask(self, script):
        """Sends a script; what came back."""
        parameters = {"expression": script, "awaitPromise": True}
        request = {"id": 1, "method": "Runtime.evaluate", "params": parameters}
        async with websockets.connect(self.url, max_size=None) as peer:
            await peer.send(json.dumps(request))
            return json.loads(await asyncio.wait_for(peer.recv(), TIMEOUT_S))

    def run(self, script):
        """The value that a script has in the page."""
        return asyncio.run(self.ask(script))["result"]["result"].get("value")

    def shows(self, text):
        """Waits until the page has a text."""
        script = f"document.body.innerText.includes({json.dumps(text)})"
        until(lambda: self.run(script), text, TIMEOUT_S)


def stop(process):
    """Ends the browser and all its children."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def chromium(url):
    """A browser in a process group and folder of its own; its page."""
    if not os.path.exists(CHROMIUM):
        raise Skip("chromium is not installed")
    folder = tempfile.mkdtemp()
    place = pathlib.Path(folder, "DevToolsActivePort")
    process = subprocess.Popen(
        [CHROMIUM, *FLAGS, f"--user-data-dir={folder}", url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(place.exists, "the browser runs", TIMEOUT_S)
        until(lambda: "\n" in place.read_text(), "it has a port", TIMEOUT_S)
        yield Page(int(place.read_text().split()[0]))
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)
