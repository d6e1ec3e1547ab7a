"""Measures a shape on all servers, round by round, and tells it as a table."""

import dataclasses
import statistics

from estimate import interval
from lines import ratio_line
from processes import RunFailed
from runs import cpu_per_delivery
from shapes import SHAPES

FAILURES_MAX = 2

# What the broker may cost at most, as a multiple of a peer.
REQUIRED = {
    (shape, peer): limit
    for shape in ("fanout-100-128", "fanout-1000-128")
    for peer, limit in (("redis", 0.6), ("nats", 0.35))
}


@dataclasses.dataclass
class Side:
    """One server's part in a shape."""

    server: str
    values: list  # of the figures, the medians
    runs: int
    failures: list

    @property
    def is_whole(self):
        """Whether all runs count."""
        return self.runs > 0 and not self.failures


# --- running ---


def run_once(bench, name, server):
    """A shape on one server: its report, or why there is none."""
    runs = SHAPES[name].measure(server)
    try:
        run = next(runs)
        while True:
            run = runs.send(bench.measure(name, run))
    except StopIteration as result:
        return result.value
    except RunFailed as failure:
        return {"failed": str(failure)[:300]}


def rotated(names, number):
    """Another one first in each round."""
    first = number % len(names)
    return names[first:] + names[:first]


def has_given_up(rounds, server):
    """Whether a server failed too often to be asked again."""
    failed = [1 for reports in rounds if "failed" in reports.get(server, ())]
    return len(failed) >= FAILURES_MAX


def run_shape(bench, name, show):
    """All rounds of a shape: a list of reports by server."""
    shape = SHAPES[name]
    count = min(bench.options.rounds, shape.rounds)
    names = shape.servers(list(bench.servers))
    rounds = []
    for number in range(count):
        reports = {}
        for server in rotated(names, number):
            if has_given_up(rounds, server):
                continue
            show(f"{name}: round {number + 1} of {count}, {server}")
            reports[server] = run_once(bench, name, server)
        rounds.append(reports)
    return rounds


# --- telling ---


def counted(rounds, server):
    """The reports of a server that count."""
    reports = [reports[server] for reports in rounds if server in reports]
    return [report for report in reports if "failed" not in report]


def pairs(rounds, first, second):
    """The reports of two servers from the rounds in which both count."""
    return [
        (reports[first], reports[second])
        for reports in rounds
        if first in reports
        and second in reports
        and "failed" not in reports[first]
        and "failed" not in reports[second]
    ]


def median_ratio(figure, paired):
    """The median of the ratios of pairs, and its interval."""
    ratios = [
        figure.value(first) / figure.value(second)
        for first, second in paired
        if figure.value(second)
    ]
    if not ratios:
        return ()
    return (statistics.median(ratios), *interval(ratios))


def side(shape, rounds, server):
    """What one server showed."""
    reports = counted(rounds, server)
    return Side(
        server,
        [
            statistics.median(map(figure.value, reports)) if reports else None
            for figure in shape.figures
        ],
        len(reports),
        [
            reports[server]["failed"]
            for reports in rounds
            if "failed" in reports.get(server, ())
        ],
    )


def sides(shape, rounds):
    """All servers that took part, in the order of the first round."""
    return [side(shape, rounds, server) for server in rounds[0]]


def shown_ratio(shape, rounds, server):
    """The broker's first figure as a multiple of another's."""
    both = pairs(rounds, "ringtail", server)
    ratio = median_ratio(shape.figures[0], both)
    if server == "ringtail" or not ratio:
        return ""
    return "{:.2f} ({:.2f} to {:.2f})".format(*ratio)


def shown_values(shape, one):
    """The figures of a server in words; those of a failed one are not."""
    mark = "" if one.is_whole else " *"
    return [
        "failed" if value is None else figure.shown(value) + mark
        for figure, value in zip(shape.figures, one.values)
    ]


def cells(shape, rounds):
    """A table: its head, and a line for each server."""
    head = ["", *(figure.title for figure in shape.figures), "ringtail to it"]
    return [head] + [
        [
            one.server,
            *shown_values(shape, one),
            shown_ratio(shape, rounds, one.server),
        ]
        for one in sides(shape, rounds)
    ]


def notes(shape, rounds):
    """Why runs do not count."""
    for one in sides(shape, rounds):
        if one.failures:
            tried = one.runs + len(one.failures)
            of_all = f"{len(one.failures)} of {tried} runs do not count"
            yield f"* {one.server}: {of_all}: {one.failures[0]}"


def print_table(table):
    """Columns as wide as they must be."""
    widths = [max(map(len, column)) for column in zip(*table)]
    for line in table:
        first, *others = line
        words = [first.ljust(widths[0])]
        words += [word.rjust(w) for word, w in zip(others, widths[1:])]
        print("  " + "  ".join(words).rstrip(), flush=True)


def print_shape(name, rounds):
    """A shape's part of the side by side table."""
    shape = SHAPES[name]
    print(f"\n{name}: {shape.what}")
    print_table(cells(shape, rounds))
    for note in notes(shape, rounds):
        print("  " + note, flush=True)


def required_lines(name, rounds):
    """The requirements that a shape's figures are held against."""
    for (shape, peer), limit in REQUIRED.items():
        both = pairs(rounds, "ringtail", peer)
        if shape == name and both:
            measure = f"CPU per delivery, to {peer}'s"
            yield ratio_line(measure, cpu_per_delivery, both, limit)
