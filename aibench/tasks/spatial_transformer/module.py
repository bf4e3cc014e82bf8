"""Trains and evaluates a classifier with a spatial transformer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchmetrics.classification import MulticlassAccuracy

from aibench.contract import Facts, Scores, TaskModule
from aibench.metrics.joined import joined
from aibench.metrics.scores import Ratio
from aibench.nn.decay import Annealing
from aibench.nn.schedules import each_step, half_cosine
from aibench.tasks.spatial_transformer.config import DIGITS, SIZE, Config, Optimizer
from aibench.tasks.spatial_transformer.model import Network

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = tuple[Tensor, Tensor]


class Module(TaskModule):
    """Trains a classifier. A batch is images, uint8 (batch, 1, 28, 28), and their digits, int64 (batch,)."""

    config: Config

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.network = Network(config.model)
        self.accuracy = MulticlassAccuracy(DIGITS, average="micro", validate_args=False)
        # Of the last evaluation, or of the one that is under way: whether, image by image.
        self.right: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float (batch, 10), of `images`, uint8 (batch, 1, 28, 28)."""
        logits: Tensor = self.network(self._normalised(images))
        return logits

    def _normalised(self, images: Tensor) -> Tensor:
        data = self.config.data
        return images * (1 / (255 * data.std)) - data.mean / data.std

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        images, labels = batch
        return cross_entropy(self(images), labels)

    def on_validation_epoch_start(self) -> None:
        self.right.clear()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        images, labels = batch
        logits = self(images)
        self.accuracy.update(logits, labels)
        self.right.append(logits.argmax(1) == labels)

    def on_validation_epoch_end(self) -> None:
        self.log("val/accuracy", self.accuracy.compute())
        self.accuracy.reset()

    def sample_scores(self) -> Scores | None:
        """Return the right answers of each held-out digit; the views of one digit are no samples of their own."""
        if not self.right:
            return None
        return Ratio.of_groups(joined(self.right).cpu().numpy(), self.facts["held_out_digits"])

    def configure_optimizers(self) -> Any:
        optim = self.config.optim
        kind = torch.optim.Adam if optim.optimizer is Optimizer.adam else torch.optim.SGD
        optimizer = kind(self.parameters(), lr=optim.lr, weight_decay=optim.weight_decay, fused=True)
        budget = int(self.trainer.estimated_stepping_batches)
        warmup = optim.warmup_epochs * int(self.trainer.num_training_batches)
        if optim.decay is Annealing.none:
            return each_step(optimizer, lambda _: 1.0, warmup)
        return each_step(optimizer, partial(half_cosine, start=warmup, end=budget), warmup)

    def example_input(self) -> tuple[Tensor, ...]:
        return (torch.zeros(1, 1, SIZE, SIZE, dtype=torch.uint8),)

    @torch.inference_mode()
    def infer(self, batch: Batch) -> list[tuple[int, float]]:
        """Return for each image the likeliest digit and its probability."""
        likeliest = self(batch[0].to(self.device)).float().softmax(1).max(1)
        return list(zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True))

    @torch.inference_mode()
    def transformed(self, images: Tensor) -> Tensor:
        """Return what the classifier sees of `images`, uint8 (batch, 1, 28, 28), as float in 0 to 1."""
        seen: Tensor = self.network.transformer(self._normalised(images.to(self.device)))
        return (seen * self.config.data.std + self.config.data.mean).clamp(0, 1)

    def render(self, batch: Batch) -> Figure:
        """Draw images, each above what the classifier sees of it and what it takes that for, its mistakes in red."""
        from aibench.tasks.spatial_transformer.figure import MOST, draw

        images, labels = (tensor[:MOST].cpu() for tensor in batch)
        seen = self.transformed(images).float().cpu()
        return draw(images, seen, labels.tolist(), self.infer((images, labels)))
