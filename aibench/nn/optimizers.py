"""Makes optimizers from their configuration."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from aibench.nn.decay import MomentumConfig


def sgd(parameters: Iterable[nn.Parameter], optim: MomentumConfig, lr: float) -> torch.optim.SGD:
    """Make stochastic gradient descent with momentum, at the learning rate `lr`."""
    return torch.optim.SGD(
        parameters,
        lr=lr,
        momentum=optim.momentum,
        nesterov=optim.nesterov,
        weight_decay=optim.weight_decay,
        fused=True,
    )
