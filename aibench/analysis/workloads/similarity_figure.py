"""Draws the similarity of workloads: two principal components, a tree, t-SNE."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aibench.analysis.drawn import blank
from aibench.analysis.workloads.similarity import Floats, Similarity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # of clusters
LINE = 9.0  # points: a name further from its point than a line of text gets a line that leads to it
MARKERS = {"AIBench": "o", "MLPerf": "s"}
# In shares of the points' span on such a figure: half a mark, half a line of text, a letter, where a name begins.
MARK, HALF, LETTER, BESIDE = (0.008, 0.01), 0.012, 0.0085, 0.0145
HEIGHT = 374.0  # typographic points of the span
Box = tuple[float, float, float, float]  # left, right, lower, upper


def plot(found: Similarity, folder: Path) -> list[Path]:
    """Draw `pca.png`, `tree.png` and `tsne.png` in `folder`, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, size, draw in (
        ("pca", (10, 6.5), _components),
        ("tree", (9, 6.5), _tree),
        ("tsne", (10, 6.5), _embedding),
    ):
        figure = blank(*size)
        axes = figure.add_subplot()
        draw(axes, found)
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=110)
    return paths


def _components(axes: Axes, found: Similarity) -> None:
    points = found.components[:, :2]
    if points.shape[1] < 2:
        points = np.column_stack([points, np.zeros(len(points))])
    _scatter(axes, found, points)
    shares = [*found.explained, 0.0]
    axes.set_xlabel(f"principal component 1 ({shares[0]:.0%} of the variance)")
    axes.set_ylabel(f"principal component 2 ({shares[1]:.0%} of the variance)")
    axes.set_title("Workloads in their first two principal components", loc="left", fontsize="medium")


def _embedding(axes: Axes, found: Similarity) -> None:
    _scatter(axes, found, found.embedding)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(
        f"t-SNE, perplexity {found.perplexity:g}: neighbours mean something, gaps and directions do not",
        loc="left",
        fontsize="medium",
    )


def _scatter(axes: Axes, found: Similarity, points: Floats) -> None:
    names, suites = found.features.names, found.features.suites
    for suite in dict.fromkeys(suites):
        of_suite = np.array([one == suite for one in suites])
        colours = [COLOURS[(cluster - 1) % len(COLOURS)] for cluster in found.clusters[of_suite]]
        marker = MARKERS.get(suite, "^")
        axes.scatter(points[of_suite, 0], points[of_suite, 1], c=colours, marker=marker, s=45, zorder=2)
        if len(set(suites)) > 1:  # the shape tells nothing apart otherwise
            axes.scatter([], [], c="0.4", marker=marker, s=45, label=suite)
    for cluster in sorted(set(found.clusters)):
        axes.scatter([], [], c=COLOURS[(cluster - 1) % len(COLOURS)], marker="o", s=45, label=f"cluster {cluster}")
    texts = [name.removeprefix("mlperf/").replace("_", " ") for name in names]
    for text, point, place in zip(texts, points, _places(points, texts), strict=True):
        far = abs(place[1]) > LINE
        lead = {"arrowstyle": "-", "color": "0.6", "linewidth": 0.5, "relpos": (0.0, 0.5)} if far else None
        axes.annotate(
            text, point, place, textcoords="offset points", fontsize=7.5, ha="left", va="center", arrowprops=lead
        )
    axes.margins(x=0.12, y=0.06)
    axes.grid(color="0.92", zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.figure.legend(loc="outside right upper", frameon=False, fontsize="small")


def _places(points: Floats, texts: Sequence[str]) -> list[tuple[float, float]]:
    """Return where to write each name, in points from its point: beside it, or lower or higher where that is taken.

    A place is taken by another name or by another point.
    """
    span = np.ptp(points, axis=0)
    scaled = (points - points.min(axis=0)) / np.where(span > 0, span, 1)
    marks = [(x - MARK[0], x + MARK[0], y - MARK[1], y + MARK[1]) for x, y in scaled]
    taken: list[Box] = []
    lifts = [0.0] * len(points)
    for place in np.argsort(-scaled[:, 1], kind="stable"):
        x, y = scaled[place]
        others = [*taken, *(mark for number, mark in enumerate(marks) if number != place)]
        for lift in (sign * 2.0 * step for step in range(100) for sign in (-1, 1)):
            middle = y + lift / HEIGHT
            left = x + BESIDE
            box = (left, left + LETTER * len(texts[place]), middle - HALF, middle + HALF)
            if not any(_overlap(box, other) for other in others):
                break
        lifts[place] = lift
        taken.append(box)
    return [(7.0, lift) for lift in lifts]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def _tree(axes: Axes, found: Similarity) -> None:
    from scipy.cluster.hierarchy import dendrogram

    names = [name.replace("_", " ") for name in found.features.names]
    drawn = dendrogram(found.tree, labels=names, orientation="left", ax=axes, link_color_func=lambda _: "0.35")
    colours = {name: COLOURS[(cluster - 1) % len(COLOURS)] for name, cluster in zip(names, found.clusters, strict=True)}
    for label in axes.get_yticklabels():
        label.set_color(colours[label.get_text()])
        label.set_fontsize(8.5)
    assert len(drawn["ivl"]) == len(names)
    axes.set_xlabel("distance at which Ward's method joins")
    axes.set_title(
        f"Tree of the workloads, colours by cluster (cophenetic correlation {found.cophenetic:.2f})",
        loc="left",
        fontsize="medium",
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
