"""Builds the residual networks for image classification."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn
from torchvision.models import resnet50

from aibench.tasks.image_classification.config import ModelConfig, Network


class Block(nn.Module):
    """Adds two 3x3 convolutions to a projection (He et al. 2016, arXiv 1512.03385, figure 2 and option B of 3.3).

    Halves height and width and doubles the channels.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        outputs = 2 * inputs
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.projection = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=2, bias=False), nn.BatchNorm2d(outputs))
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activation(self.residual(x) + self.projection(x))
        return out


def small_resnet(width: int, blocks: int, classes: int) -> nn.Module:
    """Build a stem of `width` channels at full resolution, the blocks, global average pooling, a linear classifier."""
    stem = nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
    body = nn.Sequential(*(Block(width * 2**place) for place in range(blocks)))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width * 2**blocks, classes))
    return nn.Sequential(OrderedDict(stem=stem, blocks=body, head=head))


def network(config: ModelConfig, classes: int) -> nn.Module:
    """Build the network of `config`: float (batch, 3, height, width) to logits, float (batch, classes)."""
    if config.network is Network.small:
        assert config.width is not None
        assert config.blocks is not None
        return small_resnet(config.width, config.blocks, classes)
    built: nn.Module = resnet50(num_classes=classes)  # no `weights`: nothing is downloaded
    return built
