"""The tables of the report, and what it says of where we are not first."""

import textwrap

from servers import PEERS
from shapes import REACHED, SHAPES
from sides import median_ratio, notes, pairs, sides

SERVERS = ["ringtail", "floor", *PEERS]
COLUMNS = 80


def table(head, rows):
    """A table of Markdown: numbers to the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def bullets(points):
    """A list."""
    wrap = {"width": COLUMNS, "subsequent_indent": "  "}
    return "\n".join(textwrap.fill("- " + p, **wrap) for p in points) + "\n"


def paragraph(words):
    """Words in lines of the usual length."""
    return textwrap.fill(words, COLUMNS) + "\n"


def requirement_lines(kept):
    """Names, lines and errors of all that is required."""
    for kind in ("rows", "shapes"):
        for name, part in kept[kind].items():
            for line in part["lines"]:
                yield name, line


def is_met(line):
    """Whether a requirement is met."""
    return line["value"] <= line["limit"]


def requirement_table(kept):
    """What is required, and what was measured."""
    rows = []
    for name, line in requirement_lines(kept):
        shown = line["shown"].format
        value = shown(line["value"])
        rows.append(
            [
                f"`{name}`",
                line["measure"],
                line["ringtail"],
                line["beside"],
                value if is_met(line) else f"**{value}**",
                f"{shown(line['low'])} to {shown(line['high'])}",
                shown(line["limit"]),
                "yes" if is_met(line) else "no",
            ]
        )
    head = ["row", "measure", "ringtail", "beside", "value", "interval"]
    words = paragraph(
        "What `script/bench` asks of ringtail, held against the floor or what"
        " the measure names, in pairs of runs. The interval is that of the"
        " median, 95 %."
    )
    tabled = table([*head, "at most", "met"], rows)
    return f"## Requirements\n\n{words}\n{tabled}"


def figure_named(shape, title):
    """A figure of a shape, and its place among them."""
    for place, figure in enumerate(shape.figures):
        if figure.title == title:
            return place, figure
    raise KeyError(title)


def values(kept, name, title):
    """A figure of a shape by server, of those that have one; and whose runs
    did not all count."""
    shape = SHAPES[name]
    place, figure = figure_named(shape, title)
    measured = sides(shape, kept["shapes"][name]["rounds"])
    found = {
        one.server: one.values[place]
        for one in measured
        if one.values[place] is not None
    }
    partial = {one.server for one in measured if not one.is_whole}
    return figure, found, partial


def best_of(figure, found):
    """The best value of the brokers, which the floor is not."""
    of_brokers = [v for server, v in found.items() if server != "floor"]
    if figure.is_context or len(of_brokers) < 2:
        return None
    return (min if figure.is_smaller_better else max)(of_brokers)


def cell(kept, name, title, server):
    """What a server showed in a shape."""
    figure, found, partial = values(kept, name, title)
    mark = " *" if server in partial else ""
    if server not in found:
        return "failed" + mark if mark else ""
    shown = figure.shown(found[server])
    is_best = server != "floor" and found[server] == best_of(figure, found)
    return (f"**{shown}**" if is_best else shown) + mark


def figure_table(kept, names, title):
    """One figure: shapes down, servers across."""
    servers = [
        server
        for server in SERVERS
        if any(server in values(kept, name, title)[1] for name in names)
    ]
    rows = [
        [SHAPES[name].what]
        + [cell(kept, name, title, server) for server in servers]
        for name in names
    ]
    return table([title, *servers], rows)


def shape_table(kept, name):
    """One shape: servers down, figures across."""
    shape = SHAPES[name]
    titles = [figure.title for figure in shape.figures]
    present = kept["shapes"][name]["rounds"][0]
    rows = [
        [server] + [cell(kept, name, title, server) for title in titles]
        for server in SERVERS
        if server in present
    ]
    return table([shape.what, *titles], rows)


def places_lost(kept):
    """Where another broker is better: a sentence for each figure."""
    for name in kept["shapes"]:
        for figure in SHAPES[name].figures:
            who = list(ahead(kept, name, figure))
            if who:
                _, found, _ = values(kept, name, figure.title)
                ours = figure.shown(found["ringtail"])
                what = f"{SHAPES[name].what}, {figure.title}"
                at = rate_of(kept, name, "ringtail")
                yield f"{what}: ringtail {ours}{at}; {', '.join(who)}."


def ahead(kept, name, figure):
    """Who is better in a figure of a shape, and by how much."""
    _, found, _ = values(kept, name, figure.title)
    ours = found.get("ringtail")
    if figure.is_context or ours is None:
        return
    for peer, theirs in found.items():
        is_better = theirs < ours if figure.is_smaller_better else theirs > ours
        if peer in PEERS and is_better:
            at = rate_of(kept, name, peer)
            mark = "" if is_certain(kept, name, figure, peer) else " (?)"
            yield f"{peer} {figure.shown(theirs)}{at}{mark}"


def rate_of(kept, name, server):
    """How much a server had to do, where that is not the same for all."""
    if REACHED not in SHAPES[name].figures:
        return ""
    figure, found, _ = values(kept, name, REACHED.title)
    return f" at {figure.shown(found[server])}/s"


def is_certain(kept, name, figure, peer):
    """Whether the rounds agree on it."""
    rounds = kept["shapes"][name]["rounds"]
    ratio = median_ratio(figure, pairs(rounds, "ringtail", peer))
    return not ratio or len(rounds) == 1 or not ratio[1] <= 1 <= ratio[2]


def not_first(kept):
    """Where ringtail is not the first of the brokers."""
    points = list(places_lost(kept))
    words = paragraph(
        "Every figure of the tables above in which another broker is ahead, but"
        " for the longest of all times, which is one event's. Where the rounds"
        " do not agree that it is ahead, there is a (?). A latency at a part of"
        " what a server manages is told with the events a second that this is."
    )
    told = bullets(points) if points else "Nowhere.\n"
    return f"## Where ringtail is not first\n\n{words}\n{told}"


def not_met(kept):
    """The requirements that are missed."""
    points = [
        f"`{name}`, {line['measure']}: {line['shown'].format(line['value'])}"
        f" where {line['shown'].format(line['limit'])} is asked for."
        for name, line in requirement_lines(kept)
        if not is_met(line)
    ]
    points += [
        f"`{name}` failed: {part['error']}"
        for name, part in kept["rows"].items()
        if "error" in part
    ]
    if not points:
        return ""
    return "## Requirements that are missed\n\n" + bullets(points)


def not_counted(kept):
    """Runs that lost something."""
    points = [
        f"{SHAPES[name].what}, {note[2:]}"
        for name, part in kept["shapes"].items()
        for note in notes(SHAPES[name], part["rounds"])
    ]
    if not points:
        return ""
    return "## Runs that do not count\n\n" + bullets(points)
