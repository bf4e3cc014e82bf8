"""Draws the paper's Figures 1(a) and 2: what two suites span, and every workload by its three characteristics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aibench.analysis.drawn import blank, logarithmic, short
from aibench.analysis.workloads.coverage import NAMES, PAPER, SUITES, Point, ranges, reported, standing_in

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"AIBench": "#0072b2", "MLPerf": "#d55e00"}


def spans(found: Sequence[Point], path: Path) -> None:
    """Draw for each characteristic what each suite spans: a bar from least to most, a tick for each workload.

    Thin lines are the paper's printed ranges. Models that the paper leaves out are left out here.

    Args:
        found: The workloads, of one scale.
        path: Where to write; the suffix decides the format.
    """
    figure = blank(9, 4.2)
    for place, (key, title) in enumerate(NAMES.items()):
        axes = figure.add_subplot(1, len(NAMES), place + 1)
        _bars(axes, found, key)
        axes.set_title(title + _remark(found, key), fontsize="medium")
    figure.suptitle("What AIBench and MLPerf span (paper, Figure 1(a))", x=0.01, ha="left", fontsize="medium")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize="small")
    figure.savefig(path, dpi=150)


def _remark(found: Sequence[Point], key: str) -> str:
    scales = standing_in(found) if key == "epochs" else ""
    return f"\n(of scale={scales})" if scales else ""


def _bars(axes: Axes, found: Sequence[Point], key: str) -> None:
    found = reported(found, key)
    known = ranges(found, key)
    logarithmic(axes, "y")
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
    ends = [end for suite in SUITES for end in PAPER[key][suite]]
    ends += [end for span in known.values() for end in (span.least[0], span.most[0])]
    axes.set_ylim(min(ends) / 2, max(ends) * 2)
    axes.set_xticks(range(len(SUITES)), SUITES)
    axes.set_xlim(-0.5, len(SUITES) - 0.4)
    axes.spines[["top", "right"]].set_visible(False)


def bars(found: Sequence[Point], path: Path) -> None:
    """Draw every workload's three characteristics as dots on logarithmic scales, most FLOPs first.

    Args:
        found: The workloads, of one scale.
        path: Where to write; the suffix decides the format.
    """
    ordered = sorted(found, key=lambda point: (point.flops is None, -(point.flops or 0), point.name))
    figure = blank(10, 1.4 + 0.24 * len(ordered))
    panels = figure.subplots(1, len(NAMES), sharey=True, squeeze=False)[0]
    for axes, (key, title) in zip(panels, NAMES.items(), strict=True):
        _column(axes, ordered, key)
        axes.set_title(title + _remark(ordered, key), fontsize="medium")
    panels[0].set_yticks(
        range(len(ordered)), [short(point.name.replace("_", " ")) for point in ordered], fontsize="small"
    )
    for label, point in zip(panels[0].get_yticklabels(), ordered, strict=True):
        label.set_color(COLOURS[point.suite])
    panels[0].set_ylim(len(ordered) - 0.5, -0.5)
    figure.suptitle(
        "Computation, complexity and convergence of AIBench and MLPerf (paper, Figure 2)",
        x=0.01,
        ha="left",
        fontsize="medium",
    )
    figure.savefig(path, dpi=150)


def _column(axes: Axes, ordered: Sequence[Point], key: str) -> None:
    from matplotlib.ticker import NullFormatter

    values = [getattr(point, key) for point in ordered]
    logarithmic(axes, "x")
    axes.xaxis.set_minor_formatter(NullFormatter())
    for height, (point, value) in enumerate(zip(ordered, values, strict=True)):
        if value:
            hollow = "white" if key == "epochs" and point.stands_in else None
            axes.plot(value, height, "o", color=COLOURS[point.suite], markerfacecolor=hollow, markersize=6)
        else:
            axes.text(0.02, height, "-", transform=axes.get_yaxis_transform(), va="center", color="0.5")
    if any(values):
        axes.set_xlim(min(filter(None, values)) / 3, max(filter(None, values)) * 3)
    axes.grid(axis="x", color="0.9")
    axes.hlines(range(len(ordered)), *axes.get_xlim(), color="0.93", linewidth=0.6, zorder=0)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
