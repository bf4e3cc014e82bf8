"""Builds the controller: an LSTM that samples cells, decision by decision (Pham et al. 2018, section 2.2)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from aibench.tasks.neural_architecture_search.cell import ACTIVATIONS
from aibench.tasks.neural_architecture_search.config import ModelConfig

_INITIAL = 0.1  # weights start between -0.1 and 0.1, as in ENAS' code


class Sampled(NamedTuple):
    """Holds cells that the controller sampled.

    Attributes:
        decisions: int64 (cells, 2 N - 1), as `Cell.of` takes a row.
        log_probability: The logarithm of each cell's probability, float (cells,).
        entropy: The policy's entropy on its way to each cell, summed over decisions, in nats, float (cells,).
    """

    decisions: Tensor
    log_probability: Tensor
    entropy: Tensor


class Controller(nn.Module):
    """Decides by a policy: each decision is the next input; each has a layer of its own for its logits.

    Args:
        config: Blocks, and the controller's own keys.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        hidden = config.controller_hidden
        self.choices = [len(ACTIVATIONS)]
        for node in range(1, config.blocks):
            self.choices += [node, len(ACTIVATIONS)]
        self.activation_embedding = nn.Embedding(len(ACTIVATIONS), hidden)
        self.parent_embedding = nn.Embedding(config.blocks - 1, hidden)
        self.lstm = nn.LSTMCell(hidden, hidden)
        self.layers = nn.ModuleList(nn.Linear(hidden, choices) for choices in self.choices)
        for name, weight in self.named_parameters():
            nn.init.uniform_(weight, -_INITIAL, _INITIAL)
            if name.startswith("layers") and name.endswith("bias"):
                nn.init.zeros_(weight)

    def forward(self, count: int, generator: torch.Generator | None = None) -> Sampled:
        """Sample `count` cells; from the global random state where no generator is given."""
        given = self.lstm.weight_ih.new_zeros(count, self.config.controller_hidden)
        state = given, given
        decisions, log_probabilities, entropies = [], [], []
        for place in range(len(self.choices)):
            state = self.lstm(given, state)
            policy = self._logits(place, state[0]).log_softmax(1)
            chosen = policy.detach().exp().multinomial(1, generator=generator)
            decisions.append(chosen[:, 0])
            log_probabilities.append(policy.gather(1, chosen)[:, 0])
            entropies.append(-(policy.exp() * policy).sum(1))
            given = (self.parent_embedding if place % 2 else self.activation_embedding)(chosen[:, 0])
        return Sampled(torch.stack(decisions, 1), torch.stack(log_probabilities).sum(0), torch.stack(entropies).sum(0))

    def _logits(self, place: int, hidden: Tensor) -> Tensor:
        config = self.config
        return config.tanh_constant * torch.tanh(self.layers[place](hidden) / config.temperature)
