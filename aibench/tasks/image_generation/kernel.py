"""Measures how far generated images are from real ones in the features of a classifier."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class KernelDistance:
    """Holds the kernel distance between real and generated images (Bińkowski et al. 2018, arXiv 1801.01401).

    The squared maximum mean discrepancy with the kernel (x . y / d + 1) ** 3 of d features, in its unbiased estimate:
    0 is what images of the same kind score on average, and less than 0 can come out. A sample is a real image and the
    generated one in its place.

    Args:
        real: Features of the real images, (images, d).
        made: Features of as many generated images, (images, d).
    """

    def __init__(self, real: Any, made: Any) -> None:
        self.real: Array = np.asarray(real, dtype=np.float64)
        self.made: Array = np.asarray(made, dtype=np.float64)

    def __len__(self) -> int:
        return len(self.real)

    @cached_property
    def kernels(self) -> tuple[Array, Array]:
        """Return the kernel of all pairs of images of one kind, of both kinds added up, and of those of two kinds."""
        return _kernel(self.real, self.real) + _kernel(self.made, self.made), _kernel(self.real, self.made)

    def value(self, indices: NDArray[np.int64]) -> float:
        """Return the distance between the samples at `indices`, int64 (count,).

        Where a sample stands more than once, it is not compared with itself: that would add what no estimate over
        different samples has.
        """
        weights = np.bincount(indices, minlength=len(self)).astype(np.float64)
        same, different = self.kernels
        pairs = weights.sum() ** 2 - (weights**2).sum()
        within = weights @ same @ weights - (weights**2) @ same.diagonal()
        return float(within / pairs - 2 * (weights @ different @ weights) / weights.sum() ** 2)


def _kernel(first: Array, second: Array) -> Array:
    kernel: Array = (first @ second.T / first.shape[1] + 1) ** 3
    return kernel
