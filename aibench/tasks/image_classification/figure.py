"""Draws pictures with what they show and what a model takes them for."""

from __future__ import annotations

import math

from matplotlib.figure import Figure
from torch import Tensor

MOST = 16
_COLUMNS = 4


def draw(images: Tensor, truth: list[str], answers: list[list[tuple[str, float]]]) -> Figure:
    """Draw each picture under what it shows and what the model takes it for, the model's mistakes in red.

    Args:
        images: uint8 (images, 3, height, width).
        truth: Names of what they show.
        answers: For each, names with probabilities, descending.
    """
    rows = math.ceil(len(images) / _COLUMNS)
    figure = Figure(figsize=(9, 2.5 * rows), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).flat
    for axes, image, true, answer in zip(panels, images, truth, answers, strict=False):
        predicted, probability = answer[0]
        axes.imshow(image.permute(1, 2, 0).numpy())
        axes.set_title(f"{predicted} ({probability:.0%}), is {true}", color="green" if predicted == true else "red")
    for axes in figure.axes:
        axes.set_axis_off()
    return figure
