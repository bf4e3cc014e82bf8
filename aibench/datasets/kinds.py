"""Marks what a data set can do besides handing out samples one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Tensor


@runtime_checkable
class Gathers(Protocol):
    """Marks a data set that returns whole batches, which is quicker than reading samples one by one."""

    def gather(self, indices: Tensor) -> Any:
        """Return the batch of the samples at `indices`, int64 (batch,)."""


@runtime_checkable
class Redraws(Protocol):
    """Marks a data set of which a part, negatives say, is drawn anew before each epoch."""

    def redraw(self, generator: np.random.Generator) -> None:
        """Draw what changes from epoch to epoch, by `generator` alone."""


@runtime_checkable
class OnDisk(Protocol):
    """Marks a data set whose samples are read from files one by one."""

    def file_paths(self) -> Iterator[Path]:
        """Yield the files, in an order that does not change with the place where they lie."""
