"""Builds ResNet-50 v1.5 as MLPerf trains it on ImageNet: torchvision's network, whose 3x3 convolutions stride."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy
from torchvision.models import resnet50

from aibench.nn.schedules import each_step, milestones

CLASSES = 1000
IMAGES = 1_281_167  # of ImageNet's training set
SIZE = 224
BASE_RATE, BASE_BATCH = 0.128, 256
FALLS = (30, 60, 80, 90)  # epochs after which the learning rate is a tenth

Batch = tuple[Tensor, Tensor]


def made_up(samples: int, generator: Generator, size: int = SIZE) -> Batch:
    """Return normalised images, float (samples, 3, size, size), and classes, int64 (samples,), all of them noise."""
    images = torch.randn(samples, 3, size, size, generator=generator)
    return images, torch.randint(CLASSES, (samples,), generator=generator)


class Module(pl.LightningModule):
    """Trains ResNet-50 with cross-entropy over 1,000 classes (the reference has 1,001, of which one is never seen).

    SGD as in MLPerf's `imagenet_main.py`: 0.128 for 256 images and in proportion for others, momentum 0.9, weight decay
    1e-4 but for batch normalisation, a tenth of the rate after 30, 60, 80 and 90 epochs.

    Args:
        batch_size: Images of a training step.
    """

    def __init__(self, batch_size: int = 64) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.network: nn.Module = resnet50(weights=None, num_classes=CLASSES)

    def example_input(self) -> tuple[Tensor, ...]:
        """Return one image."""
        return (torch.zeros(1, 3, SIZE, SIZE),)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float (batch, classes), of normalised images, float (batch, 3, height, width)."""
        logits: Tensor = self.network(images)
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        images, labels = batch
        return cross_entropy(self(images), labels)

    def configure_optimizers(self) -> Any:
        normalisation = [
            weight for part in self.modules() if isinstance(part, nn.BatchNorm2d) for weight in part.parameters()
        ]
        apart = {id(weight) for weight in normalisation}
        others = [weight for weight in self.parameters() if id(weight) not in apart]
        groups = [{"params": others, "weight_decay": 1e-4}, {"params": normalisation, "weight_decay": 0.0}]
        optimizer = torch.optim.SGD(groups, lr=BASE_RATE * self.batch_size / BASE_BATCH, momentum=0.9, fused=True)
        epoch = IMAGES / self.batch_size
        return each_step(optimizer, lambda step: milestones(step, [fall * epoch for fall in FALLS], 0.1))
