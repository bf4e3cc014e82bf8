"""Measures how far predicted frames are from true ones."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class FrameErrors(Metric):
    """Measures means over frames: squared error summed over a frame, and PSNR in dB; pixels lie in 0 to 1.

    Attributes:
        squared: What each batch's sequences add: squared error summed over all frames, float64 (batch,).
    """

    full_state_update = False
    squared: list[Tensor]
    decibels: Tensor
    frames: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("squared", [], dist_reduce_fx="cat")
        for name in ("decibels", "frames"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, predicted: Tensor, true: Tensor) -> None:
        """Count frames, both float (batch, frames, 3, height, width)."""
        errors = (predicted.float() - true).square().flatten(2)
        self.squared.append(errors.sum((1, 2), dtype=torch.float64))
        self.decibels -= 10 * errors.mean(2).clamp(min=1e-10).log10().sum(dtype=torch.float64)
        self.frames += errors.shape[0] * errors.shape[1]

    def compute(self) -> tuple[Tensor, Tensor]:
        """Return the two means, in the order of the class's first line."""
        return dim_zero_cat(self.squared).sum() / self.frames, self.decibels / self.frames
