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


# --- closed ---

BACKLOG = 200  # events, more than a slow reader's sockets take
EVENT_BYTES = 16 * 1024


def close(broker, *topics):
    """Closes topics, one after the other."""
    for topic in topics:
        change(broker, "POST", f"{topic}/close")


def expect_closed(item, cursor):
    """It says that the topic of the cursor's event is closed."""
    equal(item["op"], "closed")
    equal(item["cursor"], cursor)
    assert item["resume"].startswith("*"), item
    return item["topic"]


def expect_end(peer, form):
    """A stream ends, and so does a subscription of a dialog that goes on."""
    if form is not Dialog:
        equal(peer.item(), None)
        return
    answer = peer.peer.ask("unsub", topics=peer.opened["topics"])
    equal(answer["problem"]["status"], 404)


@cases(FORMS, "Over {0}, a pattern is told what is closed, and goes on.")
def closed_pattern(broker, form):
    name = f"closed.{form.__name__.lower()}"
    with Objects(form, broker, f"{name}.*") as peer:
        equal(peer.until_caught_up(), [])
        cursor = broker.post(f"{name}.1", "last")["cursor"]
        close(broker, f"{name}.1", f"{name}.1")
        broker.post(f"{name}.2", "first")
        event, closed, other = (peer.item() for _ in range(3))
        equal((event["data"], other["data"]), ("last", "first"))
        equal(expect_closed(closed, cursor), f"{name}.1")
    for number, item in enumerate((event, closed)):
        path = f"{name}.*?since={item['resume']}"
        with Objects(form, broker, path) as peer:
            found = [item["op"] for item in peer.until_caught_up()]
            equal(found, ["closed", "event"][number:])


@cases(FORMS, "Over {0}, a list ends when all of its topics are closed.")
def closed_list(broker, form):
    name = f"list.{form.__name__.lower()}"
    with Objects(form, broker, f"{name}.a,{name}.b") as peer:
        equal(peer.until_caught_up(), [])
        topics = (f"{name}.a", f"{name}.b")
        cursors = {t: broker.post(t, "x")["cursor"] for t in topics}
        close(broker, *cursors)
        peer.events(2)
        for topic, cursor in cursors.items():
            equal(expect_closed(peer.item(), cursor), topic)
        expect_end(peer, form)


@cases(FORMS, "Over {0}, who comes later is told which of a list are closed.")
def closed_before(broker, form):
    name = f"before.{form.__name__.lower()}"
    cursor = broker.post(f"{name}.a", "x")["cursor"]
    close(broker, f"{name}.a")
    with Objects(form, broker, f"{name}.a,{name}.b.*") as peer:
        (closed,) = peer.until_caught_up()
        equal(expect_closed(closed, cursor), f"{name}.a")
        equal(closed["resume"], peer.opened["cursor"])
    with Objects(form, broker, f"{name}.*") as peer:
        equal(peer.until_caught_up(), [])  # it names none


@test
def closed_in_operation(broker):
    """An operation is answered so, too; and what has ended may begin again."""
    cursor = broker.post("sub.a", "x")["cursor"]
    close(broker, "sub.a")
    with Dialog(broker) as peer:
        equal(peer.ask("sub", topics=["sub.a", "sub.b"])["op"], "ok")
        equal(expect_closed(peer.item(), cursor), "sub.a")
        equal(peer.item()["op"], "caught_up")
        broker.post("sub.b", "x")
        equal(peer.item()["op"], "event")
        close(broker, "sub.b")
        equal(peer.item()["topic"], "sub.b")
        change(broker, "DELETE", "sub.b")
        equal(peer.ask("sub", topics=["sub.a", "sub.b"])["op"], "ok")
        equal([item["op"] for item in peer.items(2)], ["closed", "caught_up"])


@test
def closed_for_good(broker):
    """A browser that has all of a list does not come back; other streams are
    told, and end."""
    broker.post("over.a", "x")
    broker.post("over.b", "x")
    close(broker, "over.a", "over.b")
    answer = broker.request("GET", "/subscribe/over.a,over.b?format=sse")
    equal(answer.status, 204)
    with Lines(broker, "over.a,over.b") as peer:
        found = [(item["op"], item.get("topic")) for item in peer.rest()]
    wanted = [("closed", "over.a"), ("closed", "over.b"), ("caught_up", None)]
    equal(found[1:], wanted)


def replay(broker, form):
    """A slow reader that has begun to replay what there is of slow.a."""
    for number in range(BACKLOG):
        broker.post("slow.a", f"{number} {'x' * EVENT_BYTES}")
    path = "slow.*?since=earliest"
    peer = Objects(form, broker, path, receive_bytes=4096)
    equal(number_of(peer.item()), 0)
    return peer


def number_of(event):
    """Which one of the backlog it is."""
    return int(event["data"].split(" ")[0])


@cases(FORMS, "Over {0}, who is slow is told behind the last event there is.")
def closed_slowly(_, form):
    with Broker("--ring-bytes", "8MiB") as broker:
        with replay(broker, form) as peer:
            close(broker, "slow.a")
            cursor = broker.post("slow.b", "live")["cursor"]
            found = peer.events(BACKLOG - 1)
            equal([number_of(e) for e in found], list(range(1, BACKLOG)))
            equal(expect_closed(peer.item(), found[-1]["cursor"]), "slow.a")
            equal(peer.item()["cursor"], cursor)
            equal(peer.item()["op"], "caught_up")


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


@cases(FORMS, "Over {0}, who is slow is told of a purge where the events end.")
def purged_slowly(_, form):
    with Broker("--ring-bytes", "8MiB") as broker:
        with replay(broker, form) as peer:
            change(broker, "DELETE", "slow.a")
            cursor = broker.post("slow.a", "live")["cursor"]
            given = 1
            while (item := peer.item())["op"] == "event":
                equal(number_of(item), given)
                given += 1
            assert given < BACKLOG, "it was not slow"
            equal((item["op"], item["topic"]), ("gap", "slow.a"))
            equal((item["reason"], item["next"]), ("epoch_changed", cursor))
            rest = [peer.item()["op"] for _ in range(2)]
            equal(sorted(rest), ["caught_up", "event"])  # it may be quick


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
