"""Builds NCF, which is NeuMF on MovieLens 20M, as MLPerf Training 0.5 trains it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytorch_lightning as pl
import torch
from torch import Generator, Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from aibench.nn.neumf import NeuMF

USERS, ITEMS = 138_493, 26_744  # of MovieLens 20M
NEGATIVES = 4  # for each interaction

Batch = tuple[Tensor, Tensor, Tensor]


@dataclass
class Widths:
    """Holds the widths of `run_and_time.sh`: --layers 256 256 128 64 -f 64."""

    factors: int = 64
    layers: list[int] = field(default_factory=lambda: [256, 256, 128, 64])


def made_up(samples: int, generator: Generator, users: int = USERS, items: int = ITEMS) -> Batch:
    """Return pairs: users, int64 (samples,), from 0; items, int64 (samples,), from 1; labels, float, one in five 1."""
    labels = (torch.arange(samples) % (1 + NEGATIVES) == 0).float()
    return (
        torch.randint(users, (samples,), generator=generator),
        torch.randint(1, items + 1, (samples,), generator=generator),
        labels,
    )


class Module(pl.LightningModule):
    """Trains NCF with binary cross-entropy of pairs and Adam with 5e-4, as in MLPerf's `run_and_time.sh`.

    Args:
        batch_size: Pairs of a training step; nothing depends on it.
        users: Number of users.
        items: Number of items.
    """

    def __init__(self, batch_size: int = 2048, users: int = USERS, items: int = ITEMS) -> None:
        super().__init__()
        self.network = NeuMF(users, items, Widths())

    def example_input(self) -> tuple[Tensor, ...]:
        """Return a pair of a user and an item."""
        return torch.zeros(1, dtype=torch.int64), torch.ones(1, dtype=torch.int64)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Return logits; the arguments are the same as for `NeuMF.forward`."""
        logits: Tensor = self.network(users, items)
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        users, items, labels = batch
        return binary_cross_entropy_with_logits(self(users, items), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=5e-4, fused=True)
