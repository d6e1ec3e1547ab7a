#!/usr/bin/python3
"""Bad and borderline requests, each with its expected answer, in whatever
pieces they come: the corpus of RFC 9112 and 9110."""

from corpus.row import read_rows
from corpus.volley import Volley
from tap import cases, run

FILES = ["length", "chunks", "head", "fields", "topic", "upgrade"]
ROWS = [row for name in FILES for row in read_rows(f"http_{name}.txt")]


@cases([(row.name, row) for row in ROWS], "{0}: {1.expected}.")
def answered(volley, row):
    """As expected, in each way, and a canary lives."""
    volley.check(row)


run(lambda: Volley(ROWS))
