"""Draws episodes: what happened, and what was predicted."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

MOST = 3


def draw(true: NDArray[np.uint8], predicted: NDArray[np.uint8], context: int) -> Figure:
    """Draw what happened above what was predicted, with the squared error of each frame.

    Args:
        true: uint8 (episodes, frames, height, width, 3).
        predicted: The frames after the first `context`, of the same form.
        context: How many frames were shown.
    """
    episodes, length = true.shape[:2]
    figure = Figure(figsize=(1.35 * length, 3.1 * episodes), layout="constrained")
    axes = figure.subplots(2 * episodes, length, squeeze=False)
    for each in axes.flat:
        each.set_axis_off()
    for episode, frame in np.ndindex(episodes, length):
        upper, lower = axes[2 * episode][frame], axes[2 * episode + 1][frame]
        upper.imshow(true[episode, frame])
        upper.set_title("shown" if frame < context else f"true {frame + 1}", fontsize=9)
        if frame == context - 1:
            lower.text(0.95, 0.5, "predicted", ha="right", va="center", transform=lower.transAxes)
        if frame >= context:
            _draw_guess(lower, predicted[episode, frame - context], true[episode, frame])
    return figure


def _draw_guess(axes: Any, guess: NDArray[np.uint8], true: NDArray[np.uint8]) -> None:
    axes.imshow(guess)
    axes.set_title(f"error {np.square((guess.astype(float) - true) / 255).sum():.1f}", fontsize=9)
