"""Turns the numbers of pixels, 8 bits each, into those that a network reads, and back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalise(nn.Module):
    """Subtracts each channel's mean and divides by its standard deviation.

    Args:
        mean: The means of the channels, in 0 to 1.
        std: The standard deviations of the channels, in 0 to 1.
    """

    scale: Tensor
    offset: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        means, deviations = torch.tensor(list(mean)), torch.tensor(list(std))
        self.register_buffer("scale", (1 / (255 * deviations)).view(-1, 1, 1), persistent=False)
        self.register_buffer("offset", (-means / deviations).view(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return `images`, uint8 (batch, channels, height, width), normalised, as float of the same shape."""
        return images * self.scale + self.offset


def to_float(images: Tensor) -> Tensor:
    """Return `images`, uint8, as float in -1 to 1."""
    return images / 127.5 - 1


def to_bytes(images: Tensor) -> Tensor:
    """Return `images`, float in -1 to 1, rounded to uint8, as a file would hold them."""
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
