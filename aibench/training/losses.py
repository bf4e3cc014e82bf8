"""Watches the losses of steps for NaN and infinity, without making the device wait."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Diverged(Exception):  # noqa: N818 - it tells how a session ended, as Interrupted does
    """Reports a loss or a quality that became NaN or infinite."""


class Losses:
    """Keeps losses where they were computed until several are read together."""

    def __init__(self) -> None:
        self._unread: list[Tensor] = []

    def add(self, loss: Any) -> None:
        """Keep the loss of one step; a step without one adds nothing."""
        if isinstance(loss, Tensor):
            self._unread.append(loss.detach())

    def check(self, steps: int) -> float | None:
        """Return the last loss since the last check, None without one.

        Args:
            steps: Number of steps so far.

        Raises:
            Diverged: One of them is not finite.
        """
        if not self._unread:
            return None
        losses = torch.stack(self._unread)
        self._unread.clear()
        if not bool(losses.isfinite().all()):
            first = steps - len(losses) + int((~losses.isfinite()).nonzero()[0]) + 1
            raise Diverged(f"the loss of step {first} is not finite. A smaller optim.lr may help.")
        return float(losses[-1])
