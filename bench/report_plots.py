"""The plots of the report, as SVG.

Nothing in a file depends on when or where it was drawn. The background is the
page's, light or dark, so the colours are of middle lightness.
"""

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter, NullFormatter

from report_tables import SERVERS, values
from runs import nanoseconds
from shapes import SHAPES

INK = "#7d8590"
COLORS = {
    "ringtail": "#e5531a",
    "floor": "#8b949e",
    "redis": "#c2578f",
    "nats": "#2f81c7",
    "nats-ws": "#2f81c7",
    "mosquitto": "#1f9d6e",
    "nchan": "#b08312",
}
MARKS = {"ringtail": "D", "floor": "|", "nats-ws": "s"}

SETTINGS = {
    "svg.hashsalt": "ringtail",
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.labelcolor": INK,
}


def style(server):
    """How a server is drawn: the one of two with a hollow mark is the same
    program over another protocol."""
    color = COLORS[server]
    return {
        "color": color,
        "marker": MARKS.get(server, "o"),
        "markerfacecolor": "none" if server == "nats-ws" else color,
        "markersize": 10 if server == "floor" else 7,
        "markeredgewidth": 2 if server == "floor" else 1.2,
    }


def logarithmic(axis):
    """A scale of times, in words."""
    axis.set_major_formatter(FuncFormatter(lambda v, _: compact(v)))
    axis.set_minor_formatter(NullFormatter())


def compact(value):
    """A time in nanoseconds without what is zero."""
    number, unit = nanoseconds(value).split()
    return f"{float(number):g} {unit}"


def legend(figure, axes, columns=7):
    """One for the whole figure, below it."""
    handles = {}
    for one in axes:
        handles |= dict(zip(*one.get_legend_handles_labels()[::-1]))
    figure.legend(
        handles.values(), handles.keys(), loc="lower center", ncol=columns
    )


def write(figure, folder, name):
    """Writes a figure to a file."""
    path = folder / f"{name}.svg"
    nothing = {"Date": None, "Creator": None}
    figure.savefig(path, transparent=True, metadata=nothing)
    pyplot.close(figure)


def measured(kept, prefix):
    """The names of the shapes that begin so and were measured."""
    return [n for n in SHAPES if n.startswith(prefix) and n in kept["shapes"]]


def of_server(kept, names, title, server):
    """A figure of a server in several shapes; None where it has none."""
    return [values(kept, name, title)[1].get(server) for name in names]


def draw_cpu(kept, folder):
    """CPU per delivery: a line for each shape, a mark for each server."""
    names = [
        *measured(kept, "fanout"),
        *measured(kept, "single"),
        *measured(kept, "topics"),
    ]
    figure, axes = pyplot.subplots(figsize=(9, 1.6 + 0.36 * len(names)))
    places = range(len(names))
    for server in SERVERS:
        costs = of_server(kept, names, "CPU per delivery", server)
        both = [(c, p) for c, p in zip(costs, places) if c is not None]
        if both:
            label = {"linestyle": "none", "label": server}
            axes.plot(*zip(*both), **style(server), **label)
    axes.set_xscale("log")
    axes.set_yticks(places, [SHAPES[name].what for name in names])
    axes.invert_yaxis()
    axes.grid(True)
    logarithmic(axes.xaxis)
    axes.set_title("CPU of the server per delivery (less is better)")
    legend(figure, [axes])
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    write(figure, folder, "cpu-per-delivery")


def draw_last(kept, folder):
    """The time to the last subscriber: from the median to 99 %."""
    names = measured(kept, "single")
    figure, axes = pyplot.subplots(
        1, len(names), figsize=(9, 3), sharey=True, squeeze=False
    )
    for name, one in zip(names, axes[0]):
        _, middle, _ = values(kept, name, "last has it, p50")
        _, high, _ = values(kept, name, "last has it, p99")
        present = [server for server in SERVERS if server in middle]
        for place, server in enumerate(present):
            times = [middle[server], high[server]]
            one.plot(times, [place] * 2, **style(server))
        one.set_yticks(range(len(present)), present)
        one.set_xscale("log")
        one.set_title(SHAPES[name].what.split(", one")[0])
        one.grid(True, axis="x")
        logarithmic(one.xaxis)
        one.tick_params(axis="x", rotation=30)
    axes[0][0].invert_yaxis()
    figure.suptitle("Until the last subscriber has an event: p50 and p99")
    figure.tight_layout()
    write(figure, folder, "last-subscriber")


def draw_latency(kept, folder):
    """Percentiles of the delay, as the load grows."""
    names = [n for n in measured(kept, "latency") if "%" in SHAPES[n].what]
    loads = [name.split("-")[1] + " %" for name in names]
    titles = ("p50", "p99", "p99.9")
    figure, axes = pyplot.subplots(1, 3, figsize=(9, 3.6), sharey=True)
    for title, one in zip(titles, axes):
        for server in SERVERS:
            delays = of_server(kept, names, title, server)
            both = [(w, d) for w, d in zip(loads, delays) if d is not None]
            if both:
                one.plot(*zip(*both), **style(server), label=server)
        one.set_yscale("log")
        one.set_title(title)
        one.grid(True, axis="y")
        logarithmic(one.yaxis)
    figure.suptitle("Latency by load, in parts of each server's maximum")
    legend(figure, axes)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    write(figure, folder, "latency")


def draw_idle(kept, folder):
    """Memory of an idle subscriber: a bar for each server."""
    _, found, _ = values(kept, "idle-10000", "private bytes each")
    present = [server for server in SERVERS if server in found]
    figure, axes = pyplot.subplots(figsize=(9, 0.9 + 0.36 * len(present)))
    sizes = [found[server] for server in present]
    bars = axes.barh(present, sizes, color=[COLORS[s] for s in present])
    axes.bar_label(bars, [f"{size:,.0f} B" for size in sizes], padding=4)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_title("Private memory of the server per idle subscriber")
    figure.tight_layout()
    write(figure, folder, "idle-memory")


def draw(kept, folder):
    """All plots of what was measured."""
    with matplotlib.rc_context(SETTINGS):
        for prefix, plot in (
            ("fanout", draw_cpu),
            ("single", draw_last),
            ("latency", draw_latency),
            ("idle", draw_idle),
        ):
            if measured(kept, prefix):
                plot(kept, folder)
