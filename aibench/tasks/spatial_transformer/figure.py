"""Draws digits above what a spatial transformer makes of them."""

from __future__ import annotations

from matplotlib.figure import Figure
from torch import Tensor

MOST = 12
_COLUMNS = 6


def draw(images: Tensor, seen: Tensor, labels: list[int], answers: list[tuple[int, float]]) -> Figure:
    """Draw images, each above what the classifier sees of it and what it takes that for, its mistakes in red.

    Args:
        images: uint8 (images, 1, 28, 28).
        seen: float (images, 1, 28, 28) in 0 to 1.
        labels: The digits that they show.
        answers: For each, a digit with its probability.
    """
    groups = -(-len(images) // _COLUMNS)
    figure = Figure(figsize=(9, 3.6 * groups), layout="constrained")
    axes = figure.subplots(2 * groups, _COLUMNS, squeeze=False)
    for place, (label, (digit, probability)) in enumerate(zip(labels, answers, strict=True)):
        row, column = 2 * (place // _COLUMNS), place % _COLUMNS
        upper, lower = axes[row][column], axes[row + 1][column]
        upper.imshow(images[place, 0], cmap="gray", vmin=0, vmax=255)
        lower.imshow(seen[place, 0], cmap="gray", vmin=0, vmax=1)
        upper.set_title(f"a {label}")
        lower.set_title(f"{digit} ({probability:.0%})", color="green" if digit == label else "red")
    for each in figure.axes:
        each.set_axis_off()
    return figure
