"""The study of the paper's qualities, from its results: how near they are, and a figure of every seed's way there.

    python experiments/paper/paper.py experiments/paper/results [--markdown FILE] [--figure FILE]

The table moves the target by a tenth of a percent and more, and asks the same runs again. A session ends at its target,
so a harder one than the paper's cannot be asked of runs that reached it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from aibench.analysis.drawn import blank
from aibench.analysis.grid import NONE, Grid
from aibench.analysis.runs.pooling import pools
from aibench.analysis.runs.reader import read_runs
from aibench.analysis.runs.runs import Run
from aibench.analysis.variation.censored import censored
from aibench.results.crossing import first_place

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EASIER = (0.0, 0.001, 0.002, 0.005, 0.01)
LEGEND = (
    "reached: how many of the runs had an evaluation at or above the target. epochs: to the first one, their mean; "
    "where some had none, the mean restricted to the longest run (Kaplan-Meier), which counts them too."
)


def way(run: Run) -> list[tuple[float, float]]:
    """Epochs and quality of each of a run's evaluations."""
    assert run.record is not None
    rows = [(row.epochs, row.metrics[run.target.metric]) for row in run.record.history]
    return [(epochs, quality) for epochs, quality in rows if quality is not None]


def took(run: Run, quality: float) -> float | None:
    """Epochs to the first evaluation of `quality`; None where there is none."""
    points = way(run)
    place = first_place(points, quality, higher=run.target.mode == "max")
    return None if place is None else points[place][0]


def settings(runs: Sequence[Run]) -> str:
    """What the runs of a set have in common, where their words say so."""
    optim = runs[0].record.config["optim"] if runs[0].record else {}
    return f"lr {optim['lr']:g}" + (f", {optim['decay']}" if optim.get("decay", "none") != "none" else "")


def nearby(sets: Sequence[Sequence[Run]]) -> Grid:
    """The table of targets near the paper's."""
    rows = []
    for runs in sets:
        for easier in EASIER:
            quality = round(runs[0].target.quality - easier, 6)
            found = [took(run, quality) for run in runs]
            reached = [epochs for epochs in found if epochs is not None]
            ends = [way(run)[-1][0] for run, epochs in zip(runs, found, strict=True) if epochs is None]
            mean = NONE
            if reached and ends:
                mean = f"{censored(reached, ends).restricted_mean:.3g} (to {max(ends):.3g})"
            elif reached:
                mean = f"{sum(reached) / len(reached):.3g}"
            span = f"{min(reached):g} to {max(reached):g}" if reached else NONE
            rows.append([runs[0].task, settings(runs), f"{quality:g}", f"{len(reached)}/{len(runs)}", mean, span])
    heads = ["task", "optimiser", "target", "reached", "epochs", "of those that reached it"]
    return Grid(title="Targets near the paper's", heads=heads, rows=rows, names=2, legend=LEGEND)


def figure(sets: Sequence[Sequence[Run]], path: Path) -> None:
    """Draw each set's runs in a panel of its own, against the paper's line."""
    drawing = blank(5.2 * len(sets), 3.8)
    for runs, axes in zip(sets, drawing.subplots(1, len(sets), squeeze=False)[0], strict=True):
        _panel(axes, runs)
    drawing.savefig(path, dpi=150)


def _panel(axes: Axes, runs: Sequence[Run]) -> None:
    goal = runs[0].target.quality
    for run in runs:
        epochs, qualities = zip(*way(run), strict=True)
        axes.plot(epochs, qualities, color="#0072b2", alpha=0.45, linewidth=1)
        if qualities[-1] >= goal:
            axes.plot(epochs[-1], qualities[-1], "o", color="#0072b2", markersize=4)
    axes.axhline(goal, color="#d55e00", linewidth=1.2)
    axes.text(1, goal, f" {goal:g}, the paper", transform=axes.get_yaxis_transform(), va="center", fontsize="small")
    lowest = min(quality for run in runs for epochs, quality in way(run) if epochs >= 2)
    axes.set_ylim(lowest - 0.1 * (goal - lowest), goal + 0.25 * (goal - lowest))
    axes.set(xlabel="epochs", ylabel=runs[0].target.metric)
    axes.set_title(f"{runs[0].task}, {settings(runs)}: {len(runs)} seeds", loc="left", fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--figure", type=Path)
    words = parser.parse_args()
    sets = [pool.runs for pool in pools(read_runs(words.results, keep=True).runs)]
    made = nearby(sets)
    made.show(Console())
    if words.markdown:
        words.markdown.write_text(made.markdown(), encoding="utf-8")
    if words.figure:
        figure(sets, words.figure)


if __name__ == "__main__":
    main()
