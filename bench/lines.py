"""Lines of the table of requirements: a figure, and what it is held against."""

import dataclasses
import statistics

from estimate import interval
from runs import nanoseconds


@dataclasses.dataclass
class Line:
    """One line of the table; the value is what is held against the limit."""

    measure: str
    ringtail: str
    beside: str  # the same figure of what the broker is held against
    value: float
    low: float  # of the interval that the value is believed to lie in
    high: float
    limit: float
    shown: str = "{:.2f}"

    def met(self):
        """Whether the requirement is met."""
        return self.value <= self.limit


def ratio_line(measure, cost, pairs, limit, shown=nanoseconds):
    """The first of each pair of reports as a multiple of the second."""
    ours = [cost(first) for first, _ in pairs]
    others = [cost(second) for _, second in pairs]
    ratios = [mine / other for mine, other in zip(ours, others)]
    return Line(
        measure,
        shown(statistics.median(ours)),
        shown(statistics.median(others)),
        statistics.median(ratios),
        *interval(ratios),
        limit,
    )


def range_line(measure, values, limit, shown="{:.0f}", text=None):
    """A figure by itself, between its smallest and its largest sample."""
    value = statistics.median(values)
    own = text or shown.format(value)
    low, high = min(values), max(values)
    return Line(measure, own, "", value, low, high, limit, shown)
