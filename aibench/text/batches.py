"""Makes batches of sequences of unlike lengths, filled up to the longest, with little to fill up."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aibench.contract import digest
from aibench.text.vocabulary import PAD

Indices = NDArray[np.int64]


def padded(sequences: Sequence[Sequence[int] | NDArray[Any]], value: int = PAD) -> Tensor:
    """Return sequences filled up with `value` to the longest, int64 (batch, longest)."""
    return Ragged.of(sequences).gather(torch.arange(len(sequences)), value)


class Ragged:
    """Holds sequences of numbers, one behind the other in one array, and gathers batches of them without a loop.

    Args:
        values: Any integer type, (all numbers,); may be a file that is mapped into memory.
        ends: int64 (sequences,); where in `values` each sequence ends.
    """

    def __init__(self, values: NDArray[Any], ends: Indices) -> None:
        self.values = values
        self.ends = ends
        self.starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1]])

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int] | NDArray[Any]]) -> Ragged:
        """Copy `sequences` into one array."""
        ends = np.cumsum([len(sequence) for sequence in sequences], dtype=np.int64)
        parts = [np.asarray(sequence, dtype=np.int64) for sequence in sequences]
        return cls(np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(self.values[self.starts[index] : self.ends[index]].astype(np.int64))

    @property
    def lengths(self) -> Indices:
        """Return the sequences' lengths, int64 (sequences,)."""
        lengths: Indices = self.ends - self.starts
        return lengths

    def fingerprint(self) -> str:
        """Return the digest of all sequences."""
        return digest(self.values, self.ends)

    def gather(self, indices: Tensor, value: int = PAD) -> Tensor:
        """Return the sequences at `indices`, int64 (batch,), filled up with `value`: int64 (batch, longest)."""
        chosen = indices.numpy()
        starts = self.starts[chosen]
        lengths = self.ends[chosen] - starts
        places = np.arange(lengths.max(initial=0))
        within = places < lengths[:, None]
        table = np.full(within.shape, value, dtype=np.int64)
        table[within] = self.values[(starts[:, None] + places)[within]]
        return torch.from_numpy(table)


def by_length(lengths: Indices, size: int, generator: np.random.Generator, *, pool: int = 50) -> list[Indices]:
    """Return batches of `size` sequences of like lengths, in random order; what fills no batch is left out.

    The sequences are shuffled, and sorted by length within each `pool` batches.
    """
    count = len(lengths) // size
    order = generator.permutation(len(lengths))[: count * size]
    batches: list[Indices] = []
    for start in range(0, len(order), pool * size):
        part = order[start : start + pool * size]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches += np.split(part, len(part) // size)
    return [batches[at] for at in generator.permutation(count)]


def by_tokens(
    lengths: Indices, budget: int, generator: np.random.Generator, *, most: int | None = None
) -> list[Indices]:
    """Return batches of like lengths that hold at most `budget` tokens once filled up, in random order.

    No sequence is left out.

    Sorted by length, the sequences are cut into as few batches as the budget allows. So how many batches there are,
    and of what size, `lengths` alone decides; `generator` decides which sequences of equal length go into which batch,
    and the order. A sequence that is longer than the budget is a batch of its own.

    Args:
        lengths: int64 (sequences,).
        budget: Tokens in a batch, padding included.
        generator: The epoch's.
        most: Sequences in a batch, at most.
    """
    order = generator.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    ascending = lengths[order]
    cuts = [0]
    while cuts[-1] < len(ascending):
        start = cuts[-1]
        limit = len(ascending) if most is None else min(len(ascending), start + most)
        filled = range(start, limit)  # a batch that ends with this one is as wide as it is long
        end = start + bisect_right(filled, budget, key=lambda last: (last - start + 1) * int(ascending[last]))
        cuts.append(max(end, start + 1))
    batches = [order[start:end] for start, end in pairwise(cuts)]
    return [batches[at] for at in generator.permutation(len(batches))]
