"""Draws a table of distances between faces."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor


def draw(images: Tensor, labels: Tensor, distances: Tensor, threshold: float) -> Figure:
    """Draw faces along both sides of a table of squared distances; framed in red where the verdict is wrong.

    Args:
        images: uint8 (faces, 3, height, width).
        labels: Who they show, int64 (faces,).
        distances: float (faces, faces).
        threshold: Below it two faces are taken for one person's.
    """
    count = len(images)
    wrong = (distances < threshold) != (labels[:, None] == labels)
    figure = Figure(figsize=(9.5, 8.5), layout="constrained")
    axes = figure.subplots()
    table = axes.imshow(distances.numpy(), cmap="viridis_r", vmin=0, vmax=max(1.0, float(distances.max())))
    for place, image in enumerate(images.permute(0, 2, 3, 1).numpy()):
        axes.imshow(image, extent=(place - 0.48, place + 0.48, -0.55, -1.51))
        axes.imshow(image, extent=(-1.51, -0.55, place + 0.48, place - 0.48))
    for row in range(count):
        for column in range(count):
            if row != column:
                value = float(distances[row, column])
                dark = value > 0.45 * table.get_clim()[1]
                axes.text(
                    *(column, row, f"{value:.2f}"), ha="center", va="center", fontsize=6, color="w" if dark else "k"
                )
    for row, column in torch.argwhere(wrong).tolist():
        axes.add_patch(Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, edgecolor="red", linewidth=2))
    axes.set(xlim=(-1.55, count - 0.5), ylim=(count - 0.5, -1.55))
    axes.set_axis_off()
    figure.colorbar(table, ax=axes, shrink=0.6, label="squared distance")
    axes.set_title(
        f"One person below {threshold:.2f}: {int(wrong.sum()) // 2} of {count * (count - 1) // 2} pairs wrong, in red"
    )
    return figure
