"""Draws label maps, the photos made of them, and real ones."""

from __future__ import annotations

from matplotlib.figure import Figure
from torch import Tensor

MOST = 6


def draw(rows: dict[str, Tensor]) -> Figure:
    """Draw a column for each scene; `rows` are the images of all scenes by title, uint8 (scenes, 3, height, width)."""
    scenes = len(next(iter(rows.values())))
    figure = Figure(figsize=(1.6 * scenes + 0.4, 1.6 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), scenes, squeeze=False)
    for line, (title, images) in zip(grid, rows.items(), strict=True):
        for axes, image in zip(line, images, strict=True):
            axes.imshow(image.permute(1, 2, 0).numpy(), interpolation="nearest")
            axes.set(xticks=[], yticks=[])
        line[0].set_ylabel(title)
    return figure
