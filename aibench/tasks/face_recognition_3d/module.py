"""Trains and evaluates a recogniser of faces in colour and depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from aibench.contract import Facts, Scores, TaskModule
from aibench.metrics.accuracy import accuracies, likeliest
from aibench.metrics.joined import joined
from aibench.metrics.scores import Ratio
from aibench.nn.optimizers import sgd
from aibench.nn.schedules import stairs, warmup_and_decay
from aibench.tasks.face_recognition_3d.config import TOP, Channels, Config
from aibench.tasks.face_recognition_3d.model import CHANNELS, network
from aibench.vision.augment import mirrored, shifted
from aibench.vision.pixels import Normalise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = tuple[Tensor, Tensor]


class Module(TaskModule):
    """Trains a classifier. A batch is images, uint8 (batch, 4, height, width), and their people, int64 (batch,)."""

    config: Config

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.classes: list[str] = facts["classes"]
        self.network = network(config.model, len(self.classes))
        if config.model.weights is not None:
            self.initialisation = f"ImageNet weights of {config.model.weights}"
            if config.model.channels is not Channels.rgb:
                self.initialisation += "; the filters for depth are the mean of those for colour"
        used = CHANNELS[config.model.channels]
        self.normalise = Normalise(config.data.mean[used], config.data.std[used])
        self.metrics = accuracies(len(self.classes), TOP)
        # Of the last evaluation, or of the one that is under way: whether, image by image.
        self.right: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float (batch, people), of `images`, uint8 (batch, 4, height, width)."""
        logits: Tensor = self.network(self.normalise(images[:, CHANNELS[self.config.model.channels]]))
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        images, labels = batch
        if self.config.data.mirror:
            images = mirrored(images)
        if self.config.data.shift:
            images = shifted(images, self.config.data.shift)
        return cross_entropy(self(images), labels)

    def on_validation_epoch_start(self) -> None:
        self.right.clear()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        images, labels = batch
        logits = self(images)
        self.metrics.update(logits, labels)
        self.right.append(logits.argmax(1) == labels)

    def on_validation_epoch_end(self) -> None:
        for name, accuracy in self.metrics.compute().items():
            self.log(name, accuracy)
        self.metrics.reset()

    def sample_scores(self) -> Scores | None:
        """Return whether the answer to each held-out image was right."""
        return Ratio(joined(self.right).cpu().numpy()) if self.right else None

    def configure_optimizers(self) -> Any:
        optim = self.config.optim
        optimizer = sgd(self.parameters(), optim, optim.lr)

        def fallen(step: int, epoch: int) -> float:
            return stairs(step, max(1, round(optim.decay_epochs * epoch)), optim.gamma)

        return warmup_and_decay(optimizer, optim, self.trainer, fallen)

    def example_input(self) -> tuple[Tensor, ...]:
        return (torch.zeros(1, 4, self.config.data.size, self.config.data.size, dtype=torch.uint8),)

    @torch.inference_mode()
    def infer(self, batch: Batch) -> list[list[tuple[str, float]]]:
        """Return each image's 5 likeliest people (all if there are fewer): names with probabilities, descending."""
        return likeliest(self(batch[0].to(self.device)), self.classes, TOP)

    def render(self, batch: Batch) -> Figure:
        """Draw colours and depths with who they show and whom the model takes them for."""
        from aibench.tasks.face_recognition_3d.figure import draw

        images, labels = (tensor.cpu() for tensor in batch)
        return draw(images, [self.classes[label] for label in labels.tolist()], self.infer(batch))
