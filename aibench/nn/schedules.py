"""Computes learning rates by step, as factors of their peak.

Those of one step take the step, from 0, then places in steps, then factors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch

from aibench.nn.decay import Decay, WarmupConfig


def each_step(optimizer: torch.optim.Optimizer, factor: Callable[[int], float], warmup: float = 0.0) -> dict[str, Any]:
    """Return what `configure_optimizers` must return for a learning rate that moves at every step.

    Args:
        optimizer: Has the peak of the rate.
        factor: By what the peak is multiplied at a step, from 0.
        warmup: Steps over which it rises to that besides.
    """
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rise(step, warmup) * factor(step))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def warmup_and_decay(
    optimizer: torch.optim.Optimizer, optim: WarmupConfig, trainer: Any, fallen: Callable[[int, int], float]
) -> dict[str, Any]:
    """Return what `configure_optimizers` must return for a rate that rises, then falls as `optim.decay` says.

    Args:
        optimizer: Has the peak of the rate.
        optim: Its warm-up and its decay.
        trainer: Knows the steps of the session and of an epoch.
        fallen: The factor of `decay=step` at a step, given also the steps of an epoch.
    """
    budget = int(trainer.estimated_stepping_batches)
    epoch = int(trainer.num_training_batches)
    warmup = optim.warmup_epochs * epoch
    if optim.decay is Decay.cosine:
        return each_step(optimizer, lambda step: half_cosine(step, warmup, budget), warmup)
    return each_step(optimizer, lambda step: fallen(step, epoch), warmup)


def rise(step: int, steps: float) -> float:
    """Return the factor of a linear warm-up over `steps` steps: above 0 at the first, and 1 after them."""
    return min(1.0, (step + 1) / (steps + 1))


def half_cosine(step: int, start: float, end: float) -> float:
    """Return a factor that falls from 1 at `start` to 0 at `end` along half a cosine, and is flat beyond either."""
    part = (step - start) / max(1.0, end - start)
    return (1 + math.cos(math.pi * min(1.0, max(0.0, part)))) / 2


def stairs(step: int, every: int, factor: float, first: int | None = None) -> float:
    """Return 1, multiplied by `factor` after every `every` steps; `first` is the first such step, `every` if None."""
    falls = (step - (every if first is None else first)) // every + 1
    return float(factor ** max(0, falls))


def milestones(step: int, places: Iterable[float], factor: float) -> float:
    """Return 1, multiplied by `factor` for each of `places` that `step` has reached."""
    return float(factor ** sum(step >= place for place in places))


def plateau(step: int, end: int, constant: float) -> float:
    """Return 1 for the first part `constant`, in 0 to 1, of `end` steps, then a factor that falls linearly to 0."""
    left = 1 - step / end
    return 1.0 if left >= 1 - constant else max(0.0, left / (1 - constant))


def inverse_root(step: int, warmup: int) -> float:
    """Return a factor that rises linearly to 1 at the last of `warmup` steps, then falls with the root of the step."""
    return min((step + 1) / warmup, math.sqrt(warmup / (step + 1)))
