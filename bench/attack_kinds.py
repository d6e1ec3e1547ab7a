"""How brokers are attacked, how large, and what must have come of it."""

import dataclasses

MIB = 1024 * 1024
QUICK = 10  # part of the size
QUICK_S = 4
RETURN_S = 60  # for memory and descriptors to return


@dataclasses.dataclass
class Attack:
    """How to attack, how large, and what the broker is told before.

    An attack that did not happen proves nothing. `least` says what there must
    have been of it, for each peer: of what the attacker counts, or the broker:
    `connections` that it held at a time, `answers` that it gave.
    """

    kind: str
    what: str
    peers: int
    seconds: int
    least: dict
    cycles: int = 0
    pace_ms: int = 3000
    flags: tuple = ()
    limits: dict = dataclasses.field(default_factory=dict)  # flags: numbers
    descriptors: int = 0  # that the broker may have; 0: all
    return_s: int = RETURN_S
    is_budgeted: bool = False  # the memory is the budget's for a while

    def smaller(self):
        """A tenth of it, and of what limits it."""
        return dataclasses.replace(
            self,
            peers=max(self.peers // QUICK, 10),
            cycles=self.cycles // QUICK,
            limits={flag: n // QUICK for flag, n in self.limits.items()},
            # The broker itself has as many as ever.
            descriptors=self.descriptors // (QUICK // 2),
            # What has a number of things to do is done when it has done them.
            seconds=self.seconds if self.cycles else QUICK_S,
        )

    def arguments(self):
        """For the attacker."""
        words = ["--kind", self.kind, "--peers", self.peers]
        words += ["--seconds", self.seconds, "--pace", self.pace_ms]
        return words + (["--cycles", self.cycles] if self.cycles else [])

    def limit_flags(self):
        """For the broker."""
        return [word for limit in self.limits.items() for word in limit]

    def wanted(self):
        """Pairs of what is counted, and the least that there must be."""
        pairs = [(what, part * self.peers) for what, part in self.least.items()]
        return pairs + ([("done", self.cycles)] if self.cycles else [])


BODY_FLAGS = ("--event-bytes", "16MiB", "--ring-bytes", "64MiB")
AGE_FLAGS = ("--max-age", "5s")
# The broker forgets a topic that nobody uses after RT_TOPIC_IDLE_MS: from then
# on it has as long as after the other attacks.
TOPIC_IDLE_S = 60
TOPICS_S = TOPIC_IDLE_S + RETURN_S
HELD = {"connections": 1}

ATTACKS = {
    "slow-heads": Attack(
        "slow-head",
        "a byte of a head every 3 s",
        10000,
        25,
        {"connections": 1, "bytes_sent": 1},
    ),
    "bodies": Attack(
        "body",
        "16 MiB declared, nothing sent",
        10000,
        15,
        HELD,
        flags=BODY_FLAGS,
    ),
    "slow-bodies": Attack(
        "slow-body",
        "16 MiB declared, 16 bytes every 3 s",
        10000,
        40,
        {"connections": 1, "bytes_sent": 100},
        flags=BODY_FLAGS,
    ),
    "large-bodies": Attack(
        "body", "16 MiB declared, 256 KiB allowed", 10000, 15, {"4xx": 1}
    ),
    "full-bodies": Attack(
        "full-body",
        "256 KiB but for their last byte",
        4000,
        15,
        {"5xx": 0.5},
        limits={"--memory": 80 * MIB},
        is_budgeted=True,
    ),
    "fragments": Attack(
        "fragments", "one-byte fragments", 1000, 15, {"1xx": 1, "ended": 1}
    ),
    "pings": Attack(
        "pings",
        "empty pings",
        1000,
        15,
        {"connections": 1, "1xx": 1, "bytes_sent": 64 * 1024},
    ),
    "deaf-pings": Attack(
        "deaf-pings",
        "empty pings, pongs not read",
        1000,
        15,
        {"connections": 1, "1xx": 1, "bytes_sent": 64 * 1024},
    ),
    "unread": Attack(
        "unread",
        "requests, answers not read",
        1000,
        15,
        {"connections": 1, "bytes_sent": 64 * 1024, "answers": 10},
    ),
    "topics": Attack(
        "topics",
        "an event to each of 1,000,000 topics",
        8,
        60,
        {},
        cycles=1000000,
        flags=AGE_FLAGS,
        return_s=TOPICS_S,
        is_budgeted=True,
    ),
    "subscriptions": Attack(
        "subscriptions",
        "subscribing to 200,000 topics",
        256,
        60,
        {},
        cycles=200000,
        return_s=TOPICS_S,
        is_budgeted=True,
    ),
    "stalled": Attack(
        "stalled",
        "subscribers that never read",
        5000,
        45,
        {"connections": 1, "2xx": 1},
        flags=AGE_FLAGS,
    ),
    "connections": Attack(
        "silence",
        "three times --connections 1000",
        3000,
        15,
        {"connections": 0.32, "5xx": 0.66},
        limits={"--connections": 1000},
    ),
    "descriptors": Attack(
        "silence",
        "four times 512 descriptors",
        2000,
        15,
        {"connections": 0.15, "5xx": 0.7},
        descriptors=512,
    ),
    "connects": Attack(
        "connects", "connecting and hanging up", 256, 15, {"done": 100}
    ),
    "churn": Attack(
        "churn",
        "200,000 come, subscribe or publish, go",
        256,
        120,
        {},
        cycles=200000,
        flags=AGE_FLAGS,
        return_s=TOPICS_S,
    ),
}
