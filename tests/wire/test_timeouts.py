#!/usr/bin/python3
"""Peers that do not read, or do not answer pings, are closed in time, and those
that subscribe are told where to go on."""

import socket
import threading
import time

import raw
from broker import Broker, until
from tap import equal, run, test

KIB = 1024
EVENT = b"x" * 16 * KIB
COUNT = 60  # events that the sockets' buffers cannot hold


def closes(broker, reason):
    """How many subscriptions ended for a reason."""
    return broker.metric(f'connections_closed_total{{reason="{reason}"}}')


def offset_of(cursor):
    """The offset in a cursor."""
    return int(cursor.split("-")[1])


def stalled(broker, topic):
    """A subscriber that does not read, with more to read than its connection
    takes."""
    path = f"/subscribe/{topic}"
    peer = raw.WebSocket(broker, path, receive_bytes=64 * KIB)
    for _ in range(COUNT):
        broker.post(topic, EVENT)
    until(lambda: broker.metric("subscriber_stalls_total") > 0, "a stall")
    return peer


@test
def stalled_until_closed():
    """A subscriber that takes nothing for the stall time-out is closed with
    4408, with the cursor of the last event that it was sent."""
    with Broker("--stall-timeout", "1s") as broker:
        with stalled(broker, "stalled") as peer:
            until(lambda: closes(broker, "slow-consumer") == 1, "4408")
            payloads, code, reason = peer.until_close()
            peer.send(raw.close_frame(code))
            peer.expect_end()
        slug, values = raw.reason_values(reason)
        equal((code, slug), (4408, "slow-consumer"))
        equal(offset_of(values["cursor"]), len(payloads), "events")
        left = COUNT - len(payloads)
        assert 0 < left < COUNT
        path = f"/subscribe/stalled?since={values['cursor']}"
        with raw.WebSocket(broker, path) as peer:
            equal(peer.events(left), [EVENT] * left)
            assert peer.is_silent()


@test
def stalled_for_good():
    """A subscriber that takes nothing at all is cut off in the end."""
    with Broker("--stall-timeout", "1s") as broker:
        with stalled(broker, "stalled"):
            until(lambda: closes(broker, "slow-consumer") == 1, "4408")
            until(lambda: broker.metric("connections") == 1, "cut off")


@test
def slow_but_moving():
    """A subscriber that takes little, but something, is not closed."""
    with Broker("--stall-timeout", "1s") as broker:
        with stalled(broker, "moving") as peer:
            for _ in range(COUNT):
                equal(peer.events(1), [EVENT])
                time.sleep(0.07)
            equal(closes(broker, "slow-consumer"), 0)


def push(peer, data, limit):
    """Sends for as long as the peer takes it; how much it took."""
    peer.socket.settimeout(0.5)
    sent = 0
    try:
        while sent < limit:
            sent += peer.socket.send(data)
    except socket.timeout:
        pass
    return sent


@test
def deaf():
    """A peer that reads no answers is not read from, and cut off in the end."""
    with Broker("--stall-timeout", "1s", "--head-timeout", "60s") as broker:
        with raw.Connection(broker.port, receive_bytes=4096) as peer:
            sent = push(peer, raw.get("/metrics") * 1000, 64 << 20)
            assert sent < 32 << 20, f"{sent} bytes were taken"
            assert broker.metric("memory_bytes") < 1 << 20
            until(lambda: broker.metric("connections") == 1, "cut off")


@test
def pinged():
    """A subscriber is pinged every heartbeat, and stays if it answers."""
    with Broker("--heartbeat", "1s", "--pong-timeout", "1s") as broker:
        with raw.WebSocket(broker, "/subscribe/pinged") as peer:
            start = time.monotonic()
            for _ in range(3):
                equal(peer.frame(), (raw.PING, b""))
                peer.send(raw.frame(raw.PONG))
            assert time.monotonic() - start >= 2
            broker.post("pinged", b"x")
            equal(peer.events(1), [b"x"])


@test
def unanswered():
    """A subscriber that does not answer a ping is closed with 4408, though it
    sends other frames and reads what comes."""
    with Broker("--heartbeat", "1s", "--pong-timeout", "1s") as broker:
        with raw.WebSocket(broker, "/subscribe/silent") as peer:
            cursor = broker.post("silent", b"x")["cursor"]
            equal(peer.frame(), (raw.TEXT, b"x"))
            equal(peer.frame(), (raw.PING, b""))
            peer.send(raw.frame(raw.PING, b"mine"))
            equal(peer.frame(), (raw.PONG, b"mine"))
            opcode, payload = peer.frame()
            reason = f"pong-missed; cursor={cursor}"
            wanted = (4408).to_bytes(2, "big") + reason.encode()
            equal((opcode, payload), (raw.CLOSE, wanted))


@test
def deaf_to_pongs():
    """A subscriber of a quiet topic that sends pings and reads no pongs is
    closed as well."""
    with Broker("--stall-timeout", "1s") as broker:
        path = "/subscribe/quiet"
        ping = raw.frame(0x9, b"p" * 125)
        with raw.WebSocket(broker, path, receive_bytes=4096) as peer:
            peer.socket.settimeout(0.5)
            try:
                for _ in range(500000):
                    peer.send(ping)
            except (socket.timeout, BrokenPipeError, ConnectionResetError):
                pass
            until(lambda: closes(broker, "slow-consumer") == 1, "4408", 20)


@test
def slow_reader_of_answers():
    """A publisher that takes its answers slowly, but steadily, gets all."""
    count = 400
    with Broker("--stall-timeout", "1s") as broker:
        with raw.Connection(broker.port, receive_bytes=4096) as peer:
            peer.socket.setblocking(True)
            sender = threading.Thread(
                target=peer.send, args=(raw.get("/metrics") * count,)
            )
            sender.start()
            for _ in range(40):
                peer.received += peer.socket.recv(3000)
                time.sleep(0.1)
            for _ in range(count):
                equal(peer.answer().status, 200)
            sender.join()


@test
def body_after_a_pause():
    """A body has its own time, also when answers had to be waited for."""
    flags = ["--head-timeout", "1s", "--body-timeout", "30s"]
    request = raw.post("pause", b"whole")
    with Broker(*flags) as broker:
        with raw.Connection(broker.port, receive_bytes=4096) as peer:
            peer.send(raw.get("/metrics") * 200 + request[:-1])
            time.sleep(0.5)
            for _ in range(200):
                equal(peer.answer().status, 200)
            time.sleep(3.5)
            peer.send(request[-1:])
            equal(peer.answer().status, 200)


run()
