"""Computes the FCN scores (Isola et al. 2017, arXiv 1611.07004, 3.2; Long et al. 2015, arXiv 1411.4038, 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Scores(NamedTuple):
    """Holds what a segmentation is worth, fractions: float64 ().

    Attributes:
        pixel_accuracy: Share of the pixels whose class is right.
        class_accuracy: Mean over the classes of the share of a class's pixels that are right.
        class_iou: Mean over the classes of the pixels that are right over those that are, or are said to be, of a
            class.
    """

    pixel_accuracy: Tensor
    class_accuracy: Tensor
    class_iou: Tensor


def scores(confusion: Tensor) -> Scores:
    """Return the scores of pixels counted over all images.

    The means leave out a class that is neither in the maps nor in the segmentations. One that is in the segmentations
    only counts with 0. (The authors' code counts both with 0; all 19 classes are in the 500 held-out maps of
    Cityscapes.)

    Args:
        confusion: int (classes, classes): pixels by their class (rows) and what they were taken for (columns).
    """
    counts = confusion.double()
    right, are, said = counts.diag(), counts.sum(1), counts.sum(0)
    there = (are + said) > 0
    accuracy, iou = right / are.clamp(min=1), right / (are + said - right).clamp(min=1)
    return Scores(right.sum() / counts.sum(), accuracy[there].mean(), iou[there].mean())


def confusions(classes: Tensor, seen: Tensor, count: int) -> Tensor:
    """Count each image's pixels by their class (rows) and what they were taken for: int64 (images, count, count).

    Args:
        classes: int64 (images, height, width) in 0 to `count` - 1; pixels of any other value are left out.
        seen: int64 (images, height, width) in 0 to `count` - 1.
        count: How many classes there are.
    """
    cells = classes * count + seen + torch.arange(len(classes), device=classes.device)[:, None, None] * count**2
    counted = torch.bincount(cells[(classes >= 0) & (classes < count)], minlength=len(classes) * count**2)
    return counted.view(-1, count, count)


def least_of_criteria(found: Scores, criteria: Sequence[float]) -> Tensor:
    """Return the least of the scores over their criteria, float64 (): from 1 on all are met."""
    return torch.stack([score / criterion for score, criterion in zip(found, criteria, strict=True)]).min()


class SceneScores:
    """Holds what each scene adds to `val/criteria`: its pixels by their class and what they were taken for.

    Args:
        confusion: int (scenes, classes, classes), of `confusions`.
        criteria: Those of the three scores, in their order.
    """

    def __init__(self, confusion: Tensor, criteria: Sequence[float]) -> None:
        self.counts: NDArray[np.int64] = confusion.cpu().numpy().reshape(len(confusion), -1)
        self.classes = confusion.shape[1]
        self.criteria = criteria

    def __len__(self) -> int:
        return len(self.counts)

    def value(self, indices: NDArray[Any]) -> float:
        """Return the least of the scores over their criteria, over the scenes at `indices`, int64 (count,)."""
        times = np.bincount(indices, minlength=len(self.counts))
        whole = torch.from_numpy((times @ self.counts).reshape(self.classes, self.classes))
        return float(least_of_criteria(scores(whole), self.criteria))


def nearest_colour(images: Tensor, palette: Tensor) -> Tensor:
    """Return the index of the colour of `palette` nearest to each pixel, int64 (batch, height, width).

    Near is what has the least squared distance.

    Args:
        images: uint8 (batch, 3, height, width).
        palette: uint8 (colours, 3).
    """
    pixels, colours = images.float(), palette.to(images.device).float()
    best = torch.full_like(pixels[:, 0], torch.inf)
    index = torch.zeros_like(best, dtype=torch.int64)
    for place, colour in enumerate(colours):  # one by one: the pixels of Cityscapes with 30 colours take gigabytes
        distance = (pixels - colour[:, None, None]).square().sum(1)
        closer = distance < best
        index.masked_fill_(closer, place)
        best = torch.minimum(best, distance)
    return index
