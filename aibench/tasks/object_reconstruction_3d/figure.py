"""Draws pictures with predicted and true solids, for a person."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aibench.tasks.object_reconstruction_3d.camera import Camera
from aibench.tasks.object_reconstruction_3d.renders import Renderer

Solid = NDArray[np.bool_]
_OBJECTS = 5
_AZIMUTHS = np.array([40.0, 150.0])
_ELEVATION, _FOCAL_LENGTH, _FOCAL_RANGE, _SIZE = 25.0, 5.0, 3.5, 128
_COLOUR = np.array([0.30, 0.49, 0.74])
_MISSING, _SUPERFLUOUS, _BOTH = (0.90, 0.55, 0.13), (0.70, 0.16, 0.23), (0.80, 0.82, 0.85)


def draw(pictures: NDArray[np.uint8], predicted: list[Solid], true: list[Solid]) -> Figure:
    """Draw pictures, predicted and true solids from two sides, and their silhouettes; a row for each of the first few.

    Those of different solids come first.

    Args:
        pictures: (batch, 3, size, size).
        predicted: A solid for each, (x, y, z).
        true: A solid for each, (x, y, z).
    """
    shown = _different_first(true)[:_OBJECTS]
    figure = Figure(figsize=(9.6, 1.75 * len(shown) + 0.7), layout="constrained")
    grid = figure.subplots(len(shown), 6, squeeze=False)
    resolution = len(true[0])
    camera = Camera(_ELEVATION, _FOCAL_LENGTH, _FOCAL_RANGE, _SIZE, samples=3 * resolution)
    render = Renderer(camera, _AZIMUTHS, resolution)
    for row, place in zip(grid, shown, strict=True):
        picture, guess, truth = pictures[place], predicted[place], true[place]
        shades = [[render(solid, view) for view in range(2)] for solid in (guess, truth)]
        panels = [np.moveaxis(picture, 0, 2), *(_painted(shade) for pair in shades for shade in pair)]
        for axes, panel in zip(row, [*panels, _compared(shades[0][0] > 0, shades[1][0] > 0)], strict=True):
            axes.imshow(panel)
            axes.set_axis_off()
        row[5].text(1.04, 0.5, f"IoU {iou(guess, truth):.2f}", transform=row[5].transAxes, rotation=90, va="center")
    titles = ("picture", "predicted", "from another side", "true", "from another side", "silhouettes")
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=10)
    figure.supxlabel("silhouettes: grey where both agree, orange what is missing, red what is too much", fontsize=9)
    return figure


def _different_first(solids: list[Solid]) -> list[int]:
    """Return all places, those in front whose solid has not come before."""
    first: dict[bytes, int] = {}
    for place, solid in enumerate(solids):
        first.setdefault(solid.tobytes(), place)
    return [*first.values(), *sorted(set(range(len(solids))) - set(first.values()))]


def iou(predicted: Solid, true: Solid) -> float:
    """Return the intersection over union; 1 of two empty solids."""
    union = int((predicted | true).sum())
    return int((predicted & true).sum()) / union if union else 1.0


def _painted(shade: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return a shaded picture in colour on white, (size, size, 3) in 0 to 1."""
    lit = shade[:, :, None]
    return np.where(lit > 0, np.clip(lit * _COLOUR * 1.25, 0, 1), 1.0)


def _compared(predicted: Solid, true: Solid) -> NDArray[np.float64]:
    """Return two silhouettes over one another, (size, size, 3) in 0 to 1."""
    picture = np.ones((*true.shape, 3))
    for where, colour in (
        (predicted & true, _BOTH),
        (true & ~predicted, _MISSING),
        (predicted & ~true, _SUPERFLUOUS),
    ):
        picture[where] = colour
    return picture
