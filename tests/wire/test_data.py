#!/usr/bin/python3
"""A broker with a log on disk: what it is when it begins again, after an end in
good order and after SIGKILL."""

import os
import signal
import stat
import subprocess

from broker import Broker, until
from data import JUMP, Killed, broker_on, folder, on_disk, refusal, state
from tap import equal, run, test


def removed_files(broker):
    """Files that the broker has open and that have no name any more."""
    folder_of_links = f"/proc/{broker.process.pid}/fd"
    targets = []
    for link in os.listdir(folder_of_links):
        try:
            targets.append(os.readlink(f"{folder_of_links}/{link}"))
        except FileNotFoundError:
            pass  # closed just now
    return [target for target in targets if target.endswith(" (deleted)")]


# --- an end in good order ---


@test
def goes_on():
    """After a restart a topic has its epoch and its next offset, and the same
    position means the same."""
    with folder() as data:
        with broker_on(data) as broker:
            first = broker.post("news", b"one")
            last = broker.post("news", b"two")
        for number in range(3, 6):
            with broker_on(data) as broker:
                now = state(broker, "news")
                equal(now["latest"], last["cursor"])
                last = broker.post("news", b"more")
                equal(last["offset"], number)
                equal(last["cursor"][:8], first["cursor"][:8])


@test
def keeps_configuration():
    """What a topic retains by itself, and that it is closed, is kept; so is
    that it is neither any more."""
    with folder() as data:
        with broker_on(data) as broker:
            broker.post("news", b"x")
            own = b'{"ring_events":7,"data_events":70,"data_age":"2h"}'
            answer = broker.request("PUT", "/topics/news", own)
            equal(answer.status, 200)
            equal(answer.json()["configuration"]["data_bytes"], "unlimited")
            equal(broker.request("POST", "/topics/news/close").status, 200)
        with broker_on(data) as broker:
            now = state(broker, "news")
            equal(now["configuration"]["ring_events"], 7)
            equal(now["configuration"]["data_events"], 70)
            equal(now["configuration"]["data_age"], "2h")
            equal(now["closed"], True)
            equal(broker.request("POST", "/produce/news", b"x").status, 409)
            equal(broker.request("DELETE", "/topics/news").status, 204)
            purged = broker.post("news", b"x")
            equal(purged["offset"], 1)
            assert purged["cursor"][:8] != now["epoch"], purged
        with broker_on(data) as broker:
            now = state(broker, "news")
            equal(now["epoch"], purged["cursor"][:8])
            equal(now["latest"], purged["cursor"])
            equal(now["configuration"]["ring_events"], "unlimited")
            equal(now["configuration"]["data_events"], "unlimited")
    with Broker() as broker:
        answer = broker.request("PUT", "/topics/a", b'{"data_events":7}')
        equal(answer.status, 501)
        equal(broker.request("GET", "/topics/a").status, 404)


@test
def keeps_keys():
    """A request that is repeated after a restart is answered as it was, and
    not done again; a purge forgets its key for good."""
    key = {"Idempotency-Key": "order-4711"}
    with folder() as data:
        with broker_on(data) as broker:
            receipt = broker.post("orders", b"new", **key)
            lines = b'{"topic":"a","data":1}\n{"topic":"b","data":2}\n'
            kind = {"Content-Type": "application/x-ndjson", **key}
            several = broker.request("POST", "/produce", lines, kind).json()
        with broker_on(data) as broker:
            answer = broker.request("POST", "/produce/orders", b"new", key)
            equal(answer.headers["Idempotent-Replayed"], "true")
            equal(answer.json()["cursor"], receipt["cursor"])
            other = broker.request("POST", "/produce/orders", b"other", key)
            equal(other.status, 422)
            again = broker.request("POST", "/produce", lines, kind)
            equal(again.headers["Idempotent-Replayed"], "true")
            equal(again.json(), several)
            equal(broker.request("DELETE", "/topics/orders").status, 204)
        with broker_on(data) as broker:
            answer = broker.request("POST", "/produce/orders", b"new", key)
            equal(answer.headers["Idempotent-Replayed"], None)


@test
def keeps_the_node():
    """Positions of several topics are of the same epoch after a restart."""
    lines = b'{"topic":"a","data":1}\n'
    kind = {"Content-Type": "application/x-ndjson"}

    def resume(broker):
        broker.request("POST", "/produce", lines, kind)
        path = "/subscribe/a,b?format=ndjson"
        peer = subprocess.run(
            ["curl", "-sN", "--max-time", "1", broker.url(path)],
            stdout=subprocess.PIPE,
            check=False,
        )
        head = peer.stdout.decode().splitlines()[0]
        return head.split('"cursor":"*')[1][:8]

    with folder() as data:
        with broker_on(data) as broker:
            epoch = resume(broker)
        with broker_on(data) as broker:
            equal(resume(broker), epoch)


# --- SIGKILL ---


@test
def jumps_after_a_kill():
    """After SIGKILL the epoch is the same, and offsets go on far behind any
    that may have been given; the next end in good order does not jump."""
    with folder() as data:
        with Killed("--data", data) as broker:
            for _ in range(10):
                last = broker.post("news", b"x")
            on_disk(broker)
        with broker_on(data) as broker:
            now = broker.post("news", b"x")
            equal(now["cursor"][:8], last["cursor"][:8])
            equal(now["offset"], last["offset"] + 1 + JUMP)
        with broker_on(data) as broker:
            equal(broker.post("news", b"x")["offset"], now["offset"] + 1)


@test
def never_twice():
    """However often it is killed, before or after what was published is on
    disk, no position is given twice."""
    with folder() as data:
        given = set()
        for number in range(6):
            with Killed("--data", data) as broker:
                for _ in range(number + 1):
                    path = "news?ack=memory"
                    cursor = broker.post(path, b"x")["cursor"]
                    assert cursor not in given, cursor
                    given.add(cursor)


@test
def keeps_what_is_on_disk():
    """What was on disk before a SIGKILL is there: topics, keys, closed ones."""
    key = {"Idempotency-Key": "k"}
    with folder() as data:
        with Killed("--data", data) as broker:
            receipt = broker.post("orders", b"new", **key)
            broker.post("done", b"x")
            equal(broker.request("POST", "/topics/done/close").status, 200)
            on_disk(broker)
            broker.post("orders", b"last")
            on_disk(broker)
        with broker_on(data) as broker:
            equal(state(broker, "done")["closed"], True)
            answer = broker.request("POST", "/produce/orders", b"new", key)
            equal(answer.headers["Idempotent-Replayed"], "true")
            equal(answer.json()["cursor"], receipt["cursor"])


def killed_behind(data, method, path, body=None):
    """A broker does it, and is killed when it has said so."""
    with Killed("--data", data) as broker:
        answer = broker.request(method, f"/topics/{path}", body)
        assert answer.status in (200, 201, 204), answer.body
        equal(answer.headers["Ringtail-Ack"], "disk")


@test
def keeps_changes():
    """What was done to a topic is on disk when it is answered."""
    with folder() as data:
        for number in range(1, 6):
            own = b'{"ring_events":%d}' % number
            killed_behind(data, "PUT", "news", own)
            with broker_on(data) as broker:
                now = state(broker, "news")
                equal(now["configuration"]["ring_events"], number)
            killed_behind(data, "POST", "news/close")
            killed_behind(data, "PUT", "other", b'{"closed":true}')
            with broker_on(data) as broker:
                equal(state(broker, "news")["closed"], True)
                equal(state(broker, "other")["closed"], True)
            killed_behind(data, "PUT", "other", b'{"closed":false}')
            killed_behind(data, "DELETE", "news")
            with broker_on(data) as broker:
                equal(state(broker, "other")["closed"], False)
                answer = broker.request("GET", "/topics/news")
                is_gone = answer.status == 404
                assert is_gone or answer.json()["epoch"] != now["epoch"]


@test
def torn():
    """A last batch that is not whole is cut off, and that is told."""
    with folder() as data:
        with Killed("--data", data) as broker:
            broker.post("news", b"one")
            on_disk(broker)
            end = broker.metric("log_bytes")
            broker.post("news", b"two" * 100)
            on_disk(broker)
        with open(f"{data}/{1:020}.rtl", "r+b") as file:
            file.seek(end + 200)
            file.write(bytes(4096))
        with broker_on(data) as broker:
            until(lambda: broker.metric("log_batches_total") >= 0, "it")
            equal(state(broker, "news")["latest"][9:], str(1 + JUMP))
            equal(broker.request("GET", "/readyz").body, b"ok\n")


def told(*args):
    """What a broker says of its log when it starts."""
    with Broker("--data", *args) as broker:
        return "".join(broker.said)


@test
def tells_what_it_found():
    """A start says how the log ended, how much there is, and what was left
    out or taken away."""
    with folder() as data:
        said = told(data)
        assert " ms: topics 0, segments 1, bytes " in said, said
        assert "; it is new\n" in said and "warning" not in said, said
        with Killed("--data", data) as broker:
            broker.post("news", b"one")
            on_disk(broker)
            assert "; it was ended in good order\n" in "".join(broker.said)
        said = told(data)
        assert "topics 1, segments 1" in said, said
        assert "; it ended without a word\n" in said, said
        assert f"warning: {JUMP} offsets are left out" in said, said
        said = told(data)
        assert "good order" in said and "warning" not in said, said
        with open(f"{data}/{2:020}.rtl", "xb"):
            pass
        said = told(data)
        assert "1 segments removed from the end of the log" in said, said


@test
def damaged():
    """A topic that has lost events takes no more, and says so; the others
    do."""
    with folder() as data:
        with broker_on(data) as broker:
            broker.post("good", b"x")
            broker.post("bad", b"x")
            on_disk(broker)
            begin = broker.metric("log_bytes")
            broker.post("bad", b"y" * 1000)
            on_disk(broker)
            broker.post("good", b"x")
            on_disk(broker)
        with open(f"{data}/{1:020}.rtl", "r+b") as file:
            file.seek(begin + 500)
            file.write(b"z")
        with broker_on(data) as broker:
            equal(broker.metric("log_damaged_topics"), 1)
            ready = broker.request("GET", "/readyz")
            equal((ready.status, ready.body[:3]), (200, b"ok\n"))
            assert b"lost events" in ready.body, ready.body
            assert broker.request("POST", "/produce/bad", b"x").status >= 500
            broker.post("good", b"x")
            said = "".join(broker.said)
            assert "1 topics have lost events" in said, said
            assert "no more are taken: bad" in said, said


def publish_with_key(broker, *topics):
    """A batch with a key, which is that of its topics; the answer."""
    lines = "".join(f'{{"topic":"{topic}","data":1}}\n' for topic in topics)
    kind = {"Content-Type": "application/x-ndjson"}
    key = {"Idempotency-Key": "-".join(topics)}
    return broker.request("POST", "/produce", lines, kind | key)


@test
def loses_keys_with_events():
    """Who repeats a request of which an event is lost is not told that it is
    there; other requests were done."""
    with folder() as data:
        with broker_on(data) as broker:
            broker.post("bad", b"x")
            equal(publish_with_key(broker, "good", "bad").status, 200)
            begin = broker.metric("log_bytes")
            broker.post("bad", b"y" * 1000)
            equal(publish_with_key(broker, "bad", "good").status, 200)
            equal(publish_with_key(broker, "good", "other").status, 200)
        with open(f"{data}/{1:020}.rtl", "r+b") as file:
            file.seek(begin + 500)
            file.write(b"z")
        with broker_on(data) as broker:
            refused = publish_with_key(broker, "bad", "good")
            equal(refused.status, 500)
            equal(refused.json()["type"], "urn:ringtail:problem:topic-damaged")
            for topics in (("good", "bad"), ("good", "other")):
                answer = publish_with_key(broker, *topics)
                equal(answer.headers["Idempotent-Replayed"], "true")


# --- retention ---


@test
def sheds():
    """As soon as a file more is begun than the log may take, the oldest one
    goes, and with it the room that it took."""
    lines = b'"%s"\n' % (b"x" * 200000) * 20
    kind = {"Content-Type": "application/x-ndjson"}
    with folder() as data, broker_on(data, "--data-bytes", "60MiB") as broker:
        while not os.path.exists(f"{data}/{2:020}.rtl"):
            broker.request("POST", "/produce/bulk", lines, kind)
        broker.request("POST", "/produce/bulk", lines, kind)
        until(lambda: broker.metric("log_segments") == 1, "retention", 5)
        equal(sorted(os.listdir(data)), [f"{2:020}.rtl", "LOCK"])
        until(lambda: removed_files(broker) == [], "room", 5)


@test
def keys_outlive_their_files():
    """A key is known after a kill though two files have begun since, and that
    with the event is gone, and after the end of that life; a purge of the topic
    forgets it all the same."""
    lines = b'"%s"\n' % (b"x" * 200000) * 20
    kind = {"Content-Type": "application/x-ndjson"}
    key = {"Idempotency-Key": "order-4711"}
    words = ("--data-bytes", "60MiB")
    with folder() as data:
        with Killed("--data", data, *words) as broker:
            receipt = broker.post("orders?ack=disk", b"new", **key)
            while not os.path.exists(f"{data}/{3:020}.rtl"):
                broker.request("POST", "/produce/bulk", lines, kind)
            on_disk(broker)
        equal(os.path.exists(f"{data}/{1:020}.rtl"), False)
        for _ in range(2):
            with broker_on(data, *words) as broker:
                answer = broker.request("POST", "/produce/orders", b"new", key)
                equal(answer.headers["Idempotent-Replayed"], "true")
                equal(answer.json()["cursor"], receipt["cursor"])
                equal(answer.json()["ts"], receipt["ts"])
        with broker_on(data, *words) as broker:
            broker.post("orders", b"another")
            equal(broker.request("DELETE", "/topics/orders").status, 204)
        with broker_on(data, *words) as broker:
            answer = broker.request("POST", "/produce/orders", b"new", key)
            equal(answer.headers["Idempotent-Replayed"], None)


@test
def makes_way():
    """A file that goes because another one begins is given up at once, too."""
    lines = b'"%s"\n' % (b"x" * 200000) * 20
    kind = {"Content-Type": "application/x-ndjson"}
    with folder() as data, broker_on(data, "--data-bytes", "140MiB") as broker:
        while not os.path.exists(f"{data}/{3:020}.rtl"):
            broker.request("POST", "/produce/bulk", lines, kind)
        assert not os.path.exists(f"{data}/{1:020}.rtl")
        until(lambda: removed_files(broker) == [], "room", 2)


@test
def sheds_events():
    """As soon as the file that was begun has as many events as the log is to
    keep, the oldest one goes."""
    lines = b'"%s"\n' % (b"x" * 200000) * 20
    kind = {"Content-Type": "application/x-ndjson"}
    with folder() as data, broker_on(data, "--data-events", "20") as broker:
        while not os.path.exists(f"{data}/{2:020}.rtl"):
            broker.request("POST", "/produce/bulk", lines, kind)
        until(lambda: broker.metric("log_segments") == 1, "retention", 5)
        equal(sorted(os.listdir(data)), [f"{2:020}.rtl", "LOCK"])


# --- the directory ---


@test
def locked():
    """A second process with the same directory is refused, with a reason; the
    first one does not mind."""
    with folder() as data, broker_on(data) as broker:
        said = refusal("--data", data)
        assert f"cannot open the log in {data}: another" in said, said
        assert "choose another --data" in said, said
        broker.post("news", b"x")


@test
def modes():
    """Others may not read it: the directory is 0750, and its files 0640."""
    with folder() as parent:
        data = f"{parent}/data"
        with broker_on(data) as broker:
            broker.post("news", b"x")
        equal(stat.S_IMODE(os.stat(data).st_mode), 0o750)
        for name in os.listdir(data):
            mode = stat.S_IMODE(os.stat(f"{data}/{name}").st_mode)
            equal(mode, 0o640, name)


@test
def reasons():
    """Why it does not start is said, with what would help."""
    with folder() as data:
        said = refusal("--data", f"{data}/a/b")
        assert "the directory it is in must be there" in said, said
        said = refusal("--data", data, "--data-reserve", "1000000GiB")
        assert "make room or lower --data-reserve" in said, said
        said = refusal("--data=")
        assert "the name of a directory" in said, said
        said = refusal("--data", data, "--memory", "512KiB")
        assert "raise --memory" in said, said
        limited = ("prlimit", "--fsize=1048576")
        said = refusal("--data", f"{data}/new", wrapper=limited)
        assert "/new: file too large" in said, said


@test
def stops_at_once():
    """A signal ends it in good order while much is being written."""
    with folder() as data:
        with broker_on(data) as broker:
            for _ in range(50):
                last = broker.post("news", b"x" * 100000)
            equal(broker.stop(signal.SIGINT), (0, []))
        with broker_on(data) as broker:
            equal(state(broker, "news")["latest"], last["cursor"])


run()
