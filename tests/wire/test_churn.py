#!/usr/bin/python3
"""Twenty thousand who come and go, in every manner."""

from attack import attack
from tap import run, test


@test
def churn():
    """When many came, subscribed or published, and left or broke off, nothing
    of them is left, and what the metrics say of them adds up."""
    attack("churn")


run()
