#!/usr/bin/python3
"""Who reads several topics and asks for what is on disk is given all of it, in
the order of all, and nothing that an end could still undo."""

import threading

import raw
from batches import publish_lines
from data import SMALL, Killed, broker_on, folder
from dialog import Dialog
from objects import FORMS, Objects
from stream import Lines
from tap import cases, equal, run, test

BATCH = 50


def topic_of(number):
    """Where it is published."""
    return f"v.{number * number % 5}"


def publish(broker, first, last, ack="memory"):
    """Events of these numbers, in batches over the topics."""
    lines = [
        b'{"topic":"%s","data":"%d %s"}\n'
        % (topic_of(number).encode(), number, b"x" * (number % 300))
        for number in range(first, last + 1)
    ]
    publish_lines(broker, f"/produce?ack={ack}", lines, BATCH)


def number_of(event):
    """The event's number, which it begins with."""
    number = int(event["data"].split()[0])
    equal(event["topic"], topic_of(number))
    return number


def expect(events, first, last):
    """They are the events of these numbers."""
    equal([number_of(event) for event in events], list(range(first, last + 1)))


@cases(FORMS, "Over {0}, a pattern is given what is on disk, and goes on.")
def goes_on(form):
    with folder() as data:
        with broker_on(data, *SMALL) as broker:
            with Objects(form, broker, "v.*?visible=disk") as peer:
                equal(peer.until_caught_up(), [])
                publish(broker, 1, 2000)
                got = peer.events(2000)
                expect(got, 1, 2000)
        with broker_on(data, *SMALL) as broker:
            path = f"v.*?visible=disk&since={got[99]['resume']}"
            with Objects(form, broker, path) as peer:
                expect(peer.until_caught_up(), 101, 2000)
                publish(broker, 2001, 2200)
                expect(peer.events(200), 2001, 2200)
            path = "v.0,v.1,v.4?visible=disk&since=earliest"
            with Objects(form, broker, path) as peer:
                expect(peer.until_caught_up(), 1, 2200)
            equal(broker.metric("subscriber_gaps_total"), 0)


@test
def subscribed():
    """So it is with `sub`; and the end of a topic is told."""
    with folder() as data, broker_on(data) as broker, Dialog(broker) as peer:
        answer = peer.ask("sub", topics=["v.0", "v.1"], visible="disk")
        equal(answer["op"], "ok")
        equal(peer.item()["op"], "caught_up")
        for number in (1, 4, 5, 6, 9):
            publish(broker, number, number, "disk")
            if topic_of(number) != "v.4":
                equal(number_of(peer.item()), number)


def read_until_cut(peer, given):
    """Notes all that is given until the connection ends."""
    try:
        while (item := peer.item()) is not None:
            if item["op"] == "event":
                given.append(item)
    except (raw.Ended, ConnectionError):
        return


@test
def never_undone():
    """After SIGKILL everything is there that was given, each time."""
    for extra in range(3):
        given = []
        with folder() as data:
            with Killed("--data", data, *SMALL) as broker:
                peer = Objects(Lines, broker, "v.*?visible=disk")
                reader = threading.Thread(
                    target=read_until_cut, args=(peer, given)
                )
                reader.start()
                publish(broker, 1, 3000 + extra)
            reader.join()
            with broker_on(data, *SMALL) as broker:
                path = "v.*?visible=disk&since=earliest"
                with Objects(Lines, broker, path) as again:
                    found = again.until_caught_up()
        kept = [item for item in found if item["op"] == "event"]
        assert given, "nothing was given"
        expect(given, 1, len(given))
        equal(kept[: len(given)], given)


run()
