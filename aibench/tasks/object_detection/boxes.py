"""Holds what is said of the objects of an image: boxes, labels, and more."""

from __future__ import annotations

from torch import Tensor

Target = dict[str, Tensor]


def in_pixels(boxed: Target) -> Target:
    """Return boxes by VOC's convention, whose ends are pixels: an edge at 10 is where pixel 9 ends."""
    return {**boxed, "boxes": boxed["boxes"] - boxed["boxes"].new_tensor([0.0, 0.0, 1.0, 1.0])}
