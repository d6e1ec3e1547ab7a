#!/usr/bin/python3
"""Bad and borderline sequences of frames, each with its expected answer, in
whatever pieces they come: the corpus of RFC 6455, and of operations in the
subprotocol."""

from corpus import frames, operations
from corpus.volley import Volley
from tap import cases, run

ROWS = frames.rows() + operations.rows()


@cases([(row.name, row) for row in ROWS], "{0}: {1.expected!a:.60}.")
def answered(volley, row):
    """As expected, in each way, and a canary lives."""
    volley.check(row)


run(Volley)
