"""Builds the networks that embed faces."""

from __future__ import annotations

import math
from collections import OrderedDict

from torch import nn
from torchvision.models import resnet34

from aibench.tasks.face_embedding.config import ModelConfig, Network
from aibench.tasks.face_embedding.inception import Convolution, nn2


def network(config: ModelConfig) -> nn.Module:
    """Build the network of `config`: float (batch, 3, size, size) to float (batch, dimensions), of any length."""
    match config.network:
        case Network.inception:
            return nn2(config.dimensions)
        case Network.resnet34:
            return unpooled_resnet34(config.size, config.dimensions)
        case Network.small:
            assert config.width is not None
            assert config.blocks is not None
            return small(config.width, config.blocks, config.dimensions)


def unpooled_resnet34(size: int, dimensions: int) -> nn.Module:
    """Build torchvision's ResNet-34 without its average: the embedding is linear in all features at all positions.

    As in the authors' code, without the classifier there, which never enters the loss.
    """
    layers: list[tuple[str, nn.Module]] = [
        (name, layer) for name, layer in resnet34().named_children() if name not in ("avgpool", "fc")
    ]
    positions = math.ceil(size / 32) ** 2
    layers += [("flatten", nn.Flatten()), ("embedding", nn.Linear(512 * positions, dimensions))]
    return nn.Sequential(OrderedDict(layers))


def small(width: int, blocks: int, dimensions: int) -> nn.Module:
    """Build a convolution at full resolution, `blocks` more that halve it and double the channels, a linear embedding.

    The features are averaged over the quarters of the image, not over all of it: where things are tells faces apart.
    """
    layers = [Convolution(3, width, 3)]
    layers += [Convolution(width * 2**place, 2 * width * 2**place, 3, 2) for place in range(blocks)]
    head = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width * 2**blocks, dimensions))
    return nn.Sequential(OrderedDict(blocks=nn.Sequential(*layers), head=head))
