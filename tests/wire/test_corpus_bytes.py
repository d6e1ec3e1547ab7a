#!/usr/bin/python3
"""Requests with every byte in every place, and every method and version, each
with its expected answer, in whatever pieces they come."""

from corpus import requests
from corpus.volley import Volley
from tap import cases, run

ROWS = requests.by_rule()


@cases([(row.name, row) for row in ROWS], "{0}: {1.expected!a:.60}.")
def answered(volley, row):
    """As expected, in each way, and a canary lives."""
    volley.check(row)


run(Volley)
