"""Training and evaluation of an image classifier."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from aibench.contract import Facts, TaskModule
from aibench.nn.schedules import each_step, half_cosine, milestones, rise
from aibench.tasks.image_classification.config import Config, Decay
from aibench.tasks.image_classification.model import network
from aibench.vision.augment import shifted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = tuple[Tensor, Tensor]
TOP = 5
_PICTURES = 16


class Module(TaskModule):
    """A classifier. A batch is images, uint8 (batch, 3, height, width), and their classes, int64 (batch,)."""

    config: Config
    scale: Tensor
    offset: Tensor

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.classes: list[str] = facts["classes"]
        self.network = network(config.model, len(self.classes))
        mean, std = torch.tensor(config.data.mean), torch.tensor(config.data.std)
        self.register_buffer("scale", (1 / (255 * std)).view(3, 1, 1), persistent=False)
        self.register_buffer("offset", (-mean / std).view(3, 1, 1), persistent=False)
        metrics: dict[str, Metric | MetricCollection] = {"val/accuracy": self._top(1)}
        if len(self.classes) > TOP:
            metrics[f"val/accuracy_top{TOP}"] = self._top(TOP)
        self.metrics = MetricCollection(metrics, compute_groups=False)

    def _top(self, count: int) -> MulticlassAccuracy:
        return MulticlassAccuracy(len(self.classes), top_k=count, average="micro", validate_args=False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, float (batch, classes), of `images`, uint8 (batch, 3, height, width)."""
        logits: Tensor = self.network(images * self.scale + self.offset)
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

    def on_validation_epoch_end(self) -> None:
        for name, accuracy in self.metrics.compute().items():
            self.log(name, accuracy)
        self.metrics.reset()

    def configure_optimizers(self) -> Any:
        optim = self.config.optim
        peak = optim.lr * self.config.data.batch_size / optim.lr_batch
        optimizer = torch.optim.SGD(
            self.parameters(),
            lr=peak,
            momentum=optim.momentum,
            nesterov=optim.nesterov,
            weight_decay=optim.weight_decay,
            fused=True,
        )
        budget = int(self.trainer.estimated_stepping_batches)
        epoch = int(self.trainer.num_training_batches)
        warmup = optim.warmup_epochs * epoch
        if optim.decay is Decay.cosine:
            return each_step(optimizer, lambda step: rise(step, warmup) * half_cosine(step, warmup, budget))
        falls = [max(warmup, milestone * epoch) for milestone in optim.milestones]  # none during the warm-up
        return each_step(optimizer, lambda step: rise(step, warmup) * milestones(step, falls, optim.gamma))

    def example_input(self) -> tuple[Tensor, ...]:
        return (torch.zeros(1, 3, self.config.data.size, self.config.data.size, dtype=torch.uint8),)

    @torch.inference_mode()
    def infer(self, batch: Batch) -> list[list[tuple[str, float]]]:
        """For each image the 5 likeliest classes (all where there are fewer): names with probabilities, descending."""
        likeliest = self(batch[0].to(self.device)).float().softmax(1).topk(min(TOP, len(self.classes)))
        return [
            [(self.classes[index], probability) for index, probability in zip(indices, values, strict=True)]
            for indices, values in zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
        ]

    def render(self, batch: Batch) -> Figure:
        """Pictures with what they show and what the model takes them for, its mistakes in red."""
        from matplotlib.figure import Figure

        images, labels = (tensor[:_PICTURES].cpu() for tensor in batch)
        answers = self.infer((images, labels))
        rows = math.ceil(len(images) / 4)
        figure = Figure(figsize=(9, 2.5 * rows), layout="constrained")
        for axes, image, label, answer in zip(
            figure.subplots(rows, 4, squeeze=False).flat, images, labels.tolist(), answers, strict=False
        ):
            predicted, probability = answer[0]
            true = self.classes[label]
            axes.imshow(image.permute(1, 2, 0).numpy())
            axes.set_title(f"{predicted} ({probability:.0%}), is {true}", color="green" if predicted == true else "red")
        for axes in figure.axes:
            axes.set_axis_off()
        return figure
