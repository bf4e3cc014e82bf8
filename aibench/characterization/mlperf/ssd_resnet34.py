"""Builds SSD-300 on ResNet-34 (Liu et al. 2016, arXiv 1512.02325), as MLPerf trains it on COCO 2017."""

from __future__ import annotations

import pytorch_lightning as pl
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy, smooth_l1_loss
from torchvision.models import resnet34

from aibench.characterization.mlperf.ssd_boxes import IMAGE, PER_PLACE, default_boxes, wanted

CLASSES = 81  # COCO's 80, and the background, 0
CHANNELS = (256, 512, 512, 256, 256, 256)  # of the six feature maps
BETWEEN = (256, 256, 128, 128, 128)  # of the 1x1 convolution before each map but the first
STRIDED = (True, True, True, False, False)
OBJECTS = 8  # of a made-up image
NEGATIVES = 3  # for each box with an object

Batch = tuple[Tensor, Tensor, Tensor]


def made_up(samples: int, generator: Generator) -> Batch:
    """Return noise with objects at random places, matched with the default boxes, as the reference's loader does.

    Returns:
        Images, float (samples, 3, 300, 300), normalised; for each default box the object's box, float (samples, 4,
        8732), and its class, int64 (samples, 8732).
    """
    images = torch.randn(samples, 3, IMAGE, IMAGE, generator=generator)
    defaults = default_boxes()
    matched = []
    for _ in range(samples):
        sizes = 0.05 + 0.45 * torch.rand(OBJECTS, 2, generator=generator)
        corners = torch.rand(OBJECTS, 2, generator=generator) * (1 - sizes)
        labels = torch.randint(1, CLASSES, (OBJECTS,), generator=generator)
        matched.append(wanted(torch.cat([corners, corners + sizes], 1), labels, defaults))
    boxes, classes = zip(*matched, strict=True)
    return images, torch.stack(boxes).transpose(1, 2).contiguous(), torch.stack(classes)


class SSD(nn.Module):
    """Predicts offsets and classes of 8,732 default boxes.

    The backbone is ResNet-34 up to its third group, whose stride is taken out, so that its map has 38x38 places.

    Args:
        classes: Number of classes, the background among them.
    """

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.classes = classes
        body = resnet34(weights=None)
        first = body.layer3[0]
        first.conv1.stride = first.downsample[0].stride = (1, 1)
        parts = (body.conv1, body.bn1, body.relu, body.maxpool, body.layer1, body.layer2, body.layer3)
        self.backbone = nn.Sequential(*parts)
        steps = zip(CHANNELS, BETWEEN, CHANNELS[1:], STRIDED, strict=False)
        self.further = nn.ModuleList(_further(*step) for step in steps)
        places = list(zip(CHANNELS, PER_PLACE, strict=True))
        self.offsets = nn.ModuleList(nn.Conv2d(channels, 4 * boxes, 3, padding=1) for channels, boxes in places)
        self.logits = nn.ModuleList(nn.Conv2d(channels, classes * boxes, 3, padding=1) for channels, boxes in places)
        for part in (self.further, self.offsets, self.logits):
            for weight in part.parameters():
                if weight.dim() > 1:
                    nn.init.xavier_uniform_(weight)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return offsets (batch, 4, 8732) and logits, (batch, classes, 8732), for images (batch, 3, 300, 300)."""
        maps = [self.backbone(images)]
        for part in self.further:
            maps.append(part(maps[-1]))
        offsets = [head(each).unflatten(1, (4, -1)).flatten(2) for head, each in zip(self.offsets, maps, strict=True)]
        heads = zip(self.logits, maps, strict=True)
        logits = [head(each).unflatten(1, (self.classes, -1)).flatten(2) for head, each in heads]
        return torch.cat(offsets, 2), torch.cat(logits, 2)


class Module(pl.LightningModule):
    """Trains SSD with smooth L1 of offsets and cross-entropy of classes, over boxes with objects and the worst others.

    SGD as in MLPerf's `train.py`: 2.5e-3 for 32 images and in proportion for others, momentum 0.9, weight decay 5e-4.

    Args:
        batch_size: Images of a training step.
    """

    defaults: Tensor

    def __init__(self, batch_size: int = 32) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.network = SSD()
        self.register_buffer("defaults", default_boxes().T.contiguous(), persistent=False)

    def example_input(self) -> tuple[Tensor, ...]:
        """Return one image."""
        return (torch.zeros(1, 3, IMAGE, IMAGE),)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `SSD.forward` returns."""
        offsets, logits = self.network(images)
        return offsets, logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        images, boxes, classes = batch
        offsets, logits = self(images)
        found = classes > 0
        count = found.sum(1)
        missed = smooth_l1_loss(offsets, self.wanted_offsets(boxes), reduction="none").sum(1)
        wrong = cross_entropy(logits, classes, reduction="none")
        rank = wrong.masked_fill(found, 0).argsort(1, descending=True).argsort(1)
        hard = rank < (NEGATIVES * count).clamp(max=found.shape[1])[:, None]
        total = (missed * found).sum(1) + (wrong * (found.float() + hard.float())).sum(1)
        return (total * (count > 0) / count.clamp(min=1)).mean()

    def wanted_offsets(self, boxes: Tensor) -> Tensor:
        """Return the wanted offsets for `boxes`, float (batch, 4, 8732), with SSD's variances of 0.1 and 0.2."""
        centre, size = self.defaults[:2], self.defaults[2:]
        return torch.cat([10 * (boxes[:, :2] - centre) / size, 5 * (boxes[:, 2:] / size).log()], 1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        rate = 2.5e-3 * self.batch_size / 32
        return torch.optim.SGD(self.parameters(), lr=rate, momentum=0.9, weight_decay=5e-4, fused=True)


def _further(channels: int, between: int, outputs: int, strided: bool) -> nn.Sequential:
    """Return the layers that make a smaller feature map of the one before."""
    last = nn.Conv2d(between, outputs, 3, stride=2, padding=1) if strided else nn.Conv2d(between, outputs, 3)
    return nn.Sequential(nn.Conv2d(channels, between, 1), nn.ReLU(), last, nn.ReLU())
