"""Learning rates by step, as factors of their peak."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch


def each_step(optimizer: torch.optim.Optimizer, factor: Callable[[int], float]) -> dict[str, Any]:
    """What `configure_optimizers` returns for a learning rate that is its peak times `factor(step)`, from step 0."""
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def rise(step: int, steps: float) -> float:
    """A straight way up over the first `steps` steps: the first is above 0, and after them it is 1."""
    return min(1.0, (step + 1) / (steps + 1))


def half_cosine(step: float, start: float, end: float) -> float:
    """From 1 at `start` to 0 at `end`, along half a period of the cosine, and flat beyond either."""
    part = (step - start) / max(1.0, end - start)
    return (1 + math.cos(math.pi * min(1.0, max(0.0, part)))) / 2
