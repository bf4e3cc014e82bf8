"""Joins what several processes have of an evaluation, each its part."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor
from torchmetrics.utilities.distributed import gather_all_tensors


def several() -> bool:
    """Return whether several processes evaluate together."""
    return dist.is_available() and dist.is_initialized()


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Return `parts`, (any, ...) each, one after the other, those of all processes in the order of their ranks.

    Every process calls it at the same time, with one part at least. Of one process it is `torch.cat`.

    >>> joined([torch.tensor([1, 2]), torch.tensor([3])]).tolist()
    [1, 2, 3]
    """
    own = torch.cat(list(parts))
    return torch.cat(gather_all_tensors(own)) if several() else own
