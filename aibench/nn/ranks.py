"""Adds up and hands round numbers of the processes that train one run together; a process alone keeps its own."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_reduce


def place() -> tuple[int, int]:
    """Return the rank of this process, and how many train with it."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def weighted(loss: Tensor, count: Tensor) -> Tensor:
    """Return what makes the mean over the processes the mean over all that they count, whoever has more of it.

    Gradients are averaged over the processes, as if each had counted as much: as many tokens, say.

    Args:
        loss: Mean over what this process counts, float ().
        count: How much that is, ().
    """
    size = place()[1]
    if size == 1:
        return loss
    total = count.detach().to(torch.float64)
    dist.all_reduce(total)
    return loss * (count * size / total).to(loss.dtype)


def summed(values: Tensor) -> Tensor:
    """Return the sum over all processes; gradients go back to what each of them gave."""
    if place()[1] == 1:
        return values
    total: Tensor = all_reduce(values)  # type: ignore[no-untyped-call]
    return total


def of_first(values: Tensor) -> Tensor:
    """Return the first process's `values`, of which all have the same shape and type."""
    if place()[1] > 1:
        values = values.clone()
        dist.broadcast(values, src=0)
    return values


def gathered(value: Any) -> list[Any]:
    """Return `value` of each process, in the order of their ranks."""
    size = place()[1]
    if size == 1:
        return [value]
    found: list[Any] = [None] * size
    dist.all_gather_object(found, value)
    return found
