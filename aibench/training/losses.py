"""Watches the losses of steps for NaN and infinity, without making the device wait."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Diverged(Exception):  # noqa: N818 - it tells how a session ended, as Interrupted does
    """Reports a loss or a quality that became NaN or infinite."""


class Losses:
    """Keeps losses where they were computed until several are read together.

    Attributes:
        bad: The first step whose loss is not finite, as far as they have been read; 0 where all are.
    """

    def __init__(self) -> None:
        self._unread: list[Tensor] = []
        self.bad = 0

    def add(self, loss: Any) -> None:
        """Keep the loss of one step; a step without one adds nothing."""
        if isinstance(loss, Tensor):
            self._unread.append(loss.detach())

    def read(self, steps: int) -> float | None:
        """Return the last loss since the last reading, None without one; `bad` says whether all are finite.

        Args:
            steps: Number of steps so far.
        """
        if not self._unread:
            return None
        losses = torch.stack(self._unread)
        self._unread.clear()
        if not self.bad and not bool(losses.isfinite().all()):
            self.bad = steps - len(losses) + int((~losses.isfinite()).nonzero()[0]) + 1
        return float(losses[-1])

    def check(self, steps: int) -> float | None:
        """Return the last loss since the last reading, None without one.

        Raises:
            Diverged: One of them is not finite.
        """
        loss = self.read(steps)
        if self.bad:
            raise not_finite(self.bad)
        return loss


def not_finite(step: int) -> Diverged:
    """Return what is raised where the loss of a step is not finite."""
    return Diverged(f"the loss of step {step} is not finite. A smaller optim.lr may help.")
