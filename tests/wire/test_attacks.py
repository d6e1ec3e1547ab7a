#!/usr/bin/python3
"""Hostile peers by the hundred, and one among them who behaves."""

from attack import attack
from tap import cases, run

ATTACKS = """slow-heads slow-bodies large-bodies full-bodies fragments pings
deaf-pings unread subscriptions stalled connections descriptors
connects""".split()


@cases([(name, name) for name in ATTACKS], "Others are served during {0}.")
def served(name):
    """And when it is over, nothing of it is left."""
    attack(name)


run()
