"""Draws images with what the model says of them."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PICTURES = 12
_COLUMNS = 4
_WIDTH = 34  # letters in a line


def draw(images: Tensor, captions: list[str], references: list[str]) -> Figure:
    """The first few of `images`, uint8 (images, 3, height, width), each over its caption and a reference in grey."""
    from matplotlib.figure import Figure

    shown = images[:_PICTURES].permute(0, 2, 3, 1).cpu().numpy()
    rows = math.ceil(len(shown) / _COLUMNS)
    figure = Figure(figsize=(2.6 * _COLUMNS, 3.3 * rows), layout="constrained")
    places = figure.subplots(rows, _COLUMNS, squeeze=False).flat
    for axes, image, caption, reference in zip(places, shown, captions, references, strict=False):
        axes.imshow(image)
        written, wanted = textwrap.wrap(caption, _WIDTH) or ["(no word)"], textwrap.wrap(reference, _WIDTH)
        axes.text(0, -0.04, "\n".join(written), transform=axes.transAxes, va="top", fontsize=8)
        beneath = -0.05 - 0.085 * len(written)
        axes.text(0, beneath, "\n".join(wanted), transform=axes.transAxes, va="top", fontsize=8, color="grey")
    for axes in figure.axes:
        axes.set_axis_off()
    return figure
