"""What is on a broker before the load comes: very many topics, and somebody who
subscribes to a pattern that has them all, and not the load's."""

import contextlib
import socket

TOPICS = 100_000
PATTERN = "crowd.>"
PIECE = 500  # requests in flight
TIMEOUT_S = 30


def post(number):
    """A request that has the topic begin."""
    line = f"POST /produce/crowd.{number} HTTP/1.1\r\nHost: a\r\n"
    head = f"{line}Prefer: return=minimal\r\nContent-Length: 1\r\n\r\n"
    return f"{head}x".encode()


def publish_to_all(port):
    """An event to each of the topics."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as peer:
        answers = peer.makefile("rb")
        for start in range(0, TOPICS, PIECE):
            numbers = range(start, start + PIECE)
            peer.sendall(b"".join(map(post, numbers)))
            for _ in numbers:
                status = answers.readline()
                assert status.startswith(b"HTTP/1.1 204 "), status
                while answers.readline() != b"\r\n":
                    pass


@contextlib.contextmanager
def topics(port):
    """The topics alone."""
    publish_to_all(port)
    yield


@contextlib.contextmanager
def subscribed(port):
    """The topics, and a subscriber that has been told that it is there."""
    publish_to_all(port)
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as peer:
        head = f"GET /subscribe/{PATTERN} HTTP/1.1\r\nHost: a\r\n\r\n"
        peer.sendall(head.encode())
        said = b""
        while b'"caught_up"' not in said:
            piece = peer.recv(4096)
            assert piece, said
            said += piece
        yield
