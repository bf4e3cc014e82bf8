"""Holds the configuration of learning rates that rise over a warm-up and then fall. Imports no torch."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated

from omegaconf import MISSING

from aibench import config
from aibench.config.bounds import Epochs, Fraction, Momentum
from aibench.config.closed import MOMENTUM, SCHEDULE, WARM_UP


class Decay(enum.StrEnum):
    """Says how the learning rate falls after the warm-up."""

    step = enum.auto()  # by a factor, now and then
    cosine = enum.auto()  # to 0 at the end of the budget, along half a cosine


class Annealing(enum.StrEnum):
    """Says whether the learning rate falls."""

    none = enum.auto()  # not at all
    cosine = enum.auto()  # to 0 at the end of the budget, along half a cosine


@dataclass(slots=True)
class WarmupConfig(config.OptimConfig):
    """Holds a learning rate that rises over a warm-up, then falls.

    Attributes:
        warmup_epochs: Length of the linear rise from 0 to the peak learning rate.
        decay: How the learning rate falls after it.
        gamma: What a fall of `decay=step` leaves of the learning rate.
    """

    warmup_epochs: Annotated[Epochs, WARM_UP] = 0.0
    decay: Annotated[Decay, SCHEDULE] = MISSING
    gamma: Annotated[Fraction, SCHEDULE] = 0.1


@dataclass(slots=True)
class MomentumConfig(WarmupConfig):
    """Holds stochastic gradient descent with momentum, and with a warm-up.

    Attributes:
        momentum: Factor of the running sum of gradients.
        nesterov: Whether the step looks ahead (Nesterov's momentum).
    """

    momentum: Annotated[Momentum, MOMENTUM] = 0.9
    nesterov: bool = False
