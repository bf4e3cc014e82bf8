"""Builds what a detector stands on: features of an image, and a head over the features of a region."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from torch import Tensor, nn
from torchvision.models import ResNet, resnet50, resnet101
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from aibench.nn.weights import backbone_state
from aibench.tasks.object_detection.config import Backbone, ModelConfig

FROZEN_STAGES = ("conv1", "bn1", "layer1")  # they keep loaded weights (authors' FIXED_BLOCKS = 1)


@dataclass
class Parts:
    """Holds a detector's feature extractor and region head.

    Attributes:
        body: From float (batch, 3, height, width) to features, float (batch, channels, height/stride, width/stride),
            or to an ordered dict of them, a level each.
        channels: The features' channels.
        levels: Names of the levels that regions are cut from.
        divisor: Height and width of the images must be multiples of it, so that a feature's position is exact.
        head: From float (regions, channels, size, size) to float (regions, width).
        width: The length of the head's output.
    """

    body: nn.Module
    channels: int
    levels: list[str]
    divisor: int
    head: nn.Module
    width: int


def build(config: ModelConfig) -> Parts:
    """Build the parts that `config` describes.

    Raises:
        ConfigError: `config.weights` does not fit the backbone.
    """
    if config.backbone is Backbone.convolutions:
        return _convolutions(config)
    network = (resnet50 if config.backbone is Backbone.resnet50 else resnet101)(weights=None)
    if config.stride_in_1x1:
        _stride_in_1x1(network)
    if config.weights is not None:
        network.load_state_dict(backbone_state(network, config.weights), strict=False)
        _freeze(network)
    return _pyramid(network, config) if config.pyramid else _c4(network)


class AveragedLayer(nn.Module):
    """Runs a ResNet's last layer on each region and averages over positions."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, regions: Tensor) -> Tensor:
        """Turn float (regions, 1024, size, size) into float (regions, 2048)."""
        features: Tensor = self.layer(regions)
        return features.mean((2, 3))


def _c4(network: ResNet) -> Parts:
    """Take layer 3 for the features (stride 16); layer 4, of stride 2, works on regions: 7x7 become 4x4."""
    names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3")
    body = nn.Sequential(OrderedDict((name, getattr(network, name)) for name in names))
    return Parts(body, 1024, ["0"], 16, AveragedLayer(network.layer4), 2048)


def _pyramid(network: ResNet, config: ModelConfig) -> Parts:
    """Build the feature pyramid of torchvision over layers 1 to 4."""
    layers = {f"layer{level}": str(level - 1) for level in range(1, 5)}
    body = BackboneWithFPN(network, layers, [256, 512, 1024, 2048], 256, extra_blocks=LastLevelMaxPool())
    head = TwoMLPHead(256 * config.roi.size**2, config.roi.hidden)
    return Parts(body, 256, list(layers.values()), 32, head, config.roi.hidden)


def _convolutions(config: ModelConfig) -> Parts:
    """Build a plain stack of 3x3 convolutions; one hidden layer works on regions."""
    blocks: list[nn.Module] = []
    before, stride = 3, 1
    for channels, step in zip(config.channels, config.strides, strict=True):
        convolution = nn.Conv2d(before, channels, 3, step, padding=1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        blocks += [convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        before, stride = channels, stride * step
    hidden = nn.Linear(before * config.roi.size**2, config.roi.hidden)
    head = nn.Sequential(nn.Flatten(), hidden, nn.ReLU(inplace=True))
    return Parts(nn.Sequential(*blocks), before, ["0"], stride, head, config.roi.hidden)


def _stride_in_1x1(network: ResNet) -> None:
    for layer in (network.layer2, network.layer3, network.layer4):
        layer[0].conv1.stride, layer[0].conv2.stride = (2, 2), (1, 1)


def _freeze(network: ResNet) -> None:
    """Keep the early stages and all normalisation as loaded; `Detector.train` keeps the latter's statistics too."""
    for name in FROZEN_STAGES:
        getattr(network, name).requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.requires_grad_(False)
