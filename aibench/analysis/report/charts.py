"""Draws the report's charts, as SVG that takes its colours from the page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from aibench.analysis.cost.cost import Cost
from aibench.analysis.drawn import plainly_logarithmic, short
from aibench.analysis.report.suite import Entry
from aibench.analysis.runs.runs import Run
from aibench.analysis.scaling import table as scaling_table
from aibench.analysis.scaling.scaling import Line
from aibench.analysis.variation.figure import height, strips
from aibench.analysis.variation.rows import VariationRow
from aibench.results.shown import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Stand-ins in the drawing; the page's style sheet has the colours for light and dark.
INK, FAINT, FIRST, SECOND, BAND = "#010101", "#020202", "#030303", "#040404", "#050505"
VARIABLES = {INK: "ink", FAINT: "faint", FIRST: "first", SECOND: "second", BAND: "band"}
PARTS = ("#0072b2", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#e69f00", "#8c6bb1", "#999999", "#7f5539", "#bcbd22")
MOST_CURVES = 12


def svg(name: str, draw: Callable[[Figure], None], width: float, height: float, description: str) -> Markup:
    """Return what `draw` draws, as an SVG element for the inside of a page.

    Args:
        name: Name of this drawing, unlike any other on the page: its ids begin with it.
        draw: Fills an empty figure.
        width: Width in inches.
        height: Height in inches.
        description: Text for people who cannot see it.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: Any = {
        "text.parse_math": False,
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": FAINT,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "legend.frameon": False,
        "grid.color": FAINT,
    }
    text = io.StringIO()
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of letters that its font lacks: the page's fonts have them
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return _inlined(text.getvalue(), name, description)


def _inlined(drawing: str, name: str, description: str) -> Markup:
    """Return `drawing` without what a page has itself: prolog, name spaces, metadata, ids that others have too."""
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r' xmlns(:\w+)?="[^"]*"', "", drawing).replace("xlink:href", "href")
    drawing = re.sub(r'\bid="', f'id="{name}-', drawing)
    drawing = re.sub(r"url\(#", f"url(#{name}-", drawing)
    drawing = re.sub(r'href="#', f'href="#{name}-', drawing)
    for colour, variable in VARIABLES.items():
        drawing = drawing.replace(colour, f"var(--{variable})")
    drawing = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"|(<svg[^>]*?) height="[^"]*"', r"\1\2", drawing)
    label = f'<svg role="img" aria-label="{escape(shown(description))}"'
    return Markup(shown(drawing).replace("<svg", label, 1))


def curves(entry: Entry) -> Markup | None:
    """Draw the quality of every run against epochs, with the target; None without a history."""
    runs = [run for run in entry.runs if run.record and run.record.history][:MOST_CURVES]
    if not runs:
        return None
    metric = entry.variation.metric

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for run in runs:
            _curve(axes, run, metric)
        if entry.variation.quality is not None:
            axes.axhline(entry.variation.quality, color=SECOND, linewidth=1.2, linestyle="--", label="target")
            axes.legend(loc="best", fontsize="small")
        axes.set_xlabel("epochs")
        axes.set_ylabel(short(metric.removeprefix("val/")))
        axes.grid(alpha=0.4, linewidth=0.5)

    shown = "" if len(runs) == len(entry.runs) else f", the first {len(runs)} runs"
    return svg(f"curve-{entry.anchor}", draw, 6.2, 3.0, f"{metric} against epochs, {len(runs)} runs{shown}")


def _curve(axes: Axes, run: Run, metric: str) -> None:
    assert run.record is not None
    points = [(point.epochs, point.metrics.get(metric)) for point in run.record.history]
    known = [(epochs, value) for epochs, value in points if value is not None]
    if not known:
        return
    axes.plot(*zip(*known, strict=True), color=FIRST, linewidth=1.1, alpha=0.65)
    if run.reached:
        axes.plot(*known[-1], "o", color=FIRST, markersize=4)


def variation(rows: Sequence[VariationRow]) -> Markup | None:
    """Draw the strip plot of the epochs to quality; None where no task has two runs to compare."""
    if all(row.converged < 2 for row in rows):
        return None

    def draw(figure: Figure) -> None:
        strips(figure, rows, runs=FIRST, mean=SECOND, quantum=BAND)

    return svg("variation", draw, 8, height(rows), "epochs to quality of each run over the mean of its row")


def time_split(found: Sequence[Entry]) -> Markup | None:
    """Draw where the wall time went, a bar for each set of runs."""
    rows = [(entry.label, shares(entry.runs)) for entry in found]
    rows = [(label, parts) for label, parts in rows if parts]
    if not rows:
        return None
    names = list(dict.fromkeys(name for _, parts in rows for name in parts))

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for place, name in enumerate(names):
            lefts = [100 * sum(parts.get(before, 0.0) for before in names[:place]) for _, parts in rows]
            widths = [100 * parts.get(name, 0.0) for _, parts in rows]
            axes.barh(range(len(rows)), widths, 0.7, lefts, color=PARTS[place % len(PARTS)], label=name)
        _named(axes, [label for label, _ in rows])
        axes.set_xlabel("% of the wall time")
        axes.set_xlim(0, 100)
        figure.legend(loc="outside lower center", ncols=min(5, len(names)), fontsize="small")

    return svg("split", draw, 8, 1.5 + 0.32 * len(rows), "parts of the wall time of each task")


def shares(runs: Sequence[Run]) -> dict[str, float]:
    """Return each part's share of the wall time, over all runs."""
    sums: dict[str, float] = {}
    for run in runs:
        for part, seconds in run.times.items():
            sums[part] = sums.get(part, 0.0) + seconds
    sums.pop("total", None)
    whole = sum(sums.values())
    return {part: seconds / whole for part, seconds in sums.items() if seconds > 0} if whole > 0 else {}


def cost(found: Sequence[tuple[str, Cost]]) -> Markup | None:
    """Draw the seconds of one run to quality, and of as many as the variation asks for."""
    rows = [(label, one) for label, one in found if one.seconds]
    if not rows:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        once = [(one.seconds or 0.0) / 60 for _, one in rows]
        often = [(one.of_all_runs("seconds") or 0.0) / 60 for _, one in rows]
        places = range(len(rows))
        axes.hlines(places, once, [max(pair) for pair in zip(once, often, strict=True)], color=FAINT, linewidth=1)
        many = [(place, value) for place, value in enumerate(often) if value]
        axes.plot(
            [value for _, value in many],
            [place for place, _ in many],
            "D",
            color=SECOND,
            markersize=5,
            ls="",
            label="as many runs as it needs",
        )
        axes.plot(once, places, "o", color=FIRST, markersize=6, ls="", label="one run")
        _named(axes, [label for label, _ in rows])
        plainly_logarithmic(axes)
        axes.grid(axis="x", alpha=0.4, linewidth=0.5)
        axes.set_xlabel("minutes to quality")
        figure.legend(loc="outside lower center", ncols=2, fontsize="small")

    return svg("cost", draw, 8, 1.5 + 0.32 * len(rows), "minutes to quality of each task")


def scaling(found: Sequence[Line]) -> Markup | None:
    """Draw what several devices gain; None where no number of devices can be compared with one."""
    lines = [line for line in found if line.base is not None]
    if not lines:
        return None
    return svg(
        "scaling", lambda figure: scaling_table.draw(figure, lines), 7, 4, "samples a second over those of one device"
    )


def _named(axes: Axes, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), list(map(short, labels)))
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
