#!/usr/bin/python3
"""A broker that is killed again and again, by SIGKILL and under load: what was
acknowledged with the disk is there, and who comes back with a cursor has no
hole that it was not told of, and nothing twice.

`--kills 500` among the words, or RINGTAIL_TEST_KILLS in the environment, has it
killed more often; `--seed N`, or RINGTAIL_TEST_SEED, has the schedule of an
earlier run, as far as the machine keeps to it."""

import os
import random
import sys
import tempfile
import time

import crowd
import stream
from account import Account, parse_cursor
from broker import until
from cli import run_cli
from data import broker_on, state
from lives import Life, Lives
from marked import event_of
from tap import equal, run, test
from verdict import Log, Verdict

FLAGS = ("--ring-bytes", "64KiB", "--event-bytes", "16KiB")
LIFE_S = 0.5  # at most; mostly it is shorter
START_S = 0.1  # at most, of those that are killed while they start
END_S = 60


def option(name, default):
    """A number among the words, which the tests' runner does not see."""
    if name not in sys.argv:
        return int(os.environ.get(f"RINGTAIL_TEST_{name[2:].upper()}", default))
    at = sys.argv.index(name)
    _, text = sys.argv[at : at + 2]
    del sys.argv[at : at + 2]
    return int(text)


KILLS = option("--kills", 50)
SEED = option("--seed", random.randrange(1 << 30))


def source(name):
    """Random numbers for one who takes part, the same for the same seed."""
    return random.Random(f"{SEED} {name}")


class World:
    """All who take part, from the first life to the last one."""

    def __init__(self, data):
        self.data = data
        self.random = source("world")
        self.account = Account()
        self.lives = Lives(self.account)
        who = (self.lives, self.account, source)
        self.operator = crowd.Operator(*who)
        self.publishers = crowd.publishers(*who)
        self.subscribers = crowd.subscribers(*who)
        self.ready = 0  # lives that were

    def run(self):
        """All lives; the first failure is enough."""
        busy = [*self.publishers, self.operator]
        working = [self.lives.add(each.run) for each in busy]
        for each in self.subscribers:
            self.lives.add(each.run)
        for number in range(1, KILLS + 1):
            if not self.account.failures:
                self.live(number)
        self.live_last(KILLS + 1, working)

    def live(self, number):
        """A life that ends by SIGKILL, at times before it is ready."""
        life = Life(number, "--data", self.data, *FLAGS)
        is_early = self.random.random() < 0.1
        kill_after_s = self.random.random() * START_S
        try:
            if life.begin(kill_after_s if is_early else None):
                self.ready += 1
                self.lives.show(life)
                time.sleep(self.random.random() ** 2 * LIFE_S)
        finally:
            life.kill()
            life.expect_no_complaint()
        result = run_cli(None, "log", "verify", self.data)
        equal((result.code, result.err), (0, ""), "log verify")

    def live_last(self, number, working):
        """One in which everybody comes to the end."""
        self.lives.is_last = True
        with Life(number, "--data", self.data, *FLAGS) as life:
            self.lives.show(life)
            for thread in working:
                thread.join(END_S)
            self.await_subscribers(life)
            self.lives.end()

    def await_subscribers(self, life):
        """Until all of them have everything, or something went wrong."""
        ends = {topic: state(life, topic)["latest"] for topic in crowd.TOPICS}

        def late():
            return [each for each in self.subscribers if not each.has(ends)]

        try:
            until(lambda: self.account.failures or not late(), "all", END_S)
        except AssertionError:
            for each in late():
                self.account.fail(f"{each.name}: at {each.cursor} of {ends}")


def read_topic(broker, topic):
    """All of a topic that is on disk: its epoch, and its events."""
    events = {}
    with stream.Lines(broker, f"{topic}?since=earliest", timeout=60) as peer:
        epoch, _ = parse_cursor(peer.cursor)
        while (item := peer.item())["op"] != "caught_up":
            if item["op"] == "event":
                cursor = parse_cursor(item["cursor"])
                equal(cursor[0], epoch)
                events[cursor[1]] = event_of(item["data"])
        equal(item["cursor"], state(broker, topic)["latest"])
    return epoch, events


def read_log(data):
    """What a broker that begins once more gives of all topics."""
    log = Log()
    with broker_on(data, *FLAGS) as broker:
        for topic in crowd.TOPICS:
            log.add(topic, *read_topic(broker, topic))
    return log


class Told:
    """What came of it all, for the tests."""

    def __enter__(self):
        print(f"# --kills {KILLS} --seed {SEED}", flush=True)
        with tempfile.TemporaryDirectory(prefix="ringtail-kill-") as data:
            self.world = World(data)
            self.world.run()
            self.log = read_log(data)
        self.verdict = Verdict(self.world.account, self.log)
        return self

    def __exit__(self, *reason):
        pass


def none(found):
    """Fails if anything is found."""
    found = list(found)
    assert not found, "\n".join([f"{len(found)}:", *found[:10]])


@test
def agreed(told):
    """Nobody is told anything unexpected, or that one place is two events'."""
    none(told.world.account.failures)


@test
def loaded(told):
    """Most of its lives were under load."""
    world, batches = told.world, list(told.verdict.all_batches())
    on_disk = sum(len(each.events) for each in batches if each.is_on_disk)
    print(f"# {world.ready} lives, {len(told.log.places)} events")
    print(f"# {on_disk} acknowledged with the disk")
    print(f"# {sum(map(len, told.verdict.forgotten()))} only with the memory")
    print(f"# {sum(each.gaps for each in world.subscribers)} gaps")
    assert world.ready > KILLS / 2, world.ready
    assert all(each.count for each in world.publishers)
    assert all(any(each.had.values()) for each in world.subscribers)


@test
def kept(told):
    """Every event that was acknowledged with the disk is in its place."""
    none(told.verdict.lost())


@test
def once(told):
    """No event is there twice, however often its publisher repeats it."""
    none(told.log.twice)


@test
def together(told):
    """A batch is there as a whole or not at all."""
    none(told.verdict.torn())


@test
def in_order(told):
    """What a kill has lost of a publisher's events are the last ones."""
    none(told.verdict.overtaken())


@test
def whole(told):
    """Who comes back with a cursor gets all that there is, and only once."""
    none(told.verdict.skipped(told.world.subscribers))


@test
def durable(told):
    """Who wants only what is on disk gets nothing that a kill loses."""
    patient = [s for s in told.world.subscribers if "disk" in s.query]
    assert patient
    none(told.verdict.early(patient))


run(Told)
