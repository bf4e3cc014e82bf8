"""Figures 1(a) and 2 of the paper: what two suites span, and every workload by its three characteristics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aibench.analysis.coverage import NAMES, PAPER, SUITES, Point, ranges

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"AIBench": "#0072b2", "MLPerf": "#d55e00"}
UNKNOWN = 18.0  # area of a workload without epochs
AREA = 9.0  # of one epoch


def spans(found: Sequence[Point], path: Path) -> None:
    """Draw for each characteristic what each suite spans: a bar from least to most, a tick for each workload.

    Thin lines are the paper's printed ranges.

    Args:
        found: The workloads, of one scale.
        path: Where to write; the suffix decides the format.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    for place, (key, title) in enumerate(NAMES.items()):
        axes = figure.add_subplot(1, len(NAMES), place + 1)
        _bars(axes, found, key)
        axes.set_title(title, fontsize="medium")
    figure.suptitle("What AIBench and MLPerf span (paper, Figure 1(a))", x=0.01, ha="left", fontsize="medium")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize="small")
    figure.savefig(path, dpi=150)


def _bars(axes: Axes, found: Sequence[Point], key: str) -> None:
    known = ranges(found, key)
    axes.set_yscale("log")
    for place, suite in enumerate(SUITES):
        low, high = PAPER[key][suite]
        axes.plot([place + 0.3] * 2, [low, high], "_-", color="0.55", markersize=9, label="the paper" * (place == 0))
        if suite not in known:
            axes.text(
                place, 0.5, "not trained\nhere", transform=axes.get_xaxis_transform(), ha="center", fontsize="small"
            )
            continue
        span = known[suite]
        axes.bar(
            place,
            span.most[0] - span.least[0],
            0.4,
            bottom=span.least[0],
            color=COLOURS[suite],
            alpha=0.35,
            label=suite,
        )
        values = [getattr(point, key) for point in found if point.suite == suite and getattr(point, key)]
        axes.plot([place] * len(values), values, "_", color=COLOURS[suite], markersize=20)
    axes.set_xticks(range(len(SUITES)), SUITES)
    axes.set_xlim(-0.5, len(SUITES) - 0.4)
    axes.spines[["top", "right"]].set_visible(False)


def bubbles(found: Sequence[Point], path: Path) -> None:
    """Draw every workload at its FLOPs and parameters, its area the epochs to quality; hollow where none are known.

    Args:
        found: The workloads, of one scale.
        path: Where to write; the suffix decides the format.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6.5), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xscale="log", yscale="log", xlabel=NAMES["flops"], ylabel=NAMES["parameters"])
    known = [point for point in found if point.flops and point.parameters]
    for suite in SUITES:
        for with_epochs in (True, False):
            some = [point for point in known if point.suite == suite and (point.epochs is not None) == with_epochs]
            axes.scatter(
                [float(point.flops or 0) for point in some],
                [float(point.parameters or 0) for point in some],
                [UNKNOWN if point.epochs is None else AREA * point.epochs for point in some],
                facecolors=COLOURS[suite] if with_epochs else "none",
                edgecolors=COLOURS[suite],
                alpha=0.6 if with_epochs else 1.0,
                label=f"{suite}, area: epochs" if with_epochs else f"{suite}, no epochs here",
            )
    _label(axes, known)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(0.12)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize="small")
    axes.set_title("Model complexity, computation and convergence (paper, Figure 2)", loc="left", fontsize="medium")
    figure.savefig(path, dpi=150)


def _label(axes: Axes, known: Sequence[Point]) -> None:
    """Names beside the dots; one that would lie on another's goes below."""
    import math

    taken: list[tuple[float, float]] = []
    for point in sorted(known, key=lambda one: (one.parameters or 0, one.flops or 0)):
        x, y = math.log10(point.flops or 1), math.log10(point.parameters or 1)
        shift = 0.0
        while any(abs(x - other_x) < 1.3 and abs(y + shift - other_y) < 0.11 for other_x, other_y in taken):
            shift += 0.11
        taken.append((x, y + shift))
        axes.annotate(
            point.name.replace("_", " "),
            (10**x, 10**y),
            (10 ** (x + 0.1), 10 ** (y + shift)),
            fontsize=7,
            color=COLOURS[point.suite],
            va="center",
            arrowprops={"arrowstyle": "-", "color": "0.7", "linewidth": 0.5} if shift else None,
        )
