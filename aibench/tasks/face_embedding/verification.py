"""Decides whether two faces are one person's, by the ten-fold protocol of LFW (Huang et al. 2007, view 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
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


class People:
    """Holds what each person adds to the accuracy of a verification: `contract.Scores`.

    Pairs that share a person are not independent, so that people are drawn again and not pairs. A pair counts as often
    as its two people were drawn together: a times b, or a where both pictures show one person.

    Args:
        distances: Squared, float64 (pairs,).
        people: The two people of each pair, int64 (2, pairs).
        fold: int64 (pairs,).
    """

    def __init__(self, distances: NDArray[np.float64], people: NDArray[np.int64], fold: NDArray[np.int64]) -> None:
        self.people = people
        self.same = people[0] == people[1]
        self.count = int(people.max()) + 1
        self.folds = int(fold.max()) + 1
        # The first threshold that is greater, fold by fold: from there on a pair is taken for one person's.
        reached = np.searchsorted(np.arange(THRESHOLDS) / 100, distances, side="right")
        self.cells = fold * (THRESHOLDS + 1) + reached

    def __len__(self) -> int:
        return self.count

    def value(self, indices: NDArray[Any]) -> float:
        """Return the mean accuracy over the folds of the people at `indices`, int64 (count,)."""
        drawn = np.bincount(indices, minlength=self.count).astype(np.float64)
        weights = drawn[self.people[0]] * np.where(self.same, 1.0, drawn[self.people[1]])
        same, other = (self._counted(weights * kind) for kind in (self.same, ~self.same))
        right = (same + other[:, -1:] - other)[:, :THRESHOLDS]
        sizes = same[:, -1] + other[:, -1]
        best = (right.sum(0) - right).argmax(1)
        used = sizes > 0
        accuracies = right[np.arange(self.folds), best][used] / sizes[used]
        return float(accuracies.mean())

    def _counted(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how many pairs of each fold a threshold has reached, (folds, thresholds + 1)."""
        cells = np.bincount(self.cells, weights, self.folds * (THRESHOLDS + 1))
        counted: NDArray[np.float64] = cells.reshape(self.folds, -1).cumsum(1)
        return counted
