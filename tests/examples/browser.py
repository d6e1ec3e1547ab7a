"""A person at a browser: a headless Chromium that shows a page, and scripts
that look at it and type into it, over the DevTools protocol."""

import asyncio
import contextlib
import http.client
import json
import pathlib

import websockets

from broker import until
from chromium import chromium

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


@contextlib.contextmanager
def browsing(url):
    """A browser that shows a page; the page."""
    with chromium(url, "--remote-debugging-port=0") as folder:
        place = pathlib.Path(folder, "DevToolsActivePort")
        until(place.exists, "the browser runs", TIMEOUT_S)
        until(lambda: "\n" in place.read_text(), "it has a port", TIMEOUT_S)
        yield Page(int(place.read_text().split()[0]))
