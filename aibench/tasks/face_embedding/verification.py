"""Decides whether two faces are one person's, by the ten-fold protocol of LFW (Huang et al. 2007, view 2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

THRESHOLDS = 400  # squared distances between embeddings of length 1 that are tried: 0, 0.01, ..., 3.99


@dataclass(frozen=True)
class Verdict:
    """Holds what verification gives.

    Attributes:
        accuracies: The accuracy in each fold, float64 (folds,).
        thresholds: The threshold that each fold was judged by, float64 (folds,).
    """

    accuracies: Tensor
    thresholds: Tensor

    @property
    def accuracy(self) -> Tensor:
        """Return the mean accuracy over the folds."""
        return self.accuracies.mean()


def verify(distances: Tensor, same: Tensor, fold: Tensor) -> Verdict:
    """Measure how often two faces are rightly called one person's where their distance is below a threshold.

    The threshold of a fold is that which is right most often on all others; of several, the least.

    Args:
        distances: Squared, between embeddings of length 1; float (pairs,).
        same: Whether a pair is one person's, bool (pairs,).
        fold: int64 (pairs,), 0 to folds - 1; none is empty.
    """
    thresholds = torch.arange(THRESHOLDS, dtype=torch.float64, device=distances.device) / 100
    right = (distances.double() < thresholds[:, None]) == same  # (thresholds, pairs)
    sizes = torch.bincount(fold)
    counts = torch.zeros(THRESHOLDS, len(sizes), dtype=torch.int64, device=fold.device)
    counts.index_add_(1, fold, right.long())
    best = (counts.sum(1, keepdim=True) - counts).argmax(0)  # argmax: the first of several
    accuracies = counts.gather(0, best[None])[0] / sizes.double()
    return Verdict(accuracies, thresholds[best])
