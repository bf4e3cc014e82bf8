"""Builds the networks for faces in colour and depth."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torchvision.models import ResNet, resnet50

from aibench.nn.weights import backbone_state
from aibench.tasks.face_recognition_3d.config import Channels, ModelConfig, Network

CHANNELS = {Channels.rgbd: slice(0, 4), Channels.rgb: slice(0, 3), Channels.depth: slice(3, 4)}
_STEM = "conv1.weight"


def network(config: ModelConfig, classes: int) -> nn.Module:
    """Build the network of `config`: float (batch, channels, height, width) to logits, float (batch, classes).

    Raises:
        ConfigError: `config.weights` does not fit.
    """
    used = CHANNELS[config.channels]
    inputs = used.stop - used.start
    if config.network is Network.small:
        assert config.width is not None
        assert config.blocks is not None
        return small(inputs, config.width, config.blocks, config.dropout, classes)
    built: ResNet = resnet50(num_classes=classes)  # no `weights`: nothing is downloaded
    if inputs != 3:
        built.conv1 = nn.Conv2d(inputs, 64, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(built.conv1.weight, mode="fan_out", nonlinearity="relu")  # torchvision does the same
    if config.weights is not None:
        _load(built, config.weights, config.channels)
    result: nn.Module = built
    return result


def small(inputs: int, width: int, blocks: int, dropout: float, classes: int) -> nn.Module:
    """Build a convolution at full resolution, `blocks` more that halve it and double the channels, a linear classifier.

    The features are averaged over the quarters of the image, not over all of it: where things are tells faces apart.
    """
    layers = [_convolution(inputs, width, 1)]
    layers += [_convolution(width * 2**place, 2 * width * 2**place, 2) for place in range(blocks)]
    head = nn.Sequential(
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(dropout), nn.Linear(4 * width * 2**blocks, classes)
    )
    return nn.Sequential(OrderedDict(blocks=nn.Sequential(*layers), head=head))


def _convolution(inputs: int, outputs: int, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


def filters(colour: Tensor, channels: Channels) -> Tensor:
    """Return filters for `channels` from those for colour: that for depth is the mean of the three.

    Args:
        colour: float (filters, 3, height, width).
        channels: What the network sees.
    """
    depth = colour.mean(1, keepdim=True)
    return torch.cat([colour, depth], dim=1)[:, CHANNELS[channels]]


def _load(built: ResNet, weights: str, channels: Channels) -> None:
    """Load a state_dict in torchvision's names for colour images."""
    state = backbone_state(built, weights, {_STEM: (64, 3, 7, 7)})
    built.load_state_dict({**state, _STEM: filters(state[_STEM], channels)}, strict=False)
