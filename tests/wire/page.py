"""Serves a page for a browser, and takes the page's reports."""

import contextlib
import http.server
import json
import queue
import threading


class PageHandler(http.server.BaseHTTPRequestHandler):
    """Serves the page, and takes its reports into the server's queue."""

    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", media="text/plain"):
        """A whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        """The page, whatever its query."""
        if self.path.startswith("/?"):
            page = self.server.page.read_bytes()
            self.answer(200, page, "text/html; charset=utf-8")
        else:
            self.answer(404)

    def do_POST(self):
        """A report."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.reports.put(json.loads(body))
        self.answer(200)

    def log_message(self, *_):
        """Nobody wants to know."""


class PageServer(http.server.ThreadingHTTPServer):
    """Where the page comes from, and where its reports go."""

    daemon_threads = True

    def __init__(self, page):
        super().__init__(("127.0.0.1", 0), PageHandler)
        self.page = page
        self.reports = queue.Queue()

    def handle_error(self, *_):
        """A browser that is killed leaves broken connections."""


@contextlib.contextmanager
def page_server(page):
    """A server of the page, a path, on a port of its own."""
    server = PageServer(page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
