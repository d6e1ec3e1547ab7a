"""Requests for the echo server, in all forms."""

from tap import equal

HELLO = b"hello"
FIVE = b"5\r\nhello\r\n0\r\n\r\n"  # the same in chunks


def request(method, *lines, body=b"", target="/", version="1.1"):
    """A request with these header lines after Host."""
    head = [f"{method} {target} HTTP/{version}", "Host: a", *lines, "", ""]
    return "\r\n".join(head).encode("latin-1") + body


def sized(method, body, *lines, **more):
    """With the body's length."""
    line = f"Content-Length: {len(body)}"
    return request(method, line, *lines, body=body, **more)


def chunked(method, coded, *lines, **more):
    """With a body that is in chunks already."""
    coding = "Transfer-Encoding: chunked"
    return request(method, coding, *lines, body=coded, **more)


def fields(*lines):
    """A GET with exactly these header lines."""
    return "\r\n".join(["GET / HTTP/1.1", *lines, "", ""]).encode("latin-1")


def in_chunks(body, size):
    """A body in chunks of a size, and the last one."""
    pieces = (body[i : i + size] for i in range(0, len(body), size))
    coded = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return coded + b"0\r\n\r\n"


def expect_echo(peer, body, to_head=False):
    """The next answer is the body, with a type and the right length."""
    answer = peer.answer(to_head)
    equal(answer.status, 200, "status")
    equal(answer.headers["content-type"], "application/octet-stream", "type")
    equal(answer.headers["content-length"], str(len(body)), "length")
    equal(answer.body, b"" if to_head else body, "body")
    return answer
