"""Draws faces in colour and depth with what a model makes of them."""

from __future__ import annotations

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from torch import Tensor

_COLUMNS, _MOST = 4, 16


def draw(images: Tensor, truth: list[str], answers: list[list[tuple[str, float]]]) -> Figure:
    """Draw each face in colour beside its depth, light where it is near; the model's mistakes in red.

    Args:
        images: uint8 (faces, 4, height, width).
        truth: Who each shows.
        answers: For each, names with probabilities, descending.
    """
    count = min(_MOST, len(truth))
    rows = math.ceil(count / _COLUMNS)
    figure = Figure(figsize=(12, 1.9 * rows), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).flat
    for axes, image, name, answer in zip(panels, images.numpy(), truth, answers, strict=False):
        axes.imshow(np.concatenate([image[:3].transpose(1, 2, 0), _tinted(image[3])], axis=1), interpolation="nearest")
        predicted, probability = answer[0]
        right = predicted == name
        axes.set_title(
            f"{predicted} ({probability:.0%})" if right else f"{predicted} ({probability:.0%}), is {name}",
            color="green" if right else "red",
            fontsize=9,
        )
    for axes in figure.axes:
        axes.set_axis_off()
    return figure


def _tinted(depth: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return depths as colours, (height, width, 3): dark and blue far away, light and yellow near, black nowhere.

    The colours span the depths that the picture has.
    """
    known = depth > 0
    low, high = (int(depth[known].min()), int(depth[known].max())) if known.any() else (0, 1)
    part = (depth.astype(float) - low) / max(1, high - low)
    colours: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = colormaps["viridis"](part, bytes=True)[:, :, :3]
    colours[~known] = 0
    return colours
