"""Medians and how far to trust them."""

import random
import statistics

RESAMPLES = 10_000


def percentile(ordered, share):
    """The value below which the share of an ordered list lies."""
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def interval(values):
    """The 95 % interval of the median, by bootstrap: the samples say alone how
    they scatter. The seed is fixed, so equal samples give equal intervals."""
    dice = random.Random(1)
    medians = sorted(
        statistics.median(dice.choices(values, k=len(values)))
        for _ in range(RESAMPLES)
    )
    return percentile(medians, 0.025), percentile(medians, 0.975)
