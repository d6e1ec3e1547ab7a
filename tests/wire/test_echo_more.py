#!/usr/bin/python3
"""What the public WebSocket suite leaves out."""

import struct
import time

import raw
from conformance.echo import Echo, Peer
from raw import BINARY, MASK, close_frame, frame
from tap import equal, run, test

CONTINUATION = 0
MORE = 0x00  # first bits: not the last frame of its message
SILENCE_S = 0.1
LINGER_S = 3  # longer than the server waits for a peer that has it all
MIB = 1024 * 1024


@test
def beyond_the_limit(server):
    """A message beyond 16 MiB fails with 1009 before it is sent."""
    header = struct.pack("!BBQ", 0x82, 0xFF, 16 * MIB + 1) + MASK
    with Peer(server) as peer:
        peer.send(header + b"x")
        peer.expect_failed(1009)
    with Peer(server) as peer:
        peer.send(frame(BINARY, bytes(16 * MIB), MORE))
        assert peer.is_silent(SILENCE_S)
        peer.send(frame(CONTINUATION, b"x" * 1000)[:9])
        peer.expect_failed(1009)


@test
def no_compression(server):
    """Sections 12 and 13: compression is offered, and not negotiated."""
    line = "Sec-WebSocket-Extensions: permessage-deflate"
    with raw.Connection(server.port) as peer:
        peer.send(raw.upgrade("/", line))
        answer = peer.answer()
        equal(answer.status, 101)
        assert "sec-websocket-extensions" not in answer.headers


@test
def slow_close(server):
    """A peer that closes gets what came before, however slow it reads."""
    payload = bytes(8 * MIB)
    with Peer(server, receive_bytes=4096) as peer:
        peer.send(frame(BINARY, payload) + close_frame(1000))
        time.sleep(LINGER_S)
        peer.expect([(BINARY, payload)])
        peer.expect_close(1000)


@test
def deaf_close(server):
    """A peer that closes and does not read keeps nobody else waiting."""
    with Peer(server, receive_bytes=4096) as deaf:
        deaf.send(frame(BINARY, bytes(8 * MIB)) + close_frame(1000))
        with Peer(server) as peer:
            peer.close()


run(Echo)
