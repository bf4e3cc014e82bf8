"""Draws the variation rows as a picture: each run's epochs to quality, relative to its task's mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aibench.analysis.drawn import blank, short
from aibench.analysis.variation.rows import VariationRow
from aibench.analysis.variation.table import cv_cell, names, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RUNS, MEAN, QUANTUM = "#0072b2", "#d55e00", "#e8e8e8"


def plot(rows: Sequence[VariationRow], path: Path) -> None:
    """Draw a strip of dots for each row: runs that reached the target, with the 95 % interval of their mean.

    The grey band is as wide as the evaluation quantum: runs cannot be told apart more finely, and where it explains
    their spread no interval is drawn. Rows of which no run reached the target are left empty.

    Args:
        rows: What `variation` returned; at least one.
        path: Where to write; the suffix decides the format.
    """
    figure = blank(8, height(rows))
    strips(figure, rows)
    figure.savefig(path, dpi=150)


def height(rows: Sequence[VariationRow]) -> float:
    """Return the inches of a picture in which no label covers the next: a row is as high as its lines."""
    lines = max((len(several) for several in names(rows)), default=1)
    return 1.6 + max(0.45, 0.17 * lines + 0.1) * len(rows)


def strips(
    figure: Figure, rows: Sequence[VariationRow], *, runs: str = RUNS, mean: str = MEAN, quantum: str = QUANTUM
) -> None:
    """Fill the empty `figure` as `plot` does; the keywords are colours."""
    axes = figure.add_subplot()
    axes.axvline(1, color="0.6", linewidth=0.8, zorder=1)
    for place, row in enumerate(rows):
        _strip(axes, place, row, runs, mean, quantum)
    axes.set_yticks(range(len(rows)), ["\n".join(map(short, lines)) for lines in names(rows)])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("epochs to quality / mean of the row")
    axes.set_title(title(rows)[:100], loc="left", fontsize="medium")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    handles, labels = axes.get_legend_handles_labels()
    kinds = dict(zip(labels, handles, strict=True))
    if kinds:
        figure.legend(
            kinds.values(), kinds.keys(), loc="outside lower center", ncols=3, frameon=False, fontsize="small"
        )


def _strip(axes: Axes, height: int, row: VariationRow, runs: str, mean: str, quantum: str) -> None:
    counts = f"{row.converged}/{row.runs} runs"
    right = axes.get_yaxis_transform()
    if row.epochs.mean is None:
        axes.text(1.01, height, counts, transform=right, va="center", fontsize="small")
        return
    relative = [value / row.epochs.mean for value in row.epochs.values]
    if row.quantum is not None:
        width = row.quantum / row.epochs.mean
        axes.barh(height, width, 0.8, 1 - width / 2, color=quantum, zorder=0, label="evaluation quantum")
    if row.epochs.mean_half_width is not None and not row.within_quantum:
        reach = row.epochs.mean_half_width / row.epochs.mean
        axes.errorbar(1, height + 0.22, xerr=reach, color=mean, capsize=3, zorder=3, label="95 % interval of the mean")
    lifts = _spread_out(relative)
    axes.scatter(relative, [height + lift for lift in lifts], s=28, color=runs, alpha=0.7, zorder=2, label="a run")
    cv = f"CV {cv_cell(row)} %\n" if row.epochs.cv is not None else ""
    axes.text(1.01, height, cv + counts, transform=right, va="center", fontsize="small")


def _spread_out(values: Sequence[float]) -> list[float]:
    """Return how far to lift each of the ascending `values`, so that equal ones can be counted."""
    lifts: list[float] = []
    for place, value in enumerate(values):
        same = place > 0 and value == values[place - 1]
        lifts.append(lifts[-1] - 0.09 if same and lifts[-1] > -0.35 else 0.0)
    return lifts
