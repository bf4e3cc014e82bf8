"""Measures the intersection over union of volumes."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

THRESHOLD = 0.5


class VoxelIoU(Metric):
    """Measures intersection over union of the full voxels: the samples' mean, and of all samples as one.

    A voxel is predicted to be full where its probability exceeds 0.5. Two empty volumes agree: 1. The first of the two
    is what the first implementation of Yan et al. 2016 reports (its eval_quant_test.lua), the second what their one in
    TensorFlow does.
    """

    full_state_update = False
    higher_is_better = True
    latest: Tensor
    total: Tensor
    samples: Tensor
    intersection: Tensor
    union: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        for name in ("samples", "intersection", "union"):
            self.add_state(name, torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, probabilities: Tensor, solids: Tensor) -> None:
        """Add some samples; `latest` then holds what each of them scores.

        Args:
            probabilities: float (batch, x, y, z).
            solids: bool (batch, x, y, z).
        """
        predicted = probabilities > THRESHOLD
        intersection = (predicted & solids).flatten(1).sum(1)
        union = (predicted | solids).flatten(1).sum(1)
        self.latest = torch.where(union > 0, intersection.double() / union.clamp(min=1), 1.0)
        self.total += self.latest.sum()
        self.samples += len(solids)
        self.intersection += intersection.sum()
        self.union += union.sum()

    def compute(self) -> dict[str, Tensor]:
        """Return `iou`, the mean over samples, and `iou_micro`, of all voxels of all samples."""
        return {
            "iou": self.total / self.samples,
            "iou_micro": self.intersection.double() / self.union,
        }
