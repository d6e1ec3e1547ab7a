#!/usr/bin/python3
"""`ringtail log verify` and `repair`: a log that is as it was written, one that
is not, and what a broker has of it afterwards."""

import json
import os
import pathlib
import struct

import stream
from cli import run_cli
from data import broker_on, folder
from tap import equal, run, test

EVENTS = 40
# Nobody may do more than the modes of files say: root could.
CONFINED = (
    ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    if os.geteuid() == 0
    else ()
)
MARK = "REPAIR-2-00000000000000000001"


def payload(number):
    """Of an event, so that it is found in a file."""
    return b"event number %04d " % number + 100 * b"."


def make_log(data):
    """A log with the events of two topics, one by one on disk."""
    with broker_on(data) as broker:
        for number in range(1, EVENTS + 1):
            broker.post("news?ack=disk", payload(number))
            broker.post("sport?ack=disk", b"goal")


def segments(data, ending=".rtl"):
    """The files of a log, in order."""
    return sorted(pathlib.Path(data).glob("*" + ending))


def damage(data, number):
    """Flips a bit of an event; the segment in which it was found."""
    for path in segments(data):
        text = bytearray(path.read_bytes())
        at = text.find(payload(number))
        if at >= 0:
            text[at + 50] ^= 1
            path.write_bytes(text)
            return path
    raise AssertionError("there is no such event")


def log(verb, data, *words):
    """Runs the command; its exit code and its output."""
    result = run_cli(None, "log", verb, data, *words)
    equal(result.err, "")
    return result.code, result.out.decode()


def objects(verb, data):
    """Runs the command with --json: the segments, topics by name, and all."""
    code, out = log(verb, data, "--json")
    found = [json.loads(line) for line in out.splitlines()]
    topics = {one["topic"]: one for one in found if "topic" in one}
    return code, [one for one in found if "segment" in one], topics, found[-1]


def refusal(verb, data, wrapper=()):
    """What is said when nothing can be done: exit code 1."""
    result = run_cli(None, "log", verb, data, wrapper=wrapper)
    equal(result.code, 1)
    return result.err


def verdict_of_reader(data):
    """What verify says to somebody who may only read: that the log is sound."""
    result = run_cli(None, "log", "verify", data, wrapper=CONFINED)
    equal((result.code, result.err), (0, ""))
    assert result.out.endswith(b"bytes: sound\n"), result.out
    return result.out


@test
def verifies():
    """A log that is as it was written is sound: exit code 0."""
    with folder() as data:
        make_log(data)
        before = {path: path.read_bytes() for path in segments(data)}
        code, out = log("verify", data)
        equal(code, 0)
        assert out.endswith("bytes: sound\n") and out.count("\n") == 1, out
        code, parts, topics, total = objects("verify", data)
        equal(code, 0)
        equal([part["finding"] for part in parts], ["sound"] * len(before))
        equal(topics["news"]["events"], EVENTS)
        equal((topics["sport"]["lost"], topics["sport"]["damaged"]), (0, False))
        equal((total["sound"], total["repaired"]), (True, False))
        equal(before, {path: path.read_bytes() for path in segments(data)})


@test
def verifies_read_only():
    """verify needs no more than to read, and leaves nothing behind: of a copy
    without a lock as well."""
    with folder() as data:
        make_log(data)
        for path in pathlib.Path(data).iterdir():
            path.chmod(0o440)
        os.chmod(data, 0o550)
        with_lock = verdict_of_reader(data)
        os.chmod(data, 0o750)
        pathlib.Path(data, "LOCK").unlink()
        os.chmod(data, 0o550)
        equal(verdict_of_reader(data), with_lock)
        assert not pathlib.Path(data, "LOCK").exists()
        assert "permission denied" in refusal("repair", data, CONFINED)
        os.chmod(data, 0o750)


@test
def leaves_alone():
    """repair of a sound log does nothing."""
    with folder() as data:
        make_log(data)
        before = {path: path.read_bytes() for path in segments(data)}
        equal(log("repair", data), log("verify", data))
        equal(before, {path: path.read_bytes() for path in segments(data)})
        equal(segments(data, ".damaged"), [])


@test
def finds_damage():
    """A bit that is another one is found: where, and whose event it was. Exit
    code 6."""
    with folder() as data:
        make_log(data)
        path = damage(data, 7)
        code, out = log("verify", data)
        equal(code, 6)
        assert f"{path.name}: damaged at byte " in out, out
        assert "topic news: damaged, 1 events lost, 39 left\n" in out, out
        assert "sport" not in out, out
        code, parts, topics, total = objects("verify", data)
        equal(code, 6)
        equal(parts[0]["finding"], "damaged")
        equal((topics["news"]["lost"], topics["news"]["damaged"]), (1, True))
        equal((total["sound"], total["lost_events"]), (False, 1))


def expect_events(peer, first, last):
    """The next events are these."""
    for number in range(first, last + 1):
        item = peer.item()
        equal(item.get("data"), payload(number).decode(), item["op"])


def expect_gap(peer):
    """The next thing told is that events are missing."""
    item = peer.item()
    equal((item["op"], item.get("reason")), ("gap", "engine"))


@test
def repairs():
    """A damaged log is mended: a broker has all other events, says which one is
    missing, and takes more; the old file is kept."""
    with folder() as data:
        make_log(data)
        path = damage(data, 7)
        damaged = path.read_bytes()
        code, out = log("repair", data)
        equal(code, 6)
        assert out.endswith("repaired; the old files are kept as *.damaged\n")
        equal(path.with_name(path.name + ".damaged").read_bytes(), damaged)
        equal(log("verify", data)[0], 0)
        with broker_on(data) as broker:
            equal(broker.post("sport", b"more")["topic"], "sport")
            broker.post("news", b"more")
            with stream.Lines(broker, "news?since=earliest") as peer:
                equal(peer.item()["op"], "open")
                expect_events(peer, 1, 6)
                expect_gap(peer)
                expect_events(peer, 8, EVENTS)
                expect_gap(peer)  # for more may be lost behind them
                equal(peer.item()["data"], "more")
            with stream.Lines(broker, "sport?since=earliest") as peer:
                equal(peer.item()["op"], "open")
                for _ in range(EVENTS):
                    equal(peer.item()["data"], "goal")
                equal(peer.item()["data"], "more")


@test
def repairs_with_keys():
    """Requests that were done before a repair are known behind it."""
    keys = [{"Idempotency-Key": f"order-{number}"} for number in range(2)]
    with folder() as data:
        with broker_on(data) as broker:
            first = broker.post("sport?ack=disk", b"early", **keys[0])
        make_log(data)
        with broker_on(data) as broker:
            second = broker.post("news?ack=disk", b"late", **keys[1])
        damage(data, 7)
        equal(log("repair", data)[0], 6)
        with broker_on(data) as broker:
            for topic, body, key, receipt in (
                ("sport", b"early", keys[0], first),
                ("news", b"late", keys[1], second),
            ):
                answer = broker.request("POST", f"/produce/{topic}", body, key)
                equal(answer.headers["Idempotent-Replayed"], "true")
                equal(answer.json()["cursor"], receipt["cursor"])


@test
def repairs_beginning():
    """A log of which the first segment's beginning is damaged is mended as
    well."""
    with folder() as data:
        make_log(data)
        path = segments(data)[0]
        text = bytearray(path.read_bytes())
        text[10] ^= 1
        path.write_bytes(text)
        equal(log("verify", data)[0], 6)
        code, _, topics, total = objects("repair", data)
        equal((code, total["repaired"], total["lost_events"]), (0, True, 0))
        equal(topics["news"]["events"], EVENTS)
        equal(log("verify", data)[0], 0)


@test
def torn():
    """What a crash left at the end is no damage."""
    with folder() as data:
        make_log(data)
        path = segments(data)[-1]
        text = path.read_bytes()
        path.write_bytes(text[: len(text.rstrip(b"\0")) - 20])
        code, out = log("verify", data)
        equal(code, 0)
        assert "bytes that a crash left\n" in out, out


@test
def missing():
    """Where there is no log, that is said: exit code 1, and nothing is made."""
    with folder() as data:
        for verb in ("verify", "repair"):
            nowhere = os.path.join(data, "nowhere")
            assert "no such file or directory: there is no log" in refusal(
                verb, nowhere
            )
            assert not os.path.exists(nowhere)
            assert "there is no log" in refusal(verb, data)


@test
def locked():
    """A broker has its log to itself."""
    with folder() as data, broker_on(data):
        for verb in ("verify", "repair"):
            assert refusal(verb, data).endswith(
                "another broker has that directory: stop it first\n"
            )


def made_up():
    """Bytes that look like heads of batches which lie in one another."""
    size = 256 * 1024
    head = struct.Struct("<4sI5QIIII")
    return bytes(64) + b"".join(
        head.pack(b"RTB1", 1, 0, 1, at, left, 0, 0, left // 99, 0, 0)
        for at, left in ((at, size - at) for at in range(64, size, 64))
    )


@test
def made_up_file():
    """A file that was made to keep a search busy is refused, with a remedy."""
    with folder() as data:
        make_log(data)
        segments(data)[0].write_bytes(made_up())
        for verb in ("verify", "repair"):
            assert refusal(verb, data).endswith("put back a copy of the log\n")


@test
def obstacles():
    """What is no file is not read, nor waited for, and is named."""
    with folder() as data:
        make_log(data)
        lock = pathlib.Path(data, "LOCK")
        segment = segments(data)[0]
        for path in (lock, segment):
            kept = path.with_name("kept")
            path.rename(kept)
            path.symlink_to(kept)
            assert f"{path}: " in refusal("verify", data)
            path.unlink()
            os.mkfifo(path)
            assert f"{path}: " in refusal("repair", data)
            start = run_cli(None, "serve", "--data", data)
            assert start.code != 0 and f"cannot open {path}: " in start.err
            path.unlink()
            kept.rename(path)
        equal(log("verify", data)[0], 0)


@test
def directories_of_a_repair():
    """A repair removes nothing but files, and names what it cannot remove; who
    only opens the log is told of what is in his way."""
    with folder() as data:
        make_log(data)
        damage(data, 7)
        segment = segments(data)[0]
        fresh = pathlib.Path(str(segment) + ".new")
        mark = pathlib.Path(data, MARK)
        pathlib.Path(data, "other.rtl").mkdir()
        fresh.mkdir()
        assert f"{fresh}: " in refusal("repair", data)
        equal(log("verify", data)[0], 6)
        kept = segment.rename(segment.with_name("kept"))
        segment.mkdir()
        assert f"{segment}: " in refusal("verify", data)
        segment.rmdir()
        kept.rename(segment)
        fresh.rmdir()
        mark.mkdir()
        assert f"{mark}: " in refusal("repair", data)


@test
def interrupted():
    """A repair that was interrupted is ended by the next one, and nothing else
    takes the log until then."""
    with folder() as data:
        make_log(data)
        path = segments(data)[0]
        path.rename(path.with_name(path.name + ".new"))
        pathlib.Path(data, MARK).touch()
        assert "log on disk was interrupted; run" in refusal("verify", data)
        equal(log("repair", data)[0], 0)
        equal(objects("verify", data)[2]["news"]["events"], EVENTS)
        assert not pathlib.Path(data, MARK).exists()


@test
def in_the_way():
    """Old files of a repair are not written over."""
    with folder() as data:
        make_log(data)
        damage(data, 7)
        equal(log("repair", data)[0], 6)
        damage(data, 9)
        said = refusal("repair", data)
        assert "files of an earlier repair, *.damaged, are in the way" in said
        for path in segments(data, ".damaged"):
            path.unlink()
        equal(log("repair", data)[0], 6)


run()
