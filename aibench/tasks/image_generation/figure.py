"""Draws generated images beside real ones."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

MOST = 16


def draw(generated: Tensor, real: Tensor, scores: tuple[list[float], list[float]]) -> Figure:
    """Draw generated images beside real ones, each under the critic's score.

    Args:
        generated: uint8 (images, channels, size, size).
        real: Images of the same number and form.
        scores: The critic's, of either kind.
    """
    side = math.ceil(math.sqrt(len(real)))
    figure = Figure(figsize=(2 * side + 0.6, side + 0.5), layout="constrained")
    halves: Any = figure.subfigures(1, 2)
    titles = ("generated, under the critic's scores", "real, held out")
    for part, title, images, row in zip(halves, titles, (generated, real), scores, strict=True):
        part.suptitle(title)
        panels = part.subplots(side, side, squeeze=False).flat
        for axes, image, score in zip(panels, images, row, strict=False):
            axes.imshow(image.permute(1, 2, 0).numpy(), cmap="gray", vmin=0, vmax=255)
            axes.set_title(f"{score:.2f}", fontsize=7, pad=2)
        for axes in part.axes:
            axes.set_axis_off()
    return figure
