"""Draws images with what the model says of them."""

from __future__ import annotations

import math
import textwrap

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from torch import Tensor

_PICTURES = 12
_COLUMNS = 4
_WIDTH = 34  # letters in a line


def draw(images: Tensor, captions: list[str], references: list[str]) -> Figure:
    """Draw the first of `images`, uint8 (images, 3, height, width), under their captions, a reference in grey below."""
    shown = images[:_PICTURES].permute(0, 2, 3, 1).cpu().numpy()
    rows = math.ceil(len(shown) / _COLUMNS)
    figure = Figure(figsize=(2.6 * _COLUMNS, 3.4 * rows), layout=ConstrainedLayoutEngine(h_pad=0.2))
    places = figure.subplots(rows, _COLUMNS, squeeze=False).flat
    for axes, image, caption, reference in zip(places, shown, captions, references, strict=False):
        axes.imshow(image)
        axes.set_title(textwrap.fill(caption or "(no word)", _WIDTH), fontsize=8, loc="left")
        below = textwrap.fill(reference, _WIDTH)
        axes.text(0, -0.03, below, transform=axes.transAxes, va="top", fontsize=8, color="grey")
    for axes in figure.axes:
        axes.set_axis_off()
    figure.supxlabel("above a picture: what the model says; below, in grey: what a reference says", fontsize=8)
    return figure
