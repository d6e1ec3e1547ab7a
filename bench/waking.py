"""Keeps a mosquitto awake while the load generator connects.

It looks for new WebSocket connections only when something else has happened,
or every 100 ms, twice for each connection: 10,000 would take half an hour. So a
client of plain MQTT pings until all have come, and has gone before the measured
window begins.
"""

import contextlib
import os
import socket
import threading
import time

CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04wake"
PING = b"\xc0\x00"
PAUSE_S = 0.0005
QUIET_S = 0.1  # without a new connection: all have come


def descriptors(pid):
    """How many descriptors a process has."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def ping_until(over, connection, pid):
    """Pings until nobody has come for a while, or it is over anyway."""
    idle = seen = descriptors(pid)
    look_at = time.monotonic() + QUIET_S
    while not over.is_set():
        connection.sendall(PING)
        connection.recv(64)
        time.sleep(PAUSE_S)
        if time.monotonic() < look_at:
            continue
        before, seen = seen, descriptors(pid)
        if seen == before > idle:
            return
        look_at = time.monotonic() + QUIET_S


def wake(over, port, pid):
    """Connects and pings."""
    address = ("127.0.0.1", port)
    with contextlib.suppress(OSError):
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(CONNECT)
            connection.recv(64)
            ping_until(over, connection, pid)


@contextlib.contextmanager
def waking(port, pid):
    """Keeps the process awake until all have connected."""
    over = threading.Event()
    thread = threading.Thread(target=wake, args=(over, port, pid))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
