"""Keeps what each held-out sample adds to a metric, for its standard error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Ratio:
    """Holds a metric that is a sum over samples divided by another: an accuracy, a word error rate, a mean.

    Args:
        numerators: What each sample adds above: its correct answers, its wrong words, its loss; (samples,).
        denominators: What it adds below: its answers, its words, its tokens; (samples,), or 1 for each.
        transform: What makes the metric of the ratio: `math.exp` of a perplexity.

    >>> wrong_words, words = [1, 0, 2], [4, 3, 5]
    >>> Ratio(wrong_words, words).value(np.array([0, 1, 2]))
    0.25
    """

    def __init__(
        self, numerators: Any, denominators: Any = 1.0, transform: Callable[[float], float] | None = None
    ) -> None:
        self.numerators: Array = np.asarray(numerators, dtype=np.float64)
        self.denominators: Array = np.broadcast_to(np.asarray(denominators, dtype=np.float64), self.numerators.shape)
        self.transform = transform

    @classmethod
    def of_groups(cls, values: Any, groups: int) -> Ratio:
        """Return the mean of `values`, (samples,), of which those of one group are no samples of their own.

        Args:
            values: One of each sample, the groups taking turns: 0, 1, ..., groups - 1, 0, 1, ...
            groups: How many groups there are.
        """
        which = np.arange(len(values)) % groups
        return cls(np.bincount(which, values), np.bincount(which))

    def __len__(self) -> int:
        return len(self.numerators)

    def value(self, indices: Array) -> float:
        """Return the metric over the samples at `indices`, int64 (count,); NaN where the sum below is 0."""
        below = float(self.denominators[indices].sum())
        ratio = float(self.numerators[indices].sum()) / below if below else float("nan")
        return ratio if self.transform is None else self.transform(ratio)
