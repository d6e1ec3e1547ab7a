"""Runs the cases of the public WebSocket suite against the echo server.

script/conformance prepares what this needs: a virtual environment with the
suite, and its cases in a folder, converted to Python 3.
"""

import argparse
import asyncio
import base64
import binascii
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import types

import autobahn.websocket.utf8validator as utf8validator
import txaio

# Not compression, which no server of ours negotiates.
LEFT_OUT = ("12.", "13.")
RIGHT = ("OK", "INFORMATIONAL")
PATIENCE_S = 120


def act_like_python2():
    """Strings are bytes to the cases, and their modules must not mind."""
    to_hex, from_hex = binascii.b2a_hex, binascii.a2b_hex
    binascii.b2a_hex = lambda data: to_hex(data.encode("latin-1")).decode()
    binascii.a2b_hex = lambda text: from_hex(text).decode("latin-1")
    validate = utf8validator.Utf8Validator.validate
    utf8validator.Utf8Validator.validate = lambda self, data: validate(
        self, data if isinstance(data, bytes) else data.encode("latin-1")
    )


def load_cases(folder):
    """Pairs of number and class, of the converted suite."""
    package = types.ModuleType("suite")
    package.__path__ = [folder]
    sys.modules["suite"] = package
    txaio.use_asyncio()
    act_like_python2()
    from suite.case import Cases

    named = [(case.__name__[4:].replace("_", "."), case) for case in Cases]
    return [pair for pair in named if not pair[0].startswith(LEFT_OUT)]


async def connect(port):
    """A WebSocket: its two streams."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = ["GET / HTTP/1.1", "Host: a", "Upgrade: websocket"]
    lines += ["Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    lines += [f"Sec-WebSocket-Key: {key}", "", ""]
    writer.write("\r\n".join(lines).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in head, head
    return reader, writer


async def read_all(reader, peer):
    """Up to the end of the connection."""
    try:
        while data := await asyncio.wait_for(reader.read(1 << 20), PATIENCE_S):
            peer.take(data)
    except OSError:
        pass  # it was aborted
    except asyncio.TimeoutError:
        peer.failedByMe = True


async def run_case(port, case_class):
    """The case, with its verdict."""
    from peer import Peer

    reader, writer = await connect(port)
    peer = Peer(writer)
    pump = asyncio.ensure_future(peer.pump())
    peer.case = case_class(peer)
    peer.case.onOpen()
    await read_all(reader, peer)
    peer.state = peer.STATE_CLOSED
    pump.cancel()
    writer.close()
    peer.case.onConnectionLost(peer.failedByMe)
    return peer.case


def explain(number, case):
    """Prints why a case is not right."""
    print(f"{number}: {case.behavior}, close {case.behaviorClose}")
    for text in (case.result, case.resultClose, case.received):
        print(f"    {text!s:.200}")


async def run_all(port, cases):
    """Verdicts by number; what is wrong is printed at once."""
    verdicts = {}
    for number, case_class in cases:
        case = await run_case(port, case_class)
        is_right = case.behavior in RIGHT and case.behaviorClose in RIGHT
        verdicts[number] = case.behavior if is_right else "WRONG"
        if not is_right:
            explain(number, case)
    return verdicts


def print_table(verdicts):
    """A line for each section."""
    print("{:<10} {:>6} {:>14} {:>6}".format("section", *RIGHT, "wrong"))
    sections = sorted({int(number.split(".")[0]) for number in verdicts})
    for section in sections:
        prefix = f"{section}."
        found = [v for n, v in verdicts.items() if n.startswith(prefix)]
        counts = [found.count(v) for v in (*RIGHT, "WRONG")]
        print("{:<10} {:>6} {:>14} {:>6}".format(section, *counts))


def parse():
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", help="of the converted suite")
    parser.add_argument("server", help="the echo server's program")
    parser.add_argument("sections", nargs="*", help="these alone: 6 9.1")
    return parser.parse_args()


def is_chosen(number, sections):
    """Whether a case is in one of the sections, if any are named."""
    begins = [(number + ".").startswith(section + ".") for section in sections]
    return any(begins) or not sections


def main():
    """Returns the exit code: 0 when no case is wrong."""
    options = parse()
    cases = load_cases(options.folder)
    cases = [case for case in cases if is_chosen(case[0], options.sections)]
    command = [options.server, "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        line = server.stdout.readline().decode()
        port = int(re.search(r"listening on port (\d+)$", line)[1])
        try:
            verdicts = asyncio.run(run_all(port, cases))
        finally:
            server.send_signal(signal.SIGTERM)
    print_table(verdicts)
    is_right = cases and "WRONG" not in verdicts.values()
    return 0 if is_right and server.returncode == 0 else 1


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    sys.exit(main())
