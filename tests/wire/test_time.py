#!/usr/bin/python3
"""Clocks that jump and processes that are suspended close nobody by mistake,
and no timer is stuck afterwards."""

import asyncio
import contextlib
import email.utils
import os
import signal
import sys
import tempfile
import time

import raw
from broker import Broker, environment
from subscriber import post, subscribe, take
from tap import equal, run, test

WALL_CLOCK = os.path.abspath(sys.argv.pop(2))
YEAR_S = 365 * 24 * 3600
SUSPENDED_S = 60
PEERS = 150  # that subscribe, and as many that publish
# All time-outs are far shorter than the time that passes.
SHORT = [
    *("--heartbeat", "1s", "--pong-timeout", "1s", "--stall-timeout", "2s"),
    *("--head-timeout", "2s", "--body-timeout", "2s", "--idle-timeout", "4s"),
]


class MovedClock:
    """A wall clock that can be set: for programs that begin with `wrapper`."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "clock")
        self.jump(0)
        options = environment()["ASAN_OPTIONS"]
        self.wrapper = [
            "env",
            f"LD_PRELOAD={WALL_CLOCK}",
            f"WALL_CLOCK_FILE={self.path}",
            f"ASAN_OPTIONS={options}:verify_asan_link_order=0",
        ]

    def jump(self, seconds):
        """Moves the clock to so many seconds from the real time."""
        with open(self.path + ".new", "w", encoding="ascii") as file:
            file.write(str(seconds))
        os.rename(self.path + ".new", self.path)


@contextlib.contextmanager
def moved_clock():
    """A clock, for as long as it is used."""
    with tempfile.TemporaryDirectory() as folder:
        yield MovedClock(folder)


def wall_s(broker):
    """What time the broker has, as its answers say."""
    date = broker.request("GET", "/livez").headers["Date"]
    return email.utils.parsedate_to_datetime(date).timestamp()


async def follow_jumps(broker, clock):
    """Publishes to a subscriber while the clock jumps; the time stamps."""
    stamps = []
    async with subscribe(broker, "time") as client:
        for number, years in enumerate([0, 10, -10, 3]):
            clock.jump(years * YEAR_S)
            await asyncio.sleep(1.5)  # heartbeats with the new time
            receipt = await post(broker, "time", f"event {number}")
            stamps.append(receipt["ts"])
            equal(await take(client, 1), [f"event {number}"])
            moved = await asyncio.to_thread(wall_s, broker)
            assert abs(moved - time.time() - years * YEAR_S) < 30, moved
    return stamps


@test
def jumps():
    """The wall clock jumps by ten years either way: subscribers stay, nothing
    is dropped for its age, and time stamps never go back within a topic."""
    with moved_clock() as clock:
        with Broker(*SHORT, wrapper=clock.wrapper) as broker:
            stamps = asyncio.run(follow_jumps(broker, clock))
            equal(stamps, sorted(stamps))
            assert stamps[1] - stamps[0] > 9 * YEAR_S * 1000, stamps
            equal(stamps[1], stamps[2])
            equal(stamps[1], stamps[3])
            path = "/subscribe/time?since=earliest"
            with raw.WebSocket(broker, path) as peer:
                equal(len(peer.events(4)), 4)


@test
def jumps_and_deadlines():
    """After such jumps a peer that does not answer pings is closed as ever."""
    with moved_clock() as clock:
        with Broker(*SHORT, wrapper=clock.wrapper) as broker:
            clock.jump(10 * YEAR_S)
            with raw.WebSocket(broker, "/subscribe/time") as peer:
                clock.jump(-10 * YEAR_S)
                _, code, reason = peer.until_close()
            equal(code, 4408)
            equal(raw.reason_values(reason)[0], "pong-missed")


def finish_all(peers):
    """Sends the rest of all requests."""
    for peer in peers:
        peer.send(b"ter")


def take_answers(peers):
    """Each request is answered."""
    for peer in peers:
        equal(peer.answer().status, 200)


async def outlive(broker):
    """Subscribers, and requests that have begun, of a broker that is suspended
    for a minute."""
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(subscribe(broker, "long"))
            for _ in range(PEERS)
        ]
        with contextlib.ExitStack() as requests:
            peers = [
                requests.enter_context(raw.Connection(broker.port, timeout=30))
                for _ in range(PEERS)
            ]
            for peer in peers:
                peer.send(raw.post("long", b"after")[:-3])
            await asyncio.sleep(0.5)
            broker.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(SUSPENDED_S)
            finish_all(peers)
            broker.process.send_signal(signal.SIGCONT)
            await asyncio.to_thread(take_answers, peers)
            for client in clients:
                equal(await take(client, PEERS), ["after"] * PEERS)
        await asyncio.sleep(3)  # heartbeats, and answers to them
        await post(broker, "long", "later")
        for client in clients:
            equal(await take(client, 1), ["later"])


async def outlive_all(brokers):
    """The same for several."""
    await asyncio.gather(*map(outlive, brokers))


@test
def suspended():
    """A process that was suspended for a minute finds all its peers, hundreds
    of them, with short time-outs and with the usual ones."""
    with Broker(*SHORT) as first, Broker() as second:
        asyncio.run(outlive_all([first, second]))
        for broker in (first, second):
            for reason in ("pong-missed", "slow-consumer", "connection-lost"):
                name = f'connections_closed_total{{reason="{reason}"}}'
                equal(broker.metric(name), 0, reason)
        # No timer is stuck: who does not answer now is closed.
        with raw.WebSocket(first, "/subscribe/long") as peer:
            _, code, _ = peer.until_close()
            equal(code, 4408)
        with raw.Connection(first.port, timeout=20) as peer:
            peer.expect_end()


run()
