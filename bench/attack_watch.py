"""What a broker costs, as the kernel tells it, and what its metrics say."""

import http.client
import os
import pathlib
import re
import socket
import struct

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
REQUEST_AND_DUMP = 0x1 | 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
SKMEMINFO = 7  # the attribute INET_DIAG_SKMEMINFO
MESSAGE_HEAD = 16  # bytes of struct nlmsghdr
SOCKET_HEAD = 72  # bytes of struct inet_diag_msg
# Of the attribute's fields: received, reserved, queued, options, backlog.
COUNTED = (0, 4, 5, 6, 7)


def question(port):
    """Asks sock_diag(7) for the TCP sockets of a local port."""
    family = (socket.AF_INET, socket.IPPROTO_TCP, 1 << (SKMEMINFO - 1), 0)
    body = struct.pack("=BBBBI", *family, 0xFFFFFFFF)
    body += struct.pack("!HH", port, 0) + bytes(36) + b"\xff" * 8
    length = MESSAGE_HEAD + len(body)
    kind = (SOCK_DIAG_BY_FAMILY, REQUEST_AND_DUMP, 0, 0)
    return struct.pack("=IHHII", length, *kind) + body


def messages(data):
    """The kinds and bodies of the messages that came together."""
    while data:
        length, kind = struct.unpack_from("=IH", data)
        yield kind, data[MESSAGE_HEAD:length]
        data = data[(length + 3) & ~3 :]


def memory_of(body):
    """What one socket holds, in bytes."""
    attributes = body[SOCKET_HEAD:]
    while attributes:
        length, kind = struct.unpack_from("=HH", attributes)
        if kind == SKMEMINFO:
            fields = struct.unpack_from("=8I", attributes, 4)
            return sum(fields[i] for i in COUNTED)
        attributes = attributes[(length + 3) & ~3 :]
    return 0


def kernel_bytes(port):
    """What the kernel holds for the broker's ends of its connections."""
    total = 0
    with socket.socket(
        socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG
    ) as diag:
        diag.settimeout(10)
        diag.send(question(port))
        while True:
            for kind, body in messages(diag.recv(1 << 16)):
                if kind == NLMSG_ERROR:
                    raise OSError("sock_diag refuses to tell")
                if kind == NLMSG_DONE:
                    return total
                total += memory_of(body)


def sum_of(metrics, name):
    """A figure, over all its labels."""
    return sum(
        value
        for key, value in metrics.items()
        if key.split("{")[0] == f"ringtail_{name}"
    )


class Watch:
    """Looks at one broker, from outside."""

    def __init__(self, pid, port):
        self.port = port
        self.folder = pathlib.Path(f"/proc/{pid}")
        # There before the attack, so that it is served during it.
        self.peer = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.peer.connect()

    def private_bytes(self):
        """The memory that the process has written to."""
        rollup = (self.folder / "smaps_rollup").read_text()
        return int(re.search(r"Private_Dirty:\s+(\d+)", rollup)[1]) * 1024

    def look(self):
        """All that is bounded, now."""
        private = self.private_bytes()
        return {
            "private_bytes": private,
            "all_bytes": private + kernel_bytes(self.port),
            "descriptors": len(os.listdir(self.folder / "fd")),
            **self.counts(),
        }

    def counts(self):
        """What there is to count, as far as the broker can tell: it may have
        no memory for an answer."""
        try:
            metrics = self.metrics()
        except OSError:
            metrics = {}
        return {
            "connections": sum_of(metrics, "connections"),
            "answers": sum_of(metrics, "http_responses_total"),
        }

    def metrics(self):
        """The broker's own figures, by name and labels."""
        self.peer.request("GET", "/metrics")
        answer = self.peer.getresponse()
        lines = answer.read().decode().splitlines()
        if answer.status != 200:
            raise OSError(f"no metrics: {answer.status}")
        pairs = [line.rsplit(" ", 1) for line in lines if line[0] != "#"]
        return {name: int(value) for name, value in pairs}
