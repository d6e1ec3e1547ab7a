#!/usr/bin/python3
"""What is done to topics, as those see it who subscribe to several of them."""

from broker import Broker, until
from dialog import Dialog
from objects import FORMS, Objects
from stream import Lines
from tap import cases, equal, run, test


def change(broker, method, path):
    """Does something to a topic."""
    answer = broker.request(method, f"/topics/{path}")
    assert answer.status in (200, 204), (answer.status, answer.body)


def state(broker, topic):
    """What is said of a topic."""
    answer = broker.request("GET", f"/topics/{topic}")
    equal(answer.status, 200)
    return answer.json()


# --- purged ---


@cases(FORMS, "Over {0}, who lacks events that were purged is told so.")
def purged(broker, form):
    name = f"purged.{form.__name__.lower()}"
    with Objects(form, broker, f"{name}.*") as peer:
        equal(peer.until_caught_up(), [])
        for number in range(3):
            broker.post(f"{name}.1", str(number))
        events = peer.events(3)
        change(broker, "DELETE", f"{name}.1")
        broker.post(f"{name}.1", "again")
        event = peer.item()  # nothing is missed, but it is another log
        equal((event["op"], event["data"]), ("event", "again"))
        assert event["cursor"][:8] != events[0]["cursor"][:8], event
    path = f"{name}.*?since="
    with Objects(form, broker, path + events[1]["resume"]) as peer:
        gap, event = peer.until_caught_up()
    equal((gap["op"], gap["topic"]), ("gap", f"{name}.1"))
    equal((gap["reason"], gap["next"]), ("epoch_changed", event["cursor"]))
    equal(event["data"], "again")
    with Objects(form, broker, path + events[2]["resume"]) as peer:
        equal([item["op"] for item in peer.until_caught_up()], ["event"])


# --- counted ---


@test
def counted(broker):
    """Who reads several topics is a subscriber of each; nobody is twice."""
    broker.post("counted.1", "x")
    broker.post("counted.2", "x")

    def subscribers():
        topics = ("counted.1", "counted.2")
        return [state(broker, topic)["subscribers"] for topic in topics]

    with Lines(broker, "counted.1,counted.3"):
        with Dialog(broker, "/counted.*,counted.2"):
            equal(subscribers(), [2, 1])
            with Dialog(broker, "/counted.2"):
                equal(subscribers(), [2, 2])
    with Lines(broker, "other"):
        until(lambda: subscribers() == [0, 0], "nobody is left")


@test
def kept(broker):
    """A topic that a pattern has goes on when it is purged; others do not."""
    broker.post("kept", "x")
    with Lines(broker, "*"):
        change(broker, "DELETE", "kept")
        equal(state(broker, "kept")["events"], 0)


run(Broker)
