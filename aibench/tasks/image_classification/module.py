"""Trains and evaluates an image classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from aibench.contract import Facts, TaskModule
from aibench.metrics.accuracy import accuracies, likeliest
from aibench.metrics.joined import joined
from aibench.metrics.scores import Ratio
from aibench.nn.optimizers import sgd
from aibench.nn.schedules import milestones, warmup_and_decay
from aibench.tasks.image_classification.config import TOP, Config
from aibench.tasks.image_classification.model import network
from aibench.vision.augment import shifted
from aibench.vision.pixels import Normalise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = tuple[Tensor, Tensor]


class Module(TaskModule):
    """Trains a classifier. A batch is images, uint8 (batch, 3, height, width), and their classes, int64 (batch,)."""

    config: Config

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.classes: list[str] = facts["classes"]
        self.network = network(config.model, len(self.classes))
        self.normalise = Normalise(config.data.mean, config.data.std)
        self.metrics = accuracies(len(self.classes), TOP)
        self._right: list[Tensor] = []
        self._scores: Ratio | None = None

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float (batch, classes), of `images`, uint8 (batch, 3, height, width)."""
        logits: Tensor = self.network(self.normalise(images))
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        images, labels = batch
        if self.config.data.shift:
            images = shifted(images, self.config.data.shift)
        return cross_entropy(self(images), labels)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        images, labels = batch
        logits = self(images)
        self.metrics.update(logits, labels)
        self._right.append(logits.argmax(1) == labels)

    def on_validation_epoch_end(self) -> None:
        right, objects = joined(self._right).cpu().numpy(), self.facts.get("objects")
        self._scores = Ratio(right) if objects is None else Ratio.of_groups(right, objects)  # an object has many views
        self._right.clear()
        for name, accuracy in self.metrics.compute().items():
            self.log(name, accuracy)
        self.metrics.reset()

    def sample_scores(self) -> Ratio | None:
        return self._scores

    def configure_optimizers(self) -> Any:
        optim = self.config.optim
        peak = optim.lr * self.config.data.batch_size / optim.lr_batch
        optimizer = sgd(self.parameters(), optim, peak)

        def fallen(step: int, epoch: int) -> float:
            falls = (max(optim.warmup_epochs, milestone) for milestone in optim.milestones)  # none in the warm-up
            return milestones(step, [fall * epoch for fall in falls], optim.gamma)

        return warmup_and_decay(optimizer, optim, self.trainer, fallen)

    def example_input(self) -> tuple[Tensor, ...]:
        return (torch.zeros(1, 3, self.config.data.size, self.config.data.size, dtype=torch.uint8),)

    @torch.inference_mode()
    def infer(self, batch: Batch) -> list[list[tuple[str, float]]]:
        """Return each image's 5 likeliest classes (all if there are fewer): names with probabilities, descending."""
        return likeliest(self(batch[0].to(self.device)), self.classes, TOP)

    def render(self, batch: Batch) -> Figure:
        """Draw pictures with what they show and what the model takes them for, its mistakes in red."""
        from aibench.tasks.image_classification.figure import MOST, draw

        images, labels = (tensor[:MOST].cpu() for tensor in batch)
        return draw(images, [self.classes[label] for label in labels.tolist()], self.infer((images, labels)))
